// SPDX-License-Identifier: Apache-2.0
// What is known about a block device beside its counters: udev's record of it, and sysfs.
//
//   S:disk/by-id/ata-SAMSUNG_MZVLB512_S123
//   E:ID_MODEL=SAMSUNG_MZVLB512
//   E:ID_SERIAL_SHORT=S123
//
// /run/udev/data/bMAJOR:MINOR (systemd's udev; not a kernel interface), and
// /sys/block/NAME/queue/rotational (Documentation/ABI/stable/sysfs-block).
#pragma once

#include <sys/types.h>

#include <ctime>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "base/os.h"

namespace plimsoll::collectors::host {

// The properties ("E:" lines) of one udev record. A record holds whatever the disk says about
// itself: values are arbitrary bytes. Lines of other kinds and without '=' are skipped.
class UdevProperties {
 public:
  static UdevProperties parse(std::string_view text);
  // "" when the record has no such property.
  std::string_view get(std::string_view name) const;

 private:
  std::map<std::string, std::string, std::less<>> values_;
};

// Everything of it is optional and "" when unknown.
struct DiskInfo {
  UdevProperties udev;
  std::string rotational;  // "0" or "1"; "0" for a device without a queue of its own (a partition)
};

// Looks below roots.rootfs/run/udev/data and roots.sys/block. A machine without udev has no record.
DiskInfo read_disk_info(const HostRoots& roots, std::string_view name, uint32_t major, uint32_t minor);

// Tells when one disk's DiskInfo must be read again, by one system call: when udev has written its record
// anew, which it also does when an attribute of the disk has changed; for a disk without a record, never.
class DiskRecord {
 public:
  DiskRecord(const HostRoots& roots, uint32_t major, uint32_t minor);

  // True at the first call and whenever the record is another one than at the call before.
  bool changed();

 private:
  struct Version {
    dev_t device;
    ino_t inode;
    off_t size;
    timespec written;
  };
  static bool same(const std::optional<Version>& a, const std::optional<Version>& b);

  std::string path_;
  bool known_ = false;
  std::optional<Version> version_;  // nullopt: no record
};

}  // namespace plimsoll::collectors::host
