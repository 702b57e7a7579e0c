// SPDX-License-Identifier: Apache-2.0
// The default filter, run by a small interpreter of classic BPF: single decisions, and all numbers of all
// architectures against what libseccomp's own compiler makes of the same tables.
#include "runtime/seccomp/default_filter.h"

#include <gtest/gtest.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <optional>
#include <set>
#include <span>
#include <vector>

#include "base/os.h"
#include "runtime/seccomp/decisions.h"
#include "runtime/seccomp/default_profile.h"

namespace plimsoll::seccomp {
namespace {

constexpr uint32_t kAllow = SECCOMP_RET_ALLOW;
constexpr uint32_t kDeny = SECCOMP_RET_ERRNO | EPERM;
constexpr uint32_t kUnknown = SECCOMP_RET_ERRNO | ENOSYS;
constexpr uint32_t kX32Bit = 0x40000000;

// The accumulator, and whether a conditional jump is taken.
std::optional<bool> condition(const sock_filter& line, uint32_t accumulator) {
  switch (BPF_OP(line.code)) {
    case BPF_JEQ:
      return accumulator == line.k;
    case BPF_JGE:
      return accumulator >= line.k;
    case BPF_JGT:
      return accumulator > line.k;
    case BPF_JSET:
      return (accumulator & line.k) != 0;
    default:
      return std::nullopt;
  }
}

// Nothing when the program does what the kernel would refuse at loading.
std::optional<uint32_t> run(std::span<const sock_filter> program, const seccomp_data& data) {
  uint32_t accumulator = 0;
  for (size_t at = 0; at < program.size(); ++at) {
    const sock_filter& line = program[at];
    switch (BPF_CLASS(line.code)) {
      case BPF_RET:
        return line.k;
      case BPF_LD:
        if (line.code != (BPF_LD | BPF_W | BPF_ABS) || line.k + 4 > sizeof(data) || line.k % 4 != 0)
          return std::nullopt;
        std::memcpy(&accumulator, reinterpret_cast<const char*>(&data) + line.k, 4);
        break;
      case BPF_ALU:
        if (line.code != (BPF_ALU | BPF_AND | BPF_K)) return std::nullopt;
        accumulator &= line.k;
        break;
      case BPF_JMP: {
        if (BPF_OP(line.code) == BPF_JA) {
          at += line.k;
          break;
        }
        const auto taken = condition(line, accumulator);
        if (!taken) return std::nullopt;
        at += *taken ? line.jt : line.jf;
        break;
      }
      default:
        return std::nullopt;
    }
  }
  return std::nullopt;
}

uint32_t decision(uint32_t arch, uint32_t number, std::initializer_list<uint64_t> arguments = {}) {
  seccomp_data data = {};
  data.nr = static_cast<int>(number);
  data.arch = arch;
  size_t i = 0;
  for (uint64_t argument : arguments) data.args[i++] = argument;
  const auto action = run(default_filter(), data);
  EXPECT_TRUE(action) << "no decision for " << number;
  return action.value_or(0);
}

uint32_t native(uint32_t number, std::initializer_list<uint64_t> arguments = {}) {
  return decision(seccomp_arch_native(), number, arguments);
}

TEST(Seccomp, OrdinaryCallsAreAllowed) {
  for (long number :
       {SYS_read, SYS_write, SYS_openat, SYS_execve, SYS_exit_group, SYS_mmap, SYS_futex, SYS_wait4, SYS_getrandom,
        SYS_prctl, SYS_seccomp, SYS_ptrace, SYS_process_vm_readv, SYS_chroot, SYS_mknodat, SYS_statx}) {
    EXPECT_EQ(native(static_cast<uint32_t>(number)), kAllow) << number;
  }
}

TEST(Seccomp, DangerousCallsAreDenied) {
  for (long number : {SYS_mount,        SYS_umount2,       SYS_unshare,         SYS_setns,
                      SYS_pivot_root,   SYS_bpf,           SYS_keyctl,          SYS_add_key,
                      SYS_init_module,  SYS_finit_module,  SYS_delete_module,   SYS_kexec_load,
                      SYS_reboot,       SYS_swapon,        SYS_perf_event_open, SYS_open_by_handle_at,
                      SYS_settimeofday, SYS_clock_settime, SYS_userfaultfd,     SYS_io_uring_setup,
                      SYS_quotactl,     SYS_acct,          SYS_open_tree,       SYS_move_mount,
                      SYS_fsopen,       SYS_mount_setattr, SYS_pidfd_getfd,     SYS_kcmp,
                      SYS_sethostname,  SYS_syslog,        SYS_fanotify_init}) {
    EXPECT_EQ(native(static_cast<uint32_t>(number)), kDeny) << number;
  }
}

TEST(Seccomp, CloneIsDecidedByItsFlags) {
  EXPECT_EQ(native(SYS_clone, {0x11}), kAllow);
  EXPECT_EQ(native(SYS_clone, {0x3d0f00}), kAllow);  // a thread
  for (uint64_t flag : {0x00020000u, 0x02000000u, 0x04000000u, 0x08000000u, 0x10000000u, 0x20000000u, 0x40000000u}) {
    EXPECT_EQ(native(SYS_clone, {flag | 0x11}), kDeny) << std::hex << flag;
  }
}

TEST(Seccomp, Clone3AndNewerCallsAreUnknown) {
  EXPECT_EQ(native(SYS_clone3), kUnknown);
  EXPECT_EQ(native(profile::kNewestSystemCall + 1), kUnknown);
  EXPECT_EQ(native(100'000), kUnknown);
}

TEST(Seccomp, CallsNewerThanLibseccompAreAllowedByNumber) {
  for (const profile::NumberedCall& call : profile::kNewCalls) EXPECT_EQ(native(call.number), kAllow) << call.name;
}

TEST(Seccomp, SocketFamiliesAreDecidedOneByOne) {
  std::set<uint32_t> denied = {12, 19, 20, 23, 25, 34, 37, AF_ALG, AF_VSOCK};
  for (uint32_t family = 0; family <= 45; ++family) {
    EXPECT_EQ(native(SYS_socket, {family}), denied.count(family) != 0 ? kDeny : kAllow) << family;
  }
  for (uint64_t family : {uint64_t{46}, uint64_t{1000}, uint64_t{0xffffffff}, uint64_t{0x100000002}}) {
    EXPECT_EQ(native(SYS_socket, {family}), kDeny) << family;
  }
}

TEST(Seccomp, PersonalitiesAreDecidedOneByOne) {
  for (uint64_t value : {0u, 0x8u, 0x20000u, 0x20008u, 0xffffffffu})
    EXPECT_EQ(native(SYS_personality, {value}), kAllow);
  for (uint64_t value : {uint64_t{1}, uint64_t{0x40000}, uint64_t{0x20009}, uint64_t{0x100000000}}) {
    EXPECT_EQ(native(SYS_personality, {value}), kDeny) << value;
  }
}

TEST(Seccomp, ForeignArchitectureIsKilled) {
  EXPECT_EQ(decision(AUDIT_ARCH_PPC, SYS_read), SECCOMP_RET_KILL_PROCESS);
  EXPECT_EQ(decision(0, SYS_read), SECCOMP_RET_KILL_PROCESS);
}

#ifdef __x86_64__
TEST(Seccomp, SisterArchitecturesHaveTheirOwnNumbers) {
  constexpr uint32_t kRead32 = 3, kMount32 = 21, kSocket32 = 359, kClone32 = 120, kClone3 = 435, kIpc32 = 117;
  EXPECT_EQ(decision(AUDIT_ARCH_I386, kRead32), kAllow);
  EXPECT_EQ(decision(AUDIT_ARCH_I386, kIpc32), kAllow);
  EXPECT_EQ(decision(AUDIT_ARCH_I386, kMount32), kDeny);
  EXPECT_EQ(decision(AUDIT_ARCH_I386, kSocket32, {AF_VSOCK}), kDeny);
  EXPECT_EQ(decision(AUDIT_ARCH_I386, kSocket32, {AF_INET}), kAllow);
  EXPECT_EQ(decision(AUDIT_ARCH_I386, kClone32, {0x10000000}), kDeny);
  EXPECT_EQ(decision(AUDIT_ARCH_I386, kClone3), kUnknown);
  EXPECT_EQ(decision(AUDIT_ARCH_X86_64, kX32Bit | SYS_readv), kDeny);  // x32 has its own number
  EXPECT_EQ(decision(AUDIT_ARCH_X86_64, kX32Bit | 515), kAllow);
  EXPECT_EQ(decision(AUDIT_ARCH_X86_64, kX32Bit | SYS_write), kAllow);
  EXPECT_EQ(decision(AUDIT_ARCH_X86_64, kX32Bit | SYS_mount), kDeny);
  EXPECT_EQ(decision(AUDIT_ARCH_X86_64, 0xffffffff), kUnknown);
}
#endif

// What libseccomp's compiler makes of the unconditional rules, for the native architecture.
std::vector<sock_filter> compiled_by_libseccomp() {
  scmp_filter_ctx context = seccomp_init(SCMP_ACT_ERRNO(EPERM));
  for (std::span<const char* const> names :
       {std::span<const char* const>(profile::kFiles), std::span<const char* const>(profile::kDirectoriesAndAttributes),
        std::span<const char* const>(profile::kMemory), std::span<const char* const>(profile::kProcesses),
        std::span<const char* const>(profile::kScheduling), std::span<const char* const>(profile::kSignals),
        std::span<const char* const>(profile::kTime), std::span<const char* const>(profile::kIdentity),
        std::span<const char* const>(profile::kInterProcess), std::span<const char* const>(profile::kSockets),
        std::span<const char* const>(profile::kEvents), std::span<const char* const>(profile::kSystem),
        std::span<const char* const>(profile::kX86)}) {
    for (const char* name : names) {
      const int number = seccomp_syscall_resolve_name(name);
      if (number < 0) continue;
      EXPECT_EQ(seccomp_rule_add(context, SCMP_ACT_ALLOW, number, 0), 0) << name;
    }
  }
  FILE* file = std::tmpfile();
  EXPECT_EQ(seccomp_export_bpf(context, ::fileno(file)), 0);
  seccomp_release(context);
  ReadBuffer buffer;
  auto bytes = buffer.read(::fileno(file), ReadBuffer::Until::kEnd);
  std::vector<sock_filter> program(bytes->size() / sizeof(sock_filter));
  std::memcpy(program.data(), bytes->data(), program.size() * sizeof(sock_filter));
  std::fclose(file);
  return program;
}

TEST(Seccomp, AgreesWithLibseccompOnEveryNumber) {
  const std::vector<sock_filter> reference = compiled_by_libseccomp();
  std::set<long> by_argument = {SYS_socket, SYS_personality, SYS_clone, SYS_clone3, 335 /* uretprobe */};
  for (const profile::NumberedCall& call : profile::kNewCalls) by_argument.insert(call.number);
  for (uint32_t number = 0; number <= profile::kNewestSystemCall; ++number) {
    if (by_argument.count(number) != 0) continue;
    seccomp_data data = {};
    data.nr = static_cast<int>(number);
    data.arch = seccomp_arch_native();
    const auto expected = run(reference, data);
    ASSERT_TRUE(expected);
    EXPECT_EQ(native(number), *expected) << number;
  }
}

TEST(Seccomp, FilterIsOneThatTheKernelTakes) {
  EXPECT_GT(default_filter().size(), 100u);
  EXPECT_LE(default_filter().size(), 4096u);  // BPF_MAXINSNS
  EXPECT_EQ(BPF_CLASS(default_filter().back().code), BPF_RET);
}

// Compiled decisions, to be compared with the map they were made of.
Code program_of(const Decisions& decisions) { return joined({load(kNumberOffset), decide(decisions)}); }

uint32_t outcome(const Code& program, uint32_t value) {
  seccomp_data data = {};
  data.nr = static_cast<int>(value);
  return run(program, data).value_or(0xdead);
}

TEST(SeccompCompile, AssignKeepsWhatLiesBeside) {
  Decisions decisions = {{0, answer(1)}};
  assign(decisions, 10, 20, answer(2));
  assign(decisions, 15, 15, answer(3));
  assign(decisions, 0, 0, answer(4));
  assign(decisions, 100, UINT32_MAX, answer(5));
  const std::vector<std::pair<uint32_t, uint32_t>> expected = {
      {0, 4}, {1, 1}, {9, 1}, {10, 2}, {14, 2}, {15, 3}, {16, 2}, {20, 2}, {21, 1}, {99, 1}, {100, 5}, {UINT32_MAX, 5}};
  const Code program = program_of(decisions);
  for (const auto& [value, action] : expected) EXPECT_EQ(outcome(program, value), action) << value;
}

TEST(SeccompCompile, LongBranchesJumpFarEnough) {
  Decisions decisions;
  for (uint32_t i = 0; i < 2000; ++i) decisions[i * 2] = answer(i + 1);
  const Code program = program_of(decisions);
  for (uint32_t value = 0; value < 4000; ++value) ASSERT_EQ(outcome(program, value), value / 2 + 1);
}

TEST(SeccompCompile, EqualNeighboursAreMerged) {
  Decisions decisions;
  for (uint32_t i = 0; i < 100; ++i) decisions[i] = answer(7);
  EXPECT_EQ(decide(decisions).size(), 1u);
}

}  // namespace
}  // namespace plimsoll::seccomp
