// SPDX-License-Identifier: Apache-2.0
// runtime-spec: config.md "Process"
#include <algorithm>

#include "base/text.h"
#include "runtime/spec/names.h"
#include "runtime/spec/parts.h"

namespace plimsoll::spec {
namespace {

using json::Object;

void read_user(Object& object, User& user) {
  object.get("uid", user.uid);
  object.get("gid", user.gid);
  check_id(object, "uid", user.uid);
  check_id(object, "gid", user.gid);
  object.get("umask", user.umask);
  object.get("additionalGids", user.additional_gids);
  for (const uint32_t gid : user.additional_gids) check_id(object, "additionalGids", gid);
}

void read_console_size(Object& object, std::optional<ConsoleSize>& size) {
  object.object("consoleSize", [&](Object& box) {
    size.emplace();
    box.need("height", size->height);
    box.need("width", size->width);
  });
}

void read_capability_set(Object& object, std::string_view name, uint64_t& set, Warnings& warnings) {
  std::vector<std::string> names;
  object.get(name, names);
  for (const std::string& one : names) {
    const auto number = capability_number(one);
    if (number) set |= uint64_t{1} << *number;
    if (!number) warnings.push_back(object.place(name) + ": no such capability, left out: " + json::quote(one));
  }
}

void read_capabilities(Object& object, std::optional<Capabilities>& capabilities, Warnings& warnings) {
  object.object("capabilities", [&](Object& sets) {
    capabilities.emplace();
    read_capability_set(sets, "bounding", capabilities->bounding, warnings);
    read_capability_set(sets, "effective", capabilities->effective, warnings);
    read_capability_set(sets, "inheritable", capabilities->inheritable, warnings);
    read_capability_set(sets, "permitted", capabilities->permitted, warnings);
    read_capability_set(sets, "ambient", capabilities->ambient, warnings);
  });
}

void read_rlimit(Object& object, std::vector<Rlimit>& limits) {
  std::string type;
  Rlimit limit;
  object.need("type", type);
  object.need("soft", limit.soft);
  object.need("hard", limit.hard);
  const auto number = rlimit_number(type);
  if (!number) return object.reject("type", json::quote(type) + " is none of " + join_names(known_rlimits()));
  limit.resource = *number;
  if (limit.soft > limit.hard) return object.reject("soft", "must not be above the hard limit");
  const bool twice =
      std::any_of(limits.begin(), limits.end(), [&](const Rlimit& other) { return other.resource == limit.resource; });
  if (twice) return object.reject("type", type + " is there twice");
  limits.push_back(limit);
}

// sched(7): runtime <= deadline <= period, where no period stands for the deadline; each from 1024 to 2^63 - 1 ns. The
// kernel would say EINVAL to all of it.
void check_deadline(Object& object, const Scheduler& scheduler) {
  constexpr uint64_t kLeast = 1024, kMost = INT64_MAX;
  const std::string with = "sched_setattr: `SCHED_DEADLINE` ";
  const auto number = [](uint64_t value) { return " (" + std::to_string(value) + ") must be "; };
  if (!object.has("runtime")) return object.reject("runtime", with + "requires `runtime`");
  if (!object.has("deadline")) return object.reject("deadline", with + "requires `deadline`");
  if (scheduler.runtime == 0) return object.reject("runtime", with + "runtime must be greater than 0");
  if (scheduler.runtime > scheduler.deadline)
    return object.reject("runtime", with + "runtime" + number(scheduler.runtime) + "<= deadline (" +
                                        std::to_string(scheduler.deadline) + ")");
  if (scheduler.period != 0 && scheduler.deadline > scheduler.period)
    return object.reject("deadline", with + "deadline" + number(scheduler.deadline) + "<= period (" +
                                         std::to_string(scheduler.period) + ")");
  if (scheduler.runtime < kLeast || scheduler.runtime > kMost)
    object.reject("runtime", with + "runtime" + number(scheduler.runtime) + "between " + std::to_string(kLeast) +
                                 " and " + std::to_string(kMost) + " ns");
}

void check_scheduler(Object& object, const Scheduler& scheduler) {
  const std::string_view policy = name_of(kSchedulerPolicies, scheduler.policy);
  const bool realtime = policy == "SCHED_FIFO" || policy == "SCHED_RR";
  const bool fair = policy == "SCHED_OTHER" || policy == "SCHED_BATCH";
  if (fair && (scheduler.nice < -20 || scheduler.nice > 19)) object.reject("nice", "must be from -20 to 19");
  if (!realtime && scheduler.priority != 0) object.reject("priority", "only with SCHED_FIFO and SCHED_RR");
  const bool budget = scheduler.runtime != 0 || scheduler.deadline != 0 || scheduler.period != 0;
  if (policy == "SCHED_DEADLINE") return check_deadline(object, scheduler);
  if (budget) object.reject("runtime", "runtime, deadline and period only with SCHED_DEADLINE");
}

void read_scheduler(Object& object, std::optional<Scheduler>& target) {
  object.object("scheduler", [&](Object& inner) {
    Scheduler& scheduler = target.emplace();
    inner.need("policy", kSchedulerPolicies, scheduler.policy);
    inner.get("nice", scheduler.nice);
    inner.get("priority", scheduler.priority);
    inner.get_bits("flags", kSchedulerFlags, scheduler.flags);
    inner.get("runtime", scheduler.runtime);
    inner.get("deadline", scheduler.deadline);
    inner.get("period", scheduler.period);
    check_scheduler(inner, scheduler);
  });
}

void read_io_priority(Object& object, std::optional<IoPriority>& target) {
  object.object("ioPriority", [&](Object& inner) {
    IoPriority& priority = target.emplace();
    inner.need("class", kIoClasses, priority.io_class);
    inner.get("priority", priority.priority);
    if (priority.priority < 0 || priority.priority > 7) inner.reject("priority", "must be from 0 to 7");
  });
}

void read_affinity(Object& object, std::optional<CpuAffinity>& target) {
  object.object("execCPUAffinity", [&](Object& inner) {
    CpuAffinity& affinity = target.emplace();
    inner.get("initial", affinity.initial);
    inner.get("final", affinity.final);
    constexpr std::string_view kHow = "must be a list of CPUs as in '0-3,7'";
    if (!affinity.initial.empty() && !is_number_list(affinity.initial)) inner.reject("initial", kHow);
    if (!affinity.final.empty() && !is_number_list(affinity.final)) inner.reject("final", kHow);
  });
}

void read_privileges(Object& object, Process& process, Warnings& warnings) {
  object.object("user", [&](Object& user) { read_user(user, process.user); });
  read_capabilities(object, process.capabilities, warnings);
  object.each("rlimits", [&](Object& limit) { read_rlimit(limit, process.rlimits); });
  object.get("noNewPrivileges", process.no_new_privileges);
  object.get("apparmorProfile", process.apparmor_profile);
  object.get("selinuxLabel", process.selinux_label);
}

void read_scheduling(Object& object, Process& process) {
  object.get("oomScoreAdj", process.oom_score_adj);
  const int adjustment = process.oom_score_adj.value_or(0);
  if (adjustment < -1000 || adjustment > 1000) object.reject("oomScoreAdj", "must be from -1000 to 1000");
  read_scheduler(object, process.scheduler);
  read_io_priority(object, process.io_priority);
  read_affinity(object, process.exec_cpu_affinity);
}

}  // namespace

void check_id(Object& object, std::string_view name, uint32_t id) {
  if (id == kNoId) object.reject(name, "4294967295 stands for no id at all (-1): the highest one is 4294967294");
}

bool is_number_list(std::string_view text) {
  if (text.empty() || text.back() == ',') return false;
  while (!text.empty()) {
    std::string_view range = take(text, ',');
    const bool one = range.find('-') == range.npos;
    const auto first = parse_u64(take(range, '-'));
    const auto last = one ? first : parse_u64(range);
    if (!first || !last || *last < *first || *last > UINT16_MAX) return false;
  }
  return true;
}

void read_process(Object& object, Process& process, Warnings& warnings) {
  object.get("terminal", process.terminal);
  read_console_size(object, process.console_size);
  object.get("args", process.args);
  if (process.args.empty()) object.reject("args", "must name the program to run");
  object.get("env", process.env);
  object.get("cwd", process.cwd);
  if (!process.cwd.starts_with('/')) object.reject("cwd", "must be an absolute path");
  read_privileges(object, process, warnings);
  read_scheduling(object, process);
}

}  // namespace plimsoll::spec
