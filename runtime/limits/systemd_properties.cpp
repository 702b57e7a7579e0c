// SPDX-License-Identifier: Apache-2.0
#include "runtime/limits/systemd_properties.h"

#include <cmath>
#include <optional>

#include "base/text.h"
#include "runtime/limits/resources.h"

namespace plimsoll::limits {
namespace {

using spec::Resources;

constexpr uint64_t kInfinity = UINT64_MAX;
constexpr uint64_t kDefaultPeriod = 100'000;
constexpr uint64_t kSecond = 1'000'000;  // microseconds
constexpr uint64_t kPercent = kSecond / 100;
constexpr uint64_t kMaxProcessor = 8191;

// The systemd that has it first.
constexpr unsigned kHasQuotaPeriod = 242, kHasAllowedCpus = 244, kHasIdleWeight = 252, kHasScopeOomPolicy = 253;

uint64_t or_infinity(int64_t value) { return value < 0 ? kInfinity : static_cast<uint64_t>(value); }

Unexpected wrong(std::string_view setting, std::string_view why) {
  return fail("resources." + std::string(setting) + ": " + std::string(why));
}

// 0 means that nothing is said, for memory and swap.
Result<void> add_swap(UnitProperties& properties, int64_t swap, int64_t memory) {
  if (memory < 0 && swap == 0) swap = -1;  // no limit for memory: none for swap, unless one is given
  if (swap == 0) return {};
  if (swap > 0 && memory == 0) return wrong("memory.swap", "needs memory.limit, which it includes");
  if (swap > 0 && memory > 0 && swap < memory) return wrong("memory.swap", "includes memory.limit and is less");
  properties.number("MemorySwapMax", or_infinity(swap > 0 && memory > 0 ? swap - memory : swap));
  return {};
}

Result<void> add_memory(UnitProperties& properties, const spec::Memory& memory, bool v2) {
  const int64_t limit = memory.limit.value_or(0);
  if (limit != 0) properties.number("MemoryMax", or_infinity(limit));
  if (!v2) return {};
  if (memory.reservation.value_or(0) != 0) properties.number("MemoryLow", or_infinity(*memory.reservation));
  return add_swap(properties, memory.swap.value_or(0), limit);
}

// systemd counts in whole percents; what is above one is rounded up, so that no group below gets less than it asks.
Result<void> add_quota(UnitProperties& properties, int64_t quota, uint64_t period, unsigned version) {
  if (period != 0 && version >= kHasQuotaPeriod) properties.number("CPUQuotaPeriodUSec", period);
  if (quota == 0 && period == 0) return {};
  uint64_t per_second = kInfinity;
  if (quota > 0) {
    if (static_cast<uint64_t>(quota) > UINT64_MAX / 2 / kSecond) return wrong("cpu.quota", "is too large");
    per_second = static_cast<uint64_t>(quota) * kSecond / (period == 0 ? kDefaultPeriod : period);
    per_second = (per_second + kPercent - 1) / kPercent * kPercent;
  }
  properties.number("CPUQuotaPerSecUSec", per_second);
  return {};
}

Result<void> add_set(UnitProperties& properties, std::string_view setting, std::string_view name, std::string_view list,
                     unsigned version) {
  if (list.empty() || version < kHasAllowedCpus) return {};
  const auto bits = bits_of_list(list);
  if (!bits) return wrong(setting, bits.error().context);
  properties.bytes(name, *bits);
  return {};
}

Result<void> add_cpu(UnitProperties& properties, const spec::Cpu& cpu, const PropertyTarget& target) {
  const bool v2 = target.mode == cgroup::Mode::kV2;
  const uint64_t shares = cpu.shares.value_or(0);
  if (v2 && cpu.idle.value_or(0) == 1 && target.version >= kHasIdleWeight) {
    properties.number("CPUWeight", 0);
  } else if (shares != 0) {
    v2 ? properties.number("CPUWeight", weight_of_shares(shares)) : properties.number("CPUShares", shares);
  }
  auto added = add_quota(properties, cpu.quota.value_or(0), cpu.period.value_or(0), target.version);
  if (added) added = add_set(properties, "cpu.cpus", "AllowedCPUs", cpu.cpus, target.version);
  if (added) added = add_set(properties, "cpu.mems", "AllowedMemoryNodes", cpu.mems, target.version);
  return added;
}

// blkio's 10 to 1000 on io.weight's scale of 1 to 10000.
uint64_t io_weight(uint16_t weight) { return weight <= 10 ? 1 : 1 + (uint64_t{weight} - 10) * 9999 / 990; }

void add_block_io(UnitProperties& properties, const spec::BlockIo& io, bool v2) {
  const uint16_t weight = io.weight.value_or(0);
  if (weight != 0) v2 ? properties.number("IOWeight", io_weight(weight)) : properties.number("BlockIOWeight", weight);
  if (!v2) return;
  for (const auto& [device, own, leaf] : io.weight_devices) {
    if (own.value_or(0) == 0) continue;
    const std::string path = "/dev/block/" + std::to_string(device.major) + ":" + std::to_string(device.minor);
    properties.weight("IODeviceWeight", path, io_weight(*own));
  }
}

std::optional<uint64_t> number_or_max(std::string_view text) { return text == "max" ? kInfinity : parse_u64(text); }

struct NumberFile {
  std::string_view file, property;
};
constexpr NumberFile kNumberFiles[] = {
    {"memory.min", "MemoryMin"}, {"memory.low", "MemoryLow"},          {"memory.high", "MemoryHigh"},
    {"memory.max", "MemoryMax"}, {"memory.swap.max", "MemorySwapMax"}, {"pids.max", "TasksMax"},
};

// "max", "50000", "50000 100000"
Result<void> add_cpu_max(UnitProperties& properties, std::string_view value, unsigned version) {
  std::string_view rest = value;
  const std::string_view quota = take_field(rest);
  const std::string_view period = take_field(rest);
  const auto quota_us = quota == "max" ? -1 : parse_i64(quota);
  const auto period_us = period.empty() ? kDefaultPeriod : parse_u64(period);
  if (!quota_us || !period_us || *period_us == 0 || !rest.empty() || (quota != "max" && *quota_us <= 0))
    return wrong("unified.cpu.max", "is not \"QUOTA|max [PERIOD]\"");
  return add_quota(properties, *quota_us, *period_us, version);
}

// A number's file; false when it is none.
Result<bool> add_number_file(UnitProperties& properties, std::string_view file, std::string_view value) {
  for (const auto& [name, property] : kNumberFiles) {
    if (file != name) continue;
    const auto number = number_or_max(value);
    if (!number) return wrong("unified." + std::string(file), "is neither a number nor max");
    properties.number(property, property == "TasksMax" && *number == 0 ? 1 : *number);  // TasksMax cannot be 0
    return true;
  }
  return false;
}

Result<void> add_weight_file(UnitProperties& properties, std::string_view value) {
  const auto weight = parse_u64(value);
  if (!weight) return wrong("unified.cpu.weight", "is no number");
  properties.number("CPUWeight", *weight);
  return {};
}

Result<void> add_unified(UnitProperties& properties, std::string_view file, std::string_view value,
                         const PropertyTarget& target) {
  if (file == "cpu.max") return add_cpu_max(properties, value, target.version);
  if (file == "cpu.weight") return add_weight_file(properties, value);
  if (file == "cpuset.cpus") return add_set(properties, "unified.cpuset.cpus", "AllowedCPUs", value, target.version);
  if (file == "cpuset.mems")
    return add_set(properties, "unified.cpuset.mems", "AllowedMemoryNodes", value, target.version);
  if (file == "cpu.idle" && value == "1" && target.version >= kHasIdleWeight) properties.number("CPUWeight", 0);
  if (file == "memory.oom.group" && target.start && target.version >= kHasScopeOomPolicy)
    properties.text("OOMPolicy", value == "0" ? "continue" : "kill");
  const auto number = add_number_file(properties, file, value);
  if (!number) return unexpected(number.error());
  return {};
}

}  // namespace

BusWriter UnitProperties::begin(std::string_view name, std::string_view type) {
  out_.resize((out_.size() + 7) / 8 * 8, '\0');
  // Positions count from here, which is a multiple of 8 like the array's start.
  BusWriter writer(out_);
  writer.text(name);
  writer.signature(type);
  return writer;
}

void UnitProperties::flag(std::string_view name, bool value) { begin(name, "b").boolean(value); }
void UnitProperties::number(std::string_view name, uint64_t value) { begin(name, "t").u64(value); }
void UnitProperties::text(std::string_view name, std::string_view value) { begin(name, "s").text(value); }

void UnitProperties::texts(std::string_view name, const std::vector<std::string>& values) {
  BusWriter writer = begin(name, "as");
  const auto array = writer.open_array(4);
  for (const std::string& value : values) writer.text(value);
  writer.close_array(array);
}

void UnitProperties::pid(std::string_view name, uint32_t value) {
  BusWriter writer = begin(name, "au");
  const auto array = writer.open_array(4);
  writer.u32(value);
  writer.close_array(array);
}

void UnitProperties::bytes(std::string_view name, std::string_view value) {
  BusWriter writer = begin(name, "ay");
  const auto array = writer.open_array(1);
  for (const char byte : value) writer.byte(static_cast<uint8_t>(byte));
  writer.close_array(array);
}

void UnitProperties::pairs(std::string_view name, const Pairs& values) {
  BusWriter writer = begin(name, "a(ss)");
  const auto array = writer.open_array(8);
  for (const auto& [first, second] : values) {
    writer.align(8);
    writer.text(first);
    writer.text(second);
  }
  writer.close_array(array);
}

void UnitProperties::weight(std::string_view name, std::string_view path, uint64_t value) {
  BusWriter writer = begin(name, "a(st)");
  const auto array = writer.open_array(8);
  writer.text(path);
  writer.u64(value);
  writer.close_array(array);
}

void UnitProperties::one_value(std::string_view name, char type, uint64_t value) {
  BusWriter writer = begin(name, {&type, 1});
  switch (type) {
    case 'y':
      writer.byte(static_cast<uint8_t>(value));
      return;
    case 'n':
    case 'q':
      writer.u16(static_cast<uint16_t>(value));
      return;
    case 'b':
    case 'i':
    case 'u':
      writer.u32(static_cast<uint32_t>(value));
      return;
    default:
      writer.u64(value);
  }
}

Result<std::string> bits_of_list(std::string_view list) {
  std::string bits;
  for (std::string_view rest = list; !rest.empty();) {
    std::string_view range = trim(take(rest, ','));
    if (range.empty()) continue;
    const bool has_end = range.find('-') != std::string_view::npos;
    const auto first = parse_u64(take(range, '-'));
    const auto last = has_end ? parse_u64(range) : first;
    if (!first || !last || *first > *last || *last > kMaxProcessor)
      return fail("'" + printable(list) + "' is no list such as 0-3,7");
    if (bits.size() < *last / 8 + 1) bits.resize(*last / 8 + 1, '\0');
    for (uint64_t i = *first; i <= *last; ++i) bits[i / 8] = static_cast<char>(bits[i / 8] | 1 << i % 8);
  }
  if (bits.empty()) return fail("'" + printable(list) + "' names nothing");
  return bits;
}

Result<void> add_resources(UnitProperties& properties, const Resources& resources, const PropertyTarget& target) {
  const bool v2 = target.mode == cgroup::Mode::kV2;
  if (target.start && !resources.devices.empty()) {
    const DeviceProperties devices = device_properties(resources.devices, v2);
    properties.text("DevicePolicy", devices.policy);
    properties.pairs("DeviceAllow", devices.allow);
  }
  Result<void> added;
  if (resources.memory) added = add_memory(properties, *resources.memory, v2);
  if (added && resources.cpu) added = add_cpu(properties, *resources.cpu, target);
  if (!added) return added;
  if (resources.pids_limit)
    properties.number("TasksMax",
                      *resources.pids_limit <= 0 ? kInfinity : static_cast<uint64_t>(*resources.pids_limit));
  if (resources.block_io) add_block_io(properties, *resources.block_io, v2);
  for (const auto& [file, value] : resources.unified) {
    if (v2 && added) added = add_unified(properties, file, trim(value), target);
  }
  return added;
}

}  // namespace plimsoll::limits
