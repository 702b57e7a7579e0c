// SPDX-License-Identifier: Apache-2.0
// What the benchmarks share: programs started and measured from outside, pauses that end on
// Ctrl-C, medians. Results are printed as ratios to something measured in the same run, since
// absolute times of a shared or virtual machine mean little.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"

namespace plimsoll::bench {

using std::chrono::milliseconds;

// SIGINT and SIGTERM stay blocked while this lives, so that a benchmark ends by returning and its
// destructors clean up. Programs started by spawn() get the default mask back.
class Interrupts {
 public:
  Interrupts();
  // Sleeps; true when somebody wants the benchmark to end.
  bool pause(milliseconds time);

 private:
  bool ended_ = false;
};

// Starts a program (PATH is searched) with /dev/null as its input; output and errors go to the file
// `output`, to /dev/null when it is empty. The caller reaps it.
Result<pid_t> spawn(const std::vector<std::string>& argv, const std::string& output = {});
// spawn() and wait: the exit code, 128 + n for signal n.
Result<int> run(const std::vector<std::string>& argv, const std::string& output = {});
// Sends SIGTERM, after `grace` SIGKILL, and reaps.
void stop(pid_t pid, milliseconds grace = milliseconds(3000));

// CPU time of this process, and of another one's living threads (/proc/PID/task/TID/schedstat), in ns.
int64_t own_cpu_ns();
Result<int64_t> process_cpu_ns(pid_t pid);
// RssAnon of /proc/PID/status and Pss of its smaps_rollup, in bytes.
Result<uint64_t> anonymous_bytes(pid_t pid);
Result<uint64_t> proportional_bytes(pid_t pid);

// A port of 127.0.0.1 on which nobody listened a moment ago.
Result<uint16_t> free_port();
// Body of a 200 answer of 127.0.0.1; a fresh connection, no compression.
Result<std::string> http_get(uint16_t port, const std::string& path);
// Lets the server do all but encode and send its answer.
Result<void> http_head(uint16_t port, const std::string& path);
// Polls `path` until it answers 200.
Result<void> wait_for_http(uint16_t port, const std::string& path, milliseconds timeout);

double median(std::vector<double> values);  // 0 for none
// "--name VALUE" of the command line, or `otherwise`.
std::string option(int argc, char** argv, const std::string& name, const std::string& otherwise);

// Removes PARENT and PARENT-monitors, which a runtime leaves behind, in every hierarchy; waits a
// little for monitors that are about to end.
void remove_parent_groups(const std::string& cgroup_root, const std::string& parent);

// A new directory below /var/tmp (a real file system), removed at the end.
class TempDirectory {
 public:
  static Result<TempDirectory> make();
  TempDirectory(TempDirectory&& other) noexcept : path_(std::exchange(other.path_, {})) {}
  ~TempDirectory();
  const std::string& path() const { return path_; }

 private:
  explicit TempDirectory(std::string path) : path_(std::move(path)) {}
  std::string path_;
};

// DIRECTORY/rootfs with the program `sleeper` as /bin/sleeper and empty proc, sys, dev and tmp.
Result<std::string> make_rootfs(const std::string& directory, const std::string& sleeper);

}  // namespace plimsoll::bench
