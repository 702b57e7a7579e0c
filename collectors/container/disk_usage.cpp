// SPDX-License-Identifier: Apache-2.0
#include "collectors/container/disk_usage.h"

#include <fcntl.h>
#include <linux/ioprio.h>
#include <linux/openat2.h>
#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <condition_variable>
#include <ctime>
#include <deque>
#include <map>
#include <mutex>
#include <system_error>
#include <thread>

#include "collectors/container/file_systems.h"
#include "collectors/container/layer_walk.h"
#include "collectors/container/mount_table.h"
#include "collectors/container/project_quota.h"

namespace plimsoll::collectors::container {
namespace {

constexpr int64_t kNsPerSecond = 1'000'000'000;
// What is done between two pauses, and how much longer than waiting for the disk its pause is: one that the
// disk's scheduler lets wait for nobody (or has no idle class) is kept free all the same.
constexpr int64_t kWorkSliceNs = 1'000'000, kWaitSliceNs = 10'000'000, kPausePerWait = 9;
constexpr int kLowestPriority = 19;

struct Moment {
  int64_t worked_ns = 0, now_ns = 0;  // processor time of the calling thread; CLOCK_MONOTONIC
};

Moment this_moment() {
  timespec time;
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return {int64_t{time.tv_sec} * kNsPerSecond + time.tv_nsec, monotonic_ns()};
}

// How long to pause after what has been done since `began`; 0 = not yet.
int64_t pause_after(const Moment& began, const Moment& now, int64_t share_percent) {
  const int64_t worked = now.worked_ns - began.worked_ns;
  const int64_t waited = now.now_ns - began.now_ns - worked;
  if (share_percent >= 100 || (worked < kWorkSliceNs && waited < kWaitSliceNs)) return 0;
  const int64_t share = std::max<int64_t>(share_percent, 1);
  return std::max(worked * (100 - share) / share, waited * kPausePerWait);
}

// Nice and not SCHED_IDLE: a thread that is not run at all while it reads a directory would keep the
// container from making files there.
void take_lowest_priority() {
  ::pthread_setname_np(::pthread_self(), "plimsoll-disk");
  ::syscall(SYS_ioprio_set, IOPRIO_WHO_PROCESS, 0, IOPRIO_PRIO_VALUE(IOPRIO_CLASS_IDLE, 0));
  ::setpriority(PRIO_PROCESS, 0, kLowestPriority);
}

// Symbolic links on the way are the host's, so they are followed as if `root` were "/".
UniqueFd open_in_root(const std::string& root, const std::string& path) {
  constexpr int kFlags = O_RDONLY | O_DIRECTORY | O_NONBLOCK | O_CLOEXEC;
  const UniqueFd top(::open(root.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  open_how how = {};
  how.flags = kFlags;
  how.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;
  UniqueFd fd(static_cast<int>(::syscall(SYS_openat2, top.get(), path.c_str(), &how, sizeof(how))));
  if (!fd && errno == ENOSYS) fd.reset(::open((root + path).c_str(), kFlags));  // before 5.6
  return fd;
}

// Below the host's root, or that of process 1 when ours has none of the host's directories.
UniqueFd open_layer(const HostRoots& roots, const std::string& path) {
  UniqueFd fd = open_in_root(roots.rootfs, path);
  if (!fd) fd = open_in_root(roots.proc + "/1/root", path);
  return fd;
}

std::optional<LayerUsage> capacity_of(const HostRoots& roots, int layer) {
  struct stat st;
  LayerUsage usage;
  if (::fstat(layer, &st) != 0 || !read_capacity(layer, usage)) return std::nullopt;
  usage.device = device_name(roots, st.st_dev);
  return usage;
}

// A quota's limits are the layer's own, where there are any.
std::optional<LayerUsage> usage_by_quota(LayerUsage usage, const HostRoots& roots, int layer) {
  const auto quota = project_usage(layer, (roots.rootfs == "/" ? "" : roots.rootfs) + usage.device);
  if (!quota) return std::nullopt;
  usage.used_bytes = quota->used_bytes;
  usage.used_inodes = quota->used_inodes;
  if (quota->limit_bytes) usage.limit_bytes = quota->limit_bytes;
  if (quota->limit_inodes) {
    usage.inodes_total = quota->limit_inodes;
    usage.inodes_free = *quota->limit_inodes - std::min(*quota->limit_inodes, quota->used_inodes);
  }
  usage.by_quota = true;
  usage.measured_ns = wall_clock_ns();
  return usage;
}

}  // namespace

// The last mount on "/" is the one that is seen.
std::string writable_layer(std::string_view mountinfo) {
  std::string layer;
  for_each_mount(mountinfo, [&](const Mount& mount) {
    if (mount.point == "/") layer = mount.type == "overlay" ? upper_directory(mount.options) : "";
  });
  return layer;
}

struct DiskUsage::State {
  explicit State(DiskUsageOptions wanted) : options(std::move(wanted)) {}

  struct Entry {
    std::optional<LayerUsage> last;
    int64_t measured_at_ns = 0;  // CLOCK_MONOTONIC; 0 = never
    uint64_t wished_in = 0;      // scrape
    bool pending = false;        // waits in one of the queues, or is being measured
  };
  struct Wish {
    uint64_t key;
    pid_t pid;
  };
  struct Layer {
    uint64_t key;
    std::string path;
  };
  enum class Outcome { kMeasured, kNothing, kTryAgain };

  void start();
  void work();
  void find_layers(std::unique_lock<std::mutex>& lock);
  Outcome find(const Wish& wish, LayerUsage& usage);
  void walk(std::unique_lock<std::mutex>& lock);
  Outcome measure(const Layer& layer, LayerUsage& usage);
  bool go_on(uint64_t key);
  void finish(uint64_t key, Outcome outcome, LayerUsage usage);

  const DiskUsageOptions options;
  std::mutex mutex;  // for all below
  std::condition_variable changed;
  std::map<uint64_t, Entry> entries;
  std::deque<Wish> wishes;   // by processes, which may end: looked up at once
  std::deque<Layer> layers;  // to be walked, one after the other
  uint64_t scrape = 0;
  bool stopping = false;
  std::thread thread;
  Moment slice_began;  // of the thread alone
};

// Signals are for the agent's own threads. Without a thread there are no figures, and the next wish tries again.
void DiskUsage::State::start() {
  if (thread.joinable()) return;
  sigset_t all, before;
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  try {
    thread = std::thread([this] { work(); });
  } catch (const std::system_error&) {
  }
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

void DiskUsage::State::work() {
  take_lowest_priority();
  slice_began = this_moment();
  std::unique_lock lock(mutex);
  while (!stopping) {
    find_layers(lock);
    if (!layers.empty()) walk(lock);
    if (stopping || !wishes.empty() || !layers.empty()) continue;
    changed.wait(lock, [this] { return stopping || !wishes.empty() || !layers.empty(); });
    slice_began = this_moment();  // to have had nothing to do is no waiting for the disk
  }
}

void DiskUsage::State::find_layers(std::unique_lock<std::mutex>& lock) {
  while (!wishes.empty() && !stopping) {
    const Wish wish = wishes.front();
    wishes.pop_front();
    lock.unlock();
    LayerUsage usage;
    const Outcome outcome = find(wish, usage);
    lock.lock();
    if (outcome == Outcome::kMeasured && !usage.by_quota) {
      layers.push_back({wish.key, std::move(usage.device)});
      continue;
    }
    finish(wish.key, outcome, std::move(usage));
  }
}

// kMeasured with by_quota unset: is to be walked, and `device` is the path.
DiskUsage::State::Outcome DiskUsage::State::find(const Wish& wish, LayerUsage& usage) {
  auto mounts = read_file(options.roots.proc + "/" + std::to_string(wish.pid) + "/mountinfo");
  if (!mounts) return Outcome::kTryAgain;
  usage.device = writable_layer(*mounts);
  if (usage.device.empty()) return Outcome::kNothing;
  const UniqueFd layer = open_layer(options.roots, usage.device);
  if (!layer) return Outcome::kNothing;
  if (project_of(layer.get()) == 0) return Outcome::kMeasured;
  auto capacity = capacity_of(options.roots, layer.get());
  if (!capacity) return Outcome::kMeasured;
  if (auto by_quota = usage_by_quota(*std::move(capacity), options.roots, layer.get())) usage = *std::move(by_quota);
  return Outcome::kMeasured;
}

void DiskUsage::State::walk(std::unique_lock<std::mutex>& lock) {
  const Layer layer = std::move(layers.front());
  layers.pop_front();
  lock.unlock();
  LayerUsage usage;
  const Outcome outcome = measure(layer, usage);
  lock.lock();
  finish(layer.key, outcome, std::move(usage));
  lock.unlock();
  go_on(layer.key);  // many small layers are work, too
  lock.lock();
}

DiskUsage::State::Outcome DiskUsage::State::measure(const Layer& layer, LayerUsage& usage) {
  const UniqueFd top = open_layer(options.roots, layer.path);
  auto capacity = top ? capacity_of(options.roots, top.get()) : std::nullopt;
  if (!capacity) return Outcome::kNothing;
  usage = *std::move(capacity);
  auto size = LayerWalk([this, key = layer.key] { return go_on(key); }).measure(top.get());
  struct stat st;
  const bool removed = ::fstat(top.get(), &st) != 0 || st.st_nlink == 0;
  if (!size || removed) return Outcome::kNothing;
  usage.used_bytes = size->bytes;
  usage.used_inodes = size->inodes;
  usage.measured_ns = wall_clock_ns();
  return Outcome::kMeasured;
}

// Pauses so long that the work of the last slice was its share of the time. Meanwhile containers are looked up.
bool DiskUsage::State::go_on(uint64_t key) {
  const int64_t pause_ns = pause_after(slice_began, this_moment(), options.share_percent);
  std::unique_lock lock(mutex);
  if (pause_ns > 0) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::nanoseconds(pause_ns);
    const auto is_called = [&] { return stopping || !wishes.empty() || !entries.contains(key); };
    while (changed.wait_until(lock, end, is_called) && !stopping && entries.contains(key)) find_layers(lock);
    slice_began = this_moment();
  }
  return !stopping && entries.contains(key);
}

// With the lock held. What was asked for may have been forgotten meanwhile.
void DiskUsage::State::finish(uint64_t key, Outcome outcome, LayerUsage usage) {
  const auto place = entries.find(key);
  if (place == entries.end()) return;
  Entry& entry = place->second;
  entry.pending = false;
  if (outcome == Outcome::kTryAgain) return;
  entry.measured_at_ns = monotonic_ns();
  entry.last.reset();
  if (outcome == Outcome::kMeasured) entry.last = std::move(usage);
}

DiskUsage::DiskUsage(DiskUsageOptions options) : state_(std::make_unique<State>(std::move(options))) {}

DiskUsage::~DiskUsage() {
  {
    const std::lock_guard lock(state_->mutex);
    state_->stopping = true;
  }
  state_->changed.notify_all();
  if (state_->thread.joinable()) state_->thread.join();
}

std::optional<LayerUsage> DiskUsage::usage(uint64_t key, const std::function<pid_t()>& find_process) {
  std::unique_lock lock(state_->mutex);
  State::Entry& known = state_->entries[key];
  known.wished_in = state_->scrape;
  std::optional<LayerUsage> last = known.last;
  const bool fresh = known.measured_at_ns != 0 &&
                     std::chrono::nanoseconds(monotonic_ns() - known.measured_at_ns) < state_->options.interval;
  if (fresh || known.pending) return last;
  lock.unlock();
  const pid_t pid = find_process();
  if (pid <= 0) return last;
  lock.lock();
  State::Entry& entry = state_->entries[key];
  if (entry.pending) return last;
  entry.pending = true;
  state_->wishes.push_back({key, pid});
  state_->start();
  state_->changed.notify_all();
  return last;
}

void DiskUsage::end_scrape() {
  const std::lock_guard lock(state_->mutex);
  const uint64_t ended = state_->scrape++;
  std::erase_if(state_->entries, [&](const auto& entry) { return entry.second.wished_in + 1 < ended; });
  const auto is_forgotten = [&](const auto& queued) { return !state_->entries.contains(queued.key); };
  std::erase_if(state_->wishes, is_forgotten);
  std::erase_if(state_->layers, is_forgotten);
  state_->changed.notify_all();
}

}  // namespace plimsoll::collectors::container
