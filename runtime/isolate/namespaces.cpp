// SPDX-License-Identifier: Apache-2.0
#include "runtime/isolate/namespaces.h"

#include <fcntl.h>
#include <linux/nsfs.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "base/text.h"
#include "runtime/isolate/namespace_names.h"

namespace plimsoll::isolate {
namespace {

bool is_own(const UniqueFd& fd, const std::string& own_path) {
  struct stat theirs, own;
  return ::fstat(fd.get(), &theirs) == 0 && ::stat(own_path.c_str(), &own) == 0 && theirs.st_ino == own.st_ino &&
         theirs.st_dev == own.st_dev;
}

Result<void> add_join(NamespacePlan& plan, const spec::Namespace& wanted, const NamespaceName& name,
                      const std::string& proc) {
  const std::string place = std::string(name.spec_name) + " namespace " + wanted.path;
  UniqueFd fd(::open(wanted.path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) return fail_errno(place);
  const int type = ::ioctl(fd.get(), NS_GET_NSTYPE);
  if (type < 0) return fail(place + ": is no namespace");
  if (type != name.clone_flag) return fail(place + ": is a namespace of another type");
  if (is_own(fd, proc + "/self/ns/" + name.proc_name)) return {};
  plan.joins.push_back({std::move(fd), type, wanted.path});
  return {};
}

void add_new(NamespacePlan& plan, int flag) {
  if (flag == CLONE_NEWCGROUP) {
    plan.new_cgroup = true;
  } else if (flag == CLONE_NEWTIME) {
    plan.new_time = true;
  } else {
    plan.created |= static_cast<uint64_t>(flag);
  }
}

uint32_t root_of(const spec::IdMappings& mappings) {
  const auto root = std::find_if(mappings.begin(), mappings.end(),
                                 [](const spec::IdMapping& one) { return one.container_id == 0 && one.size > 0; });
  return root != mappings.end() || mappings.empty() ? 0 : mappings.front().container_id;
}

Result<void> add_user_maps(NamespacePlan& plan, const spec::Spec& spec) {
  plan.root_uid = root_of(spec.uid_mappings);
  plan.root_gid = root_of(spec.gid_mappings);
  if ((plan.created & CLONE_NEWUSER) == 0) return {};
  if (spec.uid_mappings.empty() || spec.gid_mappings.empty()) {
    return fail("linux.uidMappings, linux.gidMappings: a new user namespace needs both");
  }
  plan.uid_map = id_map_text(spec.uid_mappings);
  plan.gid_map = id_map_text(spec.gid_mappings);
  return {};
}

// newuidmap PID CONTAINER HOST SIZE ...: set-uid root, it looks into /etc/subuid for what the caller may map.
Result<void> run_map_tool(const char* tool, pid_t pid, const std::string& map) {
  std::vector<std::string> words = {tool, std::to_string(pid)};
  std::string_view rest = map;
  while (!rest.empty()) {
    std::string_view line = take(rest, '\n');
    for (std::string_view field = take_field(line); !field.empty(); field = take_field(line)) words.emplace_back(field);
  }
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  const pid_t child = ::fork();
  if (child < 0) return fail_errno(tool);
  if (child == 0) {
    ::execvp(tool, argv.data());
    ::_exit(127);
  }
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (status == 0) return {};
  if (WIFEXITED(status) && WEXITSTATUS(status) == 127) {
    return fail(std::string(tool) + ": not found; it is needed to map more than one's own id (package uidmap)");
  }
  return fail(std::string(tool) + " has refused \"" + map.substr(0, map.find('\n')) +
              "\"; see /etc/subuid, /etc/subgid");
}

Result<void> write_map(const std::string& directory, const char* file, const std::string& map) {
  auto written = write_existing(AT_FDCWD, directory + file, map);
  if (!written)
    return unexpected(Error{written.error().code, std::string(file) + " \"" + std::string(trim(map)) + "\""});
  return {};
}

// Who has no privilege may map just the own id, and only after giving up setgroups(2).
Result<void> write_unprivileged(const std::string& directory, pid_t pid, const NamespacePlan& plan) {
  const auto own = [](const std::string& map, uint32_t id) {
    std::string_view line = map;
    take_field(line);
    return take_field(line) == std::to_string(id) && trim(line) == "1";
  };
  if (!own(plan.uid_map, ::geteuid()) || !own(plan.gid_map, ::getegid())) {
    if (auto mapped = run_map_tool("newuidmap", pid, plan.uid_map); !mapped) return mapped;
    return run_map_tool("newgidmap", pid, plan.gid_map);
  }
  if (auto denied = write_existing(AT_FDCWD, directory + "setgroups", "deny"); !denied) return denied;
  if (auto mapped = write_map(directory, "uid_map", plan.uid_map); !mapped) return mapped;
  return write_map(directory, "gid_map", plan.gid_map);
}

}  // namespace

bool NamespacePlan::needs_helper() const {
  const bool other_pid =
      std::any_of(joins.begin(), joins.end(), [](const NamespaceJoin& join) { return join.type == CLONE_NEWPID; });
  return other_pid || joins_user() || (new_user() && !joins.empty());
}

bool NamespacePlan::separates(int type) const {
  if (type == CLONE_NEWCGROUP && new_cgroup) return true;
  if (type == CLONE_NEWTIME && new_time) return true;
  return (created & static_cast<uint64_t>(type)) != 0 ||
         std::any_of(joins.begin(), joins.end(), [type](const NamespaceJoin& join) { return join.type == type; });
}

Result<NamespacePlan> plan_namespaces(const spec::Spec& spec, const std::string& proc) {
  NamespacePlan plan;
  for (const spec::Namespace& wanted : spec.namespaces) {
    const NamespaceName& name = namespace_name(wanted.type);
    if (wanted.path.empty()) {
      add_new(plan, name.clone_flag);
    } else if (auto joined = add_join(plan, wanted, name, proc); !joined) {
      return unexpected(joined.error());
    }
  }
  std::stable_partition(plan.joins.begin(), plan.joins.end(),
                        [](const NamespaceJoin& join) { return join.type != CLONE_NEWUSER; });
  for (const spec::TimeOffset& offset : spec.time_offsets) {
    plan.time_offsets +=
        offset.clock + " " + std::to_string(offset.secs) + " " + std::to_string(offset.nanosecs) + "\n";
  }
  if (auto mapped = add_user_maps(plan, spec); !mapped) return unexpected(mapped.error());
  return plan;
}

Result<void> write_id_maps(const std::string& proc, pid_t pid, const NamespacePlan& plan) {
  const std::string directory = proc + "/" + std::to_string(pid) + "/";
  if (::geteuid() != 0) return write_unprivileged(directory, pid, plan);
  if (auto mapped = write_map(directory, "uid_map", plan.uid_map); !mapped) return mapped;
  return write_map(directory, "gid_map", plan.gid_map);
}

std::string id_map_text(const spec::IdMappings& mappings) {
  std::string text;
  for (const spec::IdMapping& one : mappings) {
    text +=
        std::to_string(one.container_id) + " " + std::to_string(one.host_id) + " " + std::to_string(one.size) + "\n";
  }
  return text;
}

}  // namespace plimsoll::isolate
