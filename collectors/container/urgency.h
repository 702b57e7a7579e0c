// SPDX-License-Identifier: Apache-2.0
// A priority lent to the threads that are made meanwhile. Reading final counters is a race against the engine that
// removes the group, so the thread that does it goes first. To raise a priority takes CAP_SYS_NICE; a new thread
// has its maker's, and whoever has a raised one may lower it. So the agent raises its own before it gives
// that capability up, makes the thread, and goes back.
// setpriority(2), sched(7) "The nice value"
#pragma once

#include <optional>

namespace plimsoll::collectors::container {

inline constexpr int kUrgentNice = -15;

class Urgency {
 public:
  Urgency() = default;  // of no effect
  // Raises the calling thread's priority. Where it may not, nothing changes.
  static Urgency raise();
  // The thread's priority is what it was. In the thread that raised it.
  ~Urgency();
  Urgency(Urgency&& other) noexcept;
  Urgency& operator=(Urgency&& other) noexcept;

  bool raised() const { return before_.has_value(); }

 private:
  std::optional<int> before_;
};

}  // namespace plimsoll::collectors::container
