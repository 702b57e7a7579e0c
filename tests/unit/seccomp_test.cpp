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
#include "runtime/seccomp/newer_calls.h"
#include "tests/unit/bpf_interpreter.h"

namespace plimsoll::seccomp {
namespace {

constexpr uint32_t kAllow = SECCOMP_RET_ALLOW;
constexpr uint32_t kDeny = SECCOMP_RET_ERRNO | EPERM;
constexpr uint32_t kUnknown = SECCOMP_RET_ERRNO | ENOSYS;
constexpr uint32_t kX32Bit = 0x40000000;

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

TEST(Seccomp, CallsNewerThanLibseccompAreDecidedByNumber) {
  for (uint32_t number : {451, 452, 453, 454, 455, 456, 457, 458, 462, 463, 464, 465, 466})
    EXPECT_EQ(native(number), kAllow) << number;
  for (uint32_t number : {459, 460, 461}) EXPECT_EQ(native(number), kDeny) << number;
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
  for (const NumberedCall& call : kNewerCalls) by_argument.insert(call.number);
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

// Decisions, where answer n is the label of n.
uint32_t outcome(const std::vector<sock_filter>& program, uint32_t value) {
  seccomp_data data = {};
  data.nr = static_cast<int>(value);
  return run(program, data).value_or(0xdead);
}

TEST(SeccompDecisions, AssignKeepsWhatLiesBeside) {
  Program program;
  Decisions decisions(program.answer(1));
  decisions.assign(10, 20, program.answer(2));
  decisions.assign(15, 15, program.answer(3));
  decisions.assign(0, 0, program.answer(4));
  decisions.assign(100, UINT32_MAX, program.answer(5));
  const std::vector<std::pair<uint32_t, uint32_t>> expected = {
      {0, 4}, {1, 1}, {9, 1}, {10, 2}, {14, 2}, {15, 3}, {16, 2}, {20, 2}, {21, 1}, {99, 1}, {100, 5}, {UINT32_MAX, 5}};
  const auto code = program.finish(program.load(kNumberOffset, program.decide(decisions)));
  for (const auto& [value, action] : expected) EXPECT_EQ(outcome(code, value), action) << value;
}

TEST(SeccompDecisions, LongBranchesJumpFarEnough) {
  Program program;
  Decisions decisions(program.answer(0));
  for (uint32_t i = 0; i < 2000; ++i) decisions.assign(i * 2, i * 2 + 1, program.answer(i + 1));
  const auto code = program.finish(program.load(kNumberOffset, program.decide(decisions)));
  for (uint32_t value = 0; value < 4000; ++value) ASSERT_EQ(outcome(code, value), value / 2 + 1);
}

// Any distance between a jump and what it leads to, around the longest.
TEST(SeccompDecisions, BranchesReachAcrossAnyDistance) {
  for (int distance = 240; distance < 270; ++distance) {
    Program program;
    const Label far = program.load(kNumberOffset, program.if_equal(7, program.answer(1), program.answer(2)));
    Label near = program.answer(3);
    for (int i = 0; i < distance; ++i) near = program.load(kNumberOffset, near);
    const auto code = program.finish(program.load(kNumberOffset, program.if_at_least(5, far, near)));
    EXPECT_EQ(outcome(code, 4), 3u);
    EXPECT_EQ(outcome(code, 7), 1u) << distance;
    EXPECT_EQ(outcome(code, 8), 2u) << distance;
  }
}

TEST(SeccompDecisions, EqualNeighboursAreMerged) {
  Program program;
  Decisions decisions(program.answer(7));
  for (uint32_t i = 0; i < 100; ++i) decisions.assign(i, i, program.answer(7));
  EXPECT_EQ(program.finish(program.decide(decisions)).size(), 1u);
}

TEST(SeccompDecisions, SingleNumbersTakeOneComparison) {
  Program program;
  Decisions decisions(program.answer(1));
  decisions.assign(9, 9, program.answer(2));
  const auto code = program.finish(program.load(kNumberOffset, program.decide(decisions)));
  EXPECT_EQ(code.size(), 4u);
  EXPECT_EQ(outcome(code, 8), 1u);
  EXPECT_EQ(outcome(code, 9), 2u);
  EXPECT_EQ(outcome(code, 10), 1u);
}

}  // namespace
}  // namespace plimsoll::seccomp
