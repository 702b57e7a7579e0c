// SPDX-License-Identifier: Apache-2.0
// What libseccomp makes of a configuration when it is given its rules as the usual runtimes do, and what
// they put before it for calls that are newer than the configuration.
#pragma once

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "runtime/spec/spec.h"

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/lsan_interface.h>
#endif

namespace plimsoll::seccomp {

#ifdef __SANITIZE_ADDRESS__
using IgnoreLeaks = __lsan::ScopedDisabler;
#else
struct IgnoreLeaks {
  IgnoreLeaks() {}
};
#endif

inline uint32_t scmp_action(spec::SeccompAction action, std::optional<uint32_t> value) {
  switch (action) {
    case spec::SeccompAction::kKillThread:
      return SCMP_ACT_KILL_THREAD;
    case spec::SeccompAction::kKillProcess:
      return SCMP_ACT_KILL_PROCESS;
    case spec::SeccompAction::kTrap:
      return SCMP_ACT_TRAP;
    case spec::SeccompAction::kErrno:
      return SCMP_ACT_ERRNO(value.value_or(EPERM));
    case spec::SeccompAction::kTrace:
      return SCMP_ACT_TRACE(value.value_or(EPERM));
    case spec::SeccompAction::kLog:
      return SCMP_ACT_LOG;
    case spec::SeccompAction::kAllow:
      return SCMP_ACT_ALLOW;
    case spec::SeccompAction::kNotify:
      return SCMP_ACT_NOTIFY;
  }
  return 0;
}

inline scmp_compare scmp_operator(spec::SeccompOperator op) {
  constexpr scmp_compare kAll[] = {SCMP_CMP_NE, SCMP_CMP_LT, SCMP_CMP_LE,       SCMP_CMP_EQ,
                                   SCMP_CMP_GE, SCMP_CMP_GT, SCMP_CMP_MASKED_EQ};
  return kAll[static_cast<int>(op)];
}

inline uint32_t scmp_architecture(std::string name) {
  name.erase(0, std::string("SCMP_ARCH_").size());
  for (char& c : name) c = static_cast<char>(std::tolower(c));
  return ::seccomp_arch_resolve_name(name.c_str());
}

class LibseccompReference {
 public:
  explicit LibseccompReference(const spec::Seccomp& config)
      : default_(scmp_action(config.default_action, config.default_errno_ret)),
        context_(::seccomp_init(default_), ::seccomp_release) {
    for (const std::string& name : config.architectures) {
      const int added = ::seccomp_arch_add(context_.get(), scmp_architecture(name));
      if (added != 0 && added != -EEXIST) refused_ = true;
    }
    // Its list does without loading the number where the first entry is a call that the architecture does not have.
    if (!config.rules.empty()) ::seccomp_attr_set(context_.get(), SCMP_FLTATR_CTL_OPTIMIZE, 2);
    for (const spec::SeccompRule& rule : config.rules) add(rule);
  }
  // A combination of actions that it does not do; runtimes then fail.
  bool refused() const { return refused_; }

  std::vector<sock_filter> program() const {
    const int file = ::memfd_create("filter", MFD_CLOEXEC);
    ::seccomp_export_bpf(context_.get(), file);
    std::vector<sock_filter> code(static_cast<size_t>(::lseek(file, 0, SEEK_END)) / sizeof(sock_filter));
    const auto size = static_cast<ssize_t>(code.size() * sizeof(sock_filter));
    if (::pread(file, code.data(), static_cast<size_t>(size), 0) != size) code.clear();
    ::close(file);
    return code;
  }

 private:
  void add(const spec::SeccompRule& rule) {
    const uint32_t action = scmp_action(rule.action, rule.errno_ret);
    if (action == default_) return;
    std::vector<scmp_arg_cmp> conditions;
    std::map<uint32_t, int> count;
    for (const spec::SeccompArgument& one : rule.args) {
      conditions.push_back({one.index, scmp_operator(one.op), one.value, one.value_two});
      ++count[one.index];
    }
    const bool split = std::any_of(count.begin(), count.end(), [](const auto& one) { return one.second > 1; });
    for (const std::string& name : rule.names) {
      const int number = ::seccomp_syscall_resolve_name(name.c_str());
      if (number == __NR_SCMP_ERROR) continue;
      if (!split) add(action, number, conditions.data(), conditions.size());
      for (size_t i = 0; split && i < conditions.size(); ++i) add(action, number, &conditions[i], 1);
    }
  }
  void add(uint32_t action, int number, const scmp_arg_cmp* conditions, size_t count) {
    // libseccomp 2.5.4 loses pieces of chains that it joins: not ours to free.
    const IgnoreLeaks ignoring;
    if (::seccomp_rule_add_array(context_.get(), action, number, static_cast<unsigned>(count), conditions) != 0)
      refused_ = true;
  }

  uint32_t default_;
  bool refused_ = false;
  std::unique_ptr<void, void (*)(void*)> context_;
};

// Whether such a call is answered with ENOSYS before the rules are looked at: it is beyond all that the
// configuration names, and the default does not let it pass.
class NewerCalls {
 public:
  explicit NewerCalls(const spec::Seccomp& config) {
    using spec::SeccompAction;
    for (auto action : {SeccompAction::kAllow, SeccompAction::kLog, SeccompAction::kTrace}) {
      if (config.default_action == action) return;
    }
    std::vector<uint32_t> architectures = {::seccomp_arch_native()};
    for (const std::string& name : config.architectures) architectures.push_back(scmp_architecture(name));
    for (uint32_t architecture : architectures) {
      for (const spec::SeccompRule& rule : config.rules) {
        for (const std::string& name : rule.names) {
          int& newest = newest_[architecture];
          newest = std::max(newest, ::seccomp_syscall_resolve_name_arch(architecture, name.c_str()));
        }
      }
    }
  }
  bool contains(uint32_t audit, uint32_t number) const {
    const bool x32 = audit == SCMP_ARCH_X86_64 && (number & 0x40000000) != 0;
    const auto at = newest_.find(x32 ? SCMP_ARCH_X32 : audit);
    return at != newest_.end() && at->second > 0 && number > static_cast<uint32_t>(at->second);
  }

 private:
  std::map<uint32_t, int> newest_;
};

}  // namespace plimsoll::seccomp
