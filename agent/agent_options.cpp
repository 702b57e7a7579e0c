// SPDX-License-Identifier: Apache-2.0
#include "agent/agent_options.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>

#include "base/text.h"

namespace plimsoll::agent {
namespace {

// cAdvisor's names for --disable_metrics. Of these only percpu makes a difference here so far.
constexpr std::array<std::string_view, 22> kCadvisorKinds = {
    "advtcp",    "app",    "cpu",        "cpuLoad",  "cpu_topology", "cpuset",
    "disk",      "diskIO", "hugetlb",    "memory",   "memory_numa",  "network",
    "oom_event", "percpu", "perf_event", "pressure", "process",      "referenced_memory",
    "resctrl",   "sched",  "tcp",        "udp"};

struct Unit {
  std::string_view name;
  double nanoseconds;
};
constexpr Unit kUnits[] = {{"ns", 1},   {"us", 1e3}, {"\xC2\xB5s", 1e3}, {"\xCE\xBCs", 1e3},
                           {"ms", 1e6}, {"s", 1e9},  {"m", 60e9},        {"h", 3600e9}};

std::optional<double> unit_in_ns(std::string_view name) {
  for (const Unit& unit : kUnits) {
    if (unit.name == name) return unit.nanoseconds;
  }
  return std::nullopt;
}

size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), size_t{0});
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = std::exchange(row[0], i);
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t replace = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, replace});
    }
  }
  return row[b.size()];
}

std::string joined(std::span<const std::string_view> words) {
  std::string text;
  for (std::string_view word : words) text.append(text.empty() ? "" : ", ").append(word);
  return text;
}

// What CLI11 fills in, before it is checked.
struct Raw {
  AgentOptions options;
  std::string retention;
  std::vector<std::string> disable_metrics;
  std::vector<std::pair<std::string, bool>> collectors;  // name, enabled; sized once, CLI11 keeps pointers
};

void declare_paths(CLI::App& app, Raw& raw) {
  HostRoots& roots = raw.options.roots;
  const auto path = [&](const char* name, std::string& value, const char* what) {
    app.add_option(name, value, what)->type_name("DIR")->capture_default_str()->group("Paths");
  };
  path("--path.procfs", roots.proc, "Where the host's /proc is mounted");
  path("--path.sysfs", roots.sys, "Where the host's /sys is mounted");
  path("--path.cgroupfs", roots.cgroup, "Where the host's cgroup hierarchies are mounted");
  path("--path.rootfs", roots.rootfs, "Where the host's root file system is mounted");
}

void declare_containers(CLI::App& app, Raw& raw) {
  constexpr const char* kGroup = "Containers";
  app.add_option("--exited.retention", raw.retention,
                 "How long a container that has ended stays visible (90s, 5m, 1h30m)")
      ->type_name("DURATION")
      ->default_str("5m")
      ->group(kGroup);
  app.add_flag("--container.percpu", raw.options.container_percpu,
               "CPU time of each CPU apart, where the kernel has it (cgroup v1); =false for the sum only")
      ->group(kGroup);
  app.add_option("--disable_metrics", raw.disable_metrics, "cAdvisor's list of what to leave out; percpu is heeded")
      ->type_name("NAME,...")
      ->allow_extra_args(false)
      ->group(kGroup);
}

void declare_collectors(CLI::App& app, Raw& raw, std::span<const CollectorFlag> collectors) {
  for (const CollectorFlag& collector : collectors) raw.collectors.emplace_back(collector.name, true);
  std::string list = "Host collectors, all of them on; --no-collector.NAME or --collector.NAME=false turns one off:\n";
  for (size_t i = 0; i < collectors.size(); ++i) {
    const std::string& name = collectors[i].name;
    // An empty group keeps the pair of spellings out of the list of options: the footer shows it once.
    app.add_flag("--collector." + name + ",!--no-collector." + name, raw.collectors[i].second)->group("");
    std::string flag = "  --collector." + name;
    flag.resize(std::max<size_t>(flag.size() + 1, 30), ' ');
    list += flag + collectors[i].summary + "\n";
  }
  app.footer(list + "\nA flag may also be written -flag; one that is on or off takes =true and =false.");
}

void declare(CLI::App& app, Raw& raw, std::span<const CollectorFlag> collectors) {
  app.name("plimsoll agent");
  app.allow_extras();
  app.get_formatter()->column_width(36);
  app.add_option("--web.listen-address", raw.options.listen_addresses,
                 "Where to serve; may be repeated; :PORT is every address, port 0 a free one")
      ->type_name("HOST:PORT")
      ->allow_extra_args(false)
      ->capture_default_str()
      ->group("Web");
  app.add_option("--log.level", raw.options.log_level, "debug, info, warn or error")
      ->type_name("LEVEL")
      ->capture_default_str()
      ->group("Log");
  app.add_option("--log.format", raw.options.log_format, "logfmt or json")
      ->type_name("FORMAT")
      ->capture_default_str()
      ->group("Log");
  declare_paths(app, raw);
  declare_containers(app, raw);
  declare_collectors(app, raw, collectors);
}

// -flag and -flag=value to --flag; -h stays.
std::vector<std::string> without_go_spelling(const std::vector<std::string>& arguments) {
  std::vector<std::string> words;
  for (const std::string& word : arguments) {
    const bool single_dash = word.size() > 2 && word[0] == '-' && word[1] != '-';
    words.push_back(single_dash ? "-" + word : word);
  }
  return words;
}

// The words in the order in which CLI11 takes them: off the back. It takes --flag= for a flag whose
// value is missing; two words say that the value is empty.
std::vector<std::string> in_cli11_order(const std::vector<std::string>& words) {
  std::vector<std::string> order;
  for (auto word = words.rbegin(); word != words.rend(); ++word) {
    const bool empty_value = word->starts_with("--") && word->ends_with('=');
    if (empty_value) order.emplace_back();
    order.push_back(empty_value ? word->substr(0, word->size() - 1) : *word);
  }
  return order;
}

std::vector<std::string> flag_names(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::Option* option : app.get_options()) {
    for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
  }
  return names;
}

// CLI11's own message for --flag=maybe does not name the flag.
Result<void> check_switches(const CLI::App& app, const std::vector<std::string>& words) {
  for (const std::string& word : words) {
    const size_t equals = word.find('=');
    if (!word.starts_with("--") || equals == std::string::npos) continue;
    const CLI::Option* option = app.get_option_no_throw(word.substr(0, equals));
    if (option == nullptr || option->get_expected_max() != 0) continue;
    const std::string value = word.substr(equals + 1);
    if (value != "true" && value != "false")
      return fail(word.substr(0, equals) + ": '" + value + "' is neither true nor false");
  }
  return {};
}

Unexpected unknown_word(const CLI::App& app, const std::string& word) {
  if (!word.starts_with('-')) return fail("unexpected argument '" + word + "'; the agent takes flags only, see --help");
  const std::string flag = word.substr(0, word.find('='));
  const std::string similar = nearest(flag, flag_names(app));
  return fail("unknown flag '" + flag + "'; " + (similar.empty() ? "see --help" : "did you mean '" + similar + "'?"));
}

Result<void> apply_disabled_metrics(const std::vector<std::string>& lists, AgentOptions& options) {
  for (const std::string& list : lists) {
    for (std::string_view rest = list; !rest.empty();) {
      const std::string_view kind = trim(take(rest, ','));
      if (kind.empty()) continue;
      if (std::find(kCadvisorKinds.begin(), kCadvisorKinds.end(), kind) == kCadvisorKinds.end())
        return fail("--disable_metrics: '" + std::string(kind) + "' is unknown; choose from " + joined(kCadvisorKinds));
      if (kind == "percpu") {
        options.container_percpu = false;
      } else {
        options.notices.push_back("--disable_metrics: '" + std::string(kind) + "' has no effect in this version");
      }
    }
  }
  return {};
}

Result<AgentOptions> checked(Raw raw) {
  if (!raw.retention.empty()) {
    const auto retention = parse_duration(raw.retention);
    if (!retention) return fail("--exited.retention: '" + raw.retention + "' is no duration; write 90s, 5m or 1h30m");
    raw.options.exited_retention = *retention;
  }
  auto applied = apply_disabled_metrics(raw.disable_metrics, raw.options);
  if (!applied) return unexpected(applied.error());
  for (const auto& [name, enabled] : raw.collectors) {
    if (!enabled) raw.options.disabled_collectors.insert(name);
  }
  return std::move(raw.options);
}

std::string one_line(std::string text) {
  std::replace(text.begin(), text.end(), '\n', ' ');
  return std::string(trim(text));
}

}  // namespace

std::optional<std::chrono::nanoseconds> parse_duration(std::string_view text) {
  if (text == "0") return std::chrono::nanoseconds(0);
  if (text.empty()) return std::nullopt;
  double total = 0;
  while (!text.empty()) {
    const size_t digits = std::min(text.find_first_not_of("0123456789."), text.size());
    const auto number = parse_double(text.substr(0, digits));
    text.remove_prefix(digits);
    const size_t letters = std::min(text.find_first_of("0123456789."), text.size());
    const auto unit = unit_in_ns(text.substr(0, letters));
    text.remove_prefix(letters);
    if (!number || !unit) return std::nullopt;
    total += *number * *unit;
  }
  if (!(total < 9.2e18)) return std::nullopt;
  return std::chrono::nanoseconds(std::llround(total));
}

std::string nearest(std::string_view word, std::span<const std::string> known) {
  std::string best;
  size_t least = std::max<size_t>(2, word.size() / 3) + 1;
  for (const std::string& candidate : known) {
    const size_t distance = edit_distance(word, candidate);
    if (distance >= least) continue;
    least = distance;
    best = candidate;
  }
  return best;
}

Result<ParsedAgentOptions> parse_agent_options(const std::vector<std::string>& arguments,
                                               std::span<const CollectorFlag> collectors,
                                               const AgentOptions& defaults) {
  CLI::App app("Serves metrics of this host and its containers to Prometheus.");
  Raw raw;
  raw.options = defaults;
  raw.collectors.reserve(collectors.size());
  const std::vector<std::string> words = without_go_spelling(arguments);
  try {
    declare(app, raw, collectors);
    if (auto fine = check_switches(app, words); !fine) return unexpected(fine.error());
    app.parse(in_cli11_order(words));
  } catch (const CLI::CallForHelp&) {
    return ParsedAgentOptions{defaults, app.help()};
  } catch (const CLI::Error& error) {
    return fail(one_line(error.what()));
  }
  if (const auto extras = app.remaining(); !extras.empty()) return unknown_word(app, extras.front());
  auto options = checked(std::move(raw));
  if (!options) return unexpected(options.error());
  return ParsedAgentOptions{std::move(*options), std::nullopt};
}

}  // namespace plimsoll::agent
