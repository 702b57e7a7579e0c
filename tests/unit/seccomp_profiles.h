// SPDX-License-Identifier: Apache-2.0
// System call configurations as container engines write them.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "runtime/seccomp/default_profile.h"
#include "runtime/spec/spec.h"

namespace plimsoll::seccomp {

inline constexpr spec::SeccompAction kAllActions[] = {
    spec::SeccompAction::kKillThread, spec::SeccompAction::kKillProcess, spec::SeccompAction::kTrap,
    spec::SeccompAction::kErrno,      spec::SeccompAction::kTrace,       spec::SeccompAction::kLog,
    spec::SeccompAction::kAllow,      spec::SeccompAction::kNotify};

// As many names as Docker's and the same kinds of conditions, with names that every libseccomp knows.
inline spec::Seccomp engine_profile() {
  using spec::SeccompAction;
  using spec::SeccompOperator;
  spec::Seccomp config;
  config.default_action = SeccompAction::kErrno;
  config.architectures = {"SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"};
  spec::SeccompRule allowed;
  const auto add = [&](const auto& names) {
    allowed.names.insert(allowed.names.end(), std::begin(names), std::end(names));
  };
  add(profile::kFiles), add(profile::kDirectoriesAndAttributes), add(profile::kMemory), add(profile::kProcesses);
  add(profile::kScheduling), add(profile::kSignals), add(profile::kTime), add(profile::kIdentity);
  add(profile::kInterProcess), add(profile::kSockets), add(profile::kEvents), add(profile::kSystem);
  add(profile::kX86);
  config.rules.push_back(allowed);
  for (uint64_t value : {0x0, 0x8, 0x20000, 0x20008, -1})
    config.rules.push_back(
        {{"personality"}, SeccompAction::kAllow, {}, {{0, value & 0xffffffff, 0, SeccompOperator::kEqual}}});
  for (uint64_t family : {1, 2, 10, 16})
    config.rules.push_back({{"socket"}, SeccompAction::kAllow, {}, {{0, family, 0, SeccompOperator::kEqual}}});
  config.rules.push_back({{"socket"}, SeccompAction::kAllow, {}, {{0, 41, 0, SeccompOperator::kGreaterOrEqual}}});
  config.rules.push_back({{"clone"}, SeccompAction::kAllow, {}, {{0, 0x7e020000, 0, SeccompOperator::kMaskedEqual}}});
  config.rules.push_back({{"clone3"}, SeccompAction::kErrno, 38, {}});
  return config;
}

inline std::vector<std::string> strings(const nlohmann::json& list) {
  return list.is_array() ? list.get<std::vector<std::string>>() : std::vector<std::string>();
}

template <typename Enum>
Enum one_of(const std::string& name, std::initializer_list<const char*> names) {
  int at = 0;
  for (const char* each : names) {
    if (name == each) break;
    ++at;
  }
  return static_cast<Enum>(at);
}

// The members that matter of an engine's file, which is not quite the specification's.
inline spec::Seccomp profile_of(const nlohmann::json& file) {
  const auto action = [](const nlohmann::json& name) {
    return one_of<spec::SeccompAction>(
        name, {"SCMP_ACT_KILL", "SCMP_ACT_KILL_PROCESS", "SCMP_ACT_TRAP", "SCMP_ACT_ERRNO", "SCMP_ACT_TRACE",
               "SCMP_ACT_LOG", "SCMP_ACT_ALLOW", "SCMP_ACT_NOTIFY"});
  };
  spec::Seccomp config;
  config.default_action = action(file["defaultAction"]);
  config.default_errno_ret = file["defaultErrnoRet"].get<uint32_t>();
  for (const auto& entry : file["archMap"]) {
    if (entry["architecture"] != "SCMP_ARCH_X86_64") continue;
    config.architectures = strings(entry["subArchitectures"]);
  }
  for (const auto& entry : file["syscalls"]) {
    spec::SeccompRule rule{strings(entry["names"]), action(entry["action"]), std::nullopt, {}};
    if (entry.contains("errnoRet")) rule.errno_ret = entry["errnoRet"].get<uint32_t>();
    for (const auto& one : entry["args"]) {
      rule.args.push_back(
          {one["index"], one["value"], one.value("valueTwo", uint64_t{0}),
           one_of<spec::SeccompOperator>(one["op"], {"SCMP_CMP_NE", "SCMP_CMP_LT", "SCMP_CMP_LE", "SCMP_CMP_EQ",
                                                     "SCMP_CMP_GE", "SCMP_CMP_GT", "SCMP_CMP_MASKED_EQ"})});
    }
    config.rules.push_back(std::move(rule));
  }
  return config;
}

}  // namespace plimsoll::seccomp
