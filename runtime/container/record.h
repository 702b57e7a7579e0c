// SPDX-License-Identifier: Apache-2.0
// The format of everything the runtime leaves on disk about a container. The runtime writes it, the
// collectors and the command line read it, across versions: this is the one header of runtime/ that
// collectors may include.
//
//   ROOT/containers/ID/config.json   what was asked for; written once, before the monitor starts
//   ROOT/containers/ID/state.json    what became of it; replaced atomically by the monitor
//   ROOT/containers/ID/container.log   the program's output (container/log.h)
//   ROOT/containers/ID/lock          flock'ed by the monitor for its whole life
//   ROOT/names/NAME                  symbolic link to ID; made with O_EXCL semantics = the reservation
//   RUNROOT/exited/ID                final record of an ended container (container/spool.h)
//   ROOT/totals.json                 sums over consumed final records (container/spool.h)
//
// JSON, UTF-8 (other bytes are replaced), one object each with "format": kFormatVersion. A reader
// takes any format up to its own and ignores unknown members; a newer one is an error that says so.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/cgroup/stats.h"
#include "base/result.h"

namespace plimsoll::container {

inline constexpr int kFormatVersion = 1;

// Where state lives; --root and --runroot.
struct StateRoots {
  std::string root = "/var/lib/plimsoll";  // survives a reboot
  std::string runroot = "/run/plimsoll";   // does not
  std::string container_dir(std::string_view id) const;
  std::string exited_dir() const;
};

enum class Network { kNone, kHost, kVeth };

struct BindMount {
  std::string source;  // absolute, on the host
  std::string target;  // absolute, in the container
  bool read_only = false;
};

// What `run` was asked for.
struct Config {
  std::string id;     // 64 lower-case hexadecimal digits
  std::string name;   // [a-zA-Z0-9][a-zA-Z0-9_.-]*
  std::string image;  // --image, else rootfs:<basename>
  std::string rootfs;
  std::vector<std::string> argv, env;
  std::string cwd = "/";
  std::string hostname;
  std::vector<BindMount> binds;
  Network network = Network::kNone;
  uint64_t memory_bytes = 0;  // 0 = unlimited
  uint64_t cpu_quota_us = 0;  // per 100 ms; 0 = unlimited
  uint64_t pids = 0;          // 0 = unlimited
  std::string cgroup_path;    // absolute in every hierarchy: /plimsoll/<id>
  std::map<std::string, std::string> labels;
  int64_t created_ns = 0;  // unix time
  bool auto_remove = false;
  uint64_t log_limit_bytes = 0;  // of one log file; 0 = unlimited
};

enum class Status { kCreated, kRunning, kExited };

// The end of a container, with its last counters. Also what the spool holds.
struct ExitRecord {
  std::string id, name, image, cgroup_path;
  std::map<std::string, std::string> labels;
  uint64_t cgroup_inode = 0;  // of the identifying hierarchy: tells a reused path from the same life
  int64_t created_ns = 0, started_ns = 0, finished_ns = 0;  // unix time
  int exit_code = 0;                                        // 128+n for signal n; -1 when nobody could see it
  bool oom_killed = false;
  cgroup::Count memory_peak_bytes;
  cgroup::Counters counters;
};

struct State {
  Status status = Status::kCreated;
  pid_t pid = 0;                 // of the container's init, in the host's pid namespace
  uint64_t pid_start_ticks = 0;  // /proc/PID/stat field 22: tells a reused pid
  pid_t monitor_pid = 0;
  int64_t started_ns = 0;
  std::string address;  // IPv4 inside the container, "" without veth
  std::string error;    // what could not be cleaned up after its end, "" otherwise
  ExitRecord exit;      // when kExited
};

std::string to_json(const Config& config);
std::string to_json(const State& state);
std::string to_json(const ExitRecord& record);
Result<Config> parse_config(std::string_view json);
Result<State> parse_state(std::string_view json);
Result<ExitRecord> parse_exit_record(std::string_view json);

const char* to_string(Network network);
const char* to_string(Status status);

}  // namespace plimsoll::container
