// SPDX-License-Identifier: Apache-2.0
#include "collectors/engine/containerd_tasks.h"

#include <sys/stat.h>

#include "collectors/engine/oci_spec.h"
#include "collectors/engine/state_file.h"

namespace plimsoll::engine {
namespace {

constexpr size_t kMaxSpaces = 256;
constexpr size_t kMaxTasks = 16384;  // of one namespace
constexpr int64_t kSecond = 1'000'000'000;
// Times of change have the grain of a tick, so a directory that has only just changed may change again unseen.
constexpr int64_t kGrain = kSecond;
// How long a bundle may be without its configuration before we stop looking for it.
constexpr int64_t kPatience = 10 * kSecond;

// Of a directory; -1 when there is none.
int64_t changed_ns(const std::string& path) {
  struct stat st;
  if (::stat(path.c_str(), &st) != 0 || !S_ISDIR(st.st_mode)) return -1;
  return static_cast<int64_t>(st.st_mtim.tv_sec) * kSecond + st.st_mtim.tv_nsec;
}

bool is_settled(int64_t changed_ns, bool complete) {
  return wall_clock_ns() - changed_ns > (complete ? kGrain : kPatience);
}

std::string_view last_part(std::string_view path) { return path.substr(path.rfind('/') + 1); }

}  // namespace

ContainerdTasks::ContainerdTasks(const std::string& state, int64_t interval_ns)
    : root_(state + "/io.containerd.runtime.v2.task"), interval_ns_(interval_ns) {}

const ContainerdTask* ContainerdTasks::find(std::string_view cgroup_path, std::string_view hex) {
  renew();
  if (const auto found = by_cgroup_.find(std::string(cgroup_path)); found != by_cgroup_.end()) return found->second;
  if (hex.empty()) return nullptr;
  const auto found = by_id_.find(std::string(hex));
  if (found == by_id_.end() || last_part(found->second->cgroup) != last_part(cgroup_path)) return nullptr;
  return found->second;
}

void ContainerdTasks::renew() {
  const int64_t now = monotonic_ns();
  if (looked_ns_ != 0 && now - looked_ns_ < interval_ns_) return;
  looked_ns_ = now;
  const int64_t changed = changed_ns(root_);
  const bool listed_anew = changed != spaces_directory_.changed_ns || (changed >= 0 && !is_settled(changed, true));
  spaces_directory_.changed_ns = changed;
  if (listed_anew) list_spaces();
  bool differs = listed_anew;
  for (auto& [name, space] : spaces_) differs |= renew_space(name, space);
  if (differs) index();
}

void ContainerdTasks::list_spaces() {
  std::map<std::string, Space> found;
  if (auto directory = Dir::open(root_)) {
    const auto entries = directory->list();
    for (const Dir::Entry& entry : entries ? *entries : std::vector<Dir::Entry>()) {
      if (!entry.is_directory || found.size() >= kMaxSpaces) continue;
      auto known = spaces_.find(entry.name);
      found.emplace(entry.name, known == spaces_.end() ? Space() : std::move(known->second));
    }
  }
  spaces_ = std::move(found);
}

// Whether tasks have come or gone.
bool ContainerdTasks::renew_space(const std::string& name, Space& space) {
  const int64_t changed = changed_ns(root_ + "/" + name);
  if (changed == space.changed_ns && (changed < 0 || is_settled(changed, space.complete))) return false;
  space.changed_ns = changed;
  read_tasks(name, space);
  return true;
}

// Reads the configurations that are new.
void ContainerdTasks::read_tasks(const std::string& name, Space& space) {
  auto known = std::move(space.tasks);
  space.tasks.clear();
  space.complete = true;
  auto directory = Dir::open(root_ + "/" + name);
  if (!directory) return;
  const auto entries = directory->list();
  for (const Dir::Entry& entry : entries ? *entries : std::vector<Dir::Entry>()) {
    if (!entry.is_directory || space.tasks.size() >= kMaxTasks) continue;
    const std::string bundle = root_ + "/" + name + "/" + entry.name;
    const uint64_t revision = file_revision(bundle + "/config.json");
    const auto old = known.find(entry.name);
    if (revision != 0 && old != known.end() && old->second.revision == revision) {
      space.tasks.emplace(entry.name, std::move(old->second));
      continue;
    }
    const auto spec = read_oci_spec(bundle + "/config.json");
    if (!spec) {
      space.complete = false;
      continue;
    }
    space.tasks.emplace(entry.name,
                        ContainerdTask{name, entry.name, bundle, cgroup_of(spec->cgroups_path, entry.name), revision});
  }
}

// Where two share a group, the first by namespace and name has it.
void ContainerdTasks::index() {
  by_cgroup_.clear();
  by_id_.clear();
  for (const auto& [name, space] : spaces_) {
    for (const auto& [id, task] : space.tasks) {
      if (!task.cgroup.empty()) by_cgroup_.emplace(task.cgroup, &task);
      if (is_full_id(id)) by_id_.emplace(id, &task);
    }
  }
}

}  // namespace plimsoll::engine
