// SPDX-License-Identifier: Apache-2.0
#include "runtime/limits/path.h"

#include <algorithm>

#include "base/text.h"

namespace plimsoll::limits {
namespace {

constexpr std::string_view kSlice = ".slice";

bool is_printable(std::string_view text) {
  return std::none_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < ' '; });
}

Unexpected refuse(std::string_view path, std::string_view why) {
  return fail("cgroupsPath \"" + std::string(path) + "\": " + std::string(why));
}

}  // namespace

Result<std::string> absolute_cgroup_path(std::string_view cgroups_path, std::string_view id) {
  if (!is_printable(cgroups_path)) return refuse(cgroups_path, "has a control character");
  if (cgroups_path.empty()) return std::string(kDefaultPrefix) + std::string(id);
  std::string path;
  for (std::string_view rest = cgroups_path; !rest.empty();) {
    const std::string_view name = take(rest, '/');
    if (name == "..") return refuse(cgroups_path, "must not lead upwards; give the path without \"..\"");
    if (!name.empty() && name != ".") path.append("/").append(name);
  }
  if (path.empty()) return refuse(cgroups_path, "is the root of the hierarchies, which no container can have");
  return path;
}

Result<std::string> expand_slice(std::string_view slice) {
  const auto refuse_slice = [slice] {
    return fail("slice \"" + std::string(slice) + "\": must be named as a.slice or a-b.slice");
  };
  if (slice == "-.slice") return std::string();
  if (!slice.ends_with(kSlice) || slice.size() == kSlice.size()) return refuse_slice();
  std::string_view rest = slice.substr(0, slice.size() - kSlice.size());
  if (rest.find('/') != std::string_view::npos || !is_printable(rest) || rest.ends_with('-')) return refuse_slice();
  std::string path, prefix;
  while (!rest.empty()) {
    const std::string_view part = take(rest, '-');
    if (part.empty()) return refuse_slice();
    prefix.append(prefix.empty() ? "" : "-").append(part);
    path.append("/").append(prefix).append(kSlice);
  }
  return path;
}

Result<SystemdPath> parse_systemd_path(std::string_view cgroups_path, std::string_view id, bool rootless) {
  SystemdPath path;
  if (cgroups_path.empty()) {
    path.prefix = "plimsoll-oci";
    path.name = id;
  } else {
    if (std::count(cgroups_path.begin(), cgroups_path.end(), ':') != 2)
      return refuse(cgroups_path, "systemd takes slice:prefix:name, such as system.slice:plimsoll:" + std::string(id));
    std::string_view rest = cgroups_path;
    path.slice = take(rest, ':');
    path.prefix = take(rest, ':');
    path.name = rest;
  }
  if (path.slice.empty()) path.slice = rootless ? "user.slice" : "system.slice";
  if (path.name.empty()) return refuse(cgroups_path, "the name after the second \":\" is missing");
  if (path.unit().find('/') != std::string::npos || !is_printable(path.unit()))
    return refuse(cgroups_path, "a unit's name has no \"/\" and no control character");
  if (auto expanded = expand_slice(path.slice); !expanded)
    return unexpected(expanded.error().within("cgroupsPath \"" + std::string(cgroups_path) + "\""));
  return path;
}

std::string SystemdPath::unit() const {
  if (name.ends_with(kSlice)) return name;
  return (prefix.empty() ? name : prefix + "-" + name) + ".scope";
}

std::string SystemdPath::cgroup_path() const {
  return expand_slice(slice).value_or("") + (name.ends_with(kSlice) ? expand_slice(name).value_or("") : "/" + unit());
}

}  // namespace plimsoll::limits
