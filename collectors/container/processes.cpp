// SPDX-License-Identifier: Apache-2.0
#include "collectors/container/processes.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstring>

#include "base/text.h"
#include "collectors/container/process_files.h"
#include "collectors/container/taskstats.h"

namespace plimsoll::collectors::container {
namespace {

using Last = ProcessHistory::Last;
using cgroup::Count;

constexpr int64_t kNsPerSecond = 1'000'000'000;
constexpr double kLoadSpanNs = 10e9;
constexpr double kLoadScale = 1000;
constexpr size_t kEntriesPerDeadlineCheck = 1024;

constexpr uint64_t Last::*kFigures[] = {
    &Last::run_ns,           &Last::run_queue_ns,     &Last::run_periods, &Last::cpu_delay_ns, &Last::block_io_delay_ns,
    &Last::swap_in_delay_ns, &Last::reclaim_delay_ns,
};

void add(Last& sum, const Last& one) {
  for (uint64_t Last::*figure : kFigures) sum.*figure += one.*figure;
}

void add(Count& sum, uint64_t value) {
  if (sum) *sum += value;
}

struct DirCloser {
  void operator()(DIR* dir) const { ::closedir(dir); }
};
using DirStream = std::unique_ptr<DIR, DirCloser>;

// Null with errno set when it cannot be listed.
DirStream open_list(int dirfd, const std::string& path) {
  UniqueFd fd(::openat(dirfd, path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd) return nullptr;
  DirStream stream(::fdopendir(fd.get()));
  if (stream) fd.release();
  return stream;
}

// The next entry's name; null at the end.
const char* next_name(DIR* stream) {
  while (const dirent* entry = ::readdir(stream)) {
    if (entry->d_name[0] != '.') return entry->d_name;
  }
  return nullptr;
}

bool is_gone(int error) { return error == ENOENT || error == ESRCH; }

}  // namespace

double decayed_load(double load, uint64_t tasks, int64_t elapsed_ns) {
  const double weight = std::exp(-static_cast<double>(std::max<int64_t>(elapsed_ns, 0)) / kLoadSpanNs);
  return load * weight + static_cast<double>(tasks) * (1 - weight);
}

struct Processes::State {
  State(const std::string& proc, KindSet kinds);
  bool delays_are_counted(int64_t now_ns);

  KindSet kinds;
  UniqueFd proc;
  std::optional<TaskStats> stats;
  bool sees_processes = false;     // `stats` answers, and knows processes by the numbers that `proc` has
  bool fd_size_is_count = false;   // since 6.2 stat(2) of /proc/PID/fd tells how many there are
  bool delays_counted = false;     // as of
  int64_t delays_asked_at_ns = 0;  // this moment
};

namespace {

// Reads one group.
class GroupReading {
 public:
  GroupReading(const KindSet& kinds, int proc, TaskStats* stats, bool fd_size_is_count, int64_t deadline_ns,
               ReadBuffer& buffer, const ProcessHistory& history, ProcessSums& sums);

  // False: the time is up.
  bool read(pid_t pid);
  // The figures of the processes that live, for the history.
  std::map<pid_t, Last> take_alive() { return std::move(alive_); }
  bool has_times() const { return has_times_; }

 private:
  bool time_is_up() const { return monotonic_ns() > deadline_ns_; }
  bool has_ended(const std::string& process, int error) const;
  void deny_all();
  void read_limit(const std::string& process);
  void read_referenced(const std::string& process);
  bool read_files(const std::string& process, pid_t pid);
  void count_unlisted_files(const std::string& process, int error);
  bool count_files(DIR* list, bool own);
  bool read_times(const std::string& process, pid_t pid, const ProcessStat& stat);
  bool read_threads(const std::string& process, pid_t pid, const ProcessStat& stat);
  void read_schedstat(const std::string& task, pid_t id, const ProcessStat& stat);
  void keep(pid_t id, Last now);

  const KindSet& kinds_;
  const int proc_;
  TaskStats* const stats_;
  const bool fd_size_is_count_;
  const int64_t deadline_ns_;
  ReadBuffer& buffer_;
  const ProcessHistory& history_;
  ProcessSums& sums_;
  std::map<pid_t, Last> alive_;
  bool has_times_ = true;
};

GroupReading::GroupReading(const KindSet& kinds, int proc, TaskStats* stats, bool fd_size_is_count, int64_t deadline_ns,
                           ReadBuffer& buffer, const ProcessHistory& history, ProcessSums& sums)
    : kinds_(kinds),
      proc_(proc),
      stats_(stats),
      fd_size_is_count_(fd_size_is_count),
      deadline_ns_(deadline_ns),
      buffer_(buffer),
      history_(history),
      sums_(sums) {
  // A sum over nothing is 0; one that a process may not be asked for becomes absent.
  if (kinds.has(Kind::kProcess)) sums.file_descriptors = sums.sockets = sums.zombies = 0;
  if (kinds.has(Kind::kReferencedMemory)) sums.referenced_bytes = 0;
}

void GroupReading::deny_all() {
  sums_.file_descriptors = sums_.sockets = sums_.zombies = sums_.referenced_bytes = std::nullopt;
  has_times_ = false;
}

// A file that is missing although the process is there is one that the kernel does not offer.
bool GroupReading::has_ended(const std::string& process, int error) const {
  if (error == ESRCH) return true;
  return error == ENOENT && ::faccessat(proc_, (process + "/stat").c_str(), F_OK, 0) != 0;
}

bool GroupReading::read(pid_t pid) {
  if (time_is_up()) return false;
  if (pid <= 0) {  // of a process ID namespace that cannot be seen from here
    deny_all();
    return true;
  }
  const std::string process = std::to_string(pid);
  auto text = buffer_.read_at(proc_, (process + "/stat").c_str());
  if (!text && is_gone(text.error().code)) return true;
  const auto stat = text ? parse_process_stat(*text) : std::nullopt;
  if (!stat) {
    deny_all();
    return true;
  }
  const bool zombie = stat->state == 'Z';
  if (zombie) add(sums_.zombies, 1);
  if (kinds_.has(Kind::kProcess)) read_limit(process);
  if (!zombie && kinds_.has(Kind::kReferencedMemory)) read_referenced(process);
  if (!zombie && kinds_.has(Kind::kProcess) && !read_files(process, pid)) return false;
  return read_times(process, pid, *stat);
}

// Of the first process that has not ended.
void GroupReading::read_limit(const std::string& process) {
  if (sums_.open_files_soft_limit) return;
  auto text = buffer_.read_at(proc_, (process + "/limits").c_str());
  if (text) sums_.open_files_soft_limit = parse_open_files_limit(*text);
}

// Threads of the kernel have no memory of their own: ESRCH.
void GroupReading::read_referenced(const std::string& process) {
  if (!sums_.referenced_bytes) return;
  auto text = buffer_.read_at(proc_, (process + "/smaps_rollup").c_str());
  if (!text && has_ended(process, text.error().code)) return;
  const auto bytes = text ? parse_referenced(*text) : std::nullopt;
  if (bytes) return add(sums_.referenced_bytes, *bytes);
  sums_.referenced_bytes.reset();
}

bool GroupReading::read_files(const std::string& process, pid_t pid) {
  if (!sums_.file_descriptors && !sums_.sockets) return true;
  const DirStream list = open_list(proc_, process + "/fd");
  if (list) return count_files(list.get(), pid == ::getpid());
  const int error = errno;
  count_unlisted_files(process, error);
  return true;
}

// stat(2) tells the number also to those who may not list them.
void GroupReading::count_unlisted_files(const std::string& process, int error) {
  if (has_ended(process, error)) return;
  sums_.sockets.reset();
  struct stat st;
  const bool counted = fd_size_is_count_ && ::fstatat(proc_, (process + "/fd").c_str(), &st, 0) == 0;
  if (counted) return add(sums_.file_descriptors, static_cast<uint64_t>(st.st_size));
  sums_.file_descriptors.reset();
}

// The links are read, not followed: what is behind them may hang.
bool GroupReading::count_files(DIR* list, bool own) {
  constexpr std::string_view kSocket = "socket:";
  const std::string lister = std::to_string(::dirfd(list));
  size_t entries = 0;
  while (const char* name = next_name(list)) {
    if (++entries % kEntriesPerDeadlineCheck == 0 && time_is_up()) return false;
    if (own && lister == name) continue;
    add(sums_.file_descriptors, 1);
    if (!sums_.sockets) continue;
    char target[kSocket.size()];
    const ssize_t size = ::readlinkat(::dirfd(list), name, target, sizeof(target));
    if (size < 0 && !is_gone(errno)) sums_.sockets.reset();
    if (size > 0 && std::string_view(target, static_cast<size_t>(size)) == kSocket) add(sums_.sockets, 1);
  }
  return true;
}

bool GroupReading::read_times(const std::string& process, pid_t pid, const ProcessStat& stat) {
  if (!has_times_ || !(kinds_.has(Kind::kSched) || kinds_.has(Kind::kDelays))) return true;
  if (stats_ == nullptr) return !kinds_.has(Kind::kSched) || read_threads(process, pid, stat);
  const auto times = stats_->process(pid);
  if (times) {
    keep(pid, {.start_ticks = stat.start_ticks,
               .run_ns = times->run_ns,
               .run_queue_ns = times->cpu_delay_ns,
               .run_periods = times->run_periods,
               .cpu_delay_ns = times->cpu_delay_ns,
               .block_io_delay_ns = times->block_io_delay_ns,
               .swap_in_delay_ns = times->swap_in_delay_ns,
               .reclaim_delay_ns = times->reclaim_delay_ns});
  } else if (times.error().code != ESRCH) {
    has_times_ = false;
  }
  return true;
}

bool GroupReading::read_threads(const std::string& process, pid_t pid, const ProcessStat& stat) {
  const DirStream list = open_list(proc_, process + "/task");
  if (!list) {
    read_schedstat(process, pid, stat);
    return true;
  }
  while (const char* name = next_name(list.get())) {
    if (time_is_up()) return false;
    const auto id = parse_i64(name);
    if (!id || alive_.size() >= kMaxProcesses) has_times_ = false;
    if (!has_times_) return true;
    const std::string task = process + "/task/" + name;
    auto text = buffer_.read_at(proc_, (task + "/stat").c_str());
    const auto thread = text ? parse_process_stat(*text) : std::nullopt;
    if (thread) read_schedstat(task, static_cast<pid_t>(*id), *thread);
  }
  return true;
}

void GroupReading::read_schedstat(const std::string& task, pid_t id, const ProcessStat& stat) {
  auto text = buffer_.read_at(proc_, (task + "/schedstat").c_str());
  if (!text && has_ended(task, text.error().code)) return;
  const auto sched = text ? parse_schedstat(*text) : std::nullopt;
  if (!sched) {
    has_times_ = false;
    return;
  }
  keep(id, {.start_ticks = stat.start_ticks,
            .run_ns = sched->run_ns,
            .run_queue_ns = sched->run_queue_ns,
            .run_periods = sched->run_periods});
}

// Never less than before: execve(2) in a thread other than the first changes who is counted.
void GroupReading::keep(pid_t id, Last now) {
  const auto before = history_.alive.find(id);
  if (before != history_.alive.end() && before->second.start_ticks == now.start_ticks) {
    for (uint64_t Last::*figure : kFigures) now.*figure = std::max(now.*figure, before->second.*figure);
  }
  alive_[id] = now;
}

// Replaces the living by `alive`; who is no longer among them has ended.
void renew(ProcessHistory& history, std::map<pid_t, Last> alive) {
  for (const auto& [id, last] : history.alive) {
    const auto now = alive.find(id);
    if (now == alive.end() || now->second.start_ticks != last.start_ticks) add(history.ended, last);
  }
  history.alive = std::move(alive);
}

void put_times(const ProcessHistory& history, const KindSet& kinds, bool by_taskstats, bool delays, ProcessSums& sums) {
  Last sum = history.ended;
  for (const auto& [id, last] : history.alive) add(sum, last);
  if (kinds.has(Kind::kSched)) {
    sums.run_ns = sum.run_ns;
    sums.run_queue_ns = sum.run_queue_ns;
    sums.run_periods = sum.run_periods;
  }
  if (!kinds.has(Kind::kDelays) || !by_taskstats) return;
  sums.cpu_delay_ns = sum.cpu_delay_ns;
  if (!delays) return;
  sums.block_io_delay_ns = sum.block_io_delay_ns;
  sums.swap_in_delay_ns = sum.swap_in_delay_ns;
  sums.reclaim_delay_ns = sum.reclaim_delay_ns;
}

// The one value that is computed here instead of by whoever asks: cAdvisor has it, and a gauge of the moment cannot
// be averaged from scrapes that are far apart. Here it is renewed by each scrape, with the time between them.
void put_states(TaskStats& stats, int cgroup_fd, int64_t now_ns, ProcessHistory& history, ProcessSums& sums) {
  const auto states = stats.cgroup(cgroup_fd);
  if (!states) {
    history.no_task_states = states.error().code == EINVAL;
    return;
  }
  sums.sleeping = states->sleeping;
  sums.running = states->running;
  sums.stopped = states->stopped;
  sums.uninterruptible = states->uninterruptible;
  sums.io_waiting = states->io_waiting;
  const int64_t elapsed = history.load_at_ns == 0 ? INT64_MAX : now_ns - history.load_at_ns;
  history.load = decayed_load(history.load, states->running, elapsed);
  history.load_d = decayed_load(history.load_d, states->uninterruptible, elapsed);
  history.load_at_ns = now_ns;
  sums.load_average = static_cast<uint64_t>(std::llround(history.load * kLoadScale));
  sums.load_d_average = static_cast<uint64_t>(std::llround(history.load_d * kLoadScale));
}

// Whether the numbers of processes in `proc` are those that system calls of ours know.
bool has_our_numbers(int proc) {
  char target[32];
  const ssize_t size = ::readlinkat(proc, "self", target, sizeof(target));
  return size > 0 && std::string_view(target, static_cast<size_t>(size)) == std::to_string(::getpid());
}

bool reads_each_process(const KindSet& kinds) {
  return kinds.has(Kind::kProcess) || kinds.has(Kind::kReferencedMemory) || kinds.has(Kind::kSched) ||
         kinds.has(Kind::kDelays);
}

}  // namespace

Processes::State::State(const std::string& proc_path, KindSet kinds_wanted)
    : kinds(kinds_wanted), proc(::open(proc_path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC)) {
  struct stat st;
  fd_size_is_count = ::fstatat(proc.get(), "self/fd", &st, 0) == 0 && st.st_size > 0;
  if (!kinds.has(Kind::kSched) && !kinds.has(Kind::kDelays) && !kinds.has(Kind::kCpuLoad)) return;
  auto opened = TaskStats::open();
  if (!opened) return;
  stats = *std::move(opened);
  sees_processes = has_our_numbers(proc.get()) && stats->process(::getpid()).has_value();
}

// Older kernels (before 5.14) have no such switch and count.
bool Processes::State::delays_are_counted(int64_t now_ns) {
  if (delays_asked_at_ns != 0 && now_ns - delays_asked_at_ns < kNsPerSecond) return delays_counted;
  delays_asked_at_ns = now_ns;
  ReadBuffer buffer(64);
  auto text = buffer.read_at(proc.get(), "sys/kernel/task_delayacct");
  return delays_counted = !text || trim(*text) != "0";
}

Processes::Processes(std::string proc, KindSet kinds) : state_(std::make_unique<State>(proc, kinds)) {}
Processes::~Processes() = default;

bool Processes::wanted() const { return reads_each_process(state_->kinds) || state_->kinds.has(Kind::kCpuLoad); }

bool Processes::read(const std::vector<pid_t>& pids, int cgroup_fd, int64_t deadline_ns, ReadBuffer& buffer,
                     ProcessHistory& history, ProcessSums& sums) {
  sums = {};
  const int64_t now_ns = monotonic_ns();
  if (now_ns > deadline_ns || pids.size() > kMaxProcesses) return false;
  TaskStats* const by_process = state_->sees_processes ? &*state_->stats : nullptr;
  if (reads_each_process(state_->kinds)) {
    GroupReading group(state_->kinds, state_->proc.get(), by_process, state_->fd_size_is_count, deadline_ns, buffer,
                       history, sums);
    for (const pid_t pid : pids) {
      if (group.read(pid)) continue;
      sums = {};
      return false;
    }
    if (group.has_times()) {
      renew(history, group.take_alive());
      put_times(history, state_->kinds, by_process != nullptr, state_->delays_are_counted(now_ns), sums);
    }
  }
  if (state_->kinds.has(Kind::kCpuLoad) && state_->stats && !history.no_task_states)
    put_states(*state_->stats, cgroup_fd, now_ns, history, sums);
  return true;
}

}  // namespace plimsoll::collectors::container
