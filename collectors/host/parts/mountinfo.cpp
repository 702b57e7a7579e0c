// SPDX-License-Identifier: Apache-2.0
#include "collectors/host/parts/mountinfo.h"

#include <string>

#include "base/text.h"

namespace plimsoll::collectors::host {

// Fields are taken by single blanks, not by runs of them: the source may be empty.
Result<MountLine> parse_mount_line(std::string_view line) {
  take(line, ' ');  // id
  take(line, ' ');  // parent
  MountLine mount;
  mount.minor = take(line, ' ');
  mount.major = take(mount.minor, ':');
  take(line, ' ');  // root of the mount within the file system
  mount.mount_point = take(line, ' ');
  mount.options = take(line, ' ');
  while (!line.empty() && take(line, ' ') != "-") continue;
  mount.type = take(line, ' ');
  mount.source = take(line, ' ');
  mount.super_options = line;
  if (mount.minor.empty() || mount.type.empty() || line.empty())
    return fail("malformed line for mount point '" + std::string(mount.mount_point) + "'");
  return mount;
}

std::string_view option_value(std::string_view options, std::string_view name) {
  while (!options.empty()) {
    std::string_view value = take(options, ',');
    if (take(value, '=') == name) return value;
  }
  return {};
}

bool has_option(std::string_view options, std::string_view name) {
  while (!options.empty())
    if (take(options, ',') == name) return true;
  return false;
}

}  // namespace plimsoll::collectors::host
