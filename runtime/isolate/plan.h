// SPDX-License-Identifier: Apache-2.0
// Everything the child needs, made before clone: between clone and exec the child may only make system
// calls, so all strings, arrays and candidate paths stand ready here and are only read there.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "runtime/isolate/launch.h"

namespace plimsoll::isolate {

// A path below the root file system, as the child walks it: relative, without "." and "..".
// "/a/b" has the levels "a" and "a/b"; the root itself has none.
struct InnerPath {
  std::string shown;                // as it was given, for messages
  std::vector<std::string> levels;  // shortest first
};

// Drops empty and "." components; ".." is an error that names the path.
Result<InnerPath> inner_path(std::string_view path);

// A NULL-terminated array for execve out of strings that outlive it.
std::vector<char*> pointers(const std::vector<std::string>& strings);

// What execve is tried with, in order: argv[0] itself when it has a slash, else each directory of PATH
// (of `env`, else the usual ones) with it. An empty directory means the working directory.
std::vector<std::string> program_candidates(const std::string& program, const std::vector<std::string>& env);

struct ProgramPlan {
  std::vector<char*> argv, env;
  std::vector<std::string> candidates;
  InnerPath cwd;
  int stdio[3] = {-1, -1, -1};
};

struct BindPlan {
  std::string source;
  InnerPath target;
  bool read_only = false;
};

// One cgroup directory to show inside: `links` are further names ("cpu" for "cpu,cpuacct").
struct CgroupMount {
  std::string source, name;
  std::vector<std::string> links;
};

struct LaunchPlan {
  std::string rootfs, hostname;
  std::vector<BindPlan> binds;
  std::vector<CgroupMount> cgroup_mounts;  // empty name: a pure v2 machine, mounted as the directory itself
  std::vector<int> join_fds;
  std::vector<std::string> join_names;  // beside join_fds, for messages
  bool unshare_cgroup = false;          // false: clone3 has done it
  bool host_network = false;
  ProgramPlan program;
};

// Both keep pointers into `spec`, which must outlive the plan. Errors name the member that is wrong.
Result<LaunchPlan> make_plan(const LaunchSpec& spec, const limits::OwnCgroup& group);
Result<ProgramPlan> make_program(const std::vector<std::string>& argv, const std::vector<std::string>& env,
                                 const std::string& cwd);

}  // namespace plimsoll::isolate
