// SPDX-License-Identifier: Apache-2.0
#include "runtime/isolate/settle.h"

#include <fcntl.h>
#include <linux/ioprio.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

#include "base/os.h"
#include "runtime/spec/read.h"

namespace plimsoll::isolate {
namespace {

// What Podman and containerd ask for when their user has said nothing.
struct EngineDefault {
  int resource;
  uint64_t value;
};
constexpr EngineDefault kEngineDefaults[] = {
    {RLIMIT_NOFILE, 1048576}, {RLIMIT_NPROC, 1048576}, {RLIMIT_NPROC, 4194304}, {RLIMIT_NPROC, 4194303}};

bool is_engine_default(const spec::Rlimit& limit) {
  for (const EngineDefault& one : kEngineDefaults) {
    if (one.resource == limit.resource && one.value == limit.hard) return true;
  }
  return false;
}

// The child gives itself its limits, right before the program (set_limits()): what it still has to open must not
// stumble over them. What it may not do, since in a user namespace it has no rights on the host, is to raise the hard
// one.
Result<void> raise_limit(const spec::Rlimit& limit, pid_t pid, std::vector<std::string>& warnings) {
  const auto resource = static_cast<__rlimit_resource>(limit.resource);
  const std::string place = std::string(spec::rlimit_name(limit.resource)) + " " + std::to_string(limit.soft) + ":" +
                            std::to_string(limit.hard);
  rlimit now;
  if (limit.soft > limit.hard) return unexpected(Error{EINVAL, "process.rlimits: " + place});
  if (::prlimit(pid, resource, nullptr, &now) != 0) return fail_errno("process.rlimits: " + place);
  if (limit.hard <= now.rlim_max) return {};
  const rlimit raised{now.rlim_cur, limit.hard};
  if (::prlimit(pid, resource, &raised, nullptr) == 0) return {};
  if (errno != EPERM || !is_engine_default(limit)) return fail_errno("process.rlimits: " + place);
  warnings.push_back(place + " is above the hard limit and may not be raised without CAP_SYS_RESOURCE: cut to " +
                     std::to_string(now.rlim_max));
  return {};
}

Result<void> set_oom_score(const spec::Process& process, pid_t pid, const std::string& proc) {
  if (!process.oom_score_adj) return {};
  const std::string path = proc + "/" + std::to_string(pid) + "/oom_score_adj";
  const std::string score = std::to_string(*process.oom_score_adj);
  auto written = write_existing(AT_FDCWD, path, score);
  // An ordinary user may not write to what has become unreadable: then the child has done it before (take_oom_score()).
  if (!written && read_file(path).value_or("") == score + "\n") return {};
  if (!written) return unexpected(Error{written.error().code, "process.oomScoreAdj " + score});
  return {};
}

// struct sched_attr of linux/sched/types.h, which cannot be included beside glibc's sched.h.
struct Attributes {
  uint32_t size = sizeof(Attributes);
  uint32_t sched_policy = 0;
  uint64_t sched_flags = 0;
  int32_t sched_nice = 0;
  uint32_t sched_priority = 0;
  uint64_t sched_runtime = 0, sched_deadline = 0, sched_period = 0;
};

constexpr uint32_t kDeadline = 6;  // SCHED_DEADLINE

Result<void> set_scheduler(const spec::Process& process, pid_t pid) {
  if (!process.scheduler) return {};
  const spec::Scheduler& wanted = *process.scheduler;
  Attributes attributes;
  attributes.sched_policy = wanted.policy;
  attributes.sched_flags = wanted.flags;
  attributes.sched_nice = wanted.nice;
  attributes.sched_priority = wanted.priority;
  attributes.sched_runtime = wanted.runtime;
  attributes.sched_deadline = wanted.deadline;
  attributes.sched_period = wanted.period;
  if (::syscall(SYS_sched_setattr, pid, &attributes, 0) == 0) return {};
  if (errno == EPERM && wanted.policy == kDeadline) {
    return fail(
        "process.scheduler: sched_setattr: not permitted: SCHED_DEADLINE needs CAP_SYS_NICE and every CPU (a process "
        "scheduler can't be used together with AllowedCPUs, linux.resources.cpu.cpus)");
  }
  return fail_errno("process.scheduler: sched_setattr");
}

Result<void> set_io_priority(const spec::Process& process, pid_t pid) {
  if (!process.io_priority) return {};
  const int value = process.io_priority->io_class << IOPRIO_CLASS_SHIFT | process.io_priority->priority;
  if (::syscall(SYS_ioprio_set, IOPRIO_WHO_PROCESS, pid, value) == 0) return {};
  return fail_errno("process.ioPriority: ioprio_set");
}

}  // namespace

Result<void> settle(const spec::Process& process, pid_t pid, const std::string& proc,
                    std::vector<std::string>& warnings) {
  for (const spec::Rlimit& limit : process.rlimits) {
    if (auto set = raise_limit(limit, pid, warnings); !set) return set;
  }
  if (auto set = set_oom_score(process, pid, proc); !set) return set;
  if (auto set = set_scheduler(process, pid); !set) return set;
  return set_io_priority(process, pid);
}

}  // namespace plimsoll::isolate
