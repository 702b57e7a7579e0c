// SPDX-License-Identifier: Apache-2.0
// Which cgroup is which containerd task. A container of containerd has any name in a namespace, so its
// group's name says nothing; but the bundle that its shim works in says which group that is:
//
//   STATE/io.containerd.runtime.v2.task/default/web/config.json    "cgroupsPath":"/default/web"
//   STATE/io.containerd.runtime.v2.task/k8s.io/8a3c.../config.json
//   "cgroupsPath":"kubepods.slice:cri-containerd:8a3c..."
//
// A namespace is looked through again when its directory has changed: a task comes and goes with its bundle.
// https://github.com/containerd/containerd (docs/ops.md, "State and Root")
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/os.h"

namespace plimsoll::engine {

struct ContainerdTask {
  std::string name_space, id;
  std::string bundle;     // directory
  std::string cgroup;     // "/default/web"; "" when its configuration names none
  uint64_t revision = 0;  // of config.json; 0 = not read yet
};

class ContainerdTasks {
 public:
  // `state` is containerd's (/run/containerd). `interval_ns`: how long one look at the directories serves.
  explicit ContainerdTasks(const std::string& state, int64_t interval_ns = 100'000'000);

  // The task whose group `cgroup_path` is, or, for a group elsewhere (nested hierarchies), whose id is `hex`
  // and whose group has the same last part; nullptr for none. Valid until the next call.
  const ContainerdTask* find(std::string_view cgroup_path, std::string_view hex);

 private:
  struct Space {
    int64_t changed_ns = -1;  // the directory's time of change at the last look
    bool complete = false;    // every bundle had its configuration
    std::map<std::string, ContainerdTask, std::less<>> tasks;
  };

  void renew();
  void list_spaces();
  bool renew_space(const std::string& name, Space& space);
  void read_tasks(const std::string& name, Space& space);
  void index();

  std::string root_;
  int64_t interval_ns_, looked_ns_ = 0;
  Space spaces_directory_;  // only its time of change
  std::map<std::string, Space> spaces_;
  std::unordered_map<std::string, const ContainerdTask*> by_cgroup_, by_id_;
};

}  // namespace plimsoll::engine
