// SPDX-License-Identifier: Apache-2.0
// Build-time program: turns the policy of seccomp_profile.h into the BPF program that is compiled into the
// library, for the architecture it runs on and those whose programs its kernel also runs. Numbers
// come from libseccomp, which therefore is needed to build and not to run. Usage: program OUTPUT
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <seccomp.h>

#include <cerrno>
#include <cstdio>
#include <span>
#include <vector>

#include "runtime/seccomp/architectures.h"
#include "runtime/seccomp/decisions.h"
#include "runtime/seccomp/default_profile.h"

namespace plimsoll::seccomp {
namespace {

constexpr uint32_t kAllow = SECCOMP_RET_ALLOW;
constexpr uint32_t kDeny = SECCOMP_RET_ERRNO | EPERM;
constexpr uint32_t kUnknown = SECCOMP_RET_ERRNO | ENOSYS;

using Names = std::span<const char* const>;

constexpr Names kEverywhere[] = {profile::kFiles,        profile::kDirectoriesAndAttributes,
                                 profile::kMemory,       profile::kProcesses,
                                 profile::kScheduling,   profile::kSignals,
                                 profile::kTime,         profile::kIdentity,
                                 profile::kInterProcess, profile::kSockets,
                                 profile::kEvents,       profile::kSystem};

// The policy for one architecture, written into a program.
class Section {
 public:
  Section(Program& program, const char* architecture)
      : program_(program), architecture_(*find_architecture(architecture)) {}
  // Takes the number from the accumulator.
  Label decide();

 private:
  void set(Decisions& decisions, const char* name, Label label);
  Label with_argument(const Decisions& values);
  Label socket_check();
  Label personality_check();
  Label clone_check();

  Program& program_;
  const Architecture& architecture_;
  Label allow_ = program_.answer(kAllow), deny_ = program_.answer(kDeny), unknown_ = program_.answer(kUnknown);
};

void Section::set(Decisions& decisions, const char* name, Label label) {
  if (auto number = find_call(architecture_, name).number) decisions.assign(*number, *number, label);
}

// The first one, whose upper half has to be zero.
Label Section::with_argument(const Decisions& values) {
  const Label low = program_.load(argument_low(0), program_.decide(values));
  return program_.load(argument_high(0), program_.if_equal(0, low, deny_));
}

Label Section::socket_check() {
  Decisions families(deny_);
  for (const profile::Range& range : profile::kSocketFamilies) families.assign(range.first, range.last, allow_);
  return with_argument(families);
}

Label Section::personality_check() {
  Decisions values(deny_);
  for (uint32_t value : profile::kPersonalities) values.assign(value, value, allow_);
  return with_argument(values);
}

// s390 passes the stack first and the flags second.
Label Section::clone_check() {
  const uint32_t flags = architecture_.name.starts_with("SCMP_ARCH_S390") ? 1 : 0;
  return program_.load(argument_low(flags), program_.if_any_bit(profile::kNamespaceFlags, deny_, allow_));
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

Label Section::decide() {
  Decisions decisions(deny_);
  decisions.assign(architecture_.first_number + profile::kNewestSystemCall + 1, UINT32_MAX, unknown_);
  for (Names names : kEverywhere) {
    for (const char* name : names) set(decisions, name, allow_);
  }
  for (const char* name : names_of_architecture(architecture_.token)) set(decisions, name, allow_);
  set(decisions, "socket", socket_check());
  set(decisions, "personality", personality_check());
  set(decisions, "clone", clone_check());
  set(decisions, "clone3", unknown_);
  return program_.decide(decisions);
}

std::vector<sock_filter> whole_filter() {
  const Architecture& native = *native_architecture();
  Program program;
  Label wrong = program.answer(SECCOMP_RET_KILL_PROCESS);
  const auto section = [&](const char* name) { return Section(program, name).decide(); };
  if (native.token == SCMP_ARCH_X86_64) {
    wrong = program.if_equal(AUDIT_ARCH_I386, program.load(kNumberOffset, section("SCMP_ARCH_X86")), wrong);
  } else if (native.token == SCMP_ARCH_AARCH64) {
    wrong = program.if_equal(AUDIT_ARCH_ARM, program.load(kNumberOffset, section("SCMP_ARCH_ARM")), wrong);
  }
  Label own = native.token == SCMP_ARCH_X86_64 ? section("SCMP_ARCH_X32") : Label();
  const Label numbers = section(native.name.data());
  if (native.token == SCMP_ARCH_X86_64)
    own = program.if_at_least(kX32Bit, own, numbers);
  else
    own = numbers;
  own = program.load(kNumberOffset, own);
  return program.finish(program.load(kArchitectureOffset, program.if_equal(native.audit, own, wrong)));
}

bool write_program(const char* path, const std::vector<sock_filter>& code) {
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
