// SPDX-License-Identifier: Apache-2.0
#include "base/cgroup/parse.h"

#include <algorithm>
#include <array>
#include <span>

#include "base/text.h"

namespace plimsoll::cgroup {
namespace {

// v1 has no word for "no limit": it prints the largest page multiple of an int64. Nothing above
// 2^62 is a limit that could ever be met.
constexpr uint64_t kLargestLimit = uint64_t{1} << 62;
constexpr uint64_t kNsPerUs = 1000;
constexpr uint64_t kNsPerSecond = 1'000'000'000;

template <typename Struct>
struct Field {
  std::string_view key;
  Count Struct::*member;
};

// Reads "KEY VALUE" lines in one pass. Files list their keys in a fixed order, so the field after
// the last match is tried first; the others only when a kernel orders them differently.
template <typename Struct, size_t kSize>
Struct parse_flat(std::string_view text, const std::array<Field<Struct>, kSize>& fields) {
  Struct out;
  size_t expected = 0;
  while (!text.empty()) {
    std::string_view line = take(text, '\n');
    const std::string_view key = take(line, ' ');
    for (size_t tried = 0; tried < kSize; ++tried) {
      const size_t at = expected + tried < kSize ? expected + tried : expected + tried - kSize;
      if (fields[at].key != key) continue;
      out.*fields[at].member = parse_u64(line);
      expected = at + 1 < kSize ? at + 1 : 0;
      break;
    }
  }
  return out;
}

Count scaled(Count value, uint64_t factor) {
  if (!value || *value > UINT64_MAX / factor) return std::nullopt;
  return *value * factor;
}

struct RawCpuStat {
  Count usage_us, user_us, system_us;
  Count periods, throttled_periods, throttled_ns, throttled_us, burst_periods, burst_ns, burst_us;
};

constexpr std::array<Field<RawCpuStat>, 10> kCpuStat = {{
    {"usage_usec", &RawCpuStat::usage_us},
    {"user_usec", &RawCpuStat::user_us},
    {"system_usec", &RawCpuStat::system_us},
    {"nr_periods", &RawCpuStat::periods},
    {"nr_throttled", &RawCpuStat::throttled_periods},
    {"throttled_time", &RawCpuStat::throttled_ns},
    {"throttled_usec", &RawCpuStat::throttled_us},
    {"nr_bursts", &RawCpuStat::burst_periods},
    {"burst_time", &RawCpuStat::burst_ns},
    {"burst_usec", &RawCpuStat::burst_us},
}};

constexpr std::array<Field<CpuTimes>, 2> kCpuacctStat = {{
    {"user", &CpuTimes::user_ns},
    {"system", &CpuTimes::system_ns},
}};

constexpr std::array<Field<MemoryStat>, 12> kMemoryStatV1 = {{
    {"total_cache", &MemoryStat::cache},
    {"total_rss", &MemoryStat::rss},
    {"total_mapped_file", &MemoryStat::mapped_file},
    {"total_dirty", &MemoryStat::dirty},
    {"total_writeback", &MemoryStat::writeback},
    {"total_workingset_refault_anon", &MemoryStat::refaults_anon},
    {"total_workingset_refault_file", &MemoryStat::refaults_file},
    {"total_swap", &MemoryStat::swap},
    {"total_pgfault", &MemoryStat::page_faults},
    {"total_pgmajfault", &MemoryStat::major_page_faults},
    {"total_inactive_file", &MemoryStat::inactive_file},
    {"total_active_file", &MemoryStat::active_file},
}};

constexpr std::array<Field<MemoryStat>, 14> kMemoryStatV2 = {{
    {"anon", &MemoryStat::rss},
    {"file", &MemoryStat::cache},
    {"kernel", &MemoryStat::kernel},
    {"file_mapped", &MemoryStat::mapped_file},
    {"file_dirty", &MemoryStat::dirty},
    {"file_writeback", &MemoryStat::writeback},
    {"inactive_file", &MemoryStat::inactive_file},
    {"active_file", &MemoryStat::active_file},
    {"workingset_refault_anon", &MemoryStat::refaults_anon},
    {"workingset_refault_file", &MemoryStat::refaults_file},
    {"pgscan", &MemoryStat::pages_scanned},
    {"pgsteal", &MemoryStat::pages_stolen},
    {"pgfault", &MemoryStat::page_faults},
    {"pgmajfault", &MemoryStat::major_page_faults},
}};

constexpr std::array<Field<MemoryEvents>, 3> kMemoryEvents = {{
    {"high", &MemoryEvents::high},
    {"max", &MemoryEvents::max},
    {"oom_kill", &MemoryEvents::oom_kill},
}};

struct DeviceNumber {
  uint32_t major = 0, minor = 0;
};

std::optional<DeviceNumber> parse_device(std::string_view text) {
  const auto major = parse_u64(take(text, ':'));
  const auto minor = parse_u64(text);
  if (!major || !minor || *major > UINT32_MAX || *minor > UINT32_MAX) return std::nullopt;
  return DeviceNumber{static_cast<uint32_t>(*major), static_cast<uint32_t>(*minor)};
}

IoDevice& device_entry(std::vector<IoDevice>& devices, DeviceNumber number) {
  for (IoDevice& device : devices) {
    if (device.major == number.major && device.minor == number.minor) return device;
  }
  devices.push_back({.major = number.major, .minor = number.minor});
  return devices.back();
}

Count IoDevice::*io_member(std::string_view key) {
  if (key == "rbytes") return &IoDevice::read_bytes;
  if (key == "wbytes") return &IoDevice::written_bytes;
  if (key == "rios") return &IoDevice::reads;
  if (key == "wios") return &IoDevice::writes;
  return nullptr;
}

Count IoDevice::*blkio_member(std::string_view operation, BlkioUnit unit) {
  const bool bytes = unit == BlkioUnit::kBytes;
  if (operation == "Read") return bytes ? &IoDevice::read_bytes : &IoDevice::reads;
  if (operation == "Write") return bytes ? &IoDevice::written_bytes : &IoDevice::writes;
  return nullptr;
}

void parse_io_line(std::string_view line, std::vector<IoDevice>& devices) {
  std::optional<DeviceNumber> number;
  while (!trim(line).empty()) {
    std::string_view word = take_field(line);
    const size_t equals = word.find('=');
    if (equals == std::string_view::npos) {
      number = parse_device(word);
      continue;
    }
    const auto member = io_member(word.substr(0, equals));
    const auto value = parse_u64(word.substr(equals + 1));
    if (number && member != nullptr && value) device_entry(devices, *number).*member = value;
  }
}

}  // namespace

Count parse_count(std::string_view text) { return parse_u64(trim(text)); }

Count parse_limit(std::string_view text) {
  text = trim(text);
  if (text == "max" || text == "-1") return kUnlimited;
  const Count value = parse_u64(text);
  return value && *value > kLargestLimit ? kUnlimited : value;
}

Count parse_weight_as_shares(std::string_view text) {
  const Count weight = parse_count(text);
  if (!weight || *weight < 1 || *weight > 10'000) return std::nullopt;
  return 2 + (*weight - 1) * 262'142 / 9'999;
}

CpuStat parse_cpu_stat(std::string_view text) {
  const RawCpuStat raw = parse_flat(text, kCpuStat);
  CpuStat stat;
  stat.usage_ns = scaled(raw.usage_us, kNsPerUs);
  stat.user_ns = scaled(raw.user_us, kNsPerUs);
  stat.system_ns = scaled(raw.system_us, kNsPerUs);
  stat.periods = raw.periods;
  stat.throttled_periods = raw.throttled_periods;
  stat.throttled_ns = raw.throttled_ns ? raw.throttled_ns : scaled(raw.throttled_us, kNsPerUs);
  stat.burst_periods = raw.burst_periods;
  stat.burst_ns = raw.burst_ns ? raw.burst_ns : scaled(raw.burst_us, kNsPerUs);
  return stat;
}

CpuTimes parse_cpuacct_stat(std::string_view text, long ticks_per_second) {
  if (ticks_per_second <= 0) return {};
  const CpuTimes ticks = parse_flat(text, kCpuacctStat);
  const uint64_t ns_per_tick = kNsPerSecond / static_cast<uint64_t>(ticks_per_second);
  return {scaled(ticks.user_ns, ns_per_tick), scaled(ticks.system_ns, ns_per_tick)};
}

bool parse_percpu(std::string_view text, std::vector<uint64_t>& usage_ns) {
  usage_ns.clear();
  text = trim(text);
  while (!text.empty()) {
    const auto value = parse_u64(take_field(text));
    if (!value) {
      usage_ns.clear();
      return false;
    }
    usage_ns.push_back(*value);
  }
  return !usage_ns.empty();
}

CpuMax parse_cpu_max(std::string_view text) {
  text = trim(text);
  const Count quota = parse_limit(take_field(text));
  const Count period = parse_count(text);
  if (!quota || !period) return {};
  return {quota, period};
}

MemoryStat parse_memory_stat_v1(std::string_view text) { return parse_flat(text, kMemoryStatV1); }
MemoryStat parse_memory_stat_v2(std::string_view text) { return parse_flat(text, kMemoryStatV2); }
MemoryEvents parse_memory_events(std::string_view text) { return parse_flat(text, kMemoryEvents); }

void parse_blkio(std::string_view text, BlkioUnit unit, std::vector<IoDevice>& devices) {
  while (!text.empty()) {
    std::string_view line = take(text, '\n');
    const auto number = parse_device(take_field(line));
    const auto member = blkio_member(take_field(line), unit);
    const auto value = parse_count(line);
    if (number && member != nullptr && value) device_entry(devices, *number).*member = value;
  }
}

void parse_io_stat(std::string_view text, std::vector<IoDevice>& devices) {
  while (!text.empty()) parse_io_line(take(text, '\n'), devices);
}

Procs parse_procs(std::string_view text) {
  Procs procs;
  while (!text.empty()) {
    const auto pid = parse_u64(take(text, '\n'));
    if (!pid || *pid > INT32_MAX) continue;
    ++procs.count;
    if (procs.first == 0) procs.first = static_cast<pid_t>(*pid);
  }
  return procs;
}

}  // namespace plimsoll::cgroup
