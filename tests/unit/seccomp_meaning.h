// SPDX-License-Identifier: Apache-2.0
// What a configuration says about a call, rule by rule and in 64 bits: neither our compiler's way nor
// libseccomp's, whose trees of conditions have errors.
#pragma once

#include <linux/seccomp.h>
#include <seccomp.h>

#include <algorithm>
#include <map>
#include <set>

#include "runtime/seccomp/architectures.h"
#include "tests/unit/libseccomp_reference.h"

namespace plimsoll::seccomp {

class Meaning {
 public:
  explicit Meaning(const spec::Seccomp& config)
      : config_(config), newer_(config), default_(returned(config.default_action, config.default_errno_ret)) {
    architectures_ = {native_architecture()};
    for (const std::string& name : config.architectures) architectures_.push_back(find_architecture(name));
  }

  // More than one when rules with different actions hold.
  std::set<uint32_t> actions(const seccomp_data& data) const {
    const auto number = static_cast<uint32_t>(data.nr);
    const Architecture* const architecture = find(data.arch, number);
    if (newer_.contains(data.arch, number)) return {SECCOMP_RET_ERRNO | ENOSYS};
    if (architecture == nullptr) return {SECCOMP_RET_KILL_THREAD};
    std::set<uint32_t> found;
    for (const spec::SeccompRule& rule : config_.rules) {
      const uint32_t action = returned(rule.action, rule.errno_ret);
      if (action == default_) continue;
      for (const std::string& name : rule.names) {
        const Call call = find_call(*architecture, name.c_str());
        const uint64_t first = architecture->wide ? data.args[0] : static_cast<uint32_t>(data.args[0]);
        const bool through = call.multiplexer == number && first == call.call;
        if (call.number != number && !through) continue;
        if (holds(rule.args, data, architecture->wide, through)) found.insert(action);
      }
    }
    if (found.empty()) found.insert(default_);
    return found;
  }

 private:
  const Architecture* find(uint32_t audit, uint32_t number) const {
    if (audit == SCMP_ARCH_X86_64 && number >= kX32Bit && number != UINT32_MAX) return listed("SCMP_ARCH_X32");
    for (const Architecture* one : architectures_) {
      if (one->audit == audit && one->first_number != kX32Bit) return one;
    }
    return nullptr;
  }
  const Architecture* listed(std::string_view name) const {
    for (const Architecture* one : architectures_) {
      if (one->name == name) return one;
    }
    return nullptr;
  }
  // SCMP_ACT_* are the kernel's numbers.
  static uint32_t returned(spec::SeccompAction action, std::optional<uint32_t> value) {
    return scmp_action(action, value);
  }
  static bool holds(const spec::SeccompArgument& one, uint64_t argument, bool wide) {
    const uint64_t bits = wide ? UINT64_MAX : UINT32_MAX;
    const uint64_t value = one.value & bits;
    argument &= bits;
    switch (one.op) {
      case spec::SeccompOperator::kNotEqual:
        return argument != value;
      case spec::SeccompOperator::kLess:
        return argument < value;
      case spec::SeccompOperator::kLessOrEqual:
        return argument <= value;
      case spec::SeccompOperator::kEqual:
        return argument == value;
      case spec::SeccompOperator::kGreaterOrEqual:
        return argument >= value;
      case spec::SeccompOperator::kGreater:
        return argument > value;
      case spec::SeccompOperator::kMaskedEqual:
        return (argument & value) == (one.value_two & value);
    }
    return false;
  }
  // Through a multiplexer nothing is asked about the first argument, which is the call.
  static bool holds(const std::vector<spec::SeccompArgument>& all, const seccomp_data& data, bool wide, bool through) {
    std::map<uint32_t, int> count;
    for (const auto& one : all) ++count[one.index];
    const bool any = std::any_of(count.begin(), count.end(), [](const auto& one) { return one.second > 1; });
    const auto each = [&](const auto& one) {
      return (through && one.index == 0) || holds(one, data.args[one.index], wide);
    };
    return any ? std::any_of(all.begin(), all.end(), each) : std::all_of(all.begin(), all.end(), each);
  }

  const spec::Seccomp& config_;
  NewerCalls newer_;
  uint32_t default_;
  std::vector<const Architecture*> architectures_;
};

}  // namespace plimsoll::seccomp
