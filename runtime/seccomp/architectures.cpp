// SPDX-License-Identifier: Apache-2.0
#include "runtime/seccomp/architectures.h"

#include <seccomp.h>

#include "runtime/seccomp/newer_calls.h"

namespace plimsoll::seccomp {
namespace {

constexpr bool kWide = true, kNarrow = false, kBig = true, kLittle = false;

constexpr Architecture kArchitectures[] = {
    {"SCMP_ARCH_AARCH64", SCMP_ARCH_AARCH64, SCMP_ARCH_AARCH64, kWide, kLittle},
    {"SCMP_ARCH_ARM", SCMP_ARCH_ARM, SCMP_ARCH_ARM, kNarrow, kLittle},
#ifdef SCMP_ARCH_LOONGARCH64
    {"SCMP_ARCH_LOONGARCH64", SCMP_ARCH_LOONGARCH64, SCMP_ARCH_LOONGARCH64, kWide, kLittle},
#endif
    {"SCMP_ARCH_MIPS", SCMP_ARCH_MIPS, SCMP_ARCH_MIPS, kNarrow, kBig, 4000},
    {"SCMP_ARCH_MIPS64", SCMP_ARCH_MIPS64, SCMP_ARCH_MIPS64, kWide, kBig, 5000},
    {"SCMP_ARCH_MIPS64N32", SCMP_ARCH_MIPS64N32, SCMP_ARCH_MIPS64N32, kNarrow, kBig, 6000},
    {"SCMP_ARCH_MIPSEL", SCMP_ARCH_MIPSEL, SCMP_ARCH_MIPSEL, kNarrow, kLittle, 4000},
    {"SCMP_ARCH_MIPSEL64", SCMP_ARCH_MIPSEL64, SCMP_ARCH_MIPSEL64, kWide, kLittle, 5000},
    {"SCMP_ARCH_MIPSEL64N32", SCMP_ARCH_MIPSEL64N32, SCMP_ARCH_MIPSEL64N32, kNarrow, kLittle, 6000},
    {"SCMP_ARCH_PARISC", SCMP_ARCH_PARISC, SCMP_ARCH_PARISC, kNarrow, kBig},
    {"SCMP_ARCH_PARISC64", SCMP_ARCH_PARISC64, SCMP_ARCH_PARISC64, kWide, kBig},
    {"SCMP_ARCH_PPC", SCMP_ARCH_PPC, SCMP_ARCH_PPC, kNarrow, kBig},
    {"SCMP_ARCH_PPC64", SCMP_ARCH_PPC64, SCMP_ARCH_PPC64, kWide, kBig},
    {"SCMP_ARCH_PPC64LE", SCMP_ARCH_PPC64LE, SCMP_ARCH_PPC64LE, kWide, kLittle},
    {"SCMP_ARCH_RISCV64", SCMP_ARCH_RISCV64, SCMP_ARCH_RISCV64, kWide, kLittle},
    {"SCMP_ARCH_S390", SCMP_ARCH_S390, SCMP_ARCH_S390, kNarrow, kBig},
    {"SCMP_ARCH_S390X", SCMP_ARCH_S390X, SCMP_ARCH_S390X, kWide, kBig},
    {"SCMP_ARCH_X32", SCMP_ARCH_X32, SCMP_ARCH_X86_64, kNarrow, kLittle, kX32Bit},
    {"SCMP_ARCH_X86", SCMP_ARCH_X86, SCMP_ARCH_X86, kNarrow, kLittle},
    {"SCMP_ARCH_X86_64", SCMP_ARCH_X86_64, SCMP_ARCH_X86_64, kWide, kLittle},
};

// Architectures that began with socketcall(2) and ipc(2) gave these calls numbers of their own later, and
// libseccomp does not tell them. Two columns where 64 bits differ from 32; 0: none.
struct DirectNumbers {
  std::string_view name;
  uint16_t x86, mips, ppc, ppc64, s390, s390x;
};
constexpr DirectNumbers kDirectNumbers[] = {
    {"accept", 0, 168, 330, 330, 0, 0},
    {"accept4", 364, 334, 344, 344, 364, 364},
    {"bind", 361, 169, 327, 327, 361, 361},
    {"connect", 362, 170, 328, 328, 362, 362},
    {"getpeername", 368, 171, 332, 332, 368, 368},
    {"getsockname", 367, 172, 331, 331, 367, 367},
    {"getsockopt", 365, 173, 340, 340, 365, 365},
    {"listen", 363, 174, 329, 329, 363, 363},
    {"msgctl", 402, 402, 402, 402, 402, 402},
    {"msgget", 399, 399, 399, 399, 399, 399},
    {"msgrcv", 401, 401, 401, 401, 401, 401},
    {"msgsnd", 400, 400, 400, 400, 400, 400},
    {"recv", 0, 175, 336, 336, 0, 0},
    {"recvfrom", 371, 176, 337, 337, 371, 371},
    {"recvmmsg", 337, 335, 343, 343, 357, 357},
    {"recvmsg", 372, 177, 342, 342, 372, 372},
    {"semctl", 394, 394, 394, 394, 394, 394},
    {"semget", 393, 393, 393, 393, 393, 393},
    {"semtimedop", 0, 0, 0, 392, 0, 392},
    {"send", 0, 178, 334, 334, 0, 0},
    {"sendmmsg", 345, 343, 349, 349, 358, 358},
    {"sendmsg", 370, 179, 341, 341, 370, 370},
    {"sendto", 369, 180, 335, 335, 369, 369},
    {"setsockopt", 366, 181, 339, 339, 366, 366},
    {"shmat", 397, 397, 397, 397, 397, 397},
    {"shmctl", 396, 396, 396, 396, 396, 396},
    {"shmdt", 398, 398, 398, 398, 398, 398},
    {"shmget", 395, 395, 395, 395, 395, 395},
    {"shutdown", 373, 182, 338, 338, 373, 373},
    {"socket", 359, 183, 326, 326, 359, 359},
    {"socketpair", 360, 184, 333, 333, 360, 360},
};

uint16_t column(const DirectNumbers& row, uint32_t token) {
  switch (token) {
    case SCMP_ARCH_X86:
      return row.x86;
    case SCMP_ARCH_MIPS:
    case SCMP_ARCH_MIPSEL:
      return row.mips;
    case SCMP_ARCH_PPC:
      return row.ppc;
    case SCMP_ARCH_PPC64:
    case SCMP_ARCH_PPC64LE:
      return row.ppc64;
    case SCMP_ARCH_S390:
      return row.s390;
    case SCMP_ARCH_S390X:
      return row.s390x;
    default:
      return 0;
  }
}

std::optional<uint32_t> direct_number(const Architecture& architecture, std::string_view name) {
  for (const DirectNumbers& row : kDirectNumbers) {
    if (row.name != name) continue;
    const uint16_t number = column(row, architecture.token);
    if (number != 0) return number + architecture.first_number;
  }
  return std::nullopt;
}

std::optional<uint32_t> newer_number(std::span<const NumberedCall> calls, std::string_view name) {
  for (const NumberedCall& call : calls) {
    if (call.name == name) return call.number;
  }
  return std::nullopt;
}

std::optional<uint32_t> newer_number(const Architecture& architecture, std::string_view name) {
  if (auto number = newer_number(kNewerCalls, name)) return *number + architecture.first_number;
  if (architecture.token == SCMP_ARCH_X86_64) return newer_number(kNewerCallsX86_64, name);
  if (architecture.token == SCMP_ARCH_RISCV64) return newer_number(kNewerCallsRiscv64, name);
  return std::nullopt;
}

// The negative numbers by which libseccomp knows calls that may go through a multiplexer.
bool is_socket_call(int number) { return number <= -100 && number >= -120; }
bool is_ipc_call(int number) { return number <= -200 && number >= -224; }

// An architecture that never had the multiplexer has no number of it.
Call multiplexed(const Architecture& architecture, const char* name, int number) {
  Call call;
  const bool socket = is_socket_call(number);
  const int multiplexer = ::seccomp_syscall_resolve_name_arch(architecture.token, socket ? "socketcall" : "ipc");
  if (multiplexer < 0) return call;
  call.number = direct_number(architecture, name);
  call.multiplexer = static_cast<uint32_t>(multiplexer);
  call.call = static_cast<uint32_t>(-number - (socket ? 100 : 200));
  return call;
}

}  // namespace

std::span<const Architecture> architectures() { return kArchitectures; }

const Architecture* find_architecture(std::string_view name) {
  for (const Architecture& one : kArchitectures) {
    if (one.name == name) return &one;
  }
  return nullptr;
}

const Architecture* native_architecture() {
  const uint32_t token = ::seccomp_arch_native();
  for (const Architecture& one : kArchitectures) {
    if (one.token == token) return &one;
  }
  return nullptr;
}

Call find_call(const Architecture& architecture, const char* name) {
  const int number = ::seccomp_syscall_resolve_name_arch(architecture.token, name);
  if (number >= 0) return {static_cast<uint32_t>(number), std::nullopt};
  if (is_socket_call(number) || is_ipc_call(number)) return multiplexed(architecture, name, number);
  // Another negative number is that of a call which other architectures have.
  return {number == __NR_SCMP_ERROR ? newer_number(architecture, name) : std::nullopt, std::nullopt};
}

}  // namespace plimsoll::seccomp
