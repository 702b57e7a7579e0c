// SPDX-License-Identifier: Apache-2.0
// A reader keeps the rows of the table of files (files.h) that its group has, each with an open descriptor
// while the budget lasts. What cannot have changed since the last reading is not read again; nothing is
// allocated once the vectors have their size.
#include "base/cgroup/reader.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <string_view>

#include "base/cgroup/files.h"
#include "base/cgroup/parse.h"

namespace plimsoll::cgroup {
namespace {

void clear(Stats& stats) {
  Counters& counters = stats.counters;
  Gauges& gauges = stats.gauges;
  auto percpu = std::move(counters.cpu_usage_percpu_ns);
  auto io = std::move(counters.io);
  auto network = std::move(counters.network);
  auto huge = std::move(gauges.huge_pages);
  auto numa = std::move(gauges.numa);
  percpu.clear();
  io.clear();
  network.clear();
  numa.clear();
  stats = Stats{};
  counters.cpu_usage_percpu_ns = std::move(percpu);
  counters.io = std::move(io);
  counters.network = std::move(network);
  gauges.huge_pages = std::move(huge);
  gauges.numa = std::move(numa);
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

// Whether to look again may help, as against a file that this kernel or group does not have.
bool is_passing(int error) { return error == EMFILE || error == ENFILE || error == ENOMEM || error == EINTR; }

bool is_needed(const Hierarchy& hierarchy, const ReadOptions& options) {
  return is_measured(hierarchy) || (options.hugetlb && has_word(hierarchy.controllers, "hugetlb")) ||
         (options.cpuset && has_word(hierarchy.controllers, "cpuset"));
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

Layout measured_part(const Layout& layout, const ReadOptions& options) {
  Layout part{layout.mode, {}};
  for (const Hierarchy& hierarchy : layout.hierarchies) {
    if (is_needed(hierarchy, options)) part.hierarchies.push_back(hierarchy);
  }
  return part;
}

FdBudget FdBudget::from_rlimit(size_t reserved) {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return FdBudget(0);
  constexpr rlim_t kEnough = 1'000'000;
  const auto all = static_cast<size_t>(std::min(limit.rlim_cur, kEnough));
  return FdBudget((all - std::min(reserved, all)) / 4 * 3);
}

struct CgroupReader::State {
  // The group in one hierarchy. `base` is "" when `dir` is kept, else the directory's path: directories are
  // listed, and files opened in them, far less often than kept files are read.
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
  struct HugeFile {
    const HugeFileSpec* spec;
    uint32_t hierarchy;
    size_t size;  // index into `huge_sizes`
    std::string name;
    UniqueFd fd;
  };
  // Values that are not read every time, as of the last reading.
  struct Kept {
    bool limits_known = false;
    Limits limits;
    Count memory_failures;
    Count cfs_periods, cfs_throttled_periods, cfs_throttled_ns, cfs_burst_periods, cfs_burst_ns;
  };
  // How reading the files of the identifying hierarchy went.
  struct Identity {
    size_t read = 0, missing = 0;
  };

  State(FdBudget& shared, const ReadOptions& wanted) : budget(&shared), options(wanted) {}
  ~State() { budget->give_back(taken); }
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  bool take() { return budget->take() ? (++taken, true) : false; }
  void open_slot(const Hierarchy& hierarchy, const std::string& path, size_t index);
  bool open_file(const FileSpec& spec, size_t hierarchy);
  void open_files(const Layout& layout);
  void open_huge(size_t hierarchy, bool v2);
  void list_limits(const Layout& layout);
  bool has_controller(const FileSpec& spec, const Layout& layout, size_t hierarchy) const;

  Result<std::string_view> read_named(size_t hierarchy, const char* name, ReadBuffer& buffer) const;
  Result<std::string_view> content(File& file, ReadBuffer& buffer);
  bool stands() const;
  bool usage_stands() const;
  Count usage(const Counters& counters) const { return times.v1_usage_ns ? times.v1_usage_ns : counters.cpu_usage_ns; }
  bool stalls_stand(const Counters& counters) const {
    return stalls.quiet && stalls.usage_ns && stalls.usage_ns == usage(counters);
  }
  bool is_due(const FileSpec& spec, Counters& counters) const;
  void restore_times(Counters& counters) const;
  void restore_stalls(Counters& counters) const;
  void restore(Stats& stats) const;
  void remember(const Stats& stats);
  void read_limits(ReadBuffer& buffer, Target& target);
  bool read_file(File& file, ReadBuffer& buffer, Target& target, Identity& seen);
  void read_huge(ReadBuffer& buffer, Gauges& gauges);

  FdBudget* budget;
  ReadOptions options;
  size_t taken = 0;
  std::vector<Slot> slots;  // parallel to Layout::hierarchies
  std::vector<File> files, limit_files;
  std::vector<HugeFile> huge_files;
  std::vector<std::string> huge_sizes;
  size_t identity = 0;  // index of the slot that identifies the group
  int64_t created_ns = INT64_MAX;
  Kept kept;
  bool with_limits = false;  // in this reading
  size_t readings_of_limits = 0;
  TimesMemory times;
  StallMemory stalls;
  std::vector<pid_t> pids;
};

void CgroupReader::State::open_slot(const Hierarchy& hierarchy, const std::string& path, size_t index) {
  const std::string full = hierarchy.mount_point + (path == "/" ? "" : path);
  auto dir = Dir::open(full);
  struct stat st;
  if (!dir || ::fstat(dir->fd(), &st) != 0) return;
  Slot& slot = slots[index];
  slot.inode = st.st_ino;
  created_ns = std::min(created_ns, to_ns(st.st_ctim));
  slot.dir = std::move(*dir);
  if (budget->take_spare())
    ++taken;
  else
    slot.base = full + "/";
}

// Only what every reading needs is opened now; the rest when it first turns out to be needed.
bool CgroupReader::State::open_file(const FileSpec& spec, size_t hierarchy) {
  const Dir& dir = slots[hierarchy].dir;
  UniqueFd fd;
  if (spec.when == When::kAlways || spec.when == When::kInV2Tree || spec.when == When::kStalls ||
      spec.when == When::kUsageGrown) {
    auto opened = dir.open_file(spec.name, O_RDONLY | O_NONBLOCK);
    if (!opened) return false;
    if (take()) fd = std::move(*opened);
  } else if (::faccessat(dir.fd(), spec.name, F_OK, 0) != 0) {
    return false;
  }
  files.push_back({&spec, static_cast<uint32_t>(hierarchy), std::move(fd)});
  return true;
}

bool CgroupReader::State::has_controller(const FileSpec& spec, const Layout& layout, size_t hierarchy) const {
  const Hierarchy& tree = layout.hierarchies[hierarchy];
  if (slots[hierarchy].inode == 0 || tree.v2 != spec.v2) return false;
  return spec.controller.empty() || has_word(tree.controllers, spec.controller);
}

void CgroupReader::State::list_limits(const Layout& layout) {
  for (const FileSpec& spec : cgroup::limit_files()) {
    for (size_t i = 0; i < slots.size() && spec.wanted(options); ++i) {
      if (has_controller(spec, layout, i)) limit_files.push_back({&spec, static_cast<uint32_t>(i), UniqueFd()});
    }
  }
}

void CgroupReader::State::open_files(const Layout& layout) {
  bool found = false;
  for (const FileSpec& spec : usage_files()) {
    if (!spec.wanted(options) || (spec.instead && found)) continue;
    found = false;
    for (size_t i = 0; i < slots.size(); ++i) {
      if (has_controller(spec, layout, i)) found = open_file(spec, i) || found;
    }
  }
  if (options.procs) open_file(procs_file(), identity);
  for (size_t i = 0; i < slots.size(); ++i) {
    const Hierarchy& tree = layout.hierarchies[i];
    if (options.hugetlb && slots[i].inode != 0 && has_word(tree.controllers, "hugetlb")) open_huge(i, tree.v2);
  }
}

void CgroupReader::State::open_huge(size_t hierarchy, bool v2) {
  const Dir& dir = slots[hierarchy].dir;
  auto entries = dir.list();
  if (!entries) return;
  std::vector<std::string> sizes;
  for (const Dir::Entry& entry : *entries) {
    const std::string_view size = huge_page_size(entry.name);
    if (!size.empty()) sizes.emplace_back(size);
  }
  std::sort(sizes.begin(), sizes.end());
  for (const std::string& size : sizes) {
    for (const HugeFileSpec& spec : cgroup::huge_files()) {
      if (spec.v2 != v2) continue;
      std::string name = "hugetlb." + size + std::string(spec.suffix);
      auto fd = dir.open_file(name, O_RDONLY | O_NONBLOCK);
      if (!fd && !spec.plain_suffix.empty()) {
        name = "hugetlb." + size + std::string(spec.plain_suffix);
        fd = dir.open_file(name, O_RDONLY | O_NONBLOCK);
      }
      if (!fd) continue;
      if (!take()) fd->reset();
      huge_files.push_back(
          {&spec, static_cast<uint32_t>(hierarchy), huge_sizes.size(), std::move(name), std::move(*fd)});
    }
    huge_sizes.push_back(size);
  }
}

Result<std::string_view> CgroupReader::State::read_named(size_t hierarchy, const char* name, ReadBuffer& buffer) const {
  const Slot& slot = slots[hierarchy];
  if (slot.dir.valid()) return buffer.read_at(slot.dir.fd(), name);
  return buffer.read_at(AT_FDCWD, (slot.base + name).c_str());
}

// A file that was not kept and is read more than once in a while is opened for good. Without events that tell
// when limits change, and so are read at every scrape, those are among them.
Result<std::string_view> CgroupReader::State::content(File& file, ReadBuffer& buffer) {
  constexpr size_t kOften = 3;
  const Slot& slot = slots[file.hierarchy];
  const bool keep = !with_limits || readings_of_limits >= kOften;
  if (!file.fd && keep && budget->left() > 0) {
    const int directory = slot.dir.valid() ? slot.dir.fd() : AT_FDCWD;
    UniqueFd fd(::openat(directory, (slot.base + file.spec->name).c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
    if (!fd) return unexpected(errno_error(file.spec->name));
    file.fd = std::move(fd);
    take();
  }
  return file.fd ? buffer.read(file.fd.get()) : read_named(file.hierarchy, file.spec->name, buffer);
}

bool CgroupReader::State::stands() const {
  const Slot& slot = slots[identity];
  if (slot.dir.valid()) return ::faccessat(slot.dir.fd(), "cgroup.procs", F_OK, 0) == 0;
  return ::access((slot.base + "cgroup.procs").c_str(), F_OK) == 0;
}

bool CgroupReader::State::usage_stands() const {
  return times.v1_usage_ns && times.at_usage_ns == times.v1_usage_ns && !times.v2_bandwidth;
}

void CgroupReader::State::restore_times(Counters& counters) const {
  counters.cpu_user_ns = times.user_ns;
  counters.cpu_system_ns = times.system_ns;
}

// The limits have been read or restored by now; the counters are still those of the last reading.
bool CgroupReader::State::is_due(const FileSpec& spec, Counters& counters) const {
  switch (spec.when) {
    case When::kUnderQuota:
      return with_limits || kept.limits.cpu_quota_us != kUnlimited || kept.cfs_periods.value_or(1) > 0;
    case When::kUnderLimit:
      return with_limits || kept.limits.memory_bytes != kUnlimited || kept.memory_failures.value_or(1) > 0;
    case When::kUsageGrown:
      if (usage_stands()) restore_times(counters);
      return !usage_stands();
    case When::kNoTimes:
      if (!counters.cpu_user_ns && usage_stands()) restore_times(counters);
      return !counters.cpu_user_ns;
    case When::kIfDevices:
      return !counters.io.empty();
    case When::kInV2Tree:
      return times.in_v2_tree;
    case When::kStalls:
      if (!times.in_v2_tree) return false;
      if (stalls_stand(counters)) restore_stalls(counters);
      return !stalls_stand(counters);
    case When::kAlways:
    case When::kLimits:
      break;
  }
  return true;
}

void CgroupReader::State::restore_stalls(Counters& counters) const {
  counters.memory_pressure = stalls.memory;
  counters.io_pressure = stalls.io;
}

void CgroupReader::State::restore(Stats& stats) const {
  stats.limits = kept.limits;
  Counters& counters = stats.counters;
  counters.memory_failures = kept.memory_failures;
  counters.cfs_periods = kept.cfs_periods;
  counters.cfs_throttled_periods = kept.cfs_throttled_periods;
  counters.cfs_throttled_ns = kept.cfs_throttled_ns;
  counters.cfs_burst_periods = kept.cfs_burst_periods;
  counters.cfs_burst_ns = kept.cfs_burst_ns;
}

void CgroupReader::State::remember(const Stats& stats) {
  const Counters& counters = stats.counters;
  kept.memory_failures = counters.memory_failures;
  kept.cfs_periods = counters.cfs_periods;
  kept.cfs_throttled_periods = counters.cfs_throttled_periods;
  kept.cfs_throttled_ns = counters.cfs_throttled_ns;
  kept.cfs_burst_periods = counters.cfs_burst_periods;
  kept.cfs_burst_ns = counters.cfs_burst_ns;
  const Count now = usage(counters);
  stalls.quiet =
      now && stalls.usage_ns == now && stalls.memory == counters.memory_pressure && stalls.io == counters.io_pressure;
  stalls.usage_ns = now;
  stalls.memory = counters.memory_pressure;
  stalls.io = counters.io_pressure;
  times.user_ns = counters.cpu_user_ns;
  times.system_ns = counters.cpu_system_ns;
  times.at_usage_ns = times.user_ns || !options.cpu ? times.v1_usage_ns : Count();
}

void CgroupReader::State::read_limits(ReadBuffer& buffer, Target& target) {
  target.stats.limits = {};
  kept.limits_known = true;
  ++readings_of_limits;
  for (File& file : limit_files) {
    auto text = content(file, buffer);
    if (text) {
      file.spec->parse(*text, target);
    } else if (is_passing(text.error().code)) {
      kept.limits_known = false;
    }
  }
  kept.limits = target.stats.limits;
}

// False when the group is gone.
bool CgroupReader::State::read_file(File& file, ReadBuffer& buffer, Target& target, Identity& seen) {
  const bool identifies = file.hierarchy == identity;
  seen.read += identifies;
  auto text = content(file, buffer);
  if (text) {
    file.spec->parse(*text, target);
    return true;
  }
  if (identifies && text.error().code == ENODEV) return false;
  seen.missing += identifies && text.error().code == ENOENT;
  return true;
}

void CgroupReader::State::read_huge(ReadBuffer& buffer, Gauges& gauges) {
  gauges.huge_pages.resize(huge_sizes.size());
  for (size_t i = 0; i < huge_sizes.size(); ++i) {
    HugePages& pages = gauges.huge_pages[i];
    pages.size = huge_sizes[i];
    pages.usage_bytes = pages.max_usage_bytes = pages.failures = std::nullopt;
  }
  for (HugeFile& file : huge_files) {
    auto text = file.fd ? buffer.read(file.fd.get()) : read_named(file.hierarchy, file.name.c_str(), buffer);
    if (text) file.spec->parse(*text, gauges.huge_pages[file.size]);
  }
}

CgroupReader::CgroupReader(std::unique_ptr<State> state) : state_(std::move(state)) {}
CgroupReader::~CgroupReader() = default;
CgroupReader::CgroupReader(CgroupReader&&) noexcept = default;
CgroupReader& CgroupReader::operator=(CgroupReader&&) noexcept = default;

Result<CgroupReader> CgroupReader::open(const Layout& layout, const std::string& path, FdBudget& budget,
                                        ReadOptions options) {
  auto state = std::make_unique<State>(budget, options);
  state->slots.resize(layout.hierarchies.size());
  std::vector<bool> present(layout.hierarchies.size());
  for (size_t i = 0; i < present.size(); ++i) {
    if (is_needed(layout.hierarchies[i], options)) state->open_slot(layout.hierarchies[i], path, i);
    present[i] = state->slots[i].inode != 0;
  }
  state->identity = identifying_hierarchy(layout, present);
  if (state->identity == present.size()) return unexpected(Error{ENOENT, path});
  state->open_files(layout);
  state->list_limits(layout);
  for (State::Slot& slot : state->slots) {
    if (!slot.base.empty()) slot.dir = Dir();  // over budget: only needed until here
  }
  return CgroupReader(std::move(state));
}

// A directory that is gone answers ENODEV on a kept descriptor and ENOENT to openat.
Result<void> CgroupReader::read(ReadBuffer& buffer, Stats& stats) {
  State& state = *state_;
  clear(stats);
  state.restore(stats);
  state.times.v1_usage_ns.reset();
  Target target{state.options, stats, state.times, state.pids};
  state.with_limits = !state.kept.limits_known;
  if (state.with_limits)
    state.read_limits(buffer, target);
  else
    state.readings_of_limits = 0;
  State::Identity seen;
  for (State::File& file : state.files) {
    if (!state.is_due(*file.spec, stats.counters)) continue;
    if (!state.read_file(file, buffer, target, seen)) return unexpected(Error{ENODEV, "cgroup"});
  }
  if (seen.read == seen.missing && !state.stands()) return unexpected(Error{ENODEV, "cgroup"});
  state.read_huge(buffer, stats.gauges);
  state.remember(stats);
  derive_working_set(stats.gauges);
  return {};
}

void CgroupReader::forget_limits() { state_->kept.limits_known = false; }

const std::vector<pid_t>& CgroupReader::pids() const { return state_->pids; }

void CgroupReader::look_up_pids(ReadBuffer& buffer) {
  auto text = state_->read_named(state_->identity, procs_file().name, buffer);
  (void)parse_procs(text ? *text : std::string_view{}, &state_->pids);
}

pid_t CgroupReader::first_pid() const { return state_->pids.empty() ? 0 : state_->pids.front(); }
uint64_t CgroupReader::inode() const { return state_->slots[state_->identity].inode; }
int64_t CgroupReader::created_ns() const { return state_->created_ns; }

int CgroupReader::directory_fd(size_t hierarchy) const { return state_->slots[hierarchy].dir.fd(); }
uint64_t CgroupReader::inode_in(size_t hierarchy) const { return state_->slots[hierarchy].inode; }

}  // namespace plimsoll::cgroup
