// SPDX-License-Identifier: Apache-2.0
#include "agent/settings/container_flags.h"

#include <CLI/CLI.hpp>
#include <algorithm>

#include "agent/settings/agent_options.h"
#include "base/text.h"

namespace plimsoll::agent {
namespace {

using collectors::container::Kind;
using collectors::container::kind_named;
using collectors::container::KindInfo;
using collectors::container::kinds;
using collectors::container::KindSet;

constexpr const char* kGroup = "Containers";
constexpr const char* kLabelGroup = "Labels of containers";

std::vector<std::string> split(const std::vector<std::string>& lists) {
  std::vector<std::string> words;
  for (const std::string& list : lists) {
    for (std::string_view rest = list; !rest.empty();) {
      const std::string_view word = trim(take(rest, ','));
      if (!word.empty()) words.emplace_back(word);
    }
  }
  return words;
}

void declare_list(CLI::App& app, const char* names, std::vector<std::string>& lists, const char* what,
                  const char* group) {
  app.add_option(names, lists, what)->type_name("LIST")->allow_extra_args(false)->group(group);
}

void declare_text(CLI::App& app, const char* names, std::string& value, const char* type, const char* otherwise,
                  const char* what) {
  app.add_option(names, value, what)->type_name(type)->default_str(otherwise)->take_last()->group(kGroup);
}

void declare_switch(CLI::App& app, const char* names, bool& value, const char* what) {
  app.add_flag(names, value, what)->take_last()->group(kGroup);
}

void declare_engines(CLI::App& app, ContainerWords& words) {
  engine::Paths& paths = words.options.engines.paths;
  const auto path = [&](const char* names, std::string& value, const char* what) {
    app.add_option(names, value, what)->type_name("DIR")->capture_default_str()->take_last()->group("Engines");
  };
  app.add_option("--docker", words.docker, "Docker's files are read anyway; ask the daemon too, by unix:///PATH")
      ->type_name("SOCKET")
      ->take_last()
      ->group("Engines");
  path("--docker_root,--path.docker-root", paths.docker_root, "Where Docker keeps its files");
  path("--path.containerd-state", paths.containerd_state, "State directory of containerd");
  path("--path.containerd-root", paths.containerd_root, "Root directory of containerd");
  path("--path.podman-root", paths.podman_root, "Podman's storage (graph root)");
  path("--path.podman-runroot", paths.podman_runroot, "Podman's run root");
}

bool is_given(const CLI::App& app, const char* name) { return app.get_option(name)->count() > 0; }

// cAdvisor had it until 0.44; command lines that name it are still about.
constexpr std::string_view kDroppedKind = "accelerator";

Result<std::vector<Kind>> kinds_in(const std::string& flag, const std::vector<std::string>& lists,
                                   std::vector<std::string>& notices) {
  std::vector<Kind> found;
  for (const std::string& name : split(lists)) {
    if (name == kDroppedKind) {
      notices.push_back(flag + ": '" + name + "' has no effect: not offered here, nor by cAdvisor any more");
      continue;
    }
    const auto kind = kind_named(name);
    if (!kind) {
      std::string known;
      for (const KindInfo& info : kinds()) known.append(known.empty() ? "" : ", ").append(info.name);
      return fail(flag + ": '" + name + "' is unknown; choose from " + known);
    }
    found.push_back(*kind);
  }
  return found;
}

// cAdvisor counts threads under process; here they are a kind of their own, since they cost little.
void set_as_cadvisor(KindSet& set, Kind kind, bool on) {
  set.set(kind, on);
  if (kind == Kind::kProcess) set.set(Kind::kPids, on);
}

Result<KindSet> only(const std::vector<std::string>& lists, std::vector<std::string>& notices) {
  const auto wanted = kinds_in("--enable_metrics", lists, notices);
  if (!wanted) return unexpected(wanted.error());
  KindSet set = KindSet::none();
  for (const KindInfo& info : kinds()) {
    if (std::find(wanted->begin(), wanted->end(), info.kind) == wanted->end()) continue;
    if (info.supported) set_as_cadvisor(set, info.kind, true);
    if (!info.supported)
      notices.push_back("--enable_metrics: '" + std::string(info.name) +
                        "' has no effect: " + std::string(info.summary));
  }
  return set;
}

// cAdvisor's list is of all that is off, so whatever it does not name is on. That cannot be meant for kinds
// that cAdvisor has not, nor for the load, which it has behind a flag of its own.
bool is_on_unless_named(const KindInfo& info) {
  const bool apart = info.kind == Kind::kPids || info.kind == Kind::kSockets || info.kind == Kind::kDelays ||
                     info.kind == Kind::kCpuLoad;
  return info.supported && (!apart || info.on);
}

Result<KindSet> all_but(const std::vector<std::string>& lists, bool load_reader, std::vector<std::string>& notices) {
  const auto unwanted = kinds_in("--disable_metrics", lists, notices);
  if (!unwanted) return unexpected(unwanted.error());
  KindSet set = KindSet::none();
  for (const KindInfo& info : kinds()) set.set(info.kind, is_on_unless_named(info));
  if (load_reader) set.set(Kind::kCpuLoad, true);
  for (const Kind kind : *unwanted) set_as_cadvisor(set, kind, false);
  return set;
}

Result<KindSet> chosen_kinds(const CLI::App& app, const ContainerWords& words, std::vector<std::string>& notices) {
  Result<KindSet> set = words.options.kinds;
  const bool disabled = is_given(app, "--disable_metrics");
  if (is_given(app, "--enable_metrics")) {
    set = only(words.enabled_kinds, notices);
    if (disabled) notices.push_back("--disable_metrics has no effect: --enable_metrics says what is on");
    if (set && words.load_reader && !set->has(Kind::kCpuLoad))
      notices.push_back("--enable_load_reader has no effect: --enable_metrics does not name cpuLoad");
  } else if (disabled) {
    set = all_but(words.disabled_kinds, words.load_reader, notices);
  } else if (words.load_reader) {
    set->set(Kind::kCpuLoad, true);
  }
  if (set && is_given(app, "--container.percpu")) set->set(Kind::kPercpu, words.percpu);
  return set;
}

// cAdvisor's words are prefixes of names.
std::vector<std::string> env_prefixes(const ContainerWords& words) {
  std::vector<std::string> prefixes;
  for (const auto* lists : {&words.env, &words.docker_env, &words.containerd_env}) {
    for (const std::string& prefix : split(*lists)) prefixes.push_back(prefix.ends_with('*') ? prefix : prefix + "*");
  }
  return prefixes;
}

Result<std::string> docker_socket(const std::string& text) {
  std::string_view path = text;
  if (path.starts_with("unix://")) path.remove_prefix(7);
  if (path.empty() || path.front() == '/') return std::string(path);
  return fail("--docker: '" + text +
              "' is no local socket; write unix:///var/run/docker.sock, or leave it out to read Docker's files only");
}

Result<size_t> series_bound(const char* flag, const std::string& text, size_t otherwise) {
  if (text.empty()) return otherwise;
  const auto number = parse_u64(text);
  if (!number) return fail(std::string(flag) + ": '" + text + "' is no number; 0 is without a bound");
  return static_cast<size_t>(*number);
}

// What starts such a group is a path. In cAdvisor the list alone, without --docker_only, has the same effect.
Result<void> choose_groups(const ContainerWords& words, collectors::container::Options& options) {
  options.raw_prefixes = split(words.raw_prefixes);
  for (const std::string& prefix : options.raw_prefixes) {
    if (!prefix.starts_with('/'))
      return fail("--raw_cgroup_prefix_whitelist: '" + prefix +
                  "' does not begin with '/', as every group's path does");
  }
  if (!options.raw_prefixes.empty()) options.containers_only = true;
  if (words.no_root_group) options.root_group = false;
  return {};
}

Result<void> set_bounds(const ContainerWords& words, collectors::container::Options& options) {
  const auto per_container = series_bound("--container.max-series", words.max_series, options.budget.per_container);
  if (!per_container) return unexpected(per_container.error());
  const auto per_family =
      series_bound("--container.max-family-series", words.max_family_series, options.budget.per_family);
  if (!per_family) return unexpected(per_family.error());
  options.budget = {*per_container, *per_family};
  if (words.retention.empty()) return {};
  const auto retention = parse_duration(words.retention);
  if (!retention) return fail("--exited.retention: '" + words.retention + "' is no duration; write 90s, 5m or 1h30m");
  options.exited_retention = *retention;
  return {};
}

}  // namespace

collectors::container::Options container_defaults() {
  collectors::container::Options options;
  options.budget.per_container = 5000;
  return options;
}

void declare_container_flags(CLI::App& app, ContainerWords& words) {
  declare_list(app, "--disable_metrics", words.disabled_kinds,
               "All kinds of cAdvisor's but these; replaces what is off by itself (see below)", kGroup);
  declare_list(app, "--enable_metrics", words.enabled_kinds, "These kinds and no others", kGroup);
  declare_switch(app, "--container.percpu", words.percpu, "The kind percpu alone; =false for the sum only");
  declare_switch(app, "--enable_load_reader", words.load_reader, "The kind cpuLoad as well");
  declare_switch(app, "--docker_only", words.options.containers_only,
                 "Of the groups that are no containers, only \"/\"");
  declare_list(app, "--raw_cgroup_prefix_whitelist", words.raw_prefixes,
               "Of the groups that are no containers, only \"/\" and those whose paths begin so", kGroup);
  declare_switch(app, "--disable_root_cgroup_stats", words.no_root_group, "No series of \"/\"");
  declare_switch(app, "--container.events", words.options.events,
                 "Learn of births and deaths from the kernel; =false: each scrape looks for itself");
  declare_text(app, "--exited.retention", words.retention, "DURATION", "5m",
               "How long a container that has ended stays visible (90s, 5m, 1h30m)");
  declare_text(app, "--container.max-series", words.max_series, "NUMBER", "5000",
               "Most series of one container; 0 is without a bound");
  declare_text(app, "--container.max-family-series", words.max_family_series, "NUMBER", "0",
               "Most series of one family of containers; 0 is without a bound");
  app.add_flag("--store_container_labels", words.options.labels.store_labels,
               "All labels of a container on each of its series, not only on container_info")
      ->take_last()
      ->group(kLabelGroup);
  declare_list(app, "--whitelisted_container_labels", words.labels, "These labels on every series", kLabelGroup);
  declare_list(app, "--env_metadata_whitelist", words.env, "Variables whose names begin so, on every series",
               kLabelGroup);
  // cAdvisor's older names of the same, kept out of the help.
  declare_list(app, "--docker_env_metadata_whitelist", words.docker_env, "", "");
  declare_list(app, "--containerd_env_metadata_whitelist", words.containerd_env, "", "");
  declare_engines(app, words);
}

Result<collectors::container::Options> container_options(const CLI::App& app, const ContainerWords& words,
                                                         std::vector<std::string>& notices) {
  collectors::container::Options options = words.options;
  const auto kinds = chosen_kinds(app, words, notices);
  if (!kinds) return unexpected(kinds.error());
  options.kinds = *kinds;
  const auto socket = docker_socket(words.docker);
  if (!socket) return unexpected(socket.error());
  if (!words.docker.empty()) options.engines.paths.docker_socket = *socket;
  if (auto chosen = choose_groups(words, options); !chosen) return unexpected(chosen.error());
  if (auto bounded = set_bounds(words, options); !bounded) return unexpected(bounded.error());
  if (!words.labels.empty()) options.labels.whitelisted = split(words.labels);
  if (auto env = env_prefixes(words); !env.empty()) options.engines.env = std::move(env);
  return options;
}

std::string kinds_help() {
  std::string text =
      "Kinds of container metrics, for --disable_metrics and --enable_metrics; * is on without either:\n";
  for (const KindInfo& info : kinds()) {
    std::string line = std::string(info.on ? "* " : "  ").append(info.name);
    line.resize(std::max<size_t>(line.size() + 1, 30), ' ');
    text.append(line).append(info.summary).append("\n");
  }
  return text;
}

}  // namespace plimsoll::agent
