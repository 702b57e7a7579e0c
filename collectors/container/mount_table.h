// SPDX-License-Identifier: Apache-2.0
// Lines of /proc/PID/mountinfo.
//
//   280 279 0:40 / /merged rw,relatime shared:5 - overlay overlay rw,lowerdir=/l,upperdir=/a\134\054b,workdir=/w
//
// id, parent, major:minor, root, mount point, options, optional fields up to "-", type, source,
// options of the file system. proc_pid_mountinfo(5)
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace plimsoll::collectors::container {

// Views into the text, with its octal escapes.
struct Mount {
  std::string_view device;  // "254:1"
  std::string_view point, type, source, options;
};

// nullopt for a line that is cut off or malformed.
std::optional<Mount> parse_mount(std::string_view line);
// Calls `each` for every well-formed line, in the order of the file.
void for_each_mount(std::string_view mountinfo, const std::function<void(const Mount&)>& each);

// The value of upperdir= among the options of an overlay, without the escapes of mountinfo (\040) and of
// overlayfs ("\,"). "" when there is none, or it is relative to a directory that cannot be known.
std::string upper_directory(std::string_view options);

}  // namespace plimsoll::collectors::container
