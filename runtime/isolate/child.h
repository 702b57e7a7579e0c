// SPDX-License-Identifier: Apache-2.0
// The child's side between clone and exec: an ordered table of named steps (child.cpp) over one state.
// Here nothing allocates, logs, throws or takes a lock: the child is a copy of a process that may have had
// other threads. What fails is told to the parent by one Report over a pipe; success closes the
// pipe (it is close-on-exec).
#pragma once

#include <cerrno>
#include <cstdint>
#include <span>

#include "runtime/isolate/plan.h"

namespace plimsoll::isolate {

// One write to the pipe: smaller than PIPE_BUF, thus whole.
struct Report {
  enum class Kind : int32_t { kFailed, kPid };  // kPid: join's grandchild exists, `value` is its pid
  Kind kind = Kind::kFailed;
  int32_t value = 0;     // errno
  char step[48] = {};    // "mount"
  char place[200] = {};  // "/proc", cut if longer; may be empty
};

struct Child {
  const LaunchPlan* plan = nullptr;  // launch only
  const ProgramPlan* program = nullptr;
  int report_fd = -1;
  int go_fd = -1;                // launch: one byte when the network stands, end of file to give up
  int parent_fds[2] = {-1, -1};  // the parent's ends of the two pipes
  int root_fd = -1;              // the container's root
  int dev_fd = -1;
  const char* place = "";  // what the current step is at, for the report
};

// 0, or the errno of what failed. It sets child.place first where a step has several places.
struct Step {
  const char* name;
  int (*run)(Child&);
};

inline int result_of(long outcome) { return outcome < 0 ? errno : 0; }

// Every step before execute(); its name in a report is kExecuteStep.
inline constexpr const char* kExecuteStep = "execute";
std::span<const Step> launch_steps();
std::span<const Step> join_steps();

// Runs the steps in order; never returns. The exit code is seen by nobody.
[[noreturn]] void run_steps(Child& child, std::span<const Step> steps);
void send_report(int fd, Report::Kind kind, int value, const char* step, const char* place);

// mounts.cpp
int make_mounts_private(Child& child);
int attach_root(Child& child);
int mount_standard(Child& child);
int fill_dev(Child& child);
int mount_cgroups(Child& child);
int bind_volumes(Child& child);
int mask_paths(Child& child);
int protect_paths(Child& child);
int enter_root(Child& child);
// privileges.cpp
int drop_capabilities(Child& child);
int forbid_new_privileges(Child& child);
int filter_system_calls(Child& child);
// program.cpp
int reset_signals(Child& child);
int new_session(Child& child);
int die_with_parent(Child& child);
int connect_stdio(Child& child);
int make_working_directory(Child& child);
int enter_working_directory(Child& child);
int close_descriptors(Child& child);
int execute(Child& child);

}  // namespace plimsoll::isolate
