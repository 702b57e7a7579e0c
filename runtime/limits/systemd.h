// SPDX-License-Identifier: Apache-2.0
// The systemd cgroup driver: the container's group is a scope that systemd makes, limits, and removes.
//
//   create   the child exists and waits; start_scope() moves it into the unit's group (PIDs=)
//   update   set_scope_properties()
//   delete   all its processes dead, then stop_scope()
//
// A scope is a unit around processes that somebody else started; systemd takes them by pid. It makes the unit's slice
// ("a-b.slice" below "a.slice") on its own. The unit is delegated: below its group everything is ours, and so are
// files in it that systemd has no property for. A change is a job; its end comes as the signal JobRemoved.
// org.freedesktop.systemd1(5), systemd.scope(5), systemd.resource-control(5)
#pragma once

#include <sys/types.h>

#include <chrono>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/cgroup/layout.h"
#include "base/result.h"
#include "runtime/limits/bus.h"
#include "runtime/spec/spec.h"

namespace plimsoll::limits {

// Where the manager is spoken to.
struct ManagerPlace {
  bool user = false;         // the user's own manager, for a runtime without root's rights
  std::string run = "/run";  // of the system: dbus/system_bus_socket, systemd/private
  std::string address;       // $DBUS_SYSTEM_BUS_ADDRESS or $DBUS_SESSION_BUS_ADDRESS; "": the usual places
  std::string runtime_dir;   // $XDG_RUNTIME_DIR: bus, systemd/private
};
ManagerPlace manager_place(bool user);

// The places in the order in which they are tried: the bus, then systemd's own socket.
Result<std::vector<BusAddress>> manager_addresses(const ManagerPlace& place);
// The error says what is missing, and that --systemd-cgroup can be left out.
Result<Bus> open_manager(const ManagerPlace& place);

struct ScopeSpec {
  std::string unit;         // "plimsoll-web.scope"
  std::string slice;        // "machine.slice"; "": systemd's default, system.slice
  std::string description;  // "": made from the unit's name
  pid_t pid = 0;
  cgroup::Mode mode = cgroup::Mode::kV2;
  // Not owned, may be null. The device rules must be the ones that the device program is made from: systemd gets
  // them too, and both have to agree before a device is opened. No rules: systemd restricts nothing.
  const spec::Resources* resources = nullptr;
  const std::map<std::string, std::string>* annotations = nullptr;  // org.systemd.property.*
  std::chrono::milliseconds time_limit = std::chrono::seconds(30);
};

// Makes the unit and waits until its group has the process. EEXIST: there is one of that name, and it lives. A failed
// leftover of that name is cleared away. Whatever an error leaves behind is stopped again.
Result<void> start_scope(Bus& bus, const ScopeSpec& scope);
// Changes the limits, until the unit's end. Device rules and annotations are none of it.
Result<void> set_scope_properties(Bus& bus, const std::string& unit, const spec::Resources& resources,
                                  cgroup::Mode mode);
// Ends the unit, and with it every process in it; no error when there is none. Kill first: systemd sends SIGTERM
// and waits for TimeoutStopUSec, usually longer than `time_limit`, before it kills.
Result<void> stop_scope(Bus& bus, const std::string& unit,
                        std::chrono::milliseconds time_limit = std::chrono::seconds(30));
// Moves a process into the unit's group, or a group "/name" that stands below it: what a user without root's rights
// cannot do from a group that is not below the same delegated one. Needs systemd 238.
Result<void> attach_to_scope(Bus& bus, const std::string& unit, const std::string& subgroup, pid_t pid);

// What /proc/PID/cgroup says: a line for each hierarchy.
struct ProcessCgroup {
  std::string controllers;  // "cpu,cpuacct", "name=systemd", "" for v2
  std::string path;         // "/system.slice/plimsoll-web.scope"
};
std::vector<ProcessCgroup> parse_process_cgroups(std::string_view text);
// The unit's group, from where the process is: the same path in each hierarchy, though on v1 systemd makes it only
// in those that it manages, and the rest is the caller's. An error when the process is not in the unit.
Result<std::string> unit_cgroup_path(pid_t pid, const std::string& unit, const std::string& proc = "/proc");

}  // namespace plimsoll::limits
