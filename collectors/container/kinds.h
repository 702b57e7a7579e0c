// SPDX-License-Identifier: Apache-2.0
// Groups of container families that can be turned on and off: cAdvisor's names for --disable_metrics and
// --enable_metrics, and a few of our own for what cAdvisor has not.
#pragma once

#include <bitset>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace plimsoll::collectors::container {

enum class Kind : uint8_t {
  kAlways,  // no flag: identity and life of a group
  kAdvancedTcp,
  kCpu,
  kCpuLoad,
  kCpuTopology,
  kCpuset,
  kDisk,
  kDiskIo,
  kHugetlb,
  kMemory,
  kMemoryNuma,
  kNetwork,
  kOomEvent,
  kPercpu,
  kPressure,
  kProcess,
  kReferencedMemory,
  kSched,
  kTcp,
  kUdp,
  kApp,        // cAdvisor has it, we do not
  kPerfEvent,  // the same
  kResctrl,    // the same
  kPids,       // ours: processes' and threads' numbers from one cheap file each
  kSockets,    // ours: sockstat of the network namespace
  kDelays,     // ours: delay accounting of each process
  kCount,
};

struct KindInfo {
  Kind kind;
  std::string_view name;     // "advtcp"
  bool on = false;           // without any flag
  bool supported = true;     // false: accepted, has no effect
  std::string_view summary;  // one line for --help and docs/METRICS.md
};

// All but kAlways, by name.
std::span<const KindInfo> kinds();
std::optional<Kind> kind_named(std::string_view name);

class KindSet {
 public:
  // What is on without any flag.
  static KindSet defaults();
  static KindSet none();  // only kAlways
  static KindSet all();   // every supported one
  bool has(Kind kind) const { return bits_[static_cast<size_t>(kind)]; }
  void set(Kind kind, bool on) { bits_[static_cast<size_t>(kind)] = on; }

 private:
  std::bitset<static_cast<size_t>(Kind::kCount)> bits_;
};

}  // namespace plimsoll::collectors::container
