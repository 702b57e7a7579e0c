// SPDX-License-Identifier: Apache-2.0
// Which devices a container may use. Making a node is allowed for every device (as Docker does: many
// package installations do it), opening one only for those in kAllowedDevices: a container that makes a
// node of the host's disk cannot open it.
//
// v1: lines such as "c 1:3 rwm" written to devices.allow after "a" to devices.deny
// (Documentation/admin-guide/cgroup-v1/devices.rst). v2: a program of type
// BPF_PROG_TYPE_CGROUP_DEVICE attached to the group (cgroup-v2.rst, "Device controller"; bpf(2)).
#pragma once

#include <linux/bpf.h>

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"

namespace plimsoll::limits {

inline constexpr uint32_t kAnyMinor = UINT32_MAX;

// A character device that may be made, read and written.
struct AllowedDevice {
  uint32_t major;
  uint32_t minor;
};

inline constexpr std::array<AllowedDevice, 9> kAllowedDevices = {{
    {1, 3},            // null
    {1, 5},            // zero
    {1, 7},            // full
    {1, 8},            // random
    {1, 9},            // urandom
    {5, 0},            // tty
    {5, 1},            // console
    {5, 2},            // ptmx
    {136, kAnyMinor},  // pseudo-terminals
}};

// The v2 program: returns 1 (allowed) or 0 for a bpf_cgroup_dev_ctx. Exposed for its test.
std::vector<bpf_insn> device_program();

// `directory`: the group in the v1 devices hierarchy. Errors name the file.
Result<void> restrict_devices_v1(const std::string& directory);
// `group_fd`: the v2 group. The program stays attached for the group's life.
Result<void> restrict_devices_v2(int group_fd);

}  // namespace plimsoll::limits
