// SPDX-License-Identifier: Apache-2.0
// A process as JSON. runtime-spec: config.md "Process"
#include <nlohmann/json.hpp>

#include "base/text.h"
#include "runtime/spec/names.h"
#include "runtime/spec/read.h"

namespace plimsoll::spec {
namespace {

using Json = nlohmann::ordered_json;

bool is_utf8(std::string_view text) {
  while (!text.empty()) {
    const size_t length = utf8_length(text);
    if (length == 0) return false;
    text.remove_prefix(length);
  }
  return true;
}

// JSON has no word for bytes that are not UTF-8; these are written as {"hex": "6166e9"}.
Json write_bytes(const std::string& bytes) {
  if (is_utf8(bytes)) return bytes;
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string hex;
  for (const char c : bytes) {
    hex.push_back(kDigits[static_cast<unsigned char>(c) >> 4]);
    hex.push_back(kDigits[static_cast<unsigned char>(c) & 15]);
  }
  return {{"hex", hex}};
}

Json write_list(const std::vector<std::string>& texts) {
  Json list = Json::array();
  for (const std::string& text : texts) list.push_back(write_bytes(text));
  return list;
}

template <typename T, size_t n>
Json write_bits(const Names<T, n>& names, T bits) {
  Json list = Json::array();
  for (const Name<T>& one : names)
    if ((bits & one.value) != 0) list.push_back(one.name);
  return list;
}

Json write_set(uint64_t set) {
  Json names = Json::array();
  for (int number = 0; number < 64; ++number)
    if ((set >> number & 1) != 0) names.push_back(capability_name(number));
  return names;
}

Json write_capabilities(const Capabilities& sets) {
  return {{"bounding", write_set(sets.bounding)},
          {"effective", write_set(sets.effective)},
          {"inheritable", write_set(sets.inheritable)},
          {"permitted", write_set(sets.permitted)},
          {"ambient", write_set(sets.ambient)}};
}

Json write_user(const User& user) {
  Json object = {{"uid", user.uid}, {"gid", user.gid}};
  if (user.umask) object["umask"] = *user.umask;
  if (!user.additional_gids.empty()) object["additionalGids"] = user.additional_gids;
  return object;
}

Json write_scheduler(const Scheduler& scheduler) {
  return {{"policy", name_of(kSchedulerPolicies, scheduler.policy)},
          {"nice", scheduler.nice},
          {"priority", scheduler.priority},
          {"flags", write_bits(kSchedulerFlags, scheduler.flags)},
          {"runtime", scheduler.runtime},
          {"deadline", scheduler.deadline},
          {"period", scheduler.period}};
}

Json write_rlimits(const std::vector<Rlimit>& limits) {
  Json list = Json::array();
  for (const Rlimit& limit : limits)
    list.push_back({{"type", rlimit_name(limit.resource)}, {"soft", limit.soft}, {"hard", limit.hard}});
  return list;
}

void add_privileges(const Process& process, Json& object) {
  if (process.capabilities) object["capabilities"] = write_capabilities(*process.capabilities);
  object["rlimits"] = write_rlimits(process.rlimits);
  object["noNewPrivileges"] = process.no_new_privileges;
  if (!process.apparmor_profile.empty()) object["apparmorProfile"] = process.apparmor_profile;
  if (!process.selinux_label.empty()) object["selinuxLabel"] = process.selinux_label;
}

void add_scheduling(const Process& process, Json& object) {
  if (process.oom_score_adj) object["oomScoreAdj"] = *process.oom_score_adj;
  if (process.scheduler) object["scheduler"] = write_scheduler(*process.scheduler);
  if (const auto& io = process.io_priority)
    object["ioPriority"] = {{"class", name_of(kIoClasses, io->io_class)}, {"priority", io->priority}};
  if (const auto& affinity = process.exec_cpu_affinity)
    object["execCPUAffinity"] = {{"initial", affinity->initial}, {"final", affinity->final}};
}

}  // namespace

std::string write_process(const Process& process) {
  Json object = {{"terminal", process.terminal}};
  if (process.console_size)
    object["consoleSize"] = {{"height", process.console_size->height}, {"width", process.console_size->width}};
  object["user"] = write_user(process.user);
  object["args"] = write_list(process.args);
  object["env"] = write_list(process.env);
  object["cwd"] = write_bytes(process.cwd);
  add_privileges(process, object);
  add_scheduling(process, object);
  return object.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace plimsoll::spec
