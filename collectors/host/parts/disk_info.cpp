// SPDX-License-Identifier: Apache-2.0
#include "collectors/host/parts/disk_info.h"

#include <sys/stat.h>

#include <algorithm>

#include "base/text.h"

namespace plimsoll::collectors::host {
namespace {

std::string record_path(const HostRoots& roots, uint32_t major, uint32_t minor) {
  const std::string records = roots.udev_data.empty() ? roots.rootfs + "/run/udev/data" : roots.udev_data;
  return records + "/b" + std::to_string(major) + ":" + std::to_string(minor);
}

}  // namespace

UdevProperties UdevProperties::parse(std::string_view text) {
  UdevProperties properties;
  while (!text.empty()) {
    std::string_view line = take(text, '\n');
    if (!line.starts_with("E:") || line.find('=') == std::string_view::npos) continue;
    line.remove_prefix(2);
    const std::string name(take(line, '='));
    properties.values_.insert_or_assign(name, std::string(line));
  }
  return properties;
}

std::string_view UdevProperties::get(std::string_view name) const {
  const auto found = values_.find(name);
  return found == values_.end() ? std::string_view{} : found->second;
}

DiskInfo read_disk_info(const HostRoots& roots, std::string_view name, uint32_t major, uint32_t minor) {
  DiskInfo info;
  const auto record = read_file(record_path(roots, major, minor));
  if (record) info.udev = UdevProperties::parse(*record);
  std::string directory(name);
  std::replace(directory.begin(), directory.end(), '/', '!');  // cciss/c0d0 is cciss!c0d0 in sysfs
  const auto rotational = read_file(roots.sys + "/block/" + directory + "/queue/rotational");
  info.rotational = rotational && trim(*rotational) == "1" ? "1" : "0";
  return info;
}

DiskRecord::DiskRecord(const HostRoots& roots, uint32_t major, uint32_t minor)
    : path_(record_path(roots, major, minor)) {}

bool DiskRecord::same(const std::optional<Version>& a, const std::optional<Version>& b) {
  if (!a || !b) return a.has_value() == b.has_value();
  return a->device == b->device && a->inode == b->inode && a->size == b->size &&
         a->written.tv_sec == b->written.tv_sec && a->written.tv_nsec == b->written.tv_nsec;
}

bool DiskRecord::changed() {
  struct stat status;
  std::optional<Version> now;
  if (::stat(path_.c_str(), &status) == 0) now = {status.st_dev, status.st_ino, status.st_size, status.st_mtim};
  const bool changed = !known_ || !same(version_, now);
  known_ = true;
  version_ = now;
  return changed;
}

}  // namespace plimsoll::collectors::host
