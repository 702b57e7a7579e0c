// SPDX-License-Identifier: Apache-2.0
#include "collectors/container/mount_table.h"

#include <climits>

#include "base/text.h"

namespace plimsoll::collectors::container {
namespace {

// Takes the next option; a comma behind a backslash does not end it.
std::string_view take_option(std::string_view& rest) {
  size_t end = rest.find(',');
  while (end != std::string_view::npos && end > 0 && rest[end - 1] == '\\') end = rest.find(',', end + 1);
  const std::string_view option = rest.substr(0, end);
  rest = end == std::string_view::npos ? std::string_view{} : rest.substr(end + 1);
  return option;
}

// What mount(2) was given is shown with the backslashes that keep ",", ":" and "\" from their meaning.
std::string without_backslashes(std::string_view text) {
  std::string plain;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && i + 1 < text.size()) ++i;
    plain += text[i];
  }
  return plain;
}

}  // namespace

// Fields are taken by single blanks: the source may be empty.
std::optional<Mount> parse_mount(std::string_view line) {
  Mount mount;
  take(line, ' ');  // id
  take(line, ' ');  // parent
  mount.device = take(line, ' ');
  take(line, ' ');  // root of the mount within the file system
  mount.point = take(line, ' ');
  take(line, ' ');  // options of the mount
  while (!line.empty() && take(line, ' ') != "-") continue;
  mount.type = take(line, ' ');
  mount.source = take(line, ' ');
  mount.options = line;
  if (!mount.point.starts_with('/') || mount.type.empty() || mount.options.empty()) return std::nullopt;
  return mount;
}

void for_each_mount(std::string_view mountinfo, const std::function<void(const Mount&)>& each) {
  // A line without its end is one that was cut off.
  while (mountinfo.find('\n') != std::string_view::npos) {
    if (const auto mount = parse_mount(take(mountinfo, '\n'))) each(*mount);
  }
}

std::string upper_directory(std::string_view options) {
  constexpr std::string_view kUpper = "upperdir=";
  while (!options.empty()) {
    std::string_view option = take_option(options);
    if (!option.starts_with(kUpper)) continue;
    option.remove_prefix(kUpper.size());
    std::string path = without_backslashes(unescape_octal(option));
    const bool is_path = path.starts_with('/') && path.size() < PATH_MAX && path.find('\0') == std::string::npos;
    return is_path ? path : "";
  }
  return "";
}

}  // namespace plimsoll::collectors::container
