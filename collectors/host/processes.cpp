// SPDX-License-Identifier: Apache-2.0
// How many processes and threads there are, by what they do, and how many there may be.
//
//   /proc/10/stat                  10 (my (odd) name) S 1 10 10 0 -1 4194560 9061 ... : state, later the threads
//   /proc/10/task/12/stat          the same of one thread
//   /proc/sys/kernel/threads-max   7801
//   /proc/sys/kernel/pid_max       4194304
//
// States are the kernel's letters: R running, S sleeping, D waiting for a device, Z dead but not waited for, T
// stopped, I idle kernel thread. proc(5)
#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <map>
#include <vector>

#include "base/text.h"
#include "collectors/host/parts/kept_file.h"
#include "collectors/host/table.h"

namespace plimsoll::collectors::host {
namespace {

constexpr MetricDesc kThreads = {"node_processes_threads", "Threads of all processes.", MetricType::kGauge};
constexpr MetricDesc kMaxThreads = {"node_processes_max_threads", "Threads the kernel will make at most.",
                                    MetricType::kGauge};
constexpr MetricDesc kState = {"node_processes_state", "Processes in each state, by the kernel's letter for it.",
                               MetricType::kGauge};
constexpr MetricDesc kThreadsState = {"node_processes_threads_state",
                                      "Threads in each state, by the kernel's letter for it.", MetricType::kGauge};
constexpr MetricDesc kPids = {"node_processes_pids", "Processes that there are.", MetricType::kGauge};
constexpr MetricDesc kMaxProcesses = {"node_processes_max_processes",
                                      "Numbers the kernel has for processes and threads together.", MetricType::kGauge};

// Stat files that stay open: reading an open one costs less than half. They go to the processes with the lowest
// numbers, which mostly live long.
constexpr size_t kMaxKept = 128;

struct Stat {
  unsigned char state;
  uint64_t threads;
};

// The name in parentheses may have blanks, parentheses and line ends itself.
Result<Stat> parse_stat(std::string_view text) {
  const size_t name_end = text.rfind(')');
  if (name_end == std::string_view::npos) return fail("no name in parentheses");
  text.remove_prefix(name_end + 1);
  const std::string_view state = take_field(text);
  if (state.size() != 1 || !((state[0] | 0x20) >= 'a' && (state[0] | 0x20) <= 'z'))
    return fail("no letter for the state");
  for (int field = 4; field < 20; ++field) take_field(text);
  const std::string_view threads = take_field(text);
  const auto number = parse_u64(threads);
  if (!number || text.empty()) return fail("no number of threads");
  return Stat{static_cast<unsigned char>(state[0]), *number};
}

Result<uint64_t> parse_limit(std::string_view text) {
  const auto number = parse_u64(trim(text));
  if (!number) return fail("not a number");
  return *number;
}

// A process that ends between being listed and being read.
bool has_vanished(int code) { return code == ENOENT || code == ESRCH; }

Result<Stat> read_stat(int fd, const char* path) {
  char text[1024];
  const ssize_t size = ::pread(fd, text, sizeof text, 0);
  if (size < 0) return fail_errno(path);
  auto stat = parse_stat(std::string_view(text, static_cast<size_t>(size)));
  if (!stat) return unexpected(stat.error().within(path));
  return stat;
}

Result<UniqueFd> open_stat(int dirfd, const char* path) {
  UniqueFd fd(::openat(dirfd, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!fd) return fail_errno(path);
  return fd;
}

Result<Stat> open_and_read_stat(int dirfd, const char* path) {
  const auto fd = open_stat(dirfd, path);
  if (!fd) return unexpected(fd.error());
  return read_stat(fd->get(), path);
}

// Lists the numbers among a directory's names: those of processes in /proc, those of threads in /proc/PID/task.
class NumberLister {
 public:
  // Into `numbers`, in the kernel's order. `dirfd` is read from its start.
  Result<void> list(int dirfd, std::vector<uint32_t>& numbers) {
    numbers.clear();
    if (::lseek(dirfd, 0, SEEK_SET) < 0) return fail_errno("list");
    while (true) {
      const ssize_t size = ::getdents64(dirfd, buffer_.data(), buffer_.size());
      if (size < 0) return fail_errno("list");
      if (size == 0) return {};
      for (ssize_t at = 0; at < size;) at += take_entry(buffer_.data() + at, numbers);
    }
  }

 private:
  static ssize_t take_entry(const char* bytes, std::vector<uint32_t>& numbers) {
    uint16_t length;
    std::memcpy(&length, bytes + offsetof(dirent64, d_reclen), sizeof length);
    const auto number = parse_u64(bytes + offsetof(dirent64, d_name));
    if (number && *number <= INT32_MAX) numbers.push_back(static_cast<uint32_t>(*number));
    return length;
  }

  std::vector<char> buffer_ = std::vector<char>(32 * 1024);
};

// How many there are of each letter.
using StateCounts = std::array<uint64_t, 128>;

struct Census {
  uint64_t processes = 0;
  uint64_t threads = 0;
  StateCounts process_states = {};
  StateCounts thread_states = {};
};

class ProcessesCollector : public Collector {
 public:
  explicit ProcessesCollector(const Setup& setup)
      : path_(setup.roots.proc),
        max_threads_(setup.roots.proc + "/sys/kernel/threads-max", 512),
        max_processes_(setup.roots.proc + "/sys/kernel/pid_max", 512) {}
  std::string_view name() const override { return "processes"; }
  Result<void> collect(MetricWriter& writer) override;

 private:
  struct Many {
    uint32_t process;
    unsigned char state;
  };

  Result<void> list_processes();
  Result<void> count_processes(Census& census);
  Result<Stat> read_process(uint32_t process, const std::string& path);
  Result<void> count_process(uint32_t process, Census& census);
  Result<void> count_threads(Census& census);
  Result<void> count_threads(const Many& many, Census& census);
  Result<void> check_time();

  std::string path_;
  KeptFile max_threads_;
  KeptFile max_processes_;
  Dir proc_;
  NumberLister lister_;
  std::map<uint32_t, UniqueFd> kept_;  // open stat files, by process
  std::vector<uint32_t> processes_;
  std::vector<uint32_t> tasks_;
  std::vector<Many> threaded_;   // processes of more than one thread
  bool lists_threads_ = false;   // there are directories /proc/PID/task
  int64_t stop_ns_ = INT64_MAX;  // when this collection must be done
  uint32_t reads_ = 0;
};

Result<void> ProcessesCollector::check_time() {
  if (++reads_ % 64 != 0 || monotonic_ns() < stop_ns_) return {};
  return unexpected(Error{ETIMEDOUT, path_ + ": too many threads to read all in the time that a scrape has"});
}

Result<void> ProcessesCollector::list_processes() {
  if (!proc_.valid()) {
    auto opened = Dir::open(path_);
    if (!opened) return unexpected(opened.error());
    proc_ = std::move(*opened);
  }
  const auto listed = lister_.list(proc_.fd(), processes_);
  if (!listed) return unexpected(listed.error().within(path_));
  std::sort(processes_.begin(), processes_.end());
  std::erase_if(
      kept_, [&](const auto& kept) { return !std::binary_search(processes_.begin(), processes_.end(), kept.first); });
  return {};
}

Result<void> ProcessesCollector::count_processes(Census& census) {
  const auto listed = list_processes();
  if (!listed) return listed;
  threaded_.clear();
  for (const uint32_t process : processes_) {
    const auto in_time = check_time();
    const auto counted = in_time ? count_process(process, census) : in_time;
    if (!counted) return counted;
  }
  return {};
}

// A number whose kept file has no process behind it any more may have a new one.
Result<Stat> ProcessesCollector::read_process(uint32_t process, const std::string& path) {
  if (const auto kept = kept_.find(process); kept != kept_.end()) {
    auto stat = read_stat(kept->second.get(), path.c_str());
    if (stat || !has_vanished(stat.error().code)) return stat;
    kept_.erase(kept);
  }
  auto fd = open_stat(proc_.fd(), path.c_str());
  if (!fd) return unexpected(fd.error());
  auto stat = read_stat(fd->get(), path.c_str());
  if (stat && kept_.size() < kMaxKept) kept_.emplace(process, std::move(*fd));
  return stat;
}

Result<void> ProcessesCollector::count_process(uint32_t process, Census& census) {
  const std::string name = std::to_string(process);
  const auto stat = read_process(process, name + "/stat");
  if (!stat && has_vanished(stat.error().code)) return {};
  if (!stat) return unexpected(stat.error().within(path_));
  ++census.processes;
  census.threads += stat->threads;
  ++census.process_states[stat->state];
  if (!lists_threads_) lists_threads_ = ::faccessat(proc_.fd(), (name + "/task").c_str(), F_OK, 0) == 0;
  if (stat->threads == 1) ++census.thread_states[stat->state];
  if (stat->threads > 1) threaded_.push_back({process, stat->state});
  return {};
}

// Only once all processes are counted, so that running out of time costs the states of threads alone.
Result<void> ProcessesCollector::count_threads(Census& census) {
  for (const Many& many : threaded_) {
    const auto counted = count_threads(many, census);
    if (!counted) return counted;
  }
  return {};
}

Result<void> ProcessesCollector::count_threads(const Many& many, Census& census) {
  const std::string task = std::to_string(many.process) + "/task";
  const UniqueFd dir(::openat(proc_.fd(), task.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!dir && has_vanished(errno)) return {};
  if (!dir) return fail_errno(path_ + "/" + task);
  const auto listed = lister_.list(dir.get(), tasks_);
  if (!listed && has_vanished(listed.error().code)) return {};
  if (!listed) return unexpected(listed.error().within(path_ + "/" + task));
  for (const uint32_t thread : tasks_) {
    if (thread == many.process) {
      ++census.thread_states[many.state];
      continue;
    }
    const auto in_time = check_time();
    if (!in_time) return in_time;
    const auto stat = open_and_read_stat(dir.get(), (std::to_string(thread) + "/stat").c_str());
    if (!stat && has_vanished(stat.error().code)) continue;
    if (!stat) return unexpected(stat.error().within(path_ + "/" + task));
    ++census.thread_states[stat->state];
  }
  return {};
}

void write_states(MetricWriter& writer, const MetricDesc& desc, std::string_view label, const StateCounts& counts) {
  writer.family(desc);
  for (size_t letter = 0; letter < counts.size(); ++letter) {
    const char state = static_cast<char>(letter);
    if (counts[letter] == 0) continue;
    writer.sample(writer.labels(LabelSet{{label, std::string_view(&state, 1)}}), counts[letter]);
  }
}

Result<void> ProcessesCollector::collect(MetricWriter& writer) {
  const int64_t now = monotonic_ns();
  stop_ns_ = writer.deadline_ns() == INT64_MAX ? INT64_MAX : now + (writer.deadline_ns() - now) / 2;
  Census census;
  Result<void> result = count_processes(census);
  if (result) {
    writer.single(kThreads, census.threads);
    writer.single(kPids, census.processes);
    write_states(writer, kState, "state", census.process_states);
    result = count_threads(census);
    if (result && lists_threads_) write_states(writer, kThreadsState, "thread_state", census.thread_states);
  }
  for (const auto& [desc, file] :
       {std::pair(&kMaxThreads, &max_threads_), std::pair(&kMaxProcesses, &max_processes_)}) {
    const auto limit = read_and_parse(*file, parse_limit);
    if (limit) writer.single(*desc, *limit);
    if (!limit && result) result = unexpected(limit.error());
  }
  return result;
}

}  // namespace

const Entry kProcessesCollector = {"processes", "Processes and threads by state: proc PID", Default::kOn,
                                   make<ProcessesCollector>};

}  // namespace plimsoll::collectors::host
