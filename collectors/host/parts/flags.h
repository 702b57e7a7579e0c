// SPDX-License-Identifier: Apache-2.0
// The flags of a host collector, declared in its own file and read back by the same object:
//
//   constexpr Flag kFields = {"vmstat.fields", FlagKind::kRegex, "^oom_kill", "Fields to export"};
//   ...
//   Pattern fields(setup.flags.text(kFields));     // --collector.vmstat.fields=REGEX, or the default
//
// The command line (agent/settings/host_flags.h) is made from the declarations and has checked every value by
// its kind before a collector sees it: what is read here needs no further check.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace plimsoll::collectors::host {

enum class FlagKind : uint8_t {
  kSwitch,    // --collector.NAME, --no-collector.NAME; default "true" or "false"
  kText,      // anything, such as a path
  kRegex,     // RE2; anchored only where it says so
  kInclude,   // the same, as one of a pair "X-include", "X-exclude" of which only one may be given;
  kExclude,   // giving the first takes the second's default away
  kList,      // may be given several times; no default
  kNumber,    // 0 to 2^64-1
  kDuration,  // Go's notation: 5s, 100ms
};

struct Flag {
  std::string_view name;  // without "--collector."
  FlagKind kind;
  std::string_view fallback;  // what holds when it is not given, as it would be given
  std::string_view help;      // one line for --help, no full stop
  // What its kind cannot tell; null: nothing more. The error names neither flag nor value.
  Result<void> (*check)(std::string_view value) = nullptr;
};

// The values given. One that is not given is its declaration's fallback.
class Flags {
 public:
  // `value` must have passed check_flag(); a kList flag takes one more with each call.
  void set(const Flag& flag, std::string value);

  bool given(const Flag& flag) const;
  bool on(const Flag& flag) const;  // kSwitch
  std::string text(const Flag& flag) const;
  std::vector<std::string> list(const Flag& flag) const;      // in the order given
  uint64_t number(const Flag& flag) const;                    // kNumber
  std::chrono::nanoseconds duration(const Flag& flag) const;  // kDuration

 private:
  std::map<std::string_view, std::vector<std::string>> values_;  // by the name in the declaration
};

// Whether `value` fits the flag's kind and passes its own check. The error says what is wrong with it and
// what would be right, without naming the flag.
Result<void> check_flag(const Flag& flag, std::string_view value);

}  // namespace plimsoll::collectors::host
