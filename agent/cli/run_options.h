// SPDX-License-Identifier: Apache-2.0
// `plimsoll run`: from words to a container's configuration. Everything that can be wrong with the words is found
// here, before anything is made.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "agent/manual/text.h"
#include "base/result.h"
#include "runtime/container/record.h"

namespace plimsoll::agent {

// The options as they were given.
struct RunWords {
  bool detach = false, interactive = false, remove = false, tty = false, stats_on_exit = false;
  std::string name, image, hostname, memory, cpus, pids, workdir, network = "none", rootfs;
  std::string cgroup_parent = "/plimsoll";
  std::vector<std::string> env, env_files, labels, binds, log_options;
  std::vector<std::string> command;
};

// nullopt: go on with `words`. Otherwise help or an error has been printed: the exit code.
std::optional<int> parse_run_words(const std::vector<std::string>& arguments, RunWords& words,
                                   CommandText* describe = nullptr);

// Checks the words against the machine. The error is one line: option, what is wrong, remedy.
// The configuration has everything, the id included.
Result<container::Config> make_config(const RunWords& words);

// Pieces of it, for `exec` and for tests.
Result<container::BindMount> parse_bind(const std::string& text);
// "K=V" sets; "K" takes the caller's value or, when there is none, does nothing. Later ones win.
Result<void> add_env(std::vector<std::string>& env, const std::string& assignment);
// Lines of K=V or K; empty lines and those that begin with '#' are ignored.
Result<void> add_env_file(std::vector<std::string>& env, const std::string& path);
// CPU time per 100 ms, in microseconds, for a number of CPUs such as "0.5".
Result<uint64_t> parse_cpus(const std::string& text, unsigned available);
Result<uint64_t> parse_log_limit(const std::vector<std::string>& options);

}  // namespace plimsoll::agent
