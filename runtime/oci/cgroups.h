// SPDX-License-Identifier: Apache-2.0
// A container's cgroup as commands need it, whichever manager made it: by ourselves, by systemd, or none at all.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/cgroup/layout.h"
#include "base/os.h"
#include "runtime/limits/own_cgroup.h"
#include "runtime/limits/path.h"
#include "runtime/oci/container.h"
#include "runtime/oci/record.h"
#include "runtime/spec/spec.h"

namespace plimsoll::oci {

// The group while its container is made. Removed again unless keep() was called.
class NewCgroup {
 public:
  struct Request {
    CgroupManager manager = CgroupManager::kCgroupfs;
    bool rootless = false;
    std::string id;
    const spec::Spec* spec = nullptr;  // outlives the group
  };

  // Makes and limits the group; with systemd nothing but the plan, since a scope is made around a process.
  // A group that has processes already is refused: `delete` would kill them.
  static Result<NewCgroup> make(const Request& request, const HostRoots& host);
  // Where make() will make it. "": nowhere, or by systemd, which removes an empty one by itself.
  static std::string path(const Request& request);
  NewCgroup(NewCgroup&&) noexcept;
  NewCgroup& operator=(NewCgroup&&) = delete;
  ~NewCgroup();

  // nullptr: none, or systemd's.
  const limits::OwnCgroup* group() const { return group_ ? &*group_ : nullptr; }
  // Where the process will be or is, when group() does not tell it: what a cgroup mount of the container shows.
  std::vector<limits::CgroupPlace> places() const;
  bool enters_later() const { return manager_ == CgroupManager::kSystemd; }
  // The container's first process is there and waits.
  Result<void> configure(pid_t pid);
  // What later commands find the group by.
  void describe(Record& record) const;
  void keep() { kept_ = true; }
  // Kills what is left in the group and removes it.
  Result<void> end();

 private:
  NewCgroup() = default;
  Result<void> make_own(const Request& request);
  Result<void> limit();
  Result<void> adopt_scope(pid_t pid);

  const spec::Spec* spec_ = nullptr;
  HostRoots host_;
  cgroup::Layout layout_;
  CgroupManager manager_ = CgroupManager::kDisabled;
  bool rootless_ = false, kept_ = false;
  std::optional<limits::OwnCgroup> group_;
  limits::SystemdPath unit_;
};

// The group of a container; nullopt when it has none or it is gone.
Result<std::optional<limits::OwnCgroup>> open_group(const Record& record, const HostRoots& host);
// The same, where a command can do nothing without it.
Result<limits::OwnCgroup> need_group(const Record& record, const HostRoots& host);
// A group below the container's, for `exec --cgroup`: "/a/b" or "a/b".
Result<limits::OwnCgroup> open_subgroup(const Record& record, std::string_view path, const HostRoots& host);

// Has systemd put a process into the container's scope, for who may not do it.
Result<void> attach_to_unit(const Record& record, pid_t pid);

// Removes the group; the unit too, where it is systemd's. With `kill` ends what is left in it first, else EBUSY says
// that there are processes of somebody else: another state directory's container may have the same path.
Result<void> remove_group(const Record& record, const HostRoots& host, bool kill = true);
// Sets the resources that are given.
Result<void> update_group(const Record& record, const spec::Resources& resources, const HostRoots& host);

// Answers for many containers whether one is frozen, at the cost of reading one file for each.
class PauseReader {
 public:
  explicit PauseReader(const HostRoots& host) : cgroup_root_(host.cgroup) {}
  bool frozen(const Record& record);

 private:
  std::string cgroup_root_;
  std::optional<cgroup::Layout> layout_;  // looked up by the first question
};

// With paused.
Status status_of(const Container& container, PauseReader& pauses, const HostRoots& host);

}  // namespace plimsoll::oci
