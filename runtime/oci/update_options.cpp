// SPDX-License-Identifier: Apache-2.0
#include "runtime/oci/update_options.h"

#include <limits>

#include "base/text.h"

namespace plimsoll::oci {
namespace {

std::string_view name_of(int key) {
  for (const Option& option : kUpdateOptions) {
    if (option.key == key) return option.name;
  }
  return "";
}

Unexpected wrong(int key, std::string_view value) {
  return fail("invalid value for --" + std::string(name_of(key)) + ": '" + std::string(value) + "'");
}

template <typename T>
Result<void> unsigned_number(int key, std::string_view value, std::optional<T>& target) {
  const auto number = parse_u64(value);
  if (!number || *number > static_cast<uint64_t>(std::numeric_limits<T>::max())) return wrong(key, value);
  target = static_cast<T>(*number);
  return {};
}

Result<void> signed_number(int key, std::string_view value, std::optional<int64_t>& target) {
  const auto number = parse_i64(value);
  if (!number) return wrong(key, value);
  target = *number;
  return {};
}

Result<void> size(int key, std::string_view value, std::optional<int64_t>& target) {
  if (value == "-1") {
    target = -1;
    return {};
  }
  const auto bytes = parse_size(value);
  if (!bytes || *bytes > static_cast<uint64_t>(INT64_MAX)) return wrong(key, value);
  target = static_cast<int64_t>(*bytes);
  return {};
}

Result<void> set_cpu(int key, std::string_view value, spec::Cpu& cpu) {
  switch (key) {
    case kCpuPeriod:
      return unsigned_number(key, value, cpu.period);
    case kCpuQuota:
      return signed_number(key, value, cpu.quota);
    case kCpuBurst:
      return unsigned_number(key, value, cpu.burst);
    case kCpuShare:
      return unsigned_number(key, value, cpu.shares);
    case kCpuRtPeriod:
      return unsigned_number(key, value, cpu.realtime_period);
    case kCpuRtRuntime:
      return signed_number(key, value, cpu.realtime_runtime);
    case kCpuIdle:
      return signed_number(key, value, cpu.idle);
    case kCpusetCpus:
      cpu.cpus = value;
      return {};
    default:
      cpu.mems = value;
      return {};
  }
}

Result<void> set_memory(int key, std::string_view value, spec::Memory& memory) {
  switch (key) {
    case kKernelMemory:
      return size(key, value, memory.kernel);
    case kKernelMemoryTcp:
      return size(key, value, memory.kernel_tcp);
    case kMemory:
      return size(key, value, memory.limit);
    case kMemoryReservation:
      return size(key, value, memory.reservation);
    default:
      return size(key, value, memory.swap);
  }
}

template <typename T>
T& made(std::optional<T>& target) {
  return target ? *target : target.emplace();
}

Result<void> set(int key, std::string_view value, spec::Resources& resources) {
  if (key == kBlkioWeight) return unsigned_number(key, value, made(resources.block_io).weight);
  if (key == kPidsLimit) return signed_number(key, value, resources.pids_limit);
  if (key >= kCpuPeriod && key <= kCpusetMems) return set_cpu(key, value, made(resources.cpu));
  if (key >= kKernelMemory && key <= kMemorySwap) return set_memory(key, value, made(resources.memory));
  return fail("--" + std::string(name_of(key)) + ": resctrl cannot be changed by update");
}

}  // namespace

Result<spec::Resources> resources_of(const Words& words) {
  spec::Resources resources;
  for (const auto& [key, value] : words.options) {
    if (auto done = set(key, value, resources); !done) return unexpected(done.error());
  }
  return resources;
}

}  // namespace plimsoll::oci
