// SPDX-License-Identifier: Apache-2.0
// linux.cgroupsPath as a place in the hierarchies: of our own making, or a unit of systemd's.
//
// A path is absolute or counted from the root of the hierarchies, never from the caller's own group: the
// same value means the same place for every caller (config-linux.md, "Cgroups Path"). The form that systemd
// takes is "slice:prefix:name"; systemd.slice(5) tells how a slice's name is its place.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace plimsoll::limits {

// Where a container without a cgroupsPath goes: this and its id. No parent of ours, which would stay behind; with a
// prefix, so that no id hits upon a group that somebody else has.
inline constexpr std::string_view kDefaultPrefix = "/plimsoll-oci-";

// "" -> "/plimsoll-oci-ID", "a/b" and "/a//b/" -> "/a/b". Refused: "..", the root itself, NUL and line ends.
Result<std::string> absolute_cgroup_path(std::string_view cgroups_path, std::string_view id);

struct SystemdPath {
  std::string slice;   // "system.slice"
  std::string prefix;  // "docker", "" for none
  std::string name;    // the id as a rule
  std::string unit() const;
  // Where systemd puts that unit: "/a.slice/a-b.slice/docker-ID.scope" of a-b.slice.
  std::string cgroup_path() const;
};

// Of "slice:prefix:name"; "" means ":plimsoll-oci:ID". A slice that is not given is system.slice, without
// privileges user.slice.
Result<SystemdPath> parse_systemd_path(std::string_view cgroups_path, std::string_view id, bool rootless);

// "a-b.slice" -> "/a.slice/a-b.slice", "-.slice" -> "". Error when it is no slice's name.
Result<std::string> expand_slice(std::string_view slice);

}  // namespace plimsoll::limits
