// SPDX-License-Identifier: Apache-2.0
// What `create` leaves for the other commands: ROOT/ID/state.json, written once and never changed. Beside it stand
// "process" (that of the configuration, for `exec`), seccomp.bpf (its filter, compiled) and, while the container waits
// for `start`, the socket start.sock.
#pragma once

#include <linux/filter.h>
#include <sys/types.h>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "runtime/spec/spec.h"

namespace plimsoll::oci {

// Who makes the container's cgroups.
enum class CgroupManager { kCgroupfs, kSystemd, kDisabled };
std::string_view manager_name(CgroupManager manager);
std::optional<CgroupManager> manager_of(std::string_view name);

struct Record {
  std::string version;  // ociVersion of the configuration
  std::string id;
  pid_t pid = 0;             // of the container's first process, in the pid namespace of `create`
  uint64_t start_ticks = 0;  // of the same: tells it from a later process with its pid
  std::string bundle;        // absolute
  std::string rootfs;        // absolute
  std::string created;       // RFC 3339
  std::map<std::string, std::string> annotations;
  std::string cgroup_path;  // absolute, as in every hierarchy; "": none
  CgroupManager manager = CgroupManager::kCgroupfs;
  std::string unit;              // of systemd
  bool ends_with_first = false;  // nobody of it outlives its first process
  uint64_t namespaces = 0;       // CLONE_NEW* that are not the caller's
  std::optional<uint64_t> personality;
  bool has_filter = false;
  unsigned filter_flags = 0;
  std::string listener_path, listener_metadata;  // of a filter that notifies
  std::vector<spec::Hook> poststart, poststop;
};

std::string write_record(const Record& record);
Result<Record> read_record(std::string_view json);

// A name for a container: letters, digits, "_", "+", "-" and, but for the first, ".".
Result<void> check_id(std::string_view id);

// The state that hooks get and `state` prints, as runtime.md has it; `rest` adds what runc's clients read beyond it.
struct StateText {
  std::string_view status;
  pid_t pid = 0;
  std::string_view owner;  // "": without the members that are not in the specification
  int indent = 0;
};
std::string state_json(const Record& record, const StateText& text);

// What the agent gets that answers for a filter's notifications: a process of the container and the state of that.
// config-linux.md "The Container Process State"
std::string process_state_json(const Record& record, std::string_view status, pid_t process);

}  // namespace plimsoll::oci
