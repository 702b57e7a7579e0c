// SPDX-License-Identifier: Apache-2.0
// Directories whose entries are things with small files about them: /sys/class/net, /sys/class/hwmon,
// /sys/fs/xfs, /proc/net/bonding ... What is read at every scrape stays open, up to a bound.
//
//   DeviceDir zones_{roots.sys + "/class/thermal"};
//   ...
//   auto zones = zones_.devices();
//   if (!zones) return unexpected(zones.error());          // not_present() without the directory
//   for (Device* zone : *zones) zone->text("type"), zone->number("temp");
//
// Documentation/filesystems/sysfs.rst: one value per file, a page at most.
#pragma once

#include <sys/types.h>

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/os.h"
#include "collectors/collector.h"

namespace plimsoll::collectors::host {

// What the devices of one DeviceDir share.
struct DeviceReading {
  ReadBuffer buffer{4096};
  size_t descriptors_left;  // files that may still be kept open
};

// One entry. Belongs to its DeviceDir and is valid until the next devices().
class Device {
 public:
  Device(std::string name, ino_t inode, UniqueFd dir, DeviceReading& reading);
  ~Device();
  Device(const Device&) = delete;
  Device& operator=(const Device&) = delete;

  const std::string& name() const { return name_; }
  ino_t inode() const { return inode_; }

  // The whole of file `attribute` ("mtu", "statistics/rx_packets"), valid until the next read of any device
  // of this directory. Errors have the system call's code: ENOENT, EINVAL and ENODATA are how drivers say
  // that they have no value. A file that was not there is looked for again only after some listings.
  Result<std::string_view> read(std::string_view attribute);
  // The same without blanks and line ends around it; nullopt for every error.
  std::optional<std::string_view> text(std::string_view attribute);
  // The same as a number; nullopt also when it is none.
  std::optional<uint64_t> number(std::string_view attribute);

  // Names below the device, or below `directory` within it, in byte order; empty without it.
  std::vector<std::string> list(const std::string& directory = ".") const;

 private:
  struct File {
    UniqueFd fd;
    bool absent = false;
  };
  friend class DeviceDir;
  Result<void> open(const std::string& attribute, File& file);
  void keep(File& file, bool kept_before);
  void forget_absent();

  std::string name_;
  ino_t inode_;
  UniqueFd dir_;
  DeviceReading& reading_;
  std::map<std::string, File, std::less<>> files_;
};

class DeviceDir {
 public:
  // `keep`: how many files to keep open, over all devices; the rest are opened at each read. Each device
  // also keeps its directory open.
  explicit DeviceDir(std::string path, size_t keep = 64);

  // The entries as of now, in byte order of their names. Entries that are no directories (nor links to one)
  // are left out. not_present() when there is no such directory.
  Result<std::vector<Device*>> devices();

  const std::string& path() const { return path_; }

 private:
  void refresh_one(const std::string& name, int parent);

  std::string path_;
  DeviceReading reading_;
  uint64_t listings_ = 0;
  std::map<std::string, std::unique_ptr<Device>, std::less<>> devices_;
};

}  // namespace plimsoll::collectors::host
