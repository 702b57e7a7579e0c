// SPDX-License-Identifier: Apache-2.0
// A container's mounts, devices and hidden paths, planned: options taken apart, targets split into their levels, and
// what only the parent may open is open. config.md "Mounts", config-linux.md "Default Devices", "Masked Paths"
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "base/os.h"
#include "base/result.h"
#include "runtime/isolate/inner_path.h"
#include "runtime/isolate/launch.h"
#include "runtime/spec/mount_options.h"

namespace plimsoll::isolate {

// One cgroup directory to show inside: `links` are further names ("cpu" for "cpu,cpuacct").
struct CgroupMount {
  std::string source, name;  // empty name: a pure v2 machine, mounted as the directory itself
  bool fresh = false;        // what the child's cgroup namespace shows, wherever it has been put; `source` if refused
  std::vector<std::string> links;
};

struct PlannedMount {
  enum class Kind { kFileSystem, kBind, kCgroup, kChangeOnly, kLink };
  Kind kind = Kind::kFileSystem;
  std::string type, source;
  InnerPath target;
  spec::MountOptions options;
  UniqueFd tree;            // kBind: the source, where the parent has opened it (user namespaces, id maps)
  std::string link;         // kLink: what the symbolic link says
  std::string long_data;    // options for mount(2), where one is too long for fsconfig(2)
  std::string replacement;  // kFileSystem: what is bound where the kernel refuses it in a user namespace
  bool keeps_mode = false;  // tmpfs: has the mode of the directory that it covers
};

struct PlannedDevice {
  InnerPath path;
  mode_t mode = 0;  // with the type
  dev_t number = 0;
  uid_t uid = 0;
  gid_t gid = 0;
  std::string host_path;  // bound instead of made, in a user namespace
  std::string tree_name;  // the same, where the parent has made it: its name in the device tree
};

struct MountPlan {
  std::string rootfs;
  UniqueFd root_tree;                  // in a user namespace: the root file system, opened by the parent
  std::vector<std::string> ancestors;  // of rootfs, itself first, "/" last
  uint64_t propagation = 0;            // of all mounts, before anything is mounted: MS_*
  uint64_t final_propagation = 0;      // of the container's root in the end; 0: as it is
  std::vector<PlannedMount> mounts;
  std::vector<CgroupMount> cgroups;
  std::vector<PlannedDevice> devices;
  UniqueFd device_tree;                       // not attached anywhere
  std::vector<std::string> masked, readonly;  // absolute
  std::vector<std::string> warnings;
  bool device_links = false;  // /dev is the container's own
  bool readonly_root = false;
  bool readonly_dev = false;               // once everything in it is made
  std::vector<std::string> kernel_mounts;  // without pivot: where the host has proc and sysfs
  bool pivot = true;
  bool own_namespace = true;  // false: the mounts are made among the caller's, below rootfs
  bool in_user_namespace = false;
};

// device_tree.cpp: in a user namespace nobody can make devices; we can if we are the host's root. Where it cannot be
// done the host's are bound.
void make_device_tree(const spec::Spec& spec, MountPlan& plan);

Result<MountPlan> plan_mounts(const LaunchSpec& launch);

}  // namespace plimsoll::isolate
