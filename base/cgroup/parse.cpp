// SPDX-License-Identifier: Apache-2.0
#include "base/cgroup/parse.h"

#include <array>
#include <bit>
#include <cstring>

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

// Which of `fields` have a key of a given length, a bit each. Most lines of a file are not wanted, and
// most of those are ruled out by their length alone; the order of the lines does not matter.
constexpr size_t kLongestKey = 32;
template <typename Struct, size_t kSize>
constexpr std::array<uint32_t, kLongestKey> by_length(const std::array<Field<Struct>, kSize>& fields) {
  static_assert(kSize <= 32);
  std::array<uint32_t, kLongestKey> masks{};
  for (size_t i = 0; i < kSize; ++i) masks[fields[i].key.size()] |= uint32_t{1} << i;
  return masks;
}

// Reads "KEY VALUE" lines in one pass.
template <const auto& kFields, typename Struct>
void parse_flat(std::string_view text, Struct& out) {
  static constexpr auto kMasks = by_length(kFields);
  const char* const end = text.data() + text.size();
  for (const char* at = text.data(); at < end;) {
    const auto* newline = static_cast<const char*>(std::memchr(at, '\n', static_cast<size_t>(end - at)));
    const char* const line_end = newline == nullptr ? end : newline;
    const auto* blank = static_cast<const char*>(std::memchr(at, ' ', static_cast<size_t>(line_end - at)));
    const size_t length = blank == nullptr ? 0 : static_cast<size_t>(blank - at);
    for (uint32_t mask = length < kLongestKey ? kMasks[length] : 0; mask != 0; mask &= mask - 1) {
      const auto& field = kFields[static_cast<size_t>(std::countr_zero(mask))];
      if (std::memcmp(at, field.key.data(), length) != 0) continue;
      out.*field.member = parse_u64({blank + 1, static_cast<size_t>(line_end - blank - 1)});
      break;
    }
    at = line_end + 1;
  }
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

// One kind of figure in io.stat, and in which unit.
struct IoField {
  std::string_view key;
  Count IoDevice::*member;
  uint64_t factor;
};

constexpr IoField kIoFields[] = {
    {"rbytes", &IoDevice::read_bytes, 1},
    {"wbytes", &IoDevice::written_bytes, 1},
    {"rios", &IoDevice::reads, 1},
    {"wios", &IoDevice::writes, 1},
    {"dbytes", &IoDevice::discarded_bytes, 1},
    {"cost.usage", &IoDevice::cost_usage_ns, kNsPerUs},
    {"cost.wait", &IoDevice::cost_wait_ns, kNsPerUs},
    {"cost.indebt", &IoDevice::cost_indebt_ns, kNsPerUs},
    {"cost.indelay", &IoDevice::cost_indelay_ns, kNsPerUs},
};

struct BlkioField {
  std::string_view operation;
  Count IoDevice::*bytes;
  Count IoDevice::*operations;  // nullptr: not kept
};

constexpr BlkioField kBlkioFields[] = {
    {"Read", &IoDevice::read_bytes, &IoDevice::reads}, {"Write", &IoDevice::written_bytes, &IoDevice::writes},
    {"Sync", &IoDevice::sync_bytes, nullptr},          {"Async", &IoDevice::async_bytes, nullptr},
    {"Discard", &IoDevice::discarded_bytes, nullptr},  {"Total", &IoDevice::total_bytes, nullptr},
};

Count IoDevice::*blkio_member(std::string_view operation, BlkioUnit unit) {
  for (const BlkioField& field : kBlkioFields) {
    if (field.operation == operation) return unit == BlkioUnit::kBytes ? field.bytes : field.operations;
  }
  return nullptr;
}

void take_io_figure(std::string_view key, std::string_view text, DeviceNumber number, std::vector<IoDevice>& devices) {
  for (const IoField& field : kIoFields) {
    if (field.key != key) continue;
    const Count value = scaled(parse_u64(text), field.factor);
    if (value) device_entry(devices, number).*field.member = value;
    return;
  }
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
    if (number) take_io_figure(word.substr(0, equals), word.substr(equals + 1), *number, devices);
  }
}

std::optional<NumaKind> numa_kind(std::string_view name) {
  if (name == "file") return NumaKind::kFile;
  if (name == "anon") return NumaKind::kAnon;
  if (name == "unevictable") return NumaKind::kUnevictable;
  return std::nullopt;
}

// "N0=125 N1=3", in units of which `per_page` make a page.
void take_nodes(std::string_view text, NumaPages pages, uint64_t per_page, std::vector<NumaPages>& numa) {
  while (true) {
    std::string_view word = take_field(text);
    if (word.empty()) return;
    if (word[0] != 'N') continue;
    const auto node = parse_u64(take(word, '=').substr(1));
    const auto value = parse_u64(word);
    if (!node || !value || *node > UINT32_MAX) continue;
    pages.node = static_cast<uint32_t>(*node);
    pages.pages = *value / per_page;
    numa.push_back(pages);
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
  RawCpuStat raw;
  parse_flat<kCpuStat>(text, raw);
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
  CpuTimes ticks;
  parse_flat<kCpuacctStat>(text, ticks);
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

MemoryStat parse_memory_stat_v1(std::string_view text) {
  MemoryStat stat;
  parse_flat<kMemoryStatV1>(text, stat);
  return stat;
}

MemoryStat parse_memory_stat_v2(std::string_view text) {
  MemoryStat stat;
  parse_flat<kMemoryStatV2>(text, stat);
  return stat;
}

MemoryEvents parse_memory_events(std::string_view text) {
  MemoryEvents events;
  parse_flat<kMemoryEvents>(text, events);
  return events;
}

Pressure parse_pressure(std::string_view text) {
  constexpr std::string_view kTotal = " total=";
  Pressure pressure;
  while (!text.empty()) {
    const std::string_view line = take(text, '\n');
    const size_t total = line.rfind(kTotal);
    if (total == std::string_view::npos) continue;
    const Count value = scaled(parse_u64(line.substr(total + kTotal.size())), kNsPerUs);
    if (line.starts_with("some ")) pressure.some_ns = value;
    if (line.starts_with("full ")) pressure.full_ns = value;
  }
  return pressure;
}

void parse_numa_v1(std::string_view text, std::vector<NumaPages>& numa) {
  constexpr std::string_view kHierarchy = "hierarchical_";
  while (!text.empty()) {
    std::string_view line = take(text, '\n');
    const bool hierarchy = line.starts_with(kHierarchy);
    if (hierarchy) line.remove_prefix(kHierarchy.size());
    const auto kind = numa_kind(take(line, '='));
    if (kind) take_nodes(line, {*kind, hierarchy, 0, 0}, 1, numa);
  }
}

void parse_numa_v2(std::string_view text, uint64_t page_bytes, std::vector<NumaPages>& numa) {
  while (!text.empty() && page_bytes > 0) {
    std::string_view line = take(text, '\n');
    const auto kind = numa_kind(take(line, ' '));
    if (kind) take_nodes(line, {*kind, true, 0, 0}, page_bytes, numa);
  }
}

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

Procs parse_procs(std::string_view text, std::vector<pid_t>* pids) {
  Procs procs;
  if (pids != nullptr) pids->clear();
  while (!text.empty()) {
    const auto pid = parse_u64(take(text, '\n'));
    if (!pid || *pid > INT32_MAX) continue;
    ++procs.count;
    if (*pid == 0) continue;
    if (procs.first == 0) procs.first = static_cast<pid_t>(*pid);
    if (pids != nullptr) pids->push_back(static_cast<pid_t>(*pid));
  }
  return procs;
}

}  // namespace plimsoll::cgroup
