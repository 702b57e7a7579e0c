// SPDX-License-Identifier: Apache-2.0
// The devices of a container with a user namespace: made by the parent on a file system of their own, with the modes
// and owners that the configuration wants; the child binds them. config-linux.md "Devices", mknod(2)
#include <fcntl.h>
#include <linux/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "runtime/isolate/mount_plan.h"
#include "runtime/isolate/new_mount.h"

namespace plimsoll::isolate {
namespace {

// As the host has it; the host's root where it is not mapped.
uint32_t host_id(const spec::IdMappings& mappings, uint32_t id) {
  for (const spec::IdMapping& one : mappings) {
    if (id >= one.container_id && id - one.container_id < one.size) return one.host_id + (id - one.container_id);
  }
  return 0;
}

bool is_configured(const spec::Spec& spec, const PlannedDevice& device) {
  return std::any_of(spec.devices.begin(), spec.devices.end(),
                     [&device](const spec::Device& one) { return one.path == device.path.shown; });
}

// mknod obeys the umask, chmod does not.
bool make_node(const spec::Spec& spec, int tree_fd, const PlannedDevice& device) {
  const char* const name = device.tree_name.c_str();
  const uid_t uid = host_id(spec.uid_mappings, device.uid);
  const gid_t gid = host_id(spec.gid_mappings, device.gid);
  return ::mknodat(tree_fd, name, device.mode, device.number) == 0 &&
         ::fchmodat(tree_fd, name, device.mode & 07777, 0) == 0 && ::fchownat(tree_fd, name, uid, gid, 0) == 0;
}

}  // namespace

void make_device_tree(const spec::Spec& spec, MountPlan& plan) {
  if (spec.devices.empty() || spec.uid_mappings.empty() || ::geteuid() != 0) return;
  static const FileSystemOption kOptions[] = {{"mode", "755"}};
  UniqueFd tree(new_mount("tmpfs", nullptr, kOptions, MOUNT_ATTR_NOEXEC | MOUNT_ATTR_NOSUID));
  if (!tree) return;
  for (size_t at = 0; at < plan.devices.size(); ++at) {
    PlannedDevice& device = plan.devices[at];
    if (device.host_path.empty() || !is_configured(spec, device)) continue;
    device.tree_name = std::to_string(at);
    if (make_node(spec, tree.get(), device)) continue;
    for (PlannedDevice& one : plan.devices) one.tree_name.clear();
    return;
  }
  plan.device_tree = std::move(tree);
  return;
}

}  // namespace plimsoll::isolate
