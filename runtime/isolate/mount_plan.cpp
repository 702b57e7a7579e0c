// SPDX-License-Identifier: Apache-2.0
#include "runtime/isolate/mount_plan.h"

#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <algorithm>

namespace plimsoll::isolate {
namespace {

struct DefaultDevice {
  const char* path;
  unsigned major, minor;
};
// config-linux.md "Default Devices"
constexpr DefaultDevice kDefaultDevices[] = {{"/dev/null", 1, 3},   {"/dev/zero", 1, 5},    {"/dev/full", 1, 7},
                                             {"/dev/random", 1, 8}, {"/dev/urandom", 1, 9}, {"/dev/tty", 5, 0}};

std::vector<CgroupMount> plan_cgroups(const limits::OwnCgroup* group) {
  std::vector<CgroupMount> mounts;
  if (group == nullptr) return mounts;
  const bool alone = group->places().size() == 1 && group->places()[0].v2;
  for (const limits::CgroupPlace& place : group->places()) {
    CgroupMount mount{place.directory, alone ? "" : place.mount_name, {}};
    if (!place.v2 && place.controllers.size() > 1) {
      for (const std::string& controller : place.controllers) {
        if (controller != place.mount_name) mount.links.push_back(controller);
      }
    }
    mounts.push_back(std::move(mount));
  }
  return mounts;
}

PlannedMount::Kind kind_of(const spec::Mount& mount, const spec::MountOptions& options) {
  if (options.bind || options.recursive_bind || mount.type == "bind") return PlannedMount::Kind::kBind;
  if (options.remount) return PlannedMount::Kind::kChangeOnly;
  if (mount.type == "cgroup" || mount.type == "cgroup2") return PlannedMount::Kind::kCgroup;
  return PlannedMount::Kind::kFileSystem;
}

Result<PlannedMount> plan_mount(const spec::Mount& mount) {
  const std::string place = "mount \"" + mount.destination + "\"";
  auto options = spec::parse_mount_options(mount);
  if (!options) return unexpected(options.error().within(place));
  auto target = inner_path(mount.destination);
  if (!target) return unexpected(target.error().within(place));
  PlannedMount planned;
  planned.kind = kind_of(mount, *options);
  planned.type = mount.type;
  planned.source = mount.source;
  planned.target = *std::move(target);
  planned.options = *std::move(options);
  if (planned.kind == PlannedMount::Kind::kBind && mount.source.empty()) return fail(place + ": a bind needs a source");
  if (planned.target.levels.empty()) return fail(place + ": give the directory as root file system instead");
  return planned;
}

// Whether /dev is filled by us: not when the host's or another directory is bound there.
bool fills_dev(const std::vector<PlannedMount>& mounts) {
  return std::none_of(mounts.begin(), mounts.end(), [](const PlannedMount& mount) {
    return mount.kind == PlannedMount::Kind::kBind && mount.target.levels.back() == "dev";
  });
}

Result<PlannedDevice> plan_device(const spec::Device& device, bool in_user_namespace) {
  auto path = inner_path(device.path);
  if (!path) return unexpected(path.error().within("device"));
  if (path->levels.empty()) return fail("device \"" + device.path + "\": is no file's path");
  PlannedDevice planned;
  planned.path = *std::move(path);
  const mode_t type = device.type == 'b' ? S_IFBLK : device.type == 'p' ? S_IFIFO : S_IFCHR;
  planned.mode = type | (device.file_mode.value_or(0666) & 07777);
  planned.number = ::makedev(device.major, device.minor);
  planned.uid = device.uid.value_or(0);
  planned.gid = device.gid.value_or(0);
  if (in_user_namespace && type != S_IFIFO) planned.host_path = device.path;
  return planned;
}

Result<void> plan_devices(const spec::Spec& spec, MountPlan& plan) {
  const auto add = [&plan](const spec::Device& device) -> Result<void> {
    auto planned = plan_device(device, plan.in_user_namespace);
    if (!planned) return unexpected(planned.error());
    plan.devices.push_back(*std::move(planned));
    return {};
  };
  const auto is_wanted_anyway = [&spec](const char* path) {
    return std::any_of(spec.devices.begin(), spec.devices.end(),
                       [path](const spec::Device& device) { return device.path == path; });
  };
  for (const DefaultDevice& device : kDefaultDevices) {
    if (is_wanted_anyway(device.path)) continue;
    if (auto added = add({device.path, 'c', device.major, device.minor, 0666, 0, 0}); !added) return added;
  }
  for (const spec::Device& device : spec.devices) {
    if (auto added = add(device); !added) return added;
  }
  return {};
}

void plan_propagation(const std::string& name, MountPlan& plan) {
  plan.recursive_propagation = name.empty() || name.starts_with('r');
  if (name.ends_with("shared")) {
    plan.propagation = MS_SHARED;
  } else if (name.ends_with("unbindable")) {
    plan.propagation = MS_UNBINDABLE;
  } else {
    plan.propagation = name.ends_with("slave") ? MS_SLAVE : MS_PRIVATE;
  }
}

}  // namespace

Result<MountPlan> plan_mounts(const LaunchSpec& launch) {
  const spec::Spec& spec = *launch.spec;
  if (!launch.rootfs.starts_with('/')) {
    return fail("root file system \"" + launch.rootfs + "\": must be an absolute path");
  }
  MountPlan plan;
  plan.rootfs = launch.rootfs;
  plan.pivot = launch.pivot;
  plan.readonly_root = spec.root.readonly;
  plan.masked = spec.masked_paths;
  plan.readonly = spec.readonly_paths;
  plan.in_user_namespace = spec::find_namespace(spec, spec::NamespaceType::kUser) != nullptr;
  plan_propagation(spec.rootfs_propagation, plan);
  for (const spec::Mount& mount : spec.mounts) {
    auto planned = plan_mount(mount);
    if (!planned) return unexpected(planned.error());
    plan.mounts.push_back(*std::move(planned));
  }
  plan.cgroups = plan_cgroups(launch.group);
  plan.device_links = fills_dev(plan.mounts);
  if (!plan.device_links) return plan;
  if (auto devices = plan_devices(spec, plan); !devices) return unexpected(devices.error());
  return plan;
}

}  // namespace plimsoll::isolate
