// SPDX-License-Identifier: Apache-2.0
#include "tests/bench/kernel_files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <climits>
#include <set>

#include "base/text.h"

namespace plimsoll::bench {
namespace {

constexpr size_t kBufferSize = 32 * 1024;

bool exists(const std::string& path) { return access(path.c_str(), F_OK) == 0; }

bool is_regular(const std::string& path) {
  struct stat status {};
  return stat(path.c_str(), &status) == 0 && S_ISREG(status.st_mode);
}

std::string link_target(const std::string& path) {
  std::string target(PATH_MAX, '\0');
  const ssize_t length = readlink(path.c_str(), target.data(), target.size());
  target.resize(length > 0 ? static_cast<size_t>(length) : 0);
  return target;
}

}  // namespace

Result<std::vector<Group>> find_groups(const std::string& cgroup_root, const std::string& parent) {
  const bool v2 = exists(cgroup_root + "/cgroup.controllers");
  const std::string path = cgroup_root + (v2 ? "" : "/memory") + parent;
  const auto directory = Dir::open(path);
  if (!directory) return unexpected(directory.error());
  const auto entries = directory->list();
  if (!entries) return unexpected(entries.error().within(path));
  std::vector<Group> groups;
  for (const auto& entry : *entries) {
    if (!entry.is_directory) continue;
    const auto processes = directory->read(entry.name + "/cgroup.procs");
    if (!processes) continue;  // ended meanwhile
    std::string_view rest = *processes;
    const auto pid = parse_i64(take(rest, '\n'));
    if (pid) groups.push_back({parent + "/" + entry.name, static_cast<pid_t>(*pid)});
  }
  return groups;
}

Result<std::vector<std::string>> kept_files(pid_t pid, const std::string& cgroup_root) {
  const std::string parent = "/proc/" + std::to_string(pid) + "/fd";
  const auto directory = Dir::open(parent);
  if (!directory) return unexpected(directory.error());
  auto entries = directory->list();
  if (!entries) return unexpected(entries.error().within(parent));
  std::sort(entries->begin(), entries->end(),
            [](const auto& a, const auto& b) { return parse_u64(a.name).value_or(0) < parse_u64(b.name).value_or(0); });
  std::vector<std::string> paths;
  std::set<std::string> seen;  // a second descriptor of a file awaits its container's end; no scrape reads it
  for (const auto& entry : *entries) {
    const std::string target = link_target(parent + "/" + entry.name);
    const bool kernel = target.starts_with(cgroup_root + "/") || target.starts_with("/proc/");
    if (kernel && is_regular(target) && seen.insert(target).second) paths.push_back(target);
  }
  return paths;
}

std::vector<std::string> standard_set(const std::string& cgroup_root, const Group& group) {
  std::vector<std::string> paths;
  if (exists(cgroup_root + "/cgroup.controllers")) {
    for (const char* file : {"cpu.stat", "memory.stat", "memory.current", "memory.peak", "memory.events",
                             "memory.swap.current", "io.stat", "pids.current", "pids.max", "cgroup.procs"}) {
      paths.push_back(cgroup_root + group.path + "/" + file);
    }
  } else {
    for (const auto& [controller, file] : std::initializer_list<std::pair<const char*, const char*>>{
             {"cpuacct", "cpuacct.usage"},
             {"cpuacct", "cpuacct.usage_percpu"},
             {"cpuacct", "cpuacct.stat"},
             {"cpu", "cpu.stat"},
             {"memory", "memory.stat"},
             {"memory", "memory.usage_in_bytes"},
             {"memory", "memory.max_usage_in_bytes"},
             {"memory", "memory.failcnt"},
             {"memory", "memory.memsw.usage_in_bytes"},
             {"pids", "pids.current"},
             {"pids", "pids.max"},
             {"blkio", "blkio.throttle.io_service_bytes_recursive"},
             {"blkio", "blkio.throttle.io_serviced_recursive"},
             {"memory", "cgroup.procs"}}) {
      paths.push_back(cgroup_root + "/" + controller + group.path + "/" + file);
    }
  }
  paths.push_back("/proc/" + std::to_string(group.pid) + "/net/dev");
  return paths;
}

KeptFiles::KeptFiles(const std::vector<std::string>& paths) : buffer_(kBufferSize) {
  for (const std::string& path : paths) {
    UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (fd) files_.push_back(std::move(fd));
  }
}

size_t KeptFiles::read_all() {
  size_t bytes = 0;
  for (const UniqueFd& file : files_) {
    const ssize_t got = pread(file.get(), buffer_.data(), buffer_.size(), 0);
    if (got > 0) bytes += static_cast<size_t>(got);
  }
  return bytes;
}

size_t open_read_close(const std::vector<std::string>& paths) {
  std::vector<char> buffer(kBufferSize);
  size_t bytes = 0;
  for (const std::string& path : paths) {
    const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (fd < 0) continue;
    const ssize_t got = ::read(fd, buffer.data(), buffer.size());
    if (got > 0) bytes += static_cast<size_t>(got);
    close(fd);
  }
  return bytes;
}

}  // namespace plimsoll::bench
