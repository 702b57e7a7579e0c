// SPDX-License-Identifier: Apache-2.0
// One table says which file of which controller fills which fields; a reader keeps the rows that its
// group has, each with an open descriptor while the budget lasts.
#include "base/cgroup/reader.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <string_view>

#include "base/cgroup/parse.h"

namespace plimsoll::cgroup {
namespace {

// What one file is turned into. `pid` receives the first process of the group.
struct Target {
  Stats& stats;
  pid_t& pid;
};
using Parse = void (*)(std::string_view text, Target& target);

// When a row of the table is used, besides its controller being there.
enum class Need : uint8_t {
  kAlways,
  kPercpu,    // per-CPU figures are wanted
  kNoPercpu,  // they are not
  kNoTimes,   // user and system time are not known yet
};

struct FileSpec {
  bool v2;
  const char* controller;  // "": in every group of the tree
  const char* name;
  Need need;
  Parse parse;
};

void take_cfs(const CpuStat& stat, Counters& counters) {
  counters.cfs_periods = stat.periods;
  counters.cfs_throttled_periods = stat.throttled_periods;
  counters.cfs_throttled_ns = stat.throttled_ns;
  counters.cfs_burst_periods = stat.burst_periods;
  counters.cfs_burst_ns = stat.burst_ns;
}

void read_cpu_stat_v1(std::string_view text, Target& target) { take_cfs(parse_cpu_stat(text), target.stats.counters); }

// The v2 tree's cpu.stat. On a hybrid machine it holds the times only, and usage comes from cpuacct
// where the group has that, so that it is never told twice. A group whose processes are not in the v2
// tree has far less usage there: its times would be wrong.
void read_cpu_stat_v2(std::string_view text, Target& target) {
  Counters& counters = target.stats.counters;
  const CpuStat stat = parse_cpu_stat(text);
  if (counters.cpu_usage_ns && stat.usage_ns && *stat.usage_ns < *counters.cpu_usage_ns / 2) return;
  if (!counters.cpu_usage_ns) counters.cpu_usage_ns = stat.usage_ns;
  counters.cpu_user_ns = stat.user_ns;
  counters.cpu_system_ns = stat.system_ns;
  if (stat.periods) take_cfs(stat, counters);
}

void read_cpuacct_stat(std::string_view text, Target& target) {
  const CpuTimes times = parse_cpuacct_stat(text, ::sysconf(_SC_CLK_TCK));
  target.stats.counters.cpu_user_ns = times.user_ns;
  target.stats.counters.cpu_system_ns = times.system_ns;
}

void read_percpu(std::string_view text, Target& target) {
  Counters& counters = target.stats.counters;
  if (!parse_percpu(text, counters.cpu_usage_percpu_ns)) return;
  uint64_t sum = 0;
  for (uint64_t usage : counters.cpu_usage_percpu_ns) sum += usage;
  counters.cpu_usage_ns = sum;
}

void take_memory(const MemoryStat& stat, Target& target) {
  Gauges& gauges = target.stats.gauges;
  gauges.memory_cache_bytes = stat.cache;
  gauges.memory_rss_bytes = stat.rss;
  gauges.memory_mapped_file_bytes = stat.mapped_file;
  gauges.memory_active_file_bytes = stat.active_file;
  gauges.memory_inactive_file_bytes = stat.inactive_file;
  gauges.memory_dirty_bytes = stat.dirty;
  gauges.memory_writeback_bytes = stat.writeback;
  Counters& counters = target.stats.counters;
  counters.page_faults = stat.page_faults;
  counters.major_page_faults = stat.major_page_faults;
  counters.refaults_file = stat.refaults_file;
  counters.refaults_anon = stat.refaults_anon;
}

void read_memory_stat_v1(std::string_view text, Target& target) {
  const MemoryStat stat = parse_memory_stat_v1(text);
  take_memory(stat, target);
  target.stats.gauges.memory_swap_bytes = stat.swap;
}

// The root of a v2 tree has no memory.current: what its processes hold is anon + file.
void read_memory_stat_v2(std::string_view text, Target& target) {
  const MemoryStat stat = parse_memory_stat_v2(text);
  take_memory(stat, target);
  Gauges& gauges = target.stats.gauges;
  gauges.memory_kernel_bytes = stat.kernel;
  target.stats.counters.pages_scanned = stat.pages_scanned;
  target.stats.counters.pages_stolen = stat.pages_stolen;
  if (!gauges.memory_usage_bytes && stat.rss && stat.cache) gauges.memory_usage_bytes = *stat.rss + *stat.cache;
}

void read_memory_events(std::string_view text, Target& target) {
  const MemoryEvents events = parse_memory_events(text);
  target.stats.counters.memory_high_events = events.high;
  target.stats.counters.memory_max_events = events.max;
  target.stats.counters.oom_kills = events.oom_kill;
}

void read_oom_control(std::string_view text, Target& target) {
  target.stats.counters.oom_kills = parse_memory_events(text).oom_kill;
}

void read_cpu_max(std::string_view text, Target& target) {
  const CpuMax max = parse_cpu_max(text);
  target.stats.limits.cpu_quota_us = max.quota_us;
  target.stats.limits.cpu_period_us = max.period_us;
}

void read_io_bytes(std::string_view text, Target& target) {
  parse_blkio(text, BlkioUnit::kBytes, target.stats.counters.io);
}
void read_io_operations(std::string_view text, Target& target) {
  parse_blkio(text, BlkioUnit::kOperations, target.stats.counters.io);
}
void read_io_stat(std::string_view text, Target& target) { parse_io_stat(text, target.stats.counters.io); }

void read_procs(std::string_view text, Target& target) {
  const Procs procs = parse_procs(text);
  target.stats.gauges.processes = procs.count;
  target.pid = procs.first;
}

template <auto kGroup, auto kMember, auto kParse>
void read_number(std::string_view text, Target& target) {
  target.stats.*kGroup.*kMember = kParse(text);
}
template <Count Gauges::*kMember>
constexpr Parse gauge() {
  return &read_number<&Stats::gauges, kMember, &parse_count>;
}
template <Count Counters::*kMember>
constexpr Parse counter() {
  return &read_number<&Stats::counters, kMember, &parse_count>;
}
template <Count Limits::*kMember>
constexpr Parse limit() {
  return &read_number<&Stats::limits, kMember, &parse_limit>;
}
constexpr Parse kWeight = &read_number<&Stats::limits, &Limits::cpu_shares, &parse_weight_as_shares>;

// Order matters in two places: cpuacct.usage*, the v2 tree's cpu.stat, cpuacct.stat; and memory.current
// before memory.stat.
constexpr auto kFiles = std::to_array<FileSpec>({
    {false, "memory", "memory.usage_in_bytes", Need::kAlways, gauge<&Gauges::memory_usage_bytes>()},
    {false, "memory", "memory.stat", Need::kAlways, &read_memory_stat_v1},
    {false, "memory", "memory.max_usage_in_bytes", Need::kAlways, gauge<&Gauges::memory_peak_bytes>()},
    {false, "memory", "memory.kmem.usage_in_bytes", Need::kAlways, gauge<&Gauges::memory_kernel_bytes>()},
    {false, "memory", "memory.failcnt", Need::kAlways, counter<&Counters::memory_failures>()},
    {false, "memory", "memory.oom_control", Need::kAlways, &read_oom_control},
    {false, "cpuacct", "cpuacct.usage_percpu", Need::kPercpu, &read_percpu},
    {false, "cpuacct", "cpuacct.usage", Need::kNoPercpu, counter<&Counters::cpu_usage_ns>()},
    {true, "", "cpu.stat", Need::kAlways, &read_cpu_stat_v2},
    {false, "cpuacct", "cpuacct.stat", Need::kNoTimes, &read_cpuacct_stat},
    {false, "cpu", "cpu.stat", Need::kAlways, &read_cpu_stat_v1},
    {false, "pids", "pids.current", Need::kAlways, gauge<&Gauges::threads>()},
    {false, "blkio", "blkio.throttle.io_service_bytes_recursive", Need::kAlways, &read_io_bytes},
    {false, "blkio", "blkio.throttle.io_serviced_recursive", Need::kAlways, &read_io_operations},
    {true, "memory", "memory.current", Need::kAlways, gauge<&Gauges::memory_usage_bytes>()},
    {true, "memory", "memory.stat", Need::kAlways, &read_memory_stat_v2},
    {true, "memory", "memory.peak", Need::kAlways, gauge<&Gauges::memory_peak_bytes>()},
    {true, "memory", "memory.swap.current", Need::kAlways, gauge<&Gauges::memory_swap_bytes>()},
    {true, "memory", "memory.events", Need::kAlways, &read_memory_events},
    {true, "pids", "pids.current", Need::kAlways, gauge<&Gauges::threads>()},
    {true, "io", "io.stat", Need::kAlways, &read_io_stat},
    {false, "cpu", "cpu.shares", Need::kAlways, limit<&Limits::cpu_shares>()},
    {false, "cpu", "cpu.cfs_quota_us", Need::kAlways, limit<&Limits::cpu_quota_us>()},
    {false, "cpu", "cpu.cfs_period_us", Need::kAlways, limit<&Limits::cpu_period_us>()},
    {false, "memory", "memory.limit_in_bytes", Need::kAlways, limit<&Limits::memory_bytes>()},
    {false, "memory", "memory.memsw.limit_in_bytes", Need::kAlways, limit<&Limits::memory_swap_bytes>()},
    {false, "memory", "memory.soft_limit_in_bytes", Need::kAlways, limit<&Limits::memory_reservation_bytes>()},
    {false, "pids", "pids.max", Need::kAlways, limit<&Limits::pids>()},
    {true, "cpu", "cpu.weight", Need::kAlways, kWeight},
    {true, "cpu", "cpu.max", Need::kAlways, &read_cpu_max},
    {true, "memory", "memory.max", Need::kAlways, limit<&Limits::memory_bytes>()},
    {true, "memory", "memory.swap.max", Need::kAlways, limit<&Limits::memory_swap_bytes>()},
    {true, "memory", "memory.min", Need::kAlways, limit<&Limits::memory_reservation_bytes>()},
    {true, "pids", "pids.max", Need::kAlways, limit<&Limits::pids>()},
});

constexpr FileSpec kProcs = {false, "", "cgroup.procs", Need::kAlways, &read_procs};

void clear(Stats& stats) {
  Counters& counters = stats.counters;
  auto percpu = std::move(counters.cpu_usage_percpu_ns);
  auto io = std::move(counters.io);
  auto network = std::move(counters.network);
  percpu.clear();
  io.clear();
  network.clear();
  stats = Stats{};
  counters.cpu_usage_percpu_ns = std::move(percpu);
  counters.io = std::move(io);
  counters.network = std::move(network);
}

void derive_working_set(Gauges& gauges) {
  if (!gauges.memory_usage_bytes || !gauges.memory_inactive_file_bytes) return;
  const uint64_t usage = *gauges.memory_usage_bytes;
  gauges.memory_working_set_bytes = usage - std::min(usage, *gauges.memory_inactive_file_bytes);
}

int64_t to_ns(const timespec& time) { return int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec; }

bool has_word(const std::vector<std::string>& words, std::string_view word) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

constexpr std::string_view kIdentifyingV1[] = {"memory", "cpuacct", "cpu", "pids", "blkio"};

}  // namespace

size_t identifying_hierarchy(const Layout& layout, const std::vector<bool>& present) {
  const auto& all = layout.hierarchies;
  for (std::string_view controller : kIdentifyingV1) {
    for (size_t i = 0; i < all.size(); ++i) {
      if (present[i] && !all[i].v2 && has_word(all[i].controllers, controller)) return i;
    }
  }
  for (size_t i = 0; i < all.size(); ++i) {
    if (present[i] && all[i].v2) return i;
  }
  return all.size();
}

FdBudget FdBudget::from_rlimit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return FdBudget(0);
  constexpr rlim_t kEnough = 1'000'000;
  return FdBudget(static_cast<size_t>(std::min(limit.rlim_cur, kEnough)) / 4 * 3);
}

struct CgroupReader::State {
  // The group in one hierarchy. `base` is "" when `dir` is kept, else the directory's path.
  struct Slot {
    Dir dir;
    std::string base;
    uint64_t inode = 0;  // 0: the group is not in this hierarchy
  };
  struct File {
    const FileSpec* spec;
    uint32_t hierarchy;
    UniqueFd fd;  // invalid: opened for every read
  };

  explicit State(FdBudget& shared) : budget(&shared) {}
  ~State() { budget->give_back(taken); }
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  bool take() { return budget->take() ? (++taken, true) : false; }
  void open_slot(const Hierarchy& hierarchy, const std::string& path, size_t index);
  void open_file(const FileSpec& spec, size_t hierarchy);
  void open_files(const Layout& layout, ReadOptions options);
  Result<std::string_view> content(const File& file, ReadBuffer& buffer);

  FdBudget* budget;
  size_t taken = 0;
  bool has_v2 = false;      // the v2 tree has the group
  std::vector<Slot> slots;  // parallel to Layout::hierarchies
  std::vector<File> files;
  size_t identity = 0;  // index of the slot that identifies the group
  int64_t created_ns = INT64_MAX;
  pid_t first_pid = 0;
  std::vector<pid_t> pids;
};

void CgroupReader::State::open_slot(const Hierarchy& hierarchy, const std::string& path, size_t index) {
  const std::string full = hierarchy.mount_point + (path == "/" ? "" : path);
  auto dir = Dir::open(full);
  struct stat st;
  if (!dir || ::fstat(dir->fd(), &st) != 0) return;
  Slot& slot = slots[index];
  slot.inode = st.st_ino;
  has_v2 = has_v2 || hierarchy.v2;
  created_ns = std::min(created_ns, to_ns(st.st_ctim));
  slot.dir = std::move(*dir);
  if (!take()) slot.base = full + "/";
}

void CgroupReader::State::open_file(const FileSpec& spec, size_t hierarchy) {
  auto fd = slots[hierarchy].dir.open_file(spec.name, O_RDONLY);
  if (!fd) return;
  const bool rarely_read = spec.need == Need::kNoTimes && has_v2;
  if (rarely_read || !take()) fd->reset();
  files.push_back({&spec, static_cast<uint32_t>(hierarchy), std::move(*fd)});
}

void CgroupReader::State::open_files(const Layout& layout, ReadOptions options) {
  for (const FileSpec& spec : kFiles) {
    if (spec.need == Need::kPercpu && !options.percpu) continue;
    if (spec.need == Need::kNoPercpu && options.percpu) continue;
    for (size_t i = 0; i < slots.size(); ++i) {
      const Hierarchy& hierarchy = layout.hierarchies[i];
      const bool has = *spec.controller == '\0' || has_word(hierarchy.controllers, spec.controller);
      if (slots[i].inode != 0 && hierarchy.v2 == spec.v2 && has) open_file(spec, i);
    }
  }
  open_file(kProcs, identity);
}

Result<std::string_view> CgroupReader::State::content(const File& file, ReadBuffer& buffer) {
  if (file.fd) return buffer.read(file.fd.get());
  const Slot& slot = slots[file.hierarchy];
  if (slot.dir.valid()) return buffer.read_at(slot.dir.fd(), file.spec->name);
  return buffer.read_at(AT_FDCWD, (slot.base + file.spec->name).c_str());
}

CgroupReader::CgroupReader(std::unique_ptr<State> state) : state_(std::move(state)) {}
CgroupReader::~CgroupReader() = default;
CgroupReader::CgroupReader(CgroupReader&&) noexcept = default;
CgroupReader& CgroupReader::operator=(CgroupReader&&) noexcept = default;

Result<CgroupReader> CgroupReader::open(const Layout& layout, const std::string& path, FdBudget& budget,
                                        ReadOptions options) {
  auto state = std::make_unique<State>(budget);
  state->slots.resize(layout.hierarchies.size());
  std::vector<bool> present(layout.hierarchies.size());
  for (size_t i = 0; i < present.size(); ++i) {
    if (is_measured(layout.hierarchies[i])) state->open_slot(layout.hierarchies[i], path, i);
    present[i] = state->slots[i].inode != 0;
  }
  state->identity = identifying_hierarchy(layout, present);
  if (state->identity == present.size()) return unexpected(Error{ENOENT, path});
  state->open_files(layout, options);
  for (State::Slot& slot : state->slots) {
    if (!slot.base.empty()) slot.dir = Dir();  // over budget: only needed until here
  }
  return CgroupReader(std::move(state));
}

// A directory that is gone answers ENODEV on a kept descriptor and ENOENT to openat.
Result<void> CgroupReader::read(ReadBuffer& buffer, Stats& stats) {
  clear(stats);
  state_->first_pid = 0;
  Target target{stats, state_->first_pid};
  size_t missing = 0, of_identity = 0;
  for (const State::File& file : state_->files) {
    if (file.spec->need == Need::kNoTimes && stats.counters.cpu_user_ns) continue;
    const bool identifies = file.hierarchy == state_->identity;
    of_identity += identifies;
    auto text = state_->content(file, buffer);
    if (text) {
      file.spec->parse(*text, target);
    } else if (identifies && text.error().code == ENODEV) {
      return unexpected(Error{ENODEV, "cgroup"});
    } else if (identifies && text.error().code == ENOENT) {
      ++missing;
    }
  }
  if (missing > 0 && missing == of_identity) return unexpected(Error{ENODEV, "cgroup"});
  derive_working_set(stats.gauges);
  return {};
}

void CgroupReader::forget_limits() {}
const std::vector<pid_t>& CgroupReader::pids() const { return state_->pids; }
void CgroupReader::look_up_pids(ReadBuffer&) {}
pid_t CgroupReader::first_pid() const { return state_->first_pid; }
uint64_t CgroupReader::inode() const { return state_->slots[state_->identity].inode; }
int64_t CgroupReader::created_ns() const { return state_->created_ns; }

int CgroupReader::directory_fd(size_t hierarchy) const { return state_->slots[hierarchy].dir.fd(); }
uint64_t CgroupReader::inode_in(size_t hierarchy) const { return state_->slots[hierarchy].inode; }

}  // namespace plimsoll::cgroup
