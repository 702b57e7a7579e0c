// SPDX-License-Identifier: Apache-2.0
#include "agent/cli/run_options.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <climits>
#include <cmath>
#include <cstdlib>

#include "agent/cli/options.h"
#include "base/os.h"
#include "base/text.h"
#include "runtime/container/store.h"

namespace plimsoll::agent {
namespace {

constexpr uint64_t kPeriodUs = 100'000;
constexpr uint64_t kLeastMemory = 6 << 20;  // Docker's: less and the start itself is killed
constexpr uint64_t kDefaultLogLimit = 16 << 20;
constexpr const char* kDefaultPath = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

// An existing path, absolute and without links.
Result<std::string> real_path(const std::string& path) {
  char resolved[PATH_MAX];
  if (::realpath(path.c_str(), resolved) == nullptr) return fail_errno(path);
  return std::string(resolved);
}

bool is_clean_absolute(const std::string& path) {
  return path.starts_with('/') && (path + "/").find("/../") == std::string::npos;
}

Result<std::string> check_rootfs(const std::string& path) {
  if (path.empty()) return fail("--rootfs is missing: give the directory that holds the container's files");
  auto real = real_path(path);
  struct stat st;
  if (!real || ::stat(real->c_str(), &st) != 0) {
    return fail("--rootfs " + path + ": no such directory: give one that holds the container's files");
  }
  if (!S_ISDIR(st.st_mode)) return fail("--rootfs " + path + ": not a directory: unpack it first");
  return real;
}

// "" for a name that is to be made up.
Result<std::string> check_name(const std::string& name) {
  if (name.empty() || container::is_name(name)) return name;
  return fail("--name '" + name + "': use letters, digits, '_', '.' and '-' only, a letter or digit first");
}

Result<uint64_t> check_memory(const std::string& text) {
  if (text.empty()) return uint64_t{0};
  const auto bytes = parse_size(text);
  if (!bytes) return fail("--memory '" + text + "' is no size: give one such as 64m or 1.5g");
  if (*bytes != 0 && *bytes < kLeastMemory) return fail("--memory " + text + " is too small: the least is 6m");
  return *bytes;
}

Result<uint64_t> check_pids(const std::string& text) {
  if (text.empty() || text == "-1") return uint64_t{0};
  const auto number = parse_u64(text);
  if (!number) return fail("--pids-limit '" + text + "' is no number: give how many processes there may be");
  return *number;
}

Result<container::Network> check_network(const std::string& text) {
  for (const auto network : {container::Network::kNone, container::Network::kHost, container::Network::kVeth}) {
    if (text == container::to_string(network)) return network;
  }
  return fail("--network '" + text + "' is unknown: choose none, host or veth");
}

Result<std::string> check_hostname(const RunWords& words, const container::Config& config) {
  if (config.network == container::Network::kHost && words.hostname.empty()) return std::string();
  if (words.hostname.empty()) return config.id.substr(0, container::kShortIdLength);
  const auto allowed = [](char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '-' || c == '.'; };
  const bool good = words.hostname.size() <= HOST_NAME_MAX && words.hostname[0] != '-' &&
                    std::all_of(words.hostname.begin(), words.hostname.end(), allowed);
  if (!good) return fail("--hostname '" + words.hostname + "': use at most 64 letters, digits, '-' and '.'");
  return words.hostname;
}

Result<std::string> check_workdir(const std::string& path) {
  if (path.empty()) return std::string("/");
  if (!path.starts_with('/')) return fail("--workdir '" + path + "' is not absolute: begin it with '/'");
  return path;
}

Result<std::string> check_cgroup_parent(std::string path) {
  while (path.size() > 1 && path.ends_with('/')) path.pop_back();
  if (!is_clean_absolute(path) || path.size() < 2) {
    return fail("--cgroup-parent '" + path + "': give an absolute path below '/', such as /plimsoll");
  }
  return path;
}

Result<std::map<std::string, std::string>> check_labels(const std::vector<std::string>& texts) {
  std::map<std::string, std::string> labels;
  for (const auto& text : texts) {
    const size_t equals = text.find('=');
    if (text.empty() || equals == 0) return fail("--label '" + text + "' has no name: give it as NAME=VALUE");
    labels[text.substr(0, equals)] = equals == std::string::npos ? "" : text.substr(equals + 1);
  }
  return labels;
}

std::string host_name() {
  char name[HOST_NAME_MAX + 1] = "";
  ::gethostname(name, sizeof name - 1);
  return name;
}

Result<std::vector<std::string>> make_env(const RunWords& words, const std::string& hostname) {
  std::vector<std::string> env = {kDefaultPath, "HOSTNAME=" + (hostname.empty() ? host_name() : hostname),
                                  "HOME=/root"};
  for (const auto& path : words.env_files) {
    if (auto added = add_env_file(env, path); !added) return unexpected(added.error());
  }
  for (const auto& assignment : words.env) {
    if (auto added = add_env(env, assignment); !added) return unexpected(added.error());
  }
  return env;
}

// Last component of a path; "/" for the root itself.
std::string base_name(const std::string& path) { return path.size() > 1 ? path.substr(path.rfind('/') + 1) : path; }

// Stores the value of `result`, or keeps its error as the first one.
template <typename T>
void take_value(Result<T> result, T& target, Result<void>& first) {
  if (result) {
    target = std::move(*result);
  } else if (first) {
    first = unexpected(result.error());
  }
}

}  // namespace

std::optional<int> parse_run_words(const std::vector<std::string>& arguments, RunWords& words, CommandText* describe) {
  Options options("run", "[OPTIONS] --rootfs DIR COMMAND [ARG...]", "Runs a program in a new container.", 125);
  options.flag("-d,--detach", words.detach, "Print the container's id and leave it running");
  options.flag("-i,--interactive", words.interactive, "Connect standard input");
  options.flag("--rm", words.remove, "Remove the container when it ends");
  options.value("--rootfs", words.rootfs, "DIR", "Directory that becomes the container's root");
  options.value("--name", words.name, "NAME", "Name of the container; made up when not given");
  options.value("--image", words.image, "NAME", "Image name to show; default rootfs:DIR");
  options.value("-h,--hostname", words.hostname, "NAME", "Host name; default the short id");
  options.value("-m,--memory", words.memory, "SIZE", "Most memory, such as 64m; at least 6m");
  options.value("--cpus", words.cpus, "N", "Most CPUs, such as 0.5");
  options.value("--pids-limit", words.pids, "N", "Most processes");
  options.values("-e,--env", words.env, "K=V", "Environment variable; K alone takes it from here");
  options.values("--env-file", words.env_files, "FILE", "File of environment variables, one a line");
  options.values("-l,--label", words.labels, "K=V", "Label of the container");
  options.value("-w,--workdir", words.workdir, "DIR", "Working directory in the container");
  options.values("-v,--volume", words.binds, "HOST:DIR[:ro]", "Show a directory or file of the host");
  options.value("--network", words.network, "none|host|veth", "none is the default, veth a link to the host");
  options.value("--cgroup-parent", words.cgroup_parent, "PATH", "Parent cgroup; default /plimsoll");
  options.values("--log-opt", words.log_options, "max-size=SIZE", "Size at which the log is rotated; default 16m");
  options.flag("--stats-on-exit", words.stats_on_exit, "Print to standard error what it has used");
  options.flag("-t,--tty", words.tty, "Not supported yet");
  options.command_words(words.command, 1);
  return options.parse(arguments, describe);
}

Result<container::BindMount> parse_bind(const std::string& text) {
  const std::string what = "--volume '" + text + "'";
  const size_t colon = text.find(':');
  if (colon == std::string::npos) return fail(what + ": give it as HOST:DIR or HOST:DIR:ro");
  const size_t second = text.find(':', colon + 1);
  const std::string source = text.substr(0, colon);
  const std::string mode = second == std::string::npos ? "rw" : text.substr(second + 1);
  container::BindMount bind;
  bind.target = text.substr(colon + 1, second == std::string::npos ? second : second - colon - 1);
  if (!source.starts_with('/'))
    return fail(what + ": '" + source + "' is no absolute path, and named volumes do not exist yet");
  if (!is_clean_absolute(bind.target) || bind.target == "/")
    return fail(what + ": '" + bind.target + "' must be an absolute path below '/'");
  if (bind.target == "/proc" || bind.target.starts_with("/proc/"))
    return fail(what + ": nothing can be put into /proc");
  for (std::string rest = mode; !rest.empty();) {
    const size_t comma = std::min(rest.find(','), rest.size());
    const std::string word = rest.substr(0, comma);
    rest.erase(0, comma + 1);
    if (word == "ro") bind.read_only = true;
    if (word != "ro" && word != "rw" && word != "z" && word != "Z")
      return fail(what + ": '" + word + "' is neither ro nor rw");
  }
  auto real = real_path(source);
  if (!real) return fail(what + ": " + real.error().message() + ": make it first");
  bind.source = std::move(*real);
  return bind;
}

Result<void> add_env(std::vector<std::string>& env, const std::string& assignment) {
  const size_t equals = assignment.find('=');
  if (assignment.empty() || equals == 0) return fail("--env '" + assignment + "' has no name: give it as NAME=VALUE");
  const std::string name = assignment.substr(0, equals);
  std::string whole = assignment;
  if (equals == std::string::npos) {
    const char* value = std::getenv(name.c_str());
    if (value == nullptr) return {};
    whole = name + "=" + value;
  }
  const auto same =
      std::find_if(env.begin(), env.end(), [&](const auto& known) { return known.starts_with(name + "="); });
  if (same == env.end()) {
    env.push_back(std::move(whole));
  } else {
    *same = std::move(whole);
  }
  return {};
}

Result<void> add_env_file(std::vector<std::string>& env, const std::string& path) {
  auto text = read_file(path);
  if (!text) return fail("--env-file " + text.error().message() + ": give a readable file");
  std::string_view rest = *text;
  for (int line_number = 1; !rest.empty(); ++line_number) {
    const std::string_view line = take(rest, '\n');
    if (trim(line).empty() || line[0] == '#') continue;
    const bool bad_name = line.find_first_of(" \t") < line.find('=') || line[0] == '=' || line.find('\0') != line.npos;
    if (bad_name)
      return fail("--env-file " + path + ": line " + std::to_string(line_number) + ": write it as NAME=VALUE");
    if (auto added = add_env(env, std::string(line)); !added) return added;
  }
  return {};
}

Result<uint64_t> parse_cpus(const std::string& text, unsigned available) {
  if (text.empty()) return uint64_t{0};
  const auto number = parse_double(text);
  const std::string range = "from 0.01 to " + std::to_string(available);
  if (!number || !std::isfinite(*number)) return fail("--cpus '" + text + "' is no number: give one " + range);
  if (*number == 0) return uint64_t{0};
  if (*number < 0.01 || *number > available) return fail("--cpus " + text + " is out of range: give a number " + range);
  return static_cast<uint64_t>(std::llround(*number * static_cast<double>(kPeriodUs)));
}

Result<uint64_t> parse_log_limit(const std::vector<std::string>& options) {
  uint64_t limit = kDefaultLogLimit;
  for (const auto& option : options) {
    constexpr std::string_view kKey = "max-size=";
    if (!option.starts_with(kKey)) return fail("--log-opt '" + option + "' is unknown: only max-size=SIZE exists yet");
    const auto bytes = parse_size(option.substr(kKey.size()));
    if (!bytes) return fail("--log-opt '" + option + "': give a size such as 16m; 0 is no limit");
    limit = *bytes;
  }
  return limit;
}

Result<container::Config> make_config(const RunWords& words) {
  if (words.tty) return fail("--tty is not supported yet: leave -t out");
  if (words.detach && words.interactive) return fail("--detach and --interactive exclude each other: leave one out");
  auto id = container::random_id();
  if (!id) return unexpected(id.error());
  container::Config config;
  config.id = *id;
  Result<void> first;
  std::string cgroup_parent;
  take_value(check_rootfs(words.rootfs), config.rootfs, first);
  take_value(check_name(words.name), config.name, first);
  take_value(check_memory(words.memory), config.memory_bytes, first);
  take_value(parse_cpus(words.cpus, static_cast<unsigned>(::sysconf(_SC_NPROCESSORS_ONLN))), config.cpu_quota_us,
             first);
  take_value(check_pids(words.pids), config.pids, first);
  take_value(check_network(words.network), config.network, first);
  take_value(check_hostname(words, config), config.hostname, first);
  take_value(check_workdir(words.workdir), config.cwd, first);
  take_value(check_cgroup_parent(words.cgroup_parent), cgroup_parent, first);
  take_value(check_labels(words.labels), config.labels, first);
  take_value(make_env(words, config.hostname), config.env, first);
  take_value(parse_log_limit(words.log_options), config.log_limit_bytes, first);
  for (const auto& text : words.binds) take_value(parse_bind(text), config.binds.emplace_back(), first);
  if (!first) return unexpected(first.error());
  config.image = words.image.empty() ? "rootfs:" + base_name(config.rootfs) : words.image;
  config.argv = words.command;
  config.cgroup_path = cgroup_parent + "/" + config.id;
  config.created_ns = wall_clock_ns();
  config.auto_remove = words.remove;
  return config;
}

}  // namespace plimsoll::agent
