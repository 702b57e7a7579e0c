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

#include <map>
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

}  // namespace plimsoll::collectors::host
