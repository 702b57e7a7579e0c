// SPDX-License-Identifier: Apache-2.0
// Architectures as the specification names them, and the numbers of their system calls: libseccomp's, and our own of
// calls that are newer than it. config-linux.md "Seccomp", seccomp_syscall_resolve_name(3)
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace plimsoll::seccomp {

inline constexpr uint32_t kX32Bit = 0x40000000;  // of all numbers of x32

struct Architecture {
  std::string_view name;  // "SCMP_ARCH_X86_64"
  uint32_t token = 0;     // SCMP_ARCH_*
  uint32_t audit = 0;     // what seccomp_data has: AUDIT_ARCH_*
  bool wide = false;      // arguments are of 64 bits
  bool big_endian = false;
  uint32_t first_number = 0;  // added to every number
};

std::span<const Architecture> architectures();
const Architecture* find_architecture(std::string_view name);
const Architecture* native_architecture();  // nullptr: one that is not known here

// How a system call can be made: by a number of its own, and as call `call` of socketcall(2) or ipc(2), which is
// in the first argument.
struct Call {
  std::optional<uint32_t> number, multiplexer;
  uint32_t call = 0;
  bool multiplexed() const { return multiplexer.has_value(); }
};

// Neither way for a name that is not known, or that the architecture does not have.
Call find_call(const Architecture& architecture, const char* name);

}  // namespace plimsoll::seccomp
