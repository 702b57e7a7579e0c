// SPDX-License-Identifier: Apache-2.0
// Build-time program: turns the policy of seccomp_profile.h into the BPF program that is compiled into the
// library, for the architecture it runs on and those whose programs its kernel also runs. Numbers
// come from libseccomp, which therefore is needed to build and not to run. Usage: program OUTPUT
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <seccomp.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <initializer_list>
#include <optional>
#include <span>

#include "runtime/seccomp/decisions.h"
#include "runtime/seccomp/default_profile.h"

namespace plimsoll::seccomp {
namespace {

constexpr uint32_t kAllow = SECCOMP_RET_ALLOW;
constexpr uint32_t kDeny = SECCOMP_RET_ERRNO | EPERM;
constexpr uint32_t kUnknown = SECCOMP_RET_ERRNO | ENOSYS;
constexpr uint32_t kX32Bit = 0x40000000;

using Names = std::span<const char* const>;

constexpr Names kEverywhere[] = {profile::kFiles,        profile::kDirectoriesAndAttributes,
                                 profile::kMemory,       profile::kProcesses,
                                 profile::kScheduling,   profile::kSignals,
                                 profile::kTime,         profile::kIdentity,
                                 profile::kInterProcess, profile::kSockets,
                                 profile::kEvents,       profile::kSystem};

struct Direct {
  const char* name;
  uint32_t number;
};
// i386 has had numbers of their own for these since 4.3 and 5.1; libseccomp reports the old
// multiplexers, socketcall and ipc, in their place.
constexpr Direct kDirectX86[] = {
    {"socket", 359},   {"socketpair", 360}, {"bind", 361},       {"connect", 362},     {"listen", 363},
    {"accept4", 364},  {"getsockopt", 365}, {"setsockopt", 366}, {"getsockname", 367}, {"getpeername", 368},
    {"sendto", 369},   {"sendmsg", 370},    {"recvfrom", 371},   {"recvmsg", 372},     {"shutdown", 373},
    {"recvmmsg", 337}, {"sendmmsg", 345},   {"semget", 393},     {"semctl", 394},      {"shmget", 395},
    {"shmctl", 396},   {"shmat", 397},      {"shmdt", 398},      {"msgget", 399},      {"msgsnd", 400},
    {"msgrcv", 401},   {"msgctl", 402},
};

std::optional<uint32_t> number_of(uint32_t arch, const char* name) {
  if (arch == SCMP_ARCH_X86) {
    for (const Direct& direct : kDirectX86) {
      if (std::strcmp(direct.name, name) == 0) return direct.number;
    }
  }
  const int number = seccomp_syscall_resolve_name_arch(arch, name);
  if (number >= 0) return static_cast<uint32_t>(number);
  for (const profile::NumberedCall& call : profile::kNewCalls) {
    if (std::strcmp(call.name, name) == 0) return call.number | (arch == SCMP_ARCH_X32 ? kX32Bit : 0);
  }
  // Of x86_64 alone, and not among the common numbers.
  if (arch == SCMP_ARCH_X86_64 && std::strcmp(name, "uretprobe") == 0) return 335;
  return std::nullopt;
}

void set(Decisions& decisions, uint32_t arch, const char* name, const Code& code) {
  if (auto number = number_of(arch, name)) assign(decisions, *number, *number, code);
}

Code socket_check() {
  Decisions families = {{0, answer(kDeny)}};
  for (const profile::Range& range : profile::kSocketFamilies)
    assign(families, range.first, range.last, answer(kAllow));
  return joined(
      {load(argument_high(0)), if_equal(0, joined({load(argument_low(0)), decide(families)}), answer(kDeny))});
}

Code personality_check() {
  Decisions values = {{0, answer(kDeny)}};
  for (uint32_t value : profile::kPersonalities) assign(values, value, value, answer(kAllow));
  return joined({load(argument_high(0)), if_equal(0, joined({load(argument_low(0)), decide(values)}), answer(kDeny))});
}

// s390 passes the stack first and the flags second.
Code clone_check(uint32_t arch) {
  const int flags = arch == SCMP_ARCH_S390 || arch == SCMP_ARCH_S390X ? 1 : 0;
  return joined({load(argument_low(flags)), if_any_bit(profile::kNamespaceFlags, answer(kDeny), answer(kAllow))});
}

Names names_of_architecture(uint32_t arch) {
  switch (arch) {
    case SCMP_ARCH_X86:
    case SCMP_ARCH_X86_64:
    case SCMP_ARCH_X32:
      return profile::kX86;
    case SCMP_ARCH_ARM:
    case SCMP_ARCH_AARCH64:
      return profile::kArm;
    case SCMP_ARCH_PPC64LE:
      return profile::kPowerPc;
    case SCMP_ARCH_S390:
    case SCMP_ARCH_S390X:
      return profile::kS390;
    case SCMP_ARCH_RISCV64:
      return profile::kRiscv;
    default:
      return {};
  }
}

// Takes the number from the accumulator.
Code decide_number(uint32_t arch) {
  const uint32_t base = arch == SCMP_ARCH_X32 ? kX32Bit : 0;
  Decisions decisions = {{0, answer(kDeny)}};
  assign(decisions, base + profile::kNewestSystemCall + 1, UINT32_MAX, answer(kUnknown));
  for (Names names : kEverywhere) {
    for (const char* name : names) set(decisions, arch, name, answer(kAllow));
  }
  for (const char* name : names_of_architecture(arch)) set(decisions, arch, name, answer(kAllow));
  set(decisions, arch, "socket", socket_check());
  set(decisions, arch, "personality", personality_check());
  set(decisions, arch, "clone", clone_check(arch));
  set(decisions, arch, "clone3", answer(kUnknown));
  return decide(decisions);
}

Code whole_filter() {
  const uint32_t native = seccomp_arch_native();
  const Code wrong = answer(SECCOMP_RET_KILL_PROCESS);
  const auto section = [](uint32_t arch) { return joined({load(kNumberOffset), decide_number(arch)}); };
  Code rest = wrong;
  Code own = section(native);
  if (native == SCMP_ARCH_X86_64) {
    rest = if_equal(AUDIT_ARCH_I386, section(SCMP_ARCH_X86), wrong);
    own = joined({load(kNumberOffset), if_at_least(kX32Bit, decide_number(SCMP_ARCH_X32), decide_number(native))});
  } else if (native == SCMP_ARCH_AARCH64) {
    rest = if_equal(AUDIT_ARCH_ARM, section(SCMP_ARCH_ARM), wrong);
  }
  return joined({load(kArchitectureOffset), if_equal(native, own, rest)});
}

bool write_program(const char* path, const Code& code) {
  std::FILE* file = std::fopen(path, "w");
  if (file == nullptr) return false;
  for (const sock_filter& line : code)
    std::fprintf(file, "{0x%02x, %u, %u, 0x%08x},\n", line.code, line.jt, line.jf, line.k);
  return std::fclose(file) == 0;
}

}  // namespace
}  // namespace plimsoll::seccomp

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: %s OUTPUT\n", argv[0]);
    return 2;
  }
  if (plimsoll::seccomp::write_program(argv[1], plimsoll::seccomp::whole_filter())) return 0;
  std::perror(argv[1]);
  return 1;
}
