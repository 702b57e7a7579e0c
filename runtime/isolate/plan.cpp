// SPDX-License-Identifier: Apache-2.0
#include "runtime/isolate/plan.h"

#include <fcntl.h>
#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <set>

#include "base/text.h"
#include "runtime/spec/read.h"
#include "runtime/system_calls.h"

namespace plimsoll::isolate {
namespace {

constexpr std::string_view kUsualPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
constexpr size_t kLongestHostname = 64;

std::string_view search_path(const std::vector<std::string>& env) {
  for (const std::string& variable : env) {
    if (variable.starts_with("PATH=")) return std::string_view(variable).substr(5);
  }
  return kUsualPath;
}

bool has_nul(const std::vector<std::string>& strings) {
  return std::any_of(strings.begin(), strings.end(), [](const std::string& s) { return s.find('\0') != s.npos; });
}

std::vector<HookPlan> plan_hooks(const std::vector<spec::Hook>& hooks, const std::vector<char*>& env) {
  std::vector<HookPlan> plans;
  for (const spec::Hook& hook : hooks) {
    HookPlan plan{
        hook.path, pointers(hook.args), hook.env.empty() ? env : pointers(hook.env), hook.timeout.value_or(0), {}};
    if (hook.args.empty()) plan.argv = {const_cast<char*>(hook.path.c_str()), nullptr};
    plans.push_back(std::move(plan));
  }
  return plans;
}

Result<void> plan_names(const spec::Spec& spec, LaunchPlan& plan) {
  if (spec.hostname.size() > kLongestHostname) return fail("host name \"" + spec.hostname + "\": longer than 64 bytes");
  if (spec.domainname.size() > kLongestHostname) {
    return fail("domain name \"" + spec.domainname + "\": longer than 64 bytes");
  }
  plan.hostname = spec.hostname;
  plan.domainname = spec.domainname;
  for (const auto& [name, value] : spec.sysctl) plan.sysctls.push_back({"sys/" + name, value});
  return {};
}

int namespace_of_sysctl(std::string_view path) {
  if (path.starts_with("sys/net/")) return CLONE_NEWNET;
  if (path.starts_with("sys/user/")) return CLONE_NEWUSER;
  return path == "sys/kernel/domainname" ? CLONE_NEWUTS : CLONE_NEWIPC;
}

// The reader of the specification has seen to it that there are namespaces for what would else change the host. Here a
// path may have turned out to be the caller's own.
Result<void> check_separation(const LaunchPlan& plan) {
  constexpr std::string_view kWhy = " that is not the caller's, or it would change the host";
  if (plan.mounts.rootfs == "/" && !plan.mounts.own_namespace) {
    return fail("root file system /: needs a mount namespace" + std::string(kWhy));
  }
  if ((!plan.hostname.empty() || !plan.domainname.empty()) && !plan.namespaces.separates(CLONE_NEWUTS)) {
    return fail("host name \"" + plan.hostname + "\": needs a uts namespace" + std::string(kWhy));
  }
  for (const Sysctl& sysctl : plan.sysctls) {
    if (plan.namespaces.separates(namespace_of_sysctl(sysctl.path))) continue;
    return fail("linux.sysctl " + sysctl.path.substr(4) + ": needs a namespace" + std::string(kWhy));
  }
  return {};
}

void plan_group(const LaunchSpec& launch, LaunchPlan& plan) {
  plan.await_group = !launch.enter_group;
  if (launch.group == nullptr || !launch.enter_group) return;
  for (const UniqueFd& fd : launch.group->join_fds()) plan.join_fds.push_back(fd.get());
  for (const limits::CgroupPlace& place : launch.group->places()) {
    if (!place.v2) plan.join_names.push_back(place.directory);
  }
}

// A list such as "0-1,3" as the bits that set_mempolicy(2) takes.
Result<void> plan_memory_policy(const spec::Spec& spec, LaunchPlan& plan) {
  if (!spec.memory_policy) return {};
  constexpr uint64_t kMostNodes = 1024;
  constexpr unsigned kBits = 8 * sizeof(unsigned long);
  plan.memory_policy = true;
  plan.memory_mode = spec.memory_policy->mode | static_cast<int>(spec.memory_policy->flags);
  std::string_view rest = spec.memory_policy->nodes;
  while (!rest.empty()) {
    std::string_view range = trim(take(rest, ','));
    const auto first = parse_u64(take(range, '-'));
    const auto last = range.empty() ? first : parse_u64(range);
    if (!first || !last || *last < *first || *last >= kMostNodes) {
      return fail("linux.memoryPolicy.nodes: \"" + spec.memory_policy->nodes + "\" is no list of nodes");
    }
    for (uint64_t node = *first; node <= *last; ++node) {
      if (plan.memory_nodes.size() <= node / kBits) plan.memory_nodes.resize(node / kBits + 1);
      plan.memory_nodes[node / kBits] |= 1UL << (node % kBits);
    }
  }
  plan.memory_maxnode = plan.memory_nodes.size() * kBits + 1;
  return {};
}

void plan_hook_state(const LaunchSpec& launch, LaunchPlan& plan) {
  const spec::Hooks& hooks = launch.spec->hooks;
  if (!hooks.create_container.empty()) plan.hook_env = own_environment();
  plan.create_container = plan_hooks(hooks.create_container, pointers(plan.hook_env));
  // In the container what the host's variables say would be of no use.
  plan.start_container = plan_hooks(hooks.start_container, plan.process.env);
  const bool inside = !plan.create_container.empty() || !plan.start_container.empty();
  plan.await_hooks = inside || launch.hooks.before_pivot;
  if (!inside || !launch.hooks.state_json) return;
  // The longest process id there is: the texts that come later are no longer than these.
  constexpr pid_t kLongestPid = 2147483647;
  const size_t creating = launch.hooks.state_json(kLongestPid, "creating").size();
  plan.hook_state.text.resize(creating + launch.hooks.state_json(kLongestPid, "created").size());
}

// What the kernel has no use for is left out, with a warning: engines write it without looking.
void plan_label(const spec::Process& process, ProcessPlan& plan) {
  if (process.selinux_label.empty() && process.apparmor_profile.empty()) return;
  const bool selinux = ::access("/sys/fs/selinux/enforce", F_OK) == 0;
  const auto apparmor = read_file("/sys/module/apparmor/parameters/enabled");
  if (!process.selinux_label.empty() && selinux) {
    plan.label_file = "thread-self/attr/exec";
    plan.label = process.selinux_label;
  } else if (!process.selinux_label.empty()) {
    plan.warnings.push_back("process.selinuxLabel is ignored: this kernel has no SELinux");
  }
  if (process.apparmor_profile.empty() || process.apparmor_profile == "unconfined") return;
  if (apparmor && apparmor->starts_with('Y')) {
    plan.label_file = ::access("/proc/self/attr/apparmor/exec", F_OK) == 0 ? "thread-self/attr/apparmor/exec"
                                                                           : "thread-self/attr/exec";
    plan.label = "exec " + process.apparmor_profile;
  } else {
    plan.warnings.push_back("process.apparmorProfile is ignored: this kernel has no AppArmor");
  }
}

// Only what is permitted and inheritable can be ambient, too; capabilities(7).
void warn_of_ambient(ProcessPlan& plan) {
  const spec::Capabilities& wanted = plan.capabilities;
  const uint64_t lost = wanted.ambient & ~(wanted.permitted & wanted.inheritable);
  for (int number = 0; number < 64; ++number) {
    if ((lost >> number & 1) == 0) continue;
    plan.warnings.push_back("can't raise ambient capability " + spec::capability_name(number) +
                            ": it is not permitted and inheritable");
  }
}

}  // namespace

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
    const std::string_view directory = take(path, ':');
    candidates.push_back((directory.empty() ? "." : std::string(directory)) + "/" + program);
  } while (!path.empty());
  return candidates;
}

Result<void> check_preserved(const std::vector<int>& fds) {
  for (const int fd : fds) {
    if (::fcntl(fd, F_GETFD) < 0) return fail_errno("descriptor " + std::to_string(fd) + ", to be preserved");
  }
  return {};
}

// config.md: what cannot be granted is no error, but is to be told. A new user namespace begins with all of them.
void warn_of_missing_capabilities(const spec::Process& process, std::vector<std::string>& warnings) {
  __user_cap_data_struct sets[2] = {};
  if (!process.capabilities || capability_get(sets) != 0) return;
  const spec::Capabilities& given = *process.capabilities;
  const uint64_t own = uint64_t{sets[1].permitted} << 32 | sets[0].permitted;
  const uint64_t wanted = given.bounding | given.effective | given.permitted | given.inheritable | given.ambient;
  for (int number = 0; number < 64; ++number) {
    if (((wanted & ~own) >> number & 1) == 0) continue;
    warnings.push_back("process.capabilities: " + spec::capability_name(number) +
                       " cannot be granted: the runtime does not have it");
  }
}

// Of a variable that is given several times the last one counts.
void drop_repeated(std::vector<char*>& env) {
  std::set<std::string_view> later;
  std::vector<char*> once = {nullptr};
  for (auto one = env.rbegin() + 1; one != env.rend(); ++one) {
    const std::string_view variable = *one;
    if (later.insert(variable.substr(0, variable.find('='))).second) once.push_back(*one);
  }
  env.assign(once.rbegin(), once.rend());
}

// An empty HOME is as good as none.
void plan_home(ProcessPlan& plan) {
  char* const* const given = std::find_if(plan.env.data(), plan.env.data() + plan.env.size() - 1,
                                          [](const char* one) { return std::strncmp(one, "HOME=", 5) == 0; });
  const size_t at = static_cast<size_t>(given - plan.env.data());
  if (*given != nullptr && (*given)[5] != '\0') return;
  if (*given == nullptr) plan.env.push_back(nullptr);
  plan.home = std::make_unique<HomeVariable>();
  plan.env[at] = plan.home->name;
}

Result<ProcessPlan> make_process_plan(const spec::Process& process, bool with_program) {
  if (with_program && (process.args.empty() || process.args.front().empty())) return fail("no command to run");
  if (has_nul(process.args) || has_nul(process.env)) {
    return fail("an argument or environment variable has a NUL byte");
  }
  if (!process.cwd.starts_with('/')) {
    return fail("working directory \"" + process.cwd + "\": must be an absolute path");
  }
  auto directory = inner_path(process.cwd);
  if (!directory) return unexpected(directory.error().within("working directory"));
  ProcessPlan plan;
  plan.argv = pointers(process.args);
  plan.env = pointers(process.env);
  drop_repeated(plan.env);
  plan_home(plan);
  if (with_program) plan.candidates = program_candidates(process.args.front(), process.env);
  plan.cwd = *std::move(directory);
  plan.terminal = process.terminal;
  plan.console_size = process.console_size.value_or(spec::ConsoleSize{});
  plan.uid = process.user.uid;
  plan.gid = process.user.gid;
  plan.umask = process.user.umask.value_or(0022);
  plan.groups.assign(process.user.additional_gids.begin(), process.user.additional_gids.end());
  plan.limits = process.rlimits;
  if (process.oom_score_adj) plan.oom_score = std::to_string(*process.oom_score_adj);
  plan.capabilities = process.capabilities.value_or(spec::Capabilities{});
  warn_of_ambient(plan);
  plan.no_new_privileges = process.no_new_privileges;
  plan_label(process, plan);
  return plan;
}

// See stub/stub.cpp for the order.
void use_exec_stub(ProcessPlan& plan, int exec_stub) {
  static char name[] = "plimsoll-exec";
  plan.exec_stub = exec_stub;
  plan.candidate_count = std::to_string(plan.candidates.size());
  plan.stub_argv = {name,
                    plan.stub_words[0],
                    plan.stub_words[1],
                    plan.label_file.data(),
                    plan.label.data(),
                    plan.candidate_count.data()};
  for (std::string& candidate : plan.candidates) plan.stub_argv.push_back(candidate.data());
  plan.stub_argv.insert(plan.stub_argv.end(), plan.argv.begin(), plan.argv.end());
}

void use_exec_stub(std::vector<HookPlan>& hooks) {
  static char name[] = "plimsoll-exec", none[] = "-", empty[] = "", one[] = "1";
  for (HookPlan& hook : hooks) {
    hook.stub_argv = {name, none, none, empty, empty, one, hook.path.data()};
    hook.stub_argv.insert(hook.stub_argv.end(), hook.argv.begin(), hook.argv.end());
  }
}

Result<LaunchPlan> make_plan(const LaunchSpec& launch) {
  const spec::Spec& spec = *launch.spec;
  if (!spec.process) return fail("process: must be there to start a container");
  if (auto open = check_preserved(launch.preserved_fds); !open) return unexpected(open.error());
  LaunchPlan plan;
  auto process = make_process_plan(*spec.process, launch.with_program);
  if (!process) return unexpected(process.error());
  auto namespaces = plan_namespaces(spec, launch.proc);
  if (!namespaces) return unexpected(namespaces.error());
  auto mounts = plan_mounts(launch);
  if (!mounts) return unexpected(mounts.error());
  plan.process = *std::move(process);
  plan.namespaces = *std::move(namespaces);
  if (!plan.namespaces.separates(CLONE_NEWUSER)) warn_of_missing_capabilities(*spec.process, plan.process.warnings);
  plan.mounts = *std::move(mounts);
  plan.mounts.own_namespace = plan.namespaces.separates(CLONE_NEWNS);
  std::copy(std::begin(launch.stdio), std::end(launch.stdio), std::begin(plan.process.stdio));
  plan.process.console_socket = launch.console_socket;
  plan.process.plain_line_ends = launch.plain_line_ends;
  plan.process.preserved_fds = launch.preserved_fds;
  plan.process.new_keyring = launch.new_keyring;
  plan.process.keep_groups = launch.keep_groups;
  plan.process.filter = launch.filter;
  plan.process.personality = spec.personality.value_or(UINT64_MAX);
  plan.new_network = (plan.namespaces.created & CLONE_NEWNET) != 0;
  plan.start_socket = launch.start_socket;
  if (auto named = plan_names(spec, plan); !named) return unexpected(named.error());
  if (auto separate = check_separation(plan); !separate) return unexpected(separate.error());
  if (auto policy = plan_memory_policy(spec, plan); !policy) return unexpected(policy.error());
  plan_group(launch, plan);
  plan_hook_state(launch, plan);
  return plan;
}

}  // namespace plimsoll::isolate
