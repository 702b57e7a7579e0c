// SPDX-License-Identifier: Apache-2.0
// Everything the child needs, made before clone: between clone and exec the child may only make system
// calls, so all strings, arrays and candidate paths stand ready here and are only read there.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "runtime/isolate/affinity.h"
#include "runtime/isolate/home.h"
#include "runtime/isolate/launch.h"
#include "runtime/isolate/mount_plan.h"
#include "runtime/isolate/namespaces.h"

namespace plimsoll::isolate {

// A NULL-terminated array for execve out of strings that outlive it.
std::vector<char*> pointers(const std::vector<std::string>& strings);

// What execve is tried with, in order: argv[0] itself when it has a slash, else each directory of PATH
// (of `env`, else the usual ones) with it. An empty directory means the working directory.
std::vector<std::string> program_candidates(const std::string& program, const std::vector<std::string>& env);

// An environment variable whose value the child finds.
struct HomeVariable {
  char name[5] = {'H', 'O', 'M', 'E', '='};
  char value[kLongestHome] = "/";
};

// The program and its rights; for a launch and for a join.
struct ProcessPlan {
  std::vector<char*> argv, env;
  std::unique_ptr<HomeVariable> home;  // one of `env`; nullptr: the configuration says it
  std::vector<std::string> candidates;
  int exec_stub = -1;            // exec_stub.h; -1: the program is executed directly
  std::vector<char*> stub_argv;  // its first words are written by the child
  char stub_words[2][12] = {};   // the descriptors that the child passes on
  std::string candidate_count;
  InnerPath cwd;
  int stdio[3] = {-1, -1, -1};
  int console_socket = -1;
  bool terminal = false;
  spec::ConsoleSize console_size;
  bool plain_line_ends = false;  // the terminal's outer side shows "\n" as it is
  std::vector<int> preserved_fds;
  bool new_keyring = true;
  bool keep_groups = false;
  CpuMask initial_cpus;  // of a join, before it enters the cgroup; empty: those of the caller

  uid_t uid = 0;
  gid_t gid = 0;
  mode_t umask = 0022;
  std::vector<gid_t> groups;
  std::vector<spec::Rlimit> limits;
  std::string oom_score;  // "": as it is
  spec::Capabilities capabilities;
  bool no_new_privileges = false;
  LoadedFilter filter;
  std::string label_file, label;  // written to a file of /proc/self/attr by the stub: AppArmor's or SELinux'
  uint64_t personality = UINT64_MAX;
  std::vector<std::string> warnings;
};

struct HookPlan {
  std::string path;
  std::vector<char*> argv, env;
  int timeout_s = 0;
  std::vector<char*> stub_argv;  // of one that the container brings along
};

// What hooks in the container read on their standard input. The parent sends both texts, one behind the other, once it
// knows the process id; `text` is large enough before the child is cloned.
inline constexpr size_t kHookStatePiece = 64 * 1024;  // goes over the socket at once
struct HookState {
  uint32_t creating_size = 0, created_size = 0;
  std::vector<char> text;
};

struct Sysctl {
  std::string path, value;  // path below /proc/sys: "net/ipv4/ip_forward"
};

struct LaunchPlan {
  NamespacePlan namespaces;
  MountPlan mounts;
  ProcessPlan process;
  std::string hostname, domainname;
  std::vector<int> join_fds;
  std::vector<std::string> join_names;  // beside join_fds, for messages
  bool await_group = false;             // the parent has somebody move the process into its group
  bool new_network = false;
  std::vector<Sysctl> sysctls;
  std::vector<HookPlan> create_container, start_container;
  std::vector<std::string> hook_env;  // of createContainer hooks without their own
  bool await_hooks = false;           // the parent runs hooks before the root is entered
  HookState hook_state;
  int start_socket = -1;
  bool memory_policy = false;
  int memory_mode = 0;
  std::vector<unsigned long> memory_nodes;  // a bit for each node
  unsigned long memory_maxnode = 0;
};

// Both keep pointers into `spec`, which must outlive the plan. Errors name the member that is wrong.
Result<LaunchPlan> make_plan(const LaunchSpec& spec);
Result<ProcessPlan> make_process_plan(const spec::Process& process, bool with_program = true);
// Before anything is opened: a number that is free now would be taken by a descriptor of ours.
Result<void> check_preserved(const std::vector<int>& fds);
// The last touch, where the plan stays: it points into itself afterwards.
void use_exec_stub(ProcessPlan& plan, int exec_stub);
void use_exec_stub(std::vector<HookPlan>& hooks);

}  // namespace plimsoll::isolate
