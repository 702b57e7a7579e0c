// SPDX-License-Identifier: Apache-2.0
// A mount's options, taken apart: what mount_setattr(2) is told, what the file system is told, and what only a
// runtime understands. runtime-spec: config.md "Linux mount options"
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "runtime/spec/spec.h"

namespace plimsoll::spec {

// One range of "idmap=uids=0-1000-1#@1-1-10;gids=...": with "@" the second number is an id of the container.
struct OptionMapping {
  IdMapping ids;
  bool relative = false;
};

struct MountOptions {
  // MOUNT_ATTR_* of this mount, as mount_setattr(2) takes them: MOUNT_ATTR__ATIME is in `clear` when a way of keeping
  // access times was asked for. fsmount(2) takes `set` alone.
  uint64_t set = 0, clear = 0;
  uint64_t recursive_set = 0, recursive_clear = 0;  // of it and all below ("rro", "rnosuid" ...)
  uint64_t propagation = 0;                         // MS_PRIVATE, MS_SLAVE, MS_SHARED, MS_UNBINDABLE; 0: as it is
  bool recursive_propagation = false;               // "rprivate" ...
  bool bind = false, recursive_bind = false;        // "bind", "rbind"
  bool remount = false;
  bool copy_up = false;                               // "tmpcopyup": what is there already is copied into the tmpfs
  bool idmap = false, recursive_idmap = false;        // "idmap", "ridmap"
  std::vector<OptionMapping> uid_ranges, gid_ranges;  // of "idmap=", "ridmap=": both or neither
  bool copy_symlink = false;           // "copy-symlink": of a symbolic link as source one like it is made
  bool source_no_follow = false;       // "src-nofollow": a symbolic link as source is bound itself
  bool destination_no_follow = false;  // "dest-nofollow"
  // For the file system, in order: a key alone is a flag. "sync", "dirsync", "lazytime", "mand" are here too, as
  // fsconfig(2) takes them.
  std::vector<std::pair<std::string, std::string>> data;
};

// "idmap" is also on when the mount has mappings of its own. A bind mount has no use for `data`: mount(2) ignores it.
Result<MountOptions> parse_mount_options(const Mount& mount);

// Every option that is understood and not passed on; for `features`.
std::vector<std::string_view> known_mount_options();

}  // namespace plimsoll::spec
