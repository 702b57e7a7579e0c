// SPDX-License-Identifier: Apache-2.0
#include "agent/cli/usage.h"

#include "agent/cli/format.h"

namespace plimsoll::agent {

cgroup::Count sum_io(const cgroup::Counters& counters, cgroup::Count cgroup::IoDevice::*member) {
  cgroup::Count sum;
  for (const auto& device : counters.io) {
    if (device.*member) sum = sum.value_or(0) + *(device.*member);
  }
  return sum;
}

cgroup::Count sum_network(const cgroup::Counters& counters, uint64_t cgroup::NetworkInterface::*member) {
  cgroup::Count sum;
  for (const auto& interface : counters.network) sum = sum.value_or(0) + interface.*member;
  return sum;
}

Usage usage_of(const container::ExitRecord& record) {
  const cgroup::Counters& counters = record.counters;
  Usage usage;
  if (record.started_ns > 0 && record.finished_ns >= record.started_ns) {
    usage.wall_ns = static_cast<uint64_t>(record.finished_ns - record.started_ns);
  }
  usage.cpu_user_ns = counters.cpu_user_ns;
  usage.cpu_system_ns = counters.cpu_system_ns;
  usage.throttled_ns = counters.cfs_throttled_ns;
  usage.memory_peak_bytes = record.memory_peak_bytes;
  usage.oom_kills = counters.oom_kills;
  usage.read_bytes = sum_io(counters, &cgroup::IoDevice::read_bytes);
  usage.written_bytes = sum_io(counters, &cgroup::IoDevice::written_bytes);
  usage.receive_bytes = sum_network(counters, &cgroup::NetworkInterface::receive_bytes);
  usage.transmit_bytes = sum_network(counters, &cgroup::NetworkInterface::transmit_bytes);
  usage.exit_code = record.exit_code;
  return usage;
}

std::string format_usage(const Usage& usage) {
  return format_table({{"wall time", format_duration(usage.wall_ns)},
                       {"CPU user", format_duration(usage.cpu_user_ns)},
                       {"CPU system", format_duration(usage.cpu_system_ns)},
                       {"CPU throttled", format_duration(usage.throttled_ns)},
                       {"peak memory", format_bytes(usage.memory_peak_bytes)},
                       {"OOM kills", usage.oom_kills ? std::to_string(*usage.oom_kills) : "-"},
                       {"disk read", format_traffic(usage.read_bytes)},
                       {"disk written", format_traffic(usage.written_bytes)},
                       {"received", format_traffic(usage.receive_bytes)},
                       {"transmitted", format_traffic(usage.transmit_bytes)},
                       {"exit code", std::to_string(usage.exit_code)}});
}

}  // namespace plimsoll::agent
