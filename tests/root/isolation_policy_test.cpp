// SPDX-License-Identifier: Apache-2.0
// What a program in a container may not do: capabilities, seccomp, masked and read-only paths, devices,
// limits. The attempts are real system calls, made by probe.cpp or busybox.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <cerrno>

#include "base/os.h"
#include "runtime/limits/resources.h"
#include "tests/root/sandbox.h"

namespace plimsoll::isolate {
namespace {

using test::Ended;
using test::Sandbox;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

class IsolationPolicy : public test::RootTest {};

std::string refused(int error) { return std::to_string(error) + "\n"; }

// The bits of a hexadecimal field of /proc/PID/status.
uint64_t field(const std::string& status, const std::string& name) {
  const size_t at = status.find(name + ":\t");
  return at == status.npos ? ~uint64_t{0} : std::stoull(status.substr(at + name.size() + 2), nullptr, 16);
}

TEST_F(IsolationPolicy, CapabilitySetsAreDockersDefault) {
  const uint64_t own = field(*read_file("/proc/self/status"), "CapPrm");
  constexpr uint64_t kDockersDefault = 0xa80425fb;
  Sandbox sandbox;
  const std::string status = sandbox.run({"cat", "/proc/self/status"}).output;
  EXPECT_EQ(field(status, "CapBnd"), field(*read_file("/proc/self/status"), "CapBnd") & kDockersDefault);
  EXPECT_EQ(field(status, "CapPrm"), own & kDockersDefault);
  EXPECT_EQ(field(status, "CapEff"), own & kDockersDefault);
  EXPECT_EQ(field(status, "CapInh"), 0u);
  EXPECT_EQ(field(status, "CapAmb"), 0u);
  EXPECT_EQ(field(status, "NoNewPrivs"), 1u);
  EXPECT_EQ(field(status, "Seccomp"), 2u);
  EXPECT_THAT(status, HasSubstr("Groups:\t \n"));
}

TEST_F(IsolationPolicy, NamespaceAndMountCallsAreRefused) {
  Sandbox sandbox;
  for (const char* name : {"mount", "umount", "unshare", "setns", "pivot_root", "sethostname"}) {
    EXPECT_EQ(sandbox.probe({name}), refused(EPERM)) << name;
  }
}

TEST_F(IsolationPolicy, KernelInterfacesAreRefused) {
  Sandbox sandbox;
  for (const char* name : {"keyctl", "bpf", "io_uring_setup", "open_by_handle_at"}) {
    EXPECT_EQ(sandbox.probe({name}), refused(EPERM)) << name;
  }
}

TEST_F(IsolationPolicy, ArgumentsDecideWhereTheCallAloneDoesNot) {
  Sandbox sandbox;
  EXPECT_EQ(sandbox.probe({"clone", "0"}), "ok\n");
  EXPECT_EQ(sandbox.probe({"clone", "0x10000000"}), refused(EPERM));  // CLONE_NEWUSER
  EXPECT_EQ(sandbox.probe({"clone", "0x20000000"}), refused(EPERM));  // CLONE_NEWPID
  EXPECT_EQ(sandbox.probe({"personality", "0xffffffff"}), "ok\n");
  EXPECT_EQ(sandbox.probe({"personality", "0x0040000"}), refused(EPERM));  // ADDR_NO_RANDOMIZE
  EXPECT_EQ(sandbox.probe({"socket", std::to_string(AF_UNIX)}), "ok\n");
  EXPECT_EQ(sandbox.probe({"socket", std::to_string(AF_INET)}), "ok\n");
  EXPECT_EQ(sandbox.probe({"socket", std::to_string(AF_VSOCK)}), refused(EPERM));
  EXPECT_EQ(sandbox.probe({"seqpacket", std::to_string(AF_ALG)}), refused(EPERM));
}

TEST_F(IsolationPolicy, NewerCallsLookUnknownSoThatProgramsFallBack) {
  Sandbox sandbox;
  EXPECT_EQ(sandbox.probe({"clone3"}), refused(ENOSYS));
  EXPECT_EQ(sandbox.probe({"future"}), refused(ENOSYS));
}

TEST_F(IsolationPolicy, OrdinaryCallsWork) {
  Sandbox sandbox;
  EXPECT_EQ(sandbox.probe({"ptrace"}), "ok\n");
  EXPECT_EQ(sandbox.shell("mkdir /tmp/d && touch /tmp/d/f && ls /tmp/d").output, "f\n");
}

TEST_F(IsolationPolicy, KernelSettingsCannotBeWritten) {
  Sandbox sandbox;
  const std::string output = sandbox
                                 .shell(
                                     "echo 1 > /proc/sys/kernel/panic; "
                                     "echo x > /proc/irq/default_smp_affinity; touch /sys/kernel/x")
                                 .output;
  EXPECT_THAT(output,
              AllOf(HasSubstr("/proc/sys/kernel/panic: Read-only"),
                    HasSubstr("/proc/irq/default_smp_affinity: Read-only"), HasSubstr("/sys/kernel/x: Read-only")));
}

TEST_F(IsolationPolicy, MaskedPathsAreEmpty) {
  Sandbox sandbox;
  const Ended ended = sandbox.shell(
      "for f in /proc/kcore /proc/keys /proc/latency_stats /proc/timer_list /proc/timer_stats /proc/sched_debug; do "
      "[ -e $f ] && cat $f; done; for d in /proc/acpi /proc/asound /proc/scsi /sys/firmware "
      "/sys/devices/virtual/powercap; do [ -d $d ] && ls $d && touch $d/x; done; true");
  EXPECT_THAT(ended.output, Not(HasSubstr("\n\n")));
  for (size_t start = 0; start < ended.output.size();) {
    const size_t end = ended.output.find('\n', start);
    EXPECT_THAT(ended.output.substr(start, end - start), HasSubstr("Read-only file system"));
    start = end == ended.output.npos ? end : end + 1;
  }
}

TEST_F(IsolationPolicy, MasksCoverWhatTheHostShows) {
  if (::access("/proc/keys", R_OK) != 0) GTEST_SKIP() << "this kernel has no /proc/keys";
  Sandbox sandbox;
  EXPECT_EQ(sandbox.run({"stat", "-c", "%t:%T", "/proc/keys"}).output, "1:3\n");  // the container's /dev/null
}

TEST_F(IsolationPolicy, HostsBlockDevicesCannotBeOpened) {
  Sandbox sandbox;
  struct stat st;
  ASSERT_EQ(::stat("/", &st), 0);
  const std::string disk = std::to_string(::major(st.st_dev)) + ":" + std::to_string(::minor(st.st_dev));
  const std::string number =
      ::major(st.st_dev) == 0 ? "7:0" : disk;  // overlay and virtiofs have no device: a loop device
  EXPECT_EQ(sandbox.probe({"block_device", number}), refused(EPERM));
}

TEST_F(IsolationPolicy, ProcessLimitHolds) {
  Sandbox sandbox;
  spec::Resources resources;
  resources.pids_limit = 10;
  ASSERT_TRUE(limits::apply(*sandbox.group, resources));
  EXPECT_EQ(sandbox.probe({"forks"}), "9\nok\n");
}

TEST_F(IsolationPolicy, MemoryLimitKills) {
  Sandbox sandbox;
  spec::Resources resources;
  resources.memory = spec::Memory{.limit = 32 << 20, .swap = 64 << 20};
  ASSERT_TRUE(limits::apply(*sandbox.group, resources));
  EXPECT_EQ(sandbox.probe({"memory", "8"}), "ok\n");
  const Ended ended = sandbox.run({"probe", "memory", "200"});
  EXPECT_EQ(ended.exit_code, 137) << ended.output;
}

TEST_F(IsolationPolicy, CpuLimitSlowsDown) {
  Sandbox sandbox;
  spec::Resources resources;
  resources.cpu = spec::Cpu{.period = 100'000, .quota = 20'000};
  ASSERT_TRUE(limits::apply(*sandbox.group, resources));
  auto started = sandbox.start({"sh", "-c", "while true; do :; done"});
  ASSERT_TRUE(std::holds_alternative<Launched>(started)) << std::get<LaunchError>(started).error.message();
  const int64_t begin = monotonic_ns();
  ::usleep(1'000'000);
  const pid_t pid = std::get<Launched>(started).pid;
  ASSERT_EQ(::kill(pid, SIGKILL), 0);
  const double elapsed = static_cast<double>(monotonic_ns() - begin) / 1e9;  // more than asked for on a busy machine
  rusage usage = {};
  int status;
  ASSERT_EQ(::wait4(pid, &status, 0, &usage), pid);
  const double seconds = static_cast<double>(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
                         static_cast<double>(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
  EXPECT_LT(seconds, 0.6 * elapsed);  // 0.2 expected
}

TEST_F(IsolationPolicy, ContainersDoNotSeeEachOther) {
  Sandbox first, second;
  auto started = first.start({"sleep", "1000"});
  ASSERT_TRUE(std::holds_alternative<Launched>(started));
  const std::string processes = second.run({"ps"}).output;
  EXPECT_THAT(processes, Not(HasSubstr("sleep")));
  EXPECT_THAT(processes, HasSubstr("ps"));
}

}  // namespace
}  // namespace plimsoll::isolate
