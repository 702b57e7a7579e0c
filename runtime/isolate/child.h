// SPDX-License-Identifier: Apache-2.0
// The child's side between clone and exec: ordered tables of named steps (child.cpp) over one state.
// Here nothing allocates, logs, throws or takes a lock: the child is a copy of a process that may have had
// other threads. What fails is told to the parent by one Report over a socket; success closes the
// socket (it is close-on-exec).
#pragma once

#include <cerrno>
#include <cstdint>
#include <span>

#include "runtime/isolate/plan.h"
#include "runtime/isolate/report.h"

namespace plimsoll::isolate {

struct Child {
  LaunchPlan* plan = nullptr;  // launch only
  ProcessPlan* process = nullptr;
  int control_fd = -1;    // Reports to the parent, or since start() to whoever has started it; answers from it
  int parent_fd = -1;     // the parent's end
  bool detached = false;  // from the parent: after start()
  int root_fd = -1;       // the container's root
  int dev_fd = -1;
  int proc_fd = -1;     // the procfs that was mounted at /proc
  int procfs_fd = -1;   // open where a label is to be written
  int console_fd = -1;  // the terminal's inner side
  bool in_working_directory = false;
  const char* place = "";         // what the current step is at, for the report
  int hook = 0, hook_status = 0;  // the same of a hook
};

// 0, or the errno of what failed. It sets child.place first where a step has several places.
struct Step {
  const char* name;
  int (*run)(Child&);
};

inline int result_of(long outcome) { return outcome < 0 ? errno : 0; }

// Every step before execute(); its name in a report is kExecuteStep.
std::span<const Step> launch_steps();
std::span<const Step> join_steps();

// Runs the steps in order; never returns. The exit code is seen by nobody.
[[noreturn]] void run_steps(Child& child, std::span<const Step> steps);
void send_report(int fd, Report::Kind kind, int value, const char* step, const char* place);
void send_failure(const Child& child, int error, const char* step);
// Waits for the parent's next answer, at most `size` bytes of it. ECANCELED when the parent has given up, or is gone.
int await_answer(const Child& child, void* answer, size_t size);
// The parent's end of the control socket is gone.
bool is_orphaned(const Child& child);

// child_namespaces.cpp
int take_root_of_user_namespace(Child& child);
int join_namespaces(Child& child);
// While it is readable: to an ordinary user's child not even its parent may write later.
void take_oom_score(const Child& child);
int join_cgroups(Child& child);
int new_cgroup_namespace(Child& child);
int new_time_namespace(Child& child);
int become_unreadable(Child& child);
int set_host_names(Child& child);
int raise_loopback(Child& child);
// mounts.cpp
int set_propagation(Child& child);
int attach_root(Child& child);
int make_mounts(Child& child);
int make_devices(Child& child);
int mask_paths(Child& child);
int protect_paths(Child& child);
int enter_root(Child& child);
int protect_root(Child& child);
// child_hooks.cpp
int run_create_container_hooks(Child& child);
int run_start_container_hooks(Child& child);
// kernel_settings.cpp
int write_sysctls(Child& child);
int set_personality(Child& child);
int set_memory_policy(Child& child);
int set_limits(Child& child);
// privileges.cpp
int new_keyring(Child& child);
int set_user(Child& child);
int drop_capabilities(Child& child);
int forbid_new_privileges(Child& child);
int filter_system_calls(Child& child);
// home.cpp
int set_home(Child& child);
// console.cpp
int open_console(Child& child);
// program.cpp
int reset_signals(Child& child);
int new_session(Child& child);
int die_with_parent(Child& child);
int connect_stdio(Child& child);
int make_working_directory(Child& child);
int try_working_directory(Child& child);
int enter_working_directory(Child& child);
int find_program(Child& child);
int open_label_files(Child& child);
int close_descriptors(Child& child);
int execute(Child& child);

}  // namespace plimsoll::isolate
