// SPDX-License-Identifier: Apache-2.0
#include "tests/bench/runtime_groups.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <functional>

#include "base/text.h"

namespace plimsoll::bench {
namespace {

bool has(const cgroup::Hierarchy& hierarchy, std::string_view controller) {
  for (const std::string& one : hierarchy.controllers) {
    if (one == controller) return true;
  }
  return false;
}

// The option that mounts a v1 hierarchy again.
std::string options_of(const cgroup::Hierarchy& hierarchy) {
  if (hierarchy.v2) return "cgroup2";
  std::string all;
  for (const std::string& one : hierarchy.controllers) {
    const bool named = one == "systemd" || one == "elogind" || one == "openrc";
    all += (all.empty() ? "" : ",") + (named ? "name=" + one : one);
  }
  return all;
}

// Deepest groups first.
void for_each_group(const std::string& group, const std::function<void(const std::string&)>& visit) {
  const auto dir = Dir::open(group);
  if (!dir) return;
  if (const auto entries = dir->list(); entries) {
    for (const auto& entry : *entries) {
      if (entry.is_directory) for_each_group(group + "/" + entry.name, visit);
    }
  }
  visit(group);
}

void kill_processes(const std::string& group) {
  (void)write_existing(AT_FDCWD, group + "/freezer.state", "THAWED");
  const auto text = read_file(group + "/cgroup.procs");
  std::string_view rest = text ? std::string_view(*text) : std::string_view();
  while (!rest.empty()) {
    if (const auto pid = parse_i64(take(rest, '\n')); pid && *pid > 1) kill(static_cast<pid_t>(*pid), SIGKILL);
  }
}

// What a runtime has left outside its container's group and does not end either.
void kill_children() {
  const std::string self = std::to_string(getpid());
  const auto text = read_file("/proc/self/task/" + self + "/children");
  std::string_view rest = text ? std::string_view(*text) : std::string_view();
  while (const auto pid = parse_i64(take_field(rest))) kill(static_cast<pid_t>(*pid), SIGKILL);
}

// All children, adopted ones too: most are about to end.
void reap_all() {
  constexpr int kPatience = 100, kEnough = 500;
  for (int tries = 0; tries < kEnough;) {
    const pid_t pid = waitpid(-1, nullptr, WNOHANG);
    if (pid < 0) return;
    if (pid > 0) continue;
    usleep(10'000);
    if (++tries >= kPatience) kill_children();
  }
}

void remove_group(const std::string& group) {
  for (int tries = 0; rmdir(group.c_str()) != 0 && errno == EBUSY && tries < 200; ++tries) usleep(10'000);
}

// What cgroup v1's cpuset wants before it takes processes. The parent's values.
Result<std::string> inherit(const std::string& parent, const std::string& group, const char* file) {
  const auto text = read_file(parent + "/" + file);
  if (!text) return unexpected(text.error());
  std::string value(trim(*text));
  if (auto written = write_existing(AT_FDCWD, group + "/" + file, value); !written) return unexpected(written.error());
  return value;
}

}  // namespace

Result<void> private_mounts(const std::string& cgroup_root, View view) {
  if (unshare(CLONE_NEWNS) != 0) return fail_errno("a mount namespace of its own");
  if (mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) return fail_errno("private mounts");
  const std::string tree = cgroup_root + "/unified";
  if (view == View::kV1 && umount2(tree.c_str(), 0) != 0) return fail_errno("private mount namespace: umount " + tree);
  if (view == View::kV2 && mount("cgroup2", cgroup_root.c_str(), "cgroup2", 0, nullptr) != 0) {
    return fail_errno("private mount namespace: cgroup2 on " + cgroup_root);
  }
  return {};
}

Result<void> Groups::make_in(const cgroup::Hierarchy& hierarchy) {
  const bool fill = !hierarchy.v2 && has(hierarchy, "cpuset");
  std::string above = hierarchy.mount_point;
  for (size_t end = parent_.find('/', 1);; end = parent_.find('/', end + 1)) {
    const std::string group = hierarchy.mount_point + parent_.substr(0, end);
    if (mkdir(group.c_str(), 0755) != 0 && errno != EEXIST) return fail_errno(group);
    if (fill) {
      auto cpus = inherit(above, group, "cpuset.cpus"), mems = inherit(above, group, "cpuset.mems");
      if (!cpus) return unexpected(cpus.error());
      if (!mems) return unexpected(mems.error());
      cpus_ = *cpus;
      mems_ = *mems;
    }
    if (end == std::string::npos) return {};
    above = group;
  }
}

Result<Groups> Groups::make(const std::string& cgroup_root, const std::string& parent) {
  auto layout = cgroup::detect_layout(cgroup_root);
  if (!layout) return unexpected(layout.error());
  Groups groups(std::move(*layout), parent);
  for (const cgroup::Hierarchy& hierarchy : groups.layout_.hierarchies) {
    if (auto made = groups.make_in(hierarchy); !made) return unexpected(made.error());
  }
  return groups;
}

void Groups::clear() const {
  for (const cgroup::Hierarchy& hierarchy : layout_.hierarchies)
    for_each_group(hierarchy.mount_point + parent_, kill_processes);
  reap_all();
  for (const cgroup::Hierarchy& hierarchy : layout_.hierarchies) {
    const std::string top = hierarchy.mount_point + parent_;
    for_each_group(top, [&](const std::string& group) {
      if (group != top) remove_group(group);
    });
  }
}

Groups::~Groups() {
  if (layout_.hierarchies.empty()) return;
  clear();
  for (const cgroup::Hierarchy& hierarchy : layout_.hierarchies) {
    remove_group(hierarchy.mount_point + parent_);
    // Somebody else's benchmark may be in it: then it stays.
    rmdir((hierarchy.mount_point + parent_.substr(0, parent_.find('/', 1))).c_str());
  }
}

std::vector<std::string> Groups::hierarchies() const {
  std::vector<std::string> all;
  for (const cgroup::Hierarchy& hierarchy : layout_.hierarchies)
    all.push_back(hierarchy.mount_point + "=" + options_of(hierarchy));
  return all;
}

Result<std::string> Groups::process_of(const std::string& name) const {
  const std::string group = layout_.hierarchies.front().mount_point + parent_ + "/" + name;
  const auto text = read_file(group + "/cgroup.procs");
  if (!text) return unexpected(text.error());
  std::string pid(trim(*text));
  if (!parse_i64(pid)) return fail(group + " has not exactly one process");
  return pid;
}

std::string Groups::layout_text() const {
  const auto count = std::to_string(layout_.hierarchies.size());
  switch (layout_.mode) {
    case cgroup::Mode::kV1:
      return count + " v1 hierarchies";
    case cgroup::Mode::kHybrid:
      return "hybrid, " + count + " hierarchies, one of them v2";
    case cgroup::Mode::kV2:
      return "v2";
  }
  return {};
}

}  // namespace plimsoll::bench
