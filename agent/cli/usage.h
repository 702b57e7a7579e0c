// SPDX-License-Identifier: Apache-2.0
// What an ended container has used, in one place for `run --stats-on-exit` and `inspect`.
#pragma once

#include <string>

#include "base/cgroup/stats.h"
#include "runtime/container/record.h"

namespace plimsoll::agent {

// Absent stays absent: what nobody counted is not 0.
struct Usage {
  cgroup::Count wall_ns, cpu_user_ns, cpu_system_ns, throttled_ns;
  cgroup::Count memory_peak_bytes, oom_kills;
  cgroup::Count read_bytes, written_bytes, receive_bytes, transmit_bytes;
  int exit_code = 0;
};

Usage usage_of(const container::ExitRecord& record);
// A table of ten lines with units, "-" for what is absent.
std::string format_usage(const Usage& usage);

// Sums over devices and interfaces; absent when there is none.
cgroup::Count sum_io(const cgroup::Counters& counters, cgroup::Count cgroup::IoDevice::*member);
cgroup::Count sum_network(const cgroup::Counters& counters, uint64_t cgroup::NetworkInterface::*member);

}  // namespace plimsoll::agent
