// SPDX-License-Identifier: Apache-2.0
#include "runtime/limits/own_cgroup.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <functional>

#include "runtime/limits/device_filter.h"

namespace plimsoll::limits {
namespace {

using cgroup::Hierarchy;
using cgroup::Layout;

constexpr std::array kEnabledControllers = {"cpu", "memory", "pids", "io", "cpuset"};

bool has(const std::vector<std::string>& words, std::string_view word) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

std::string last_component(const std::string& path) { return path.substr(path.rfind('/') + 1); }

CgroupPlace place_in(const Hierarchy& hierarchy, const std::string& path) {
  return {hierarchy.mount_point, hierarchy.mount_point + path, last_component(hierarchy.mount_point), hierarchy.controllers, hierarchy.v2};
}

// "/a/b" -> "/a", "/a/b".
std::vector<std::string> levels(const std::string& path) {
  std::vector<std::string> all;
  for (size_t end = path.find('/', 1);; end = path.find('/', end + 1)) {
    all.push_back(path.substr(0, end));
    if (end == std::string::npos) return all;
  }
}

// "/" separates, no empty component, no "." and "..": what is appended to a mount point stays below it.
bool is_valid_path(const std::string& path) {
  if (path.size() < 2 || path.front() != '/' || path.back() == '/') return false;
  for (const std::string& level : levels(path)) {
    const std::string name = last_component(level);
    if (name.empty() || name == "." || name == "..") return false;
  }
  return true;
}

// A new cpuset group is empty and nothing can join it: it takes over what its parent has.
Result<void> inherit_cpuset(const std::string& parent, const std::string& child) {
  for (const char* name : {"/cpuset.cpus", "/cpuset.mems"}) {
    auto present = read_file(child + name);
    if (!present) return unexpected(present.error());
    if (*present != "\n" && !present->empty()) continue;
    auto inherited = read_file(parent + name);
    if (!inherited) return unexpected(inherited.error());
    auto written = write_existing(AT_FDCWD, child + name, *inherited);
    if (!written) return written;
  }
  return {};
}

// What cannot be enabled is found out by whoever needs it: its files are missing. One controller per
// write, since a single one that is refused would take the others with it.
void enable_controllers(const std::string& directory) {
  auto offered = read_file(directory + "/cgroup.controllers");
  auto enabled = read_file(directory + "/cgroup.subtree_control");
  if (!offered || !enabled) return;
  const auto lists = [](const std::string& text, std::string_view word) {
    const std::string padded = " " + text.substr(0, text.find('\n')) + " ";
    return padded.find(" " + std::string(word) + " ") != std::string::npos;
  };
  for (const char* controller : kEnabledControllers) {
    if (!lists(*offered, controller) || lists(*enabled, controller)) continue;
    (void)write_existing(AT_FDCWD, directory + "/cgroup.subtree_control", std::string("+") + controller).has_value();
  }
}

// Sets `made` when the leaf did not stand before.
Result<void> make_levels(const Hierarchy& hierarchy, const std::string& path, bool& made) {
  std::string parent = hierarchy.mount_point;
  for (const std::string& level : levels(path)) {
    const std::string directory = hierarchy.mount_point + level;
    if (hierarchy.v2) enable_controllers(parent);
    made = ::mkdir(directory.c_str(), 0755) == 0;
    if (!made && errno != EEXIST) return fail_errno(directory);
    if (!hierarchy.v2 && has(hierarchy.controllers, "cpuset")) {
      auto filled = inherit_cpuset(parent, directory);
      if (!filled) return filled;
    }
    parent = directory;
  }
  return {};
}

// ENOENT: somebody has removed the empty parent between two of our steps; then it is made again.
Result<void> make_in(const Hierarchy& hierarchy, const std::string& path, bool& made) {
  constexpr int kAttempts = 10;
  Result<void> done;
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    done = make_levels(hierarchy, path, made);
    if (done || done.error().code != ENOENT) return done;
  }
  return done;
}

Result<void> write_limit(const CgroupPlace* place, const char* file, const std::string& value) {
  if (place == nullptr) return fail(std::string(file) + ": no mounted cgroup hierarchy has this controller");
  auto written = write_existing(AT_FDCWD, place->directory + "/" + file, value);
  if (!written) return unexpected(Error{written.error().code, file});
  return {};
}

Result<void> write_limit_if_present(const CgroupPlace* place, const char* file, const std::string& value) {
  auto written = write_limit(place, file, value);
  if (!written && written.error().code == ENOENT) return {};
  return written;
}

Result<void> limit_memory(const CgroupPlace* place, uint64_t bytes) {
  const bool v2 = place != nullptr && place->v2;
  auto written = write_limit(place, v2 ? "memory.max" : "memory.limit_in_bytes", std::to_string(bytes));
  if (!written) return written;
  if (v2) return write_limit_if_present(place, "memory.swap.max", std::to_string(bytes));
  const uint64_t with_swap = bytes > UINT64_MAX / 2 ? UINT64_MAX : bytes * 2;
  return write_limit_if_present(place, "memory.memsw.limit_in_bytes", std::to_string(with_swap));
}

Result<void> limit_cpu(const CgroupPlace* place, uint64_t quota_us, uint64_t period_us) {
  if (place != nullptr && place->v2) {
    return write_limit(place, "cpu.max", std::to_string(quota_us) + " " + std::to_string(period_us));
  }
  auto written = write_limit(place, "cpu.cfs_period_us", std::to_string(period_us));
  if (!written) return written;
  return write_limit(place, "cpu.cfs_quota_us", std::to_string(quota_us));
}

}  // namespace

Result<void> OwnCgroup::open_handles() {
  for (const CgroupPlace& place : places_) {
    if (place.v2) {
      auto dir = Dir::open(place.directory);
      if (!dir) return unexpected(dir.error());
      unified_ = *std::move(dir);
      continue;
    }
    const std::string tasks = place.directory + "/tasks";
    UniqueFd fd(::open(tasks.c_str(), O_WRONLY | O_CLOEXEC));
    if (!fd) return fail_errno(tasks);
    join_fds_.push_back(std::move(fd));
  }
  return {};
}

Result<OwnCgroup> OwnCgroup::create(const Layout& layout, const std::string& path) {
  if (!is_valid_path(path)) return fail("cgroup path \"" + path + "\": must be absolute, without \".\" and \"..\"");
  OwnCgroup group(path);
  std::vector<std::string> new_leaves;
  Result<void> done;
  for (const Hierarchy& hierarchy : layout.hierarchies) {
    CgroupPlace place = place_in(hierarchy, path);
    bool made = false;
    done = make_in(hierarchy, path, made);
    if (made) new_leaves.push_back(place.directory);
    if (!done) break;
    group.places_.push_back(std::move(place));
  }
  if (done) done = group.open_handles();
  if (done) return group;
  for (const std::string& leaf : new_leaves) ::rmdir(leaf.c_str());
  return unexpected(done.error().within("make cgroup " + path));
}

Result<OwnCgroup> OwnCgroup::open(const Layout& layout, const std::string& path) {
  if (!is_valid_path(path)) return fail("cgroup path \"" + path + "\": must be absolute, without \".\" and \"..\"");
  OwnCgroup group(path);
  for (const Hierarchy& hierarchy : layout.hierarchies) {
    CgroupPlace place = place_in(hierarchy, path);
    struct stat st;
    if (::stat(place.directory.c_str(), &st) == 0 && S_ISDIR(st.st_mode)) group.places_.push_back(std::move(place));
  }
  if (group.places_.empty()) return unexpected(Error{ENOENT, "cgroup " + path});
  auto opened = group.open_handles();
  if (!opened) return unexpected(opened.error().within("cgroup " + path));
  return group;
}

// A v1 hierarchy goes before the unified one: on a hybrid machine a controller that is in use by v1
// is not offered by v2 and the other way round, so at most one of them really has it.
const CgroupPlace* OwnCgroup::with_controller(std::string_view controller) const {
  const auto found = std::find_if(places_.begin(), places_.end(), [controller](const CgroupPlace& place) {
    return has(place.controllers, controller);
  });
  return found == places_.end() ? nullptr : &*found;
}

Result<void> OwnCgroup::limit(const CgroupLimits& limits) {
  if (limits.memory_bytes != 0) {
    auto limited = limit_memory(with_controller("memory"), limits.memory_bytes);
    if (!limited) return limited;
  }
  if (limits.cpu_quota_us != 0) {
    auto limited = limit_cpu(with_controller("cpu"), limits.cpu_quota_us, limits.cpu_period_us);
    if (!limited) return limited;
  }
  if (limits.pids != 0) return write_limit(with_controller("pids"), "pids.max", std::to_string(limits.pids));
  return {};
}

Result<void> OwnCgroup::restrict_devices() const {
  if (const CgroupPlace* place = with_controller("devices")) return restrict_devices_v1(place->directory);
  if (unified_.valid()) return restrict_devices_v2(unified_.fd());
  return fail("no cgroup hierarchy can restrict devices: mount the v1 \"devices\" controller or cgroup2");
}

}  // namespace plimsoll::limits
