// SPDX-License-Identifier: Apache-2.0
#include "runtime/limits/own_cgroup.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <set>

#include "base/text.h"
#include "runtime/limits/controllers.h"

namespace plimsoll::limits {
namespace {

using cgroup::Hierarchy;
using cgroup::Layout;

// Enabled on the way down to every group, since they measure also what is not limited. All others are
// enabled when something is written to a file of theirs.
constexpr std::array<std::string_view, 5> kMeasuringControllers = {"cpu", "memory", "pids", "io", "cpuset"};

bool has(const std::vector<std::string>& words, std::string_view word) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

std::string last_component(const std::string& path) { return path.substr(path.rfind('/') + 1); }
std::string parent_of(const std::string& path) { return path.substr(0, path.rfind('/')); }

// "/" separates, no empty component, no "." and "..": what is appended to a mount point stays below it.
bool is_valid_path(const std::string& path) {
  if (path.size() < 2 || path.front() != '/' || path.back() == '/') return false;
  for (const std::string& level : path_levels(path)) {
    const std::string name = last_component(level);
    if (name.empty() || name == "." || name == "..") return false;
  }
  return true;
}

Unexpected invalid_path(const std::string& path) {
  return fail("cgroup path \"" + path + "\": must be absolute, without \".\" and \"..\"");
}

bool is_forbidden(int code) { return code == EACCES || code == EPERM || code == EROFS; }

bool is_blank(const std::string& text) { return trim(text).empty(); }

// A new cpuset group is empty and nothing can join it: it takes over what its parent has. False when the parent
// itself is empty still.
Result<bool> inherit_cpuset(const std::string& parent, const std::string& child, bool is_new) {
  for (const char* name : {"/cpuset.cpus", "/cpuset.mems"}) {
    if (!is_new) {
      auto present = read_file(child + name);
      if (!present) return unexpected(present.error());
      if (!is_blank(*present)) continue;
    }
    auto inherited = read_file(parent + name);
    if (!inherited) return unexpected(inherited.error());
    if (is_blank(*inherited)) return false;
    auto written = write_existing(AT_FDCWD, child + name, *inherited);
    if (!written) return unexpected(written.error());
  }
  return true;
}

// Sets `made` when the leaf did not stand before.
Result<void> make_levels(const Hierarchy& hierarchy, const std::string& path, bool& made) {
  std::string parent = hierarchy.mount_point;
  for (const std::string& level : path_levels(path)) {
    const std::string directory = hierarchy.mount_point + level;
    made = ::mkdir(directory.c_str(), 0755) == 0;
    if (!made && errno != EEXIST) return fail_errno(directory);
    if (!hierarchy.v2 && has(hierarchy.controllers, "cpuset")) {
      auto filled = inherit_cpuset(parent, directory, false);
      if (!filled) return unexpected(filled.error());
    }
    parent = directory;
  }
  return {};
}

// ENOENT: somebody has removed the empty parent between two of our steps; then it is made again.
Result<void> make_all_levels(const Hierarchy& hierarchy, const std::string& path, bool& made) {
  constexpr int kAttempts = 10;
  Result<void> done;
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    done = make_levels(hierarchy, path, made);
    if (done || done.error().code != ENOENT) return done;
  }
  return done;
}

// What cannot be enabled is found out by whoever needs it: its files are missing.
void enable_measuring(const Hierarchy& hierarchy, const std::string& path) {
  const auto wanted = [&hierarchy](std::string_view controller) { return has(hierarchy.controllers, controller); };
  if (std::none_of(kMeasuringControllers.begin(), kMeasuringControllers.end(), wanted)) return;
  const std::string directory = hierarchy.mount_point + path;
  auto available = read_file(directory + "/cgroup.controllers");
  if (!available) return;
  bool complete = true;
  for (const std::string_view controller : kMeasuringControllers) {
    if (!wanted(controller) || lists_word(*available, controller)) continue;
    complete = enable_controller(hierarchy.mount_point, path, controller).has_value() && complete;
  }
  if (!complete) (void)leave_invalid_domain(directory).has_value();
}

// Mostly the parents stand already, and one step is enough.
Result<void> make_in(const Hierarchy& hierarchy, const std::string& path, bool& made) {
  const std::string directory = hierarchy.mount_point + path;
  made = ::mkdir(directory.c_str(), 0755) == 0;
  bool all_levels = false;
  if (!made && errno != EEXIST) {
    if (errno != ENOENT) return fail_errno(directory);
    all_levels = true;
  } else if (!hierarchy.v2 && has(hierarchy.controllers, "cpuset")) {
    auto filled = inherit_cpuset(hierarchy.mount_point + parent_of(path), directory, made);
    if (!filled && filled.error().code != ENOENT) return unexpected(filled.error());
    all_levels = !filled || !*filled;
  }
  if (all_levels) {
    const bool already_made = made;
    auto done = make_all_levels(hierarchy, path, made);
    made = made || already_made;
    if (!done) return done;
  }
  if (hierarchy.v2) enable_measuring(hierarchy, path);
  return {};
}

}  // namespace

CgroupPlace place_in(const Hierarchy& hierarchy, const std::string& path) {
  CgroupPlace place;
  place.mount_point = hierarchy.mount_point;
  place.directory = hierarchy.mount_point + path;
  place.mount_name = last_component(hierarchy.mount_point);
  place.controllers = hierarchy.controllers;
  place.v2 = hierarchy.v2;
  return place;
}

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

Result<OwnCgroup> OwnCgroup::create(const Layout& layout, const std::string& path, CreateOptions options) {
  if (!is_valid_path(path)) return invalid_path(path);
  OwnCgroup group(path);
  std::vector<std::string> new_leaves;
  Result<void> done;
  for (const Hierarchy& hierarchy : layout.hierarchies) {
    CgroupPlace place = place_in(hierarchy, path);
    bool made = false;
    done = make_in(hierarchy, path, made);
    if (made) new_leaves.push_back(place.directory);
    if (!done && options.skip_forbidden && is_forbidden(done.error().code)) {
      done = {};
      continue;
    }
    if (!done) break;
    group.places_.push_back(std::move(place));
  }
  group.new_ = new_leaves.size() == group.places_.size();
  if (done) done = group.open_handles();
  if (done) return group;
  for (const std::string& leaf : new_leaves) ::rmdir(leaf.c_str());
  const char* remedy =
      is_forbidden(done.error().code) ? " (this needs root, or a cgroup that is delegated to you)" : "";
  return unexpected(done.error().within("make cgroup " + path + remedy));
}

Result<OwnCgroup> OwnCgroup::open(const Layout& layout, const std::string& path) {
  if (!is_valid_path(path)) return invalid_path(path);
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

Result<void> OwnCgroup::descend(std::string_view controllers, const std::string& below) {
  std::set<const CgroupPlace*> chosen;
  while (!controllers.empty()) {
    const std::string_view name = take(controllers, ',');
    const CgroupPlace* const place = with_controller(name);
    if (place == nullptr)
      return fail("unknown controller " + std::string(name) + ": the group is in no such hierarchy");
    chosen.insert(place);
  }
  for (CgroupPlace& place : places_) {
    if (chosen.contains(&place)) place.directory += below;
  }
  join_fds_.clear();
  return open_handles();
}

// /proc/PID/cgroup has the v2 tree's line as "0::/path".
Result<void> OwnCgroup::follow(pid_t init, const std::string& proc) {
  constexpr std::string_view kUnified = "0::";
  const CgroupPlace* place = unified_place();
  if (place == nullptr) return {};
  auto enabled = read_file(place->directory + "/cgroup.subtree_control");
  if (!enabled || is_blank(*enabled)) return {};
  auto text = read_file(proc + "/" + std::to_string(init) + "/cgroup");
  if (!text) return unexpected(text.error());
  for (std::string_view rest = *text; !rest.empty();) {
    const std::string_view line = take(rest, '\n');
    if (!line.starts_with(kUnified)) continue;
    const std::string found(line.substr(kUnified.size()));
    if (found != path_ && !found.starts_with(path_ + "/")) break;
    auto dir = Dir::open(place->directory + found.substr(path_.size()));
    if (!dir) return unexpected(dir.error());
    unified_ = *std::move(dir);
    return {};
  }
  return fail("cgroup " + path_ + ": process " + std::to_string(init) + " has left it, and it takes no other");
}

const CgroupPlace* OwnCgroup::with_controller(std::string_view controller) const {
  const auto found = std::find_if(places_.begin(), places_.end(), [controller](const CgroupPlace& place) {
    return has(place.controllers, controller);
  });
  return found == places_.end() ? nullptr : &*found;
}

const CgroupPlace* OwnCgroup::unified_place() const {
  const auto found = std::find_if(places_.begin(), places_.end(), [](const CgroupPlace& place) { return place.v2; });
  return found == places_.end() ? nullptr : &*found;
}

}  // namespace plimsoll::limits
