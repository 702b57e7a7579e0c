// SPDX-License-Identifier: Apache-2.0
// Which namespaces a container gets, made or joined, and in which process.
//
// A new one comes with clone3(2) of the container's first process; one that is joined by path is entered by that
// process itself with setns(2). Two things cannot be done there: a pid namespace holds for children only, and whoever
// is in a new user namespace may no longer enter what belongs to the old one. Then a helper goes first, and the
// container's first process is its sibling (CLONE_PARENT). namespaces(7), user_namespaces(7), time_namespaces(7),
// setns(2)
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "base/os.h"
#include "base/result.h"
#include "runtime/spec/spec.h"

namespace plimsoll::isolate {

struct NamespaceJoin {
  UniqueFd fd;
  int type = 0;  // CLONE_NEW*
  std::string path;
};

struct NamespacePlan {
  uint64_t created = 0;  // CLONE_NEW* for clone3; never CLONE_NEWTIME
  bool new_cgroup = false, new_time = false;
  std::string time_offsets;          // for /proc/self/timens_offsets
  std::vector<NamespaceJoin> joins;  // the user namespace, if any, is last
  std::string uid_map, gid_map;      // for /proc/PID/uid_map of a new user namespace
  uid_t root_uid = 0;                // who makes the mounts in the user namespace: its root, if it has one
  gid_t root_gid = 0;
  bool new_user() const { return !uid_map.empty(); }
  bool joins_user() const { return !joins.empty() && joins.back().type == CLONE_NEWUSER; }
  bool needs_helper() const;
  // The container has another one of this type (CLONE_NEW*) than the caller.
  bool separates(int type) const;
};

// Opens what is joined. Errors name the namespace and its path: one that is of another type is refused.
// A path that leads to the caller's own namespace is the same as none.
Result<NamespacePlan> plan_namespaces(const spec::Spec& spec, const std::string& proc);

// Writes both maps of process `pid`, which waits for it: directly, or by newuidmap(1) and newgidmap(1) where the caller
// may not.
Result<void> write_id_maps(const std::string& proc, pid_t pid, const NamespacePlan& plan);

// "0 1000 1\n": a line for each mapping.
std::string id_map_text(const spec::IdMappings& mappings);

}  // namespace plimsoll::isolate
