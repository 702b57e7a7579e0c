// SPDX-License-Identifier: Apache-2.0
// Documentation/admin-guide/cgroup-v2.rst, "CPU", "Memory", "IO"
#include <cerrno>
#include <map>

#include "base/text.h"
#include "runtime/limits/resources.h"
#include "runtime/limits/resources_parts.h"

namespace plimsoll::limits {
namespace {

std::string or_max(int64_t value) { return value < 0 ? "max" : std::to_string(value); }

// The specification's swap is memory and swap together, v2's is swap alone. "": not to be written.
Result<std::string> swap_alone(const ControllerFiles& files, const spec::Memory& memory) {
  const int64_t both = memory.swap.value_or(0);
  int64_t limit = memory.limit.value_or(0);
  if (both == 0) return std::string(limit == -1 ? "max" : "");
  if (both < 0) return std::string("max");
  if (limit == 0) {
    auto present = files.read("memory.max");
    if (!present) return unexpected(present.error());
    limit = parse_i64(trim(*present)).value_or(-1);  // "max"
  }
  if (limit < 0) return std::to_string(both);
  if (both < limit) {
    return fail("memory.swap " + std::to_string(both) + ": is memory and swap together and must not be less than " +
                "memory.max " + std::to_string(limit));
  }
  return std::to_string(both - limit);
}

// Without it the kernel would make room by killing.
Result<void> check_usage(const ControllerFiles& files, const spec::Memory& memory) {
  if (!memory.check_before_update.value_or(false)) return {};
  auto usage = files.read_number("memory.current");
  if (!usage) return {};
  for (const auto& [name, wanted] : {std::pair{"memory.swap", memory.swap}, std::pair{"memory.limit", memory.limit}}) {
    if (wanted.value_or(0) <= 0 || static_cast<uint64_t>(*wanted) > *usage) continue;
    return fail(std::string(name) + " " + std::to_string(*wanted) + ": in use are " + std::to_string(*usage) +
                " bytes (checkBeforeUpdate)");
  }
  return {};
}

// One without the other keeps what is in force.
Result<void> write_bandwidth(const ControllerFiles& files, const spec::Cpu& cpu) {
  if (!is_given(cpu.quota) && !is_given(cpu.period)) return {};
  std::string line = is_given(cpu.quota) ? or_max(*cpu.quota) : "max";
  if (!is_given(cpu.quota)) {
    if (auto present = files.read("cpu.max")) line = present->substr(0, present->find_first_of(" \n"));
  }
  if (is_given(cpu.period)) line += " " + std::to_string(*cpu.period);
  return files.write("cpu.max", line);
}

Result<void> write_weights(const ControllerFiles& files, const spec::BlockIo& io) {
  const bool bfq = files.has("io.bfq.weight");
  const std::string file = bfq ? "io.bfq.weight" : "io.weight";
  const auto value = [bfq](uint16_t weight) { return std::to_string(bfq ? weight : io_weight_of(weight)); };
  Result<void> written;
  if (is_given(io.weight)) written = files.write(file, value(*io.weight));
  for (const spec::WeightDevice& device : io.weight_devices) {
    if (written && is_given(device.weight))
      written = files.write(file, device_number(device.device) + " " + value(*device.weight));
  }
  return written;
}

// All that is said about one device in one line. v1 takes 0 for "no limit", v2 does not.
Result<void> write_throttle(const ControllerFiles& files, const spec::BlockIo& io) {
  std::map<std::string, std::string> lines;
  const auto add = [&lines](const char* name, const std::vector<spec::ThrottleDevice>& devices) {
    for (const spec::ThrottleDevice& device : devices) {
      const std::string rate = device.rate == 0 ? "max" : std::to_string(device.rate);
      lines[device_number(device.device)] += std::string(" ") + name + "=" + rate;
    }
  };
  add("rbps", io.read_bps);
  add("wbps", io.write_bps);
  add("riops", io.read_iops);
  add("wiops", io.write_iops);
  for (const auto& [device, limits] : lines) {
    auto written = files.write("io.max", device + limits);
    if (!written) return written;
  }
  return {};
}

}  // namespace

Result<void> write_memory_v2(const ControllerFiles& files, const spec::Memory& memory) {
  if (!is_given(memory.limit) && !is_given(memory.swap) && !is_given(memory.reservation)) return {};
  auto written = check_usage(files, memory);
  if (!written) return written;
  auto swap = swap_alone(files, memory);
  if (!swap) return unexpected(swap.error());
  // An empty write would mean 0.
  if (!swap->empty()) written = files.write_if_known("memory.swap.max", *swap);
  if (written && is_given(memory.limit)) written = files.write("memory.max", or_max(*memory.limit));
  if (written && is_given(memory.reservation)) written = files.write("memory.low", or_max(*memory.reservation));
  return written;
}

Result<void> write_cpu_v2(const ControllerFiles& files, const spec::Cpu& cpu) {
  auto written = write_weight_and_idle(
      files, cpu, [&] { return files.write("cpu.weight", std::to_string(weight_of_shares(*cpu.shares))); });
  bool burst_due = cpu.burst.has_value();
  if (written && burst_due) {
    written = files.write("cpu.max.burst", std::to_string(*cpu.burst));
    burst_due = !written && written.error().code == EINVAL && is_given(cpu.quota);  // more than the quota as it was
    if (burst_due) written = {};
  }
  if (written) written = write_bandwidth(files, cpu);
  return written && burst_due ? files.write("cpu.max.burst", std::to_string(*cpu.burst)) : written;
}

Result<void> write_block_io_v2(const ControllerFiles& files, const spec::BlockIo& io) {
  auto written = write_weights(files, io);
  return written ? write_throttle(files, io) : written;
}

}  // namespace plimsoll::limits
