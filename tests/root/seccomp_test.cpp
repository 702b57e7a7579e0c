// SPDX-License-Identifier: Apache-2.0
// Compiled filters in the kernel: a child loads one and makes a call, and what becomes of it is seen from outside.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>

#include "base/os.h"
#include "runtime/seccomp/compile.h"
#include "runtime/seccomp/default_filter.h"

namespace plimsoll::seccomp {
namespace {

using spec::SeccompAction;
using spec::SeccompOperator;

#define REQUIRE_ROOT() \
  if (::geteuid() != 0) GTEST_SKIP() << "needs root"

constexpr int kNotLoaded = 250, kTrapped = 251;

long load(const std::vector<sock_filter>& program, unsigned flags) {
  const sock_fprog code = {static_cast<unsigned short>(program.size()), const_cast<sock_filter*>(program.data())};
  return ::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &code);
}

Filter compiled(const spec::Seccomp& config) {
  auto filter = compile(config);
  EXPECT_TRUE(filter) << filter.error().message();
  return filter ? std::move(*filter) : Filter();
}

// wait(2)'s status of a child that loads the filter and exits with what `act` returns.
template <typename Act>
int status_under(const spec::Seccomp& config, Act act) {
  const Filter filter = compiled(config);
  const pid_t child = ::fork();
  if (child == 0) {
    ::syscall(SYS_exit_group, load(filter.program, filter.flags) != 0 ? kNotLoaded : act());
  }
  int status = 0;
  EXPECT_EQ(::waitpid(child, &status, 0), child);
  return status;
}

int exit_code(int status) { return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status); }

int error_of_mkdir() { return ::syscall(SYS_mkdirat, AT_FDCWD, "/proc/plimsoll-no", 0700) == 0 ? 0 : errno; }

spec::Seccomp with_rule(SeccompAction action, std::vector<spec::SeccompArgument> conditions = {},
                        std::optional<uint32_t> value = std::nullopt) {
  spec::Seccomp config;
  config.architectures = {"SCMP_ARCH_X86", "SCMP_ARCH_X32"};
#ifndef __x86_64__
  config.architectures.clear();
#endif
  config.listener_path = "/agent";
  config.rules = {{{"mkdirat"}, action, value, std::move(conditions)}};
  return config;
}

TEST(SeccompKernel, ErrorsAreReturned) {
  REQUIRE_ROOT();
  EXPECT_EQ(exit_code(status_under(with_rule(SeccompAction::kErrno, {}, ENOTEMPTY), error_of_mkdir)), ENOTEMPTY);
  EXPECT_EQ(exit_code(status_under(with_rule(SeccompAction::kErrno), error_of_mkdir)), EPERM);
  EXPECT_EQ(exit_code(status_under(with_rule(SeccompAction::kAllow), error_of_mkdir)), ENOENT);
}

TEST(SeccompKernel, ConditionsAreSeenByTheKernel) {
  REQUIRE_ROOT();
  const auto config = with_rule(SeccompAction::kErrno, {{2, 0700, 0, SeccompOperator::kEqual}}, EBUSY);
  EXPECT_EQ(exit_code(status_under(config, error_of_mkdir)), EBUSY);
  const auto other = with_rule(SeccompAction::kErrno, {{2, 0700, 0, SeccompOperator::kGreater}}, EBUSY);
  EXPECT_EQ(exit_code(status_under(other, error_of_mkdir)), ENOENT);
}

TEST(SeccompKernel, ProcessesAreKilled) {
  REQUIRE_ROOT();
  EXPECT_EQ(exit_code(status_under(with_rule(SeccompAction::kKillProcess), error_of_mkdir)), -SIGSYS);
  EXPECT_EQ(exit_code(status_under(with_rule(SeccompAction::kKillThread), error_of_mkdir)), -SIGSYS);
}

TEST(SeccompKernel, TrapsAreSignals) {
  REQUIRE_ROOT();
  const int status = status_under(with_rule(SeccompAction::kTrap), [] {
    ::signal(SIGSYS, [](int) { ::_exit(kTrapped); });
    return error_of_mkdir();
  });
  EXPECT_EQ(exit_code(status), kTrapped);
}

TEST(SeccompKernel, LoggedCallsAndTheLogFlagPass) {
  REQUIRE_ROOT();
  auto config = with_rule(SeccompAction::kLog);
  config.flags = {"SECCOMP_FILTER_FLAG_LOG", "SECCOMP_FILTER_FLAG_TSYNC", "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV"};
  EXPECT_EQ(exit_code(status_under(config, error_of_mkdir)), ENOENT);
}

// Nobody traces: the call is one that the kernel does not have.
TEST(SeccompKernel, TracedCallsNeedATracer) {
  REQUIRE_ROOT();
  EXPECT_EQ(exit_code(status_under(with_rule(SeccompAction::kTrace), error_of_mkdir)), ENOSYS);
}

TEST(SeccompKernel, CallsNewerThanTheConfigurationAreUnknown) {
  REQUIRE_ROOT();
  spec::Seccomp config;
  config.default_action = SeccompAction::kErrno;
  config.rules = {{{"exit_group", "openat2"}, SeccompAction::kAllow}};
  EXPECT_EQ(
      exit_code(status_under(config, [] { return ::syscall(SYS_process_madvise, -1, 0, 0, 0, 0) == 0 ? 0 : errno; })),
      ENOSYS);
  EXPECT_EQ(exit_code(status_under(config, error_of_mkdir)), EPERM);
}

#ifdef __x86_64__
// getpid of i386 is 20; of x32, with its bit, 39.
int getpid_of_i386() {
  long result = 20;
  asm volatile("int $0x80" : "+a"(result) : : "memory", "r8", "r9", "r10", "r11");
  return result > 0 ? 0 : static_cast<int>(-result);
}

TEST(SeccompKernel, SisterArchitecturesAreDecidedToo) {
  REQUIRE_ROOT();
  spec::Seccomp config;
  config.rules = {{{"getpid"}, SeccompAction::kErrno, EDOM}};
  if (exit_code(status_under(spec::Seccomp{SeccompAction::kAllow, {}, {"SCMP_ARCH_X86"}}, getpid_of_i386)) != 0)
    GTEST_SKIP() << "the kernel has no i386";
  EXPECT_EQ(exit_code(status_under(config, getpid_of_i386)), -SIGSYS);  // not listed
  config.architectures = {"SCMP_ARCH_X86"};
  EXPECT_EQ(exit_code(status_under(config, getpid_of_i386)), EDOM);
}
#endif

// The agent's part: answers the child's only call with an error number that no kernel gives to it.
void answer_once(int listener, int error) {
  seccomp_notif request = {};
  ASSERT_EQ(::ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &request), 0);
  EXPECT_EQ(request.data.nr, SYS_mkdirat);
  seccomp_notif_resp response = {};
  response.id = request.id;
  response.error = -error;
  ASSERT_EQ(::ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &response), 0);
}

// As the runtime does it: the child says the number of its descriptor, and the parent takes a copy.
TEST(SeccompKernel, ListenersAnswer) {
  REQUIRE_ROOT();
  const Filter filter = compiled(with_rule(SeccompAction::kNotify));
  ASSERT_TRUE(filter.wants_listener);
  int ends[2];
  ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
  const UniqueFd read_end(ends[0]), write_end(ends[1]);
  const pid_t child = ::fork();
  if (child == 0) {
    const long listener = load(filter.program, filter.flags | SECCOMP_FILTER_FLAG_NEW_LISTENER);
    if (::write(ends[1], &listener, sizeof listener) != sizeof listener || listener < 0) ::_exit(kNotLoaded);
    ::_exit(error_of_mkdir());
  }
  long number = -1;
  EXPECT_EQ(::read(ends[0], &number, sizeof number), static_cast<ssize_t>(sizeof number));
  EXPECT_GE(number, 0);
  if (number >= 0) {
    const UniqueFd process(static_cast<int>(::syscall(SYS_pidfd_open, child, 0)));
    const UniqueFd listener(static_cast<int>(::syscall(SYS_pidfd_getfd, process.get(), number, 0)));
    answer_once(listener.get(), EXFULL);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(exit_code(status), EXFULL);
}

TEST(SeccompKernel, TheBuiltInFilterLoads) {
  REQUIRE_ROOT();
  const std::vector<sock_filter> program(default_filter().begin(), default_filter().end());
  const pid_t child = ::fork();
  if (child == 0) ::_exit(load(program, 0) != 0 ? kNotLoaded : ::syscall(SYS_unshare, 0x20000) == 0 ? 0 : errno);
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(exit_code(status), EPERM);
}

}  // namespace
}  // namespace plimsoll::seccomp
