// SPDX-License-Identifier: Apache-2.0
#include "runtime/container/block_accounting.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <set>

#include "base/os.h"
#include "base/text.h"

namespace plimsoll::container {

std::string whole_disk(const std::string& sys, dev_t device) {
  const std::string number = std::to_string(major(device)) + ":" + std::to_string(minor(device));
  const std::string directory = sys + "/dev/block/" + number;
  if (::access(directory.c_str(), F_OK) != 0) return "";
  if (::access((directory + "/partition").c_str(), F_OK) != 0) return number;
  // The entry is a link into the device tree, where a partition lies below its disk.
  auto disk = read_file(directory + "/../dev");
  return disk ? std::string(trim(*disk)) : "";
}

void enable_block_accounting(const limits::OwnCgroup& group, const std::string& sys, const Config& config) {
  std::set<std::string> disks;
  const auto add = [&](const std::string& path) {
    struct stat st;
    if (::stat(path.c_str(), &st) == 0) disks.insert(whole_disk(sys, st.st_dev));
  };
  add(config.rootfs);
  for (const auto& bind : config.binds) add(bind.source);
  disks.erase("");
  for (const auto& place : group.places()) {
    const auto& names = place.controllers;
    if (place.v2 || std::find(names.begin(), names.end(), "blkio") == names.end()) continue;
    for (const auto& disk : disks) {
      (void)write_existing(AT_FDCWD, place.directory + "/blkio.throttle.write_bps_device", disk + " 0").has_value();
    }
  }
}

}  // namespace plimsoll::container
