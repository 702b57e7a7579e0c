// SPDX-License-Identifier: Apache-2.0
#include "runtime/isolate/plan.h"

#include <algorithm>

namespace plimsoll::isolate {
namespace {

constexpr std::string_view kUsualPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
constexpr size_t kLongestHostname = 64;

std::string_view next_component(std::string_view& rest, char separator) {
  const size_t end = std::min(rest.find(separator), rest.size());
  const std::string_view component = rest.substr(0, end);
  rest.remove_prefix(std::min(end + 1, rest.size()));
  return component;
}

std::string_view search_path(const std::vector<std::string>& env) {
  for (const std::string& variable : env) {
    if (variable.starts_with("PATH=")) return std::string_view(variable).substr(5);
  }
  return kUsualPath;
}

bool has_nul(const std::vector<std::string>& strings) {
  return std::any_of(strings.begin(), strings.end(), [](const std::string& s) { return s.find('\0') != s.npos; });
}

Result<std::vector<BindPlan>> plan_binds(const std::vector<Bind>& binds) {
  std::vector<BindPlan> plans;
  for (const Bind& bind : binds) {
    if (!bind.source.starts_with('/')) return fail("bind source \"" + bind.source + "\": must be an absolute path");
    if (!bind.target.starts_with('/')) return fail("bind target \"" + bind.target + "\": must be an absolute path");
    auto target = inner_path(bind.target);
    if (!target) return unexpected(target.error().within("bind target"));
    if (target->levels.empty()) return fail("bind target \"/\": give the directory as root file system instead");
    plans.push_back({bind.source, *std::move(target), bind.read_only});
  }
  return plans;
}

CgroupMount plan_cgroup_mount(const limits::CgroupPlace& place, bool alone) {
  CgroupMount mount{place.directory, alone ? "" : place.mount_name, {}};
  if (place.v2 || place.controllers.size() < 2) return mount;
  for (const std::string& controller : place.controllers) {
    if (controller != place.mount_name) mount.links.push_back(controller);
  }
  return mount;
}

}  // namespace

Result<InnerPath> inner_path(std::string_view path) {
  if (path.find('\0') != path.npos) return fail("path with a NUL byte");
  InnerPath inner{std::string(path), {}};
  std::string level;
  while (!path.empty()) {
    const std::string_view component = next_component(path, '/');
    if (component.empty() || component == ".") continue;
    if (component == "..") return fail("\"" + inner.shown + "\": must not contain \"..\"");
    if (!level.empty()) level += '/';
    level += component;
    inner.levels.push_back(level);
  }
  return inner;
}

std::vector<char*> pointers(const std::vector<std::string>& strings) {
  std::vector<char*> array;
  array.reserve(strings.size() + 1);
  for (const std::string& string : strings) array.push_back(const_cast<char*>(string.c_str()));
  array.push_back(nullptr);
  return array;
}

std::vector<std::string> program_candidates(const std::string& program, const std::vector<std::string>& env) {
  if (program.find('/') != program.npos) return {program};
  std::vector<std::string> candidates;
  std::string_view path = search_path(env);
  do {
    const std::string_view directory = next_component(path, ':');
    candidates.push_back((directory.empty() ? "." : std::string(directory)) + "/" + program);
  } while (!path.empty());
  return candidates;
}

Result<ProgramPlan> make_program(const std::vector<std::string>& argv, const std::vector<std::string>& env,
                                 const std::string& cwd) {
  if (argv.empty() || argv.front().empty()) return fail("no command to run");
  if (has_nul(argv) || has_nul(env)) return fail("an argument or environment variable has a NUL byte");
  if (!cwd.starts_with('/')) return fail("working directory \"" + cwd + "\": must be an absolute path");
  auto directory = inner_path(cwd);
  if (!directory) return unexpected(directory.error().within("working directory"));
  ProgramPlan plan;
  plan.argv = pointers(argv);
  plan.env = pointers(env);
  plan.candidates = program_candidates(argv.front(), env);
  plan.cwd = *std::move(directory);
  return plan;
}

Result<LaunchPlan> make_plan(const LaunchSpec& spec, const limits::OwnCgroup& group) {
  auto program = make_program(spec.argv, spec.env, spec.cwd);
  if (!program) return unexpected(program.error());
  auto binds = plan_binds(spec.binds);
  if (!binds) return unexpected(binds.error());
  if (!spec.rootfs.starts_with('/')) return fail("root file system \"" + spec.rootfs + "\": must be an absolute path");
  if (spec.hostname.size() > kLongestHostname) return fail("host name \"" + spec.hostname + "\": longer than 64 bytes");
  LaunchPlan plan;
  plan.rootfs = spec.rootfs;
  plan.hostname = spec.hostname;
  plan.binds = *std::move(binds);
  plan.host_network = spec.host_network;
  plan.program = *std::move(program);
  const int stdio[3] = {spec.stdin_fd, spec.stdout_fd, spec.stderr_fd};
  std::copy(std::begin(stdio), std::end(stdio), std::begin(plan.program.stdio));
  for (const UniqueFd& fd : group.join_fds()) plan.join_fds.push_back(fd.get());
  const bool pure_v2 = group.join_fds().empty() && group.places().size() == 1;
  for (const limits::CgroupPlace& place : group.places()) {
    plan.cgroup_mounts.push_back(plan_cgroup_mount(place, pure_v2));
    if (!place.v2) plan.join_names.push_back(place.directory);
  }
  plan.unshare_cgroup = !pure_v2;
  return plan;
}

}  // namespace plimsoll::isolate
