// SPDX-License-Identifier: Apache-2.0
// A cgroup tree of ordinary files with one group in it, v1, hybrid or v2, and the order in which its files were
// written (inotify).
#pragma once

#include <sys/inotify.h>
#include <unistd.h>

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/cgroup/layout.h"
#include "base/text.h"
#include "runtime/limits/own_cgroup.h"
#include "tests/unit/temp_tree.h"

namespace plimsoll::test {

class LimitsTree {
 public:
  using Files = std::map<std::string, std::string>;

  // Hierarchy -> the group's files in it. "unified" is a v2 tree beside v1 ones, "" one that is alone; its
  // root offers `offered`.
  explicit LimitsTree(const std::map<std::string, Files>& hierarchies, const std::string& offered = "")
      : watch_(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK)) {
    for (const auto& [name, files] : hierarchies) make_hierarchy(name, files, offered);
    auto layout = cgroup::detect_layout(tree_.path());
    EXPECT_TRUE(layout) << layout.error().message();
    layout_ = *layout;
    auto group = limits::OwnCgroup::open(layout_, kPath);
    EXPECT_TRUE(group) << group.error().message();
    group_ = std::make_unique<limits::OwnCgroup>(*std::move(group));
    for (const auto& place : group_->places()) ::inotify_add_watch(watch_.get(), place.directory.c_str(), IN_MODIFY);
  }

  const limits::OwnCgroup& group() const { return *group_; }
  const cgroup::Layout& layout() const { return layout_; }
  const TempTree& files() const { return tree_; }
  std::string directory(const std::string& hierarchy) const { return tree_.at(below(hierarchy) + "group"); }
  // What the file holds, as far as it was written: earlier and longer text shows behind.
  std::string text(const std::string& hierarchy, const std::string& file) const {
    return read_file(directory(hierarchy) + "/" + file).value_or("(missing)");
  }
  std::string root_text(const std::string& hierarchy, const std::string& file) const {
    return read_file(tree_.at((hierarchy.empty() ? "" : hierarchy + "/") + file)).value_or("(missing)");
  }

  // Names of the group's files in the order in which they were written since the last call.
  std::vector<std::string> written() {
    alignas(inotify_event) char events[16 * 1024];
    std::vector<std::string> names;
    const ssize_t size = ::read(watch_.get(), events, sizeof(events));
    for (ssize_t at = 0; at < size;) {
      const auto* event = reinterpret_cast<const inotify_event*>(events + at);
      names.emplace_back(event->name);
      at += static_cast<ssize_t>(sizeof(inotify_event) + event->len);
    }
    return names;
  }

 private:
  static constexpr const char* kPath = "/parent/group";

  static std::string below(const std::string& hierarchy) {
    return (hierarchy.empty() ? "" : hierarchy + "/") + "parent/";
  }
  void make_hierarchy(const std::string& name, const Files& files, const std::string& offered) {
    const bool v2 = name.empty() || name == "unified";
    const std::string root = name.empty() ? "" : name + "/";
    for (const std::string& directory : {root, below(name), below(name) + "group/"}) {
      tree_.write(directory + "cgroup.procs", "");
      tree_.write(directory + (v2 ? "cgroup.controllers" : "tasks"), v2 ? offered + "\n" : "");
      if (v2) tree_.write(directory + "cgroup.subtree_control", "");
    }
    for (const auto& [file, text] : files) tree_.write(below(name) + "group/" + file, text);
  }

  TempTree tree_;
  UniqueFd watch_;
  cgroup::Layout layout_;
  std::unique_ptr<limits::OwnCgroup> group_;
};

inline const LimitsTree::Files kNoFiles;

}  // namespace plimsoll::test
