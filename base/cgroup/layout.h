// SPDX-License-Identifier: Apache-2.0
// Which cgroup hierarchies this machine has and which controller lives where.
//
//   pure v2   /sys/fs/cgroup/cgroup.controllers exists; one tree has everything
//   v1        /sys/fs/cgroup/{cpu,cpuacct,memory,...}, one tree per (co-)mounted controller set
//   hybrid    v1 trees and beside them a v2 tree in /sys/fs/cgroup/unified
//
// Found by looking at the directories below the cgroup root, not at mount tables, so that a
// bind-mounted host tree and a recorded test tree work alike.
// Documentation/admin-guide/cgroup-v1/cgroups.rst, cgroup-v2.rst
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/os.h"
#include "base/result.h"

namespace plimsoll::cgroup {

enum class Mode { kV1, kHybrid, kV2 };

struct Hierarchy {
  std::string mount_point;               // below HostRoots::cgroup
  std::vector<std::string> controllers;  // v1: {"cpu","cpuacct"}, {"systemd"}; v2: cgroup.controllers' words
  bool v2 = false;
};

struct Layout {
  Mode mode = Mode::kV1;
  std::vector<Hierarchy> hierarchies;

  // The v1 hierarchy that has `controller`, or nullptr.
  const Hierarchy* v1(std::string_view controller) const;
  // The v2 tree (the only one in pure v2, the "unified" one in hybrid), or nullptr.
  const Hierarchy* unified() const;
};

// Whether any of the hierarchy's files are read: it is a v2 tree or has memory, cpuacct, cpu, pids or
// blkio (in the order in which v1 hierarchies identify a group, see reader.h).
bool is_measured(const Hierarchy& hierarchy);
// `layout` without the hierarchies that only group processes (name=systemd, devices, freezer ...).
Layout measured_part(const Layout& layout);

// Error when `cgroup_root` holds no cgroup hierarchy at all; it names the directory.
Result<Layout> detect_layout(const std::string& cgroup_root);

}  // namespace plimsoll::cgroup
