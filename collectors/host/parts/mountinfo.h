// SPDX-License-Identifier: Apache-2.0
// A line of /proc/PID/mountinfo:
//
//   35 27 0:29 / /mnt/with\040blank ro,nosuid shared:7 - nfs4 server:/export rw,vers=4.2
//
// id, parent, major:minor, root, mount point, options, optional fields up to "-", type, source, options of
// the file system. proc_pid_mountinfo(5)
#pragma once

#include <string_view>

#include "base/result.h"

namespace plimsoll::collectors::host {

// Views into the line; blanks and the like are escaped still (unescape_octal).
struct MountLine {
  std::string_view major, minor;
  std::string_view mount_point;
  std::string_view options;
  std::string_view type;
  std::string_view source;  // may be empty
  std::string_view super_options;
};

Result<MountLine> parse_mount_line(std::string_view line);

// The value of an option "name=value" in a list "a,b=c"; "" when it has none.
std::string_view option_value(std::string_view options, std::string_view name);
bool has_option(std::string_view options, std::string_view name);

}  // namespace plimsoll::collectors::host
