// SPDX-License-Identifier: Apache-2.0
// Which devices a container may make (mknod), read and write: linux.resources.devices, rules of which for each
// device and each kind of access the last one that matches counts; what none matches is not allowed.
//
// v1: lines such as "c 1:3 rwm" written to devices.allow and devices.deny, only what differs from what is in
// force (Documentation/admin-guide/cgroup-v1/devices.rst). v2: a program of type BPF_PROG_TYPE_CGROUP_DEVICE
// attached to the group (cgroup-v2.rst, "Device controller"; bpf(2)).
#pragma once

#include <linux/bpf.h>

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "runtime/limits/own_cgroup.h"
#include "runtime/spec/spec.h"

namespace plimsoll::limits {

// Making a node of any device (many package installations do it), and the use of null, zero, full, random,
// urandom, tty, console, ptmx and pseudo-terminals: a container that makes a node of the host's disk cannot open
// it. All that `plimsoll run` allows; `plimsoll-oci` puts them behind the rules that the user gave.
std::vector<spec::DeviceRule> default_device_rules();

// Puts the rules in force, in place of those that an earlier call did; without any rule nothing is done. Where
// this user may not (EPERM) it is no error within a user namespace, nor in v2 when the rules only allow: a
// process there can neither make nodes of devices nor, as a rule, open the host's.
Result<void> restrict_devices(const OwnCgroup& group, const std::vector<spec::DeviceRule>& rules);

// --- Exposed for tests.

// BPF_DEVCG_ACC_* of "rwm"; "" means all. Error for other letters.
Result<uint32_t> device_access(const std::string& letters);

// The v2 program: returns 1 (allowed) or 0 for a bpf_cgroup_dev_ctx. Error when there are too many rules.
Result<std::vector<bpf_insn>> device_program(const std::vector<spec::DeviceRule>& rules);

// What a v1 group is set to: by default everything or nothing, and the exceptions from that.
class DeviceTable {
 public:
  // devices.list. Of a group that allows by default the kernel does not tell the exceptions.
  static Result<DeviceTable> parse(std::string_view list);
  // Error when v1 cannot do it: an exception from an exception that is wider.
  static Result<DeviceTable> of(const std::vector<spec::DeviceRule>& rules);

  struct Write {
    const char* file;  // "devices.allow", "devices.deny"
    std::string line;
    bool operator==(const Write&) const = default;
  };
  // What turns this table into `target`.
  std::vector<Write> writes_towards(const DeviceTable& target) const;

 private:
  static constexpr int64_t kAny = -1;
  struct Key {
    char type;
    int64_t major, minor;
    bool operator==(const Key&) const = default;
  };
  struct Exception {
    Key key;
    uint32_t access;
  };
  using Exceptions = std::vector<Exception>;  // in the order of the rules; a key is there once
  Result<void> apply(const spec::DeviceRule& rule);
  Result<void> apply(bool allow, const Key& key, uint32_t access);
  void except(const Key& key, uint32_t access);
  static std::string line_of(const Key& key, uint32_t access);
  static uint32_t missing_in(const Exceptions& exceptions, const Exception& one);

  bool allows_ = false;
  Exceptions exceptions_;
};

}  // namespace plimsoll::limits
