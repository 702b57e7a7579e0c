// SPDX-License-Identifier: Apache-2.0
#include "collectors/host/disk_info.h"

#include <algorithm>

#include "base/text.h"

namespace plimsoll::collectors::host {

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
  const std::string id = std::to_string(major) + ":" + std::to_string(minor);
  const std::string records = roots.udev_data.empty() ? roots.rootfs + "/run/udev/data" : roots.udev_data;
  const auto record = read_file(records + "/b" + id);
  if (record) info.udev = UdevProperties::parse(*record);
  std::string directory(name);
  std::replace(directory.begin(), directory.end(), '/', '!');  // cciss/c0d0 is cciss!c0d0 in sysfs
  const auto rotational = read_file(roots.sys + "/block/" + directory + "/queue/rotational");
  info.rotational = rotational && trim(*rotational) == "1" ? "1" : "0";
  return info;
}

}  // namespace plimsoll::collectors::host
