// SPDX-License-Identifier: Apache-2.0
// Control groups that a root test makes for itself.
#pragma once

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <vector>

#include "base/cgroup/layout.h"
#include "base/os.h"

namespace plimsoll::test {

// Groups below an absolute path of this test, in every measured hierarchy; gone at the end.
class Groups {
 public:
  // `name` tells the tests' groups apart on the machine.
  Groups(const cgroup::Layout& layout, const std::string& name)
      : layout_(cgroup::measured_part(layout)), base_("/plimsoll-test-" + name + "-" + std::to_string(::getpid())) {
    made_ = make("");
  }
  Groups(const Groups&) = delete;
  Groups& operator=(const Groups&) = delete;
  ~Groups() {
    for (const auto& hierarchy : layout_.hierarchies) remove_below(hierarchy.mount_point + base_);
  }

  bool made() const { return made_; }
  std::string path(const std::string& name) const { return base_ + name; }
  const cgroup::Layout& layout() const { return layout_; }

  bool make(const std::string& name) const {
    bool all = true;
    for (const auto& hierarchy : layout_.hierarchies)
      all = ::mkdir((hierarchy.mount_point + path(name)).c_str(), 0755) == 0 && all;
    return all;
  }
  void remove(const std::string& name) const {
    for (const auto& hierarchy : layout_.hierarchies) {
      const std::string full = hierarchy.mount_point + path(name);
      for (int i = 0; i < 100 && ::rmdir(full.c_str()) != 0 && errno == EBUSY; ++i) ::usleep(100);
    }
  }
  // The files that take processes in, one of each hierarchy; to be asked for before the fork.
  std::vector<std::string> doors(const std::string& name) const {
    std::vector<std::string> paths;
    for (const auto& hierarchy : layout_.hierarchies)
      paths.push_back(hierarchy.mount_point + path(name) + (hierarchy.v2 ? "/cgroup.procs" : "/tasks"));
    return paths;
  }
  // Moves the calling process in, which a test has forked: it ends when it cannot be moved. Allocates nothing: another
  // thread may have held the allocator at the fork.
  static void enter(const std::vector<std::string>& doors) {
    for (const std::string& door : doors) {
      const UniqueFd fd(::open(door.c_str(), O_WRONLY | O_CLOEXEC));
      if (!fd || ::write(fd.get(), "0", 1) != 1) ::_exit(3);
    }
  }
  bool write(const std::string& name, const cgroup::Hierarchy& hierarchy, const std::string& file,
             const std::string& text) const {
    const UniqueFd fd(::open((hierarchy.mount_point + path(name) + "/" + file).c_str(), O_WRONLY | O_CLOEXEC));
    return fd && ::write(fd.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size());
  }

 private:
  static void remove_below(const std::string& full) {
    if (auto dir = Dir::open(full)) {
      if (auto entries = dir->list()) {
        for (const auto& entry : *entries) {
          if (entry.is_directory) remove_below(full + "/" + entry.name);
        }
      }
    }
    for (int i = 0; i < 100 && ::rmdir(full.c_str()) != 0 && errno == EBUSY; ++i) ::usleep(1000);
  }

  cgroup::Layout layout_;
  std::string base_;
  bool made_ = false;
};

}  // namespace plimsoll::test
