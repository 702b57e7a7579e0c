// SPDX-License-Identifier: Apache-2.0
#include "runtime/isolate/mount_plan.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>

#include "base/text.h"
#include "runtime/isolate/id_map.h"
#include "runtime/isolate/new_mount.h"

namespace plimsoll::isolate {
namespace {

struct DefaultDevice {
  const char* path;
  unsigned major, minor;
};
// config-linux.md "Default Devices"
constexpr DefaultDevice kDefaultDevices[] = {{"/dev/null", 1, 3},   {"/dev/zero", 1, 5},    {"/dev/full", 1, 7},
                                             {"/dev/random", 1, 8}, {"/dev/urandom", 1, 9}, {"/dev/tty", 5, 0}};

// Without a cgroup namespace of its own a container on a pure v2 machine sees the whole tree, as its /proc/PID/cgroup
// does. Where systemd will have put the process is not known for sure yet: a user's own puts it below its own group.
std::vector<CgroupMount> plan_cgroups(const LaunchSpec& launch) {
  std::vector<CgroupMount> mounts;
  const auto& places = launch.group != nullptr ? launch.group->places() : launch.places;
  const bool alone = places.size() == 1 && places[0].v2;
  const bool whole = alone && !spec::makes_namespace(*launch.spec, spec::NamespaceType::kCgroup);
  for (const limits::CgroupPlace& place : places) {
    CgroupMount mount{whole ? place.mount_point : place.directory, alone ? "" : place.mount_name, {}, {}};
    mount.fresh = alone && !whole && !launch.enter_group;
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

// fsconfig(2) takes 255 bytes of a value; overlayfs' lowerdir may need more.
std::string long_data(const spec::MountOptions& options) {
  constexpr size_t kLongest = 255;
  std::string data;
  bool needed = false;
  for (const auto& [key, value] : options.data) {
    needed = needed || value.size() > kLongest;
    if (!data.empty()) data += ',';
    data += value.empty() ? key : key + "=" + value;
  }
  return needed ? data : "";
}

// What a user namespace may not mount if it does not own the network, ipc or pid namespace that it shows.
std::string replacement_of(const std::string& type) {
  if (type == "sysfs") return "/sys";
  if (type == "mqueue") return "/dev/mqueue";
  if (type == "proc") return "/proc";
  return "";
}

bool is_mapped(const spec::IdMappings& mappings, uint32_t id) {
  return std::any_of(mappings.begin(), mappings.end(), [id](const spec::IdMapping& one) {
    return id >= one.container_id && id - one.container_id < one.size;
  });
}

// The group of terminals may not exist in the container.
void drop_unmapped_group(const spec::Spec& spec, spec::MountOptions& options) {
  if (spec.gid_mappings.empty()) return;
  std::erase_if(options.data, [&spec](const auto& option) {
    const auto gid = option.first == "gid" ? parse_u64(option.second) : std::nullopt;
    return gid && !is_mapped(spec.gid_mappings, static_cast<uint32_t>(*gid));
  });
}

// The mount's own ids, else those of its option, else the container's. What is relative counts from where the
// container's id is on the host.
spec::IdMappings choose_ids(const spec::IdMappings& own, const std::vector<spec::OptionMapping>& ranges,
                            const spec::IdMappings& container) {
  if (!own.empty() || ranges.empty()) return own.empty() ? container : own;
  spec::IdMappings chosen;
  for (const spec::OptionMapping& range : ranges) {
    chosen.push_back(range.ids);
    if (!range.relative) continue;
    const uint32_t id = range.ids.host_id;
    for (const spec::IdMapping& one : container) {
      if (id < one.container_id || id - one.container_id >= one.size) continue;
      chosen.back().host_id = one.host_id + (id - one.container_id);
      break;
    }
  }
  return chosen;
}

// Detached, with everything that needs rights on the host done to it. In a user namespace without rights on the host
// the child has the same rights as we: then it may do it itself.
Result<void> open_source(const LaunchSpec& launch, const spec::Mount& mount, PlannedMount& planned) {
  const spec::MountOptions& options = planned.options;
  const bool mapped = options.idmap || options.recursive_idmap || !mount.uid_mappings.empty();
  if (!mapped && spec::find_namespace(*launch.spec, spec::NamespaceType::kUser) == nullptr) return {};
  const unsigned flags = (options.recursive_bind ? static_cast<unsigned>(AT_RECURSIVE) : 0u) |
                         (options.source_no_follow ? static_cast<unsigned>(AT_SYMLINK_NOFOLLOW) : 0u);
  planned.tree.reset(clone_tree(AT_FDCWD, mount.source.c_str(), flags));
  if (!planned.tree && errno == EPERM && !mapped) return {};
  if (!planned.tree) return fail_errno("mount " + mount.source);
  if (!mapped) return {};
  const spec::Spec& spec = *launch.spec;
  auto ids = make_user_namespace(launch.proc, choose_ids(mount.uid_mappings, options.uid_ranges, spec.uid_mappings),
                                 choose_ids(mount.gid_mappings, options.gid_ranges, spec.gid_mappings));
  if (!ids) return unexpected(ids.error());
  auto done = map_ids(planned.tree.get(), ids->get(), options.recursive_idmap);
  if (!done) return unexpected(done.error().within(mount.destination));
  return {};
}

void plan_file_system(const spec::Spec& spec, PlannedMount& planned) {
  if (planned.type == "devpts") drop_unmapped_group(spec, planned.options);
  if (spec::find_namespace(spec, spec::NamespaceType::kUser) != nullptr) {
    planned.replacement = replacement_of(planned.type);
  }
  // On a new file system there is nothing below: "rro" is "ro".
  planned.options.set = (planned.options.set & ~planned.options.recursive_clear) | planned.options.recursive_set;
  planned.long_data = long_data(planned.options);
  planned.keeps_mode = planned.type == "tmpfs" && std::none_of(planned.options.data.begin(), planned.options.data.end(),
                                                               [](const auto& one) { return one.first == "mode"; });
  if (planned.keeps_mode && planned.long_data.empty()) planned.options.data.emplace_back("mode", "1777");
}

// A source that is no link is bound as always.
void plan_link(PlannedMount& planned) {
  char text[PATH_MAX];
  const ssize_t size = ::readlink(planned.source.c_str(), text, sizeof(text));
  if (size < 0) return;
  planned.kind = PlannedMount::Kind::kLink;
  planned.link.assign(text, static_cast<size_t>(size));
}

Result<PlannedMount> plan_mount(const LaunchSpec& launch, const spec::Mount& mount) {
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
  if (planned.kind == PlannedMount::Kind::kFileSystem) plan_file_system(*launch.spec, planned);
  const bool may_be_link = planned.kind == PlannedMount::Kind::kBind && !planned.target.levels.empty();
  if (may_be_link && planned.options.copy_symlink) plan_link(planned);
  if (planned.kind != PlannedMount::Kind::kBind) return planned;
  if (auto opened = open_source(launch, mount, planned); !opened) return unexpected(opened.error());
  return planned;
}

// The v2 tree of the host is bound, whose options are the host's: those that cgroup2 knows change nothing here.
Result<void> check_cgroup_options(const MountPlan& plan) {
  static constexpr std::string_view kOptions[] = {
      "favordynmods",         "memory_localevents", "memory_hugetlb_accounting",
      "memory_recursiveprot", "nsdelegate",         "pids_localevents"};
  if (plan.cgroups.size() != 1 || !plan.cgroups[0].name.empty()) return {};
  for (const PlannedMount& mount : plan.mounts) {
    if (mount.kind != PlannedMount::Kind::kCgroup) continue;
    for (const auto& [key, value] : mount.options.data) {
      if (std::find(std::begin(kOptions), std::end(kOptions), key) != std::end(kOptions)) continue;
      return unexpected(Error{EINVAL, "mount \"" + mount.target.shown + "\": option \"" + key + "\" of cgroup2"});
    }
  }
  return {};
}

// mount(2) ignores what is for the file system of a bind mount's source, and so do the engines that write it.
void warn_of_ignored(const PlannedMount& mount, std::vector<std::string>& warnings) {
  if (mount.kind != PlannedMount::Kind::kBind) return;
  for (const auto& option : mount.options.data) {
    warnings.push_back("mount \"" + mount.target.shown + "\": option '" + option.first +
                       "' is ignored: a bind mount has the file system of its source");
  }
}

// Whether /dev is filled by us: not when the host's or another directory is bound there.
bool fills_dev(const std::vector<PlannedMount>& mounts) {
  return std::none_of(mounts.begin(), mounts.end(), [](const PlannedMount& mount) {
    return mount.kind == PlannedMount::Kind::kBind && !mount.target.levels.empty() &&
           mount.target.levels.back() == "dev";
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
  plan.devices.reserve(std::size(kDefaultDevices) + spec.devices.size());
  for (const DefaultDevice& device : kDefaultDevices) {
    if (is_wanted_anyway(device.path)) continue;
    if (auto added = add({device.path, 'c', device.major, device.minor, 0666, 0, 0}); !added) return added;
  }
  for (const spec::Device& device : spec.devices) {
    if (auto added = add(device); !added) return added;
  }
  return {};
}

// config-linux.md "Rootfs Mount Propagation". All mounts get it first; what the container's root gets in the end is the
// same again, after everything has been mounted in private.
void plan_propagation(const std::string& name, MountPlan& plan) {
  plan.propagation = name.ends_with("shared") ? MS_SHARED : name.ends_with("slave") ? MS_SLAVE : MS_PRIVATE;
  // What is private already can no longer become a slave of the host's.
  const bool slaves = std::any_of(plan.mounts.begin(), plan.mounts.end(),
                                  [](const PlannedMount& mount) { return mount.options.propagation == MS_SLAVE; });
  if (name.empty() && slaves) plan.propagation = MS_SLAVE;
  if (name.ends_with("unbindable")) plan.final_propagation = MS_UNBINDABLE;
  if (name.ends_with("shared") || name.ends_with("slave")) plan.final_propagation = plan.propagation;
}

void plan_ancestors(MountPlan& plan) {
  for (std::string path = plan.rootfs; path.size() > 1; path.resize(path.rfind('/'))) plan.ancestors.push_back(path);
  plan.ancestors.push_back("/");
}

// In a user namespace the way to the root file system may be closed to the child.
Result<void> open_root(MountPlan& plan) {
  if (!plan.in_user_namespace) return {};
  plan.root_tree.reset(clone_tree(AT_FDCWD, plan.rootfs.c_str(), AT_RECURSIVE));
  if (!plan.root_tree && errno != EPERM) return fail_errno("root file system " + plan.rootfs);
  return {};
}

// Mount points and devices are made in it first.
void plan_readonly_dev(MountPlan& plan) {
  for (PlannedMount& mount : plan.mounts) {
    const bool is_dev = !mount.target.levels.empty() && mount.target.levels.back() == "dev";
    if (!is_dev || mount.kind != PlannedMount::Kind::kFileSystem) continue;
    plan.readonly_dev = (mount.options.set & MOUNT_ATTR_RDONLY) != 0;
    mount.options.set &= ~static_cast<uint64_t>(MOUNT_ATTR_RDONLY);
  }
}

// The last ones first, so that what lies below another goes before it. proc(5), "mountinfo": the 5th field is the mount
// point, behind " - " comes the type.
Result<void> plan_kernel_mounts(const LaunchSpec& launch, MountPlan& plan) {
  if (launch.pivot) return {};
  auto text = read_file(launch.proc + "/self/mountinfo");
  if (!text) return unexpected(text.error());
  for (std::string_view rest = *text; !rest.empty();) {
    std::string_view line = take(rest, '\n');
    const size_t dash = line.find(" - ");
    if (dash == line.npos) continue;
    const std::string_view type = line.substr(dash + 3, line.find(' ', dash + 3) - dash - 3);
    for (int field = 0; field < 4; ++field) take(line, ' ');
    const std::string_view place = take(line, ' ');
    const bool inside = place.starts_with(plan.rootfs + "/");
    if ((type == "proc" || type == "sysfs") && !inside)
      plan.kernel_mounts.insert(plan.kernel_mounts.begin(), unescape_octal(place));
  }
  return {};
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
  for (const auto* paths : {&spec.masked_paths, &spec.readonly_paths}) {
    for (const std::string& path : *paths) {
      if (!path.starts_with('/')) return fail("hidden or read-only path \"" + path + "\": must be an absolute path");
    }
  }
  plan.masked = spec.masked_paths;
  plan.readonly = spec.readonly_paths;
  plan.in_user_namespace = spec::find_namespace(spec, spec::NamespaceType::kUser) != nullptr;
  plan_ancestors(plan);
  if (auto opened = open_root(plan); !opened) return unexpected(opened.error());
  plan.mounts.reserve(spec.mounts.size());
  for (const spec::Mount& mount : spec.mounts) {
    auto planned = plan_mount(launch, mount);
    if (!planned) return unexpected(planned.error());
    warn_of_ignored(*planned, plan.warnings);
    plan.mounts.push_back(*std::move(planned));
  }
  plan_readonly_dev(plan);
  if (auto read = plan_kernel_mounts(launch, plan); !read) return unexpected(read.error());
  plan_propagation(spec.rootfs_propagation, plan);
  plan.cgroups = plan_cgroups(launch);
  if (auto good = check_cgroup_options(plan); !good) return unexpected(good.error());
  plan.device_links = fills_dev(plan.mounts);
  if (!plan.device_links) return plan;
  if (auto devices = plan_devices(spec, plan); !devices) return unexpected(devices.error());
  make_device_tree(spec, plan);
  return plan;
}

}  // namespace plimsoll::isolate
