// SPDX-License-Identifier: Apache-2.0
// A process as JSON. runtime-spec: config.md "Process"
#include "base/text.h"
#include "runtime/spec/json_writer.h"
#include "runtime/spec/names.h"
#include "runtime/spec/read.h"

namespace plimsoll::spec {
namespace {

bool is_utf8(std::string_view text) {
  while (!text.empty()) {
    const size_t length = utf8_length(text);
    if (length == 0) return false;
    text.remove_prefix(length);
  }
  return true;
}

// JSON has no word for bytes that are not UTF-8; these are written as {"hex": "6166e9"}.
void write_bytes(JsonWriter& out, const std::string& bytes) {
  if (is_utf8(bytes)) return out.value(bytes);
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string hex;
  for (const char c : bytes) {
    hex.push_back(kDigits[static_cast<unsigned char>(c) >> 4]);
    hex.push_back(kDigits[static_cast<unsigned char>(c) & 15]);
  }
  out.open_object();
  out.member("hex", hex);
  out.close_object();
}

template <typename List, typename What>
void write_list(JsonWriter& out, std::string_view name, const List& list, What what) {
  out.key(name);
  out.open_array();
  for (const auto& one : list) what(one);
  out.close_array();
}

void write_texts(JsonWriter& out, std::string_view name, const std::vector<std::string>& texts) {
  write_list(out, name, texts, [&out](const std::string& text) { write_bytes(out, text); });
}

template <typename What>
void write_object(JsonWriter& out, std::string_view name, What what) {
  out.key(name);
  out.open_object();
  what();
  out.close_object();
}

void write_set(JsonWriter& out, std::string_view name, uint64_t set) {
  out.key(name);
  out.open_array();
  for (int number = 0; number < 64; ++number)
    if ((set >> number & 1) != 0) out.value(capability_name(number));
  out.close_array();
}

void write_capabilities(JsonWriter& out, const Capabilities& sets) {
  write_object(out, "capabilities", [&] {
    write_set(out, "bounding", sets.bounding);
    write_set(out, "effective", sets.effective);
    write_set(out, "inheritable", sets.inheritable);
    write_set(out, "permitted", sets.permitted);
    write_set(out, "ambient", sets.ambient);
  });
}

void write_user(JsonWriter& out, const User& user) {
  write_object(out, "user", [&] {
    out.member("uid", user.uid);
    out.member("gid", user.gid);
    if (user.umask) out.member("umask", *user.umask);
    if (user.additional_gids.empty()) return;
    write_list(out, "additionalGids", user.additional_gids, [&out](uint32_t gid) { out.value(gid); });
  });
}

void write_scheduler(JsonWriter& out, const Scheduler& scheduler) {
  write_object(out, "scheduler", [&] {
    out.member("policy", name_of(kSchedulerPolicies, scheduler.policy));
    out.member("nice", scheduler.nice);
    out.member("priority", scheduler.priority);
    write_list(out, "flags", kSchedulerFlags, [&](const auto& flag) {
      if ((scheduler.flags & flag.value) != 0) out.value(flag.name);
    });
    out.member("runtime", scheduler.runtime);
    out.member("deadline", scheduler.deadline);
    out.member("period", scheduler.period);
  });
}

void write_rlimits(JsonWriter& out, const std::vector<Rlimit>& limits) {
  write_list(out, "rlimits", limits, [&out](const Rlimit& limit) {
    out.open_object();
    out.member("type", rlimit_name(limit.resource));
    out.member("soft", limit.soft);
    out.member("hard", limit.hard);
    out.close_object();
  });
}

void write_privileges(JsonWriter& out, const Process& process) {
  if (process.capabilities) write_capabilities(out, *process.capabilities);
  write_rlimits(out, process.rlimits);
  out.member("noNewPrivileges", process.no_new_privileges);
  if (!process.apparmor_profile.empty()) out.member("apparmorProfile", process.apparmor_profile);
  if (!process.selinux_label.empty()) out.member("selinuxLabel", process.selinux_label);
}

void write_scheduling(JsonWriter& out, const Process& process) {
  if (process.oom_score_adj) out.member("oomScoreAdj", *process.oom_score_adj);
  if (process.scheduler) write_scheduler(out, *process.scheduler);
  if (const auto& io = process.io_priority) {
    write_object(out, "ioPriority", [&] {
      out.member("class", name_of(kIoClasses, io->io_class));
      out.member("priority", io->priority);
    });
  }
  if (const auto& affinity = process.exec_cpu_affinity) {
    write_object(out, "execCPUAffinity", [&] {
      out.member("initial", affinity->initial);
      out.member("final", affinity->final);
    });
  }
}

}  // namespace

std::string write_process(const Process& process) {
  JsonWriter out;
  out.open_object();
  out.member("terminal", process.terminal);
  if (process.console_size) {
    write_object(out, "consoleSize", [&] {
      out.member("height", process.console_size->height);
      out.member("width", process.console_size->width);
    });
  }
  write_user(out, process.user);
  write_texts(out, "args", process.args);
  write_texts(out, "env", process.env);
  out.key("cwd");
  write_bytes(out, process.cwd);
  write_privileges(out, process);
  write_scheduling(out, process);
  out.close_object();
  return std::move(out).text() + "\n";
}

}  // namespace plimsoll::spec
