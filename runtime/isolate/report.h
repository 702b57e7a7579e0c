// SPDX-License-Identifier: Apache-2.0
// What a container's first process says to its parent while it is made: one packet. Included by a program without a C
// library (stub/), so nothing but types is in here.
#pragma once

namespace plimsoll::isolate {

struct Report {
  enum class Kind : int {
    kFailed,
    kPid,       // a helper has cloned the process that counts; `value` is its pid
    kMap,       // waits for the maps of its user namespace, or, joining, for its limits
    kMounted,   // waits for the hooks that run before the root is entered
    kListener,  // is about to load a filter whose notification descriptor will have number `value`
    kCreated,   // waits for start()
    kSettled,   // all is made: without it the end of the connection is a death, not the program's begin
  };
  Kind kind = Kind::kFailed;
  int value = 0;         // errno
  int hook = 0;          // which one of its kind, from 0
  int hook_status = 0;   // of wait(2)
  char step[48] = {};    // "mount"
  char place[200] = {};  // "/proc", cut if longer; may be empty
};

// The last step's name in a report.
inline constexpr const char* kExecuteStep = "execute";

}  // namespace plimsoll::isolate
