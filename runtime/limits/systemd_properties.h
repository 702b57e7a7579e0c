// SPDX-License-Identifier: Apache-2.0
// The properties of a unit as they go over the bus: elements of a(sv), from a container's resources and annotations.
//
//   resources                    v2 and hybrid/v1
//   memory.limit, reservation    MemoryMax, MemoryLow (v2)
//   memory.swap                  MemorySwapMax (v2), without the memory that the specification counts in
//   cpu.shares                   CPUWeight / CPUShares; cpu.idle: CPUWeight 0
//   cpu.quota, period            CPUQuotaPerSecUSec, CPUQuotaPeriodUSec
//   cpu.cpus, mems               AllowedCPUs, AllowedMemoryNodes
//   pids                         TasksMax
//   blockIO.weight, devices'     IOWeight, IODeviceWeight / BlockIOWeight
//   devices                      DevicePolicy, DeviceAllow
//   unified                      those of the above and MemoryMin, MemoryHigh, OOMPolicy
//
// All else has no property (cpu.burst, throttling by device, hugetlb, rdma ...): it is written to the group's files
// afterwards. systemd.resource-control(5), and its table of what v1 has instead.
#pragma once

#include <climits>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/cgroup/layout.h"
#include "base/result.h"
#include "runtime/limits/bus_message.h"
#include "runtime/spec/spec.h"

namespace plimsoll::limits {

// An array a(sv) without its length: it starts at a multiple of 8.
class UnitProperties {
 public:
  UnitProperties() { out_.reserve(1024); }

  void flag(std::string_view name, bool value);
  void number(std::string_view name, uint64_t value);
  void text(std::string_view name, std::string_view value);
  void texts(std::string_view name, const std::vector<std::string>& values);
  void pid(std::string_view name, uint32_t value);                 // au
  void bytes(std::string_view name, std::string_view value);       // ay
  using Pairs = std::vector<std::pair<std::string, std::string>>;  // path, access
  void pairs(std::string_view name, const Pairs& values);
  void weight(std::string_view name, std::string_view path, uint64_t value);  // a(st)
  void one_value(std::string_view name, char type, uint64_t value);  // a number of another type: y n q i u x t d b

  std::string_view elements() const { return out_; }

 private:
  BusWriter begin(std::string_view name, std::string_view type);

  std::string out_;
};

// What the systemd that is spoken to can do.
struct PropertyTarget {
  cgroup::Mode mode = cgroup::Mode::kV2;
  unsigned version = UINT_MAX;  // of systemd: properties that came later are left out
  bool start = true;            // else an update, which has no device rules and no OOMPolicy
};

// Errors name the setting: "resources.cpu.cpus: ...".
Result<void> add_resources(UnitProperties& properties, const spec::Resources& resources, const PropertyTarget& target);

// "org.systemd.property.NAME": a value in GVariant's text form, as far as it is one of
//   true, false | 'text', "text" | ['text', ...] | -12 (int32) | 1.5 (double) | uint64 12 and the like with
//   byte, int16, uint16, int32, uint32, int64, uint64, double, boolean, string
// NAMESec becomes NAMEUSec, in microseconds.
Result<void> add_annotations(UnitProperties& properties, const std::map<std::string, std::string>& annotations);

// "0-2,7" as systemd takes sets of processors: bit n of byte n / 8.
Result<std::string> bits_of_list(std::string_view list);

struct DeviceProperties {
  std::string policy;  // "strict", "auto"
  UnitProperties::Pairs allow;
};
// systemd only knows what is allowed, and no number whose major is left open. What it cannot say exactly is left to
// the device program on v2 ("auto"); on v1 it becomes less, because systemd may write its rules again at any time.
DeviceProperties device_properties(const std::vector<spec::DeviceRule>& rules, bool v2);

}  // namespace plimsoll::limits
