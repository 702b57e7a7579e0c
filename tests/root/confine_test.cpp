// SPDX-License-Identifier: Apache-2.0
// Giving capabilities up, in child processes; and that what was opened before goes on working without them.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/capability.h>
#include <linux/securebits.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <functional>
#include <string>
#include <thread>

#include "agent/confine/capabilities.h"
#include "agent/confine/confine.h"
#include "base/os.h"
#include "collectors/container/event_queues.h"
#include "collectors/container/urgency.h"
#include "runtime/system_calls.h"
#include "tests/root/groups.h"

namespace plimsoll::agent {
namespace {

using collectors::container::EventSource;
using collectors::container::FanotifyEvent;
using collectors::container::Urgency;
using testing::HasSubstr;

constexpr CapabilityMask kTwo = bit_of(CAP_DAC_READ_SEARCH) | bit_of(CAP_SYS_PTRACE);

// What a child writes to its standard output.
std::string output_of(const std::function<void()>& work) {
  int ends[2];
  if (::pipe(ends) != 0) return "pipe";
  const pid_t child = ::fork();
  if (child == 0) {
    ::dup2(ends[1], STDOUT_FILENO);
    work();
    ::_exit(0);
  }
  ::close(ends[1]);
  std::string text(65536, '\0');
  size_t size = 0;
  for (ssize_t got; (got = ::read(ends[0], text.data() + size, text.size() - size)) > 0;)
    size += static_cast<size_t>(got);
  ::close(ends[0]);
  ::waitpid(child, nullptr, 0);
  text.resize(size);
  return text;
}

void print(const std::string& text) { (void)!::write(STDOUT_FILENO, text.data(), text.size()); }

class Confinement : public testing::Test {
 protected:
  void SetUp() override {
    const auto permitted = permitted_capabilities();
    ASSERT_TRUE(permitted);
    if ((*permitted & kTwo) != kTwo || (*permitted & bit_of(CAP_SETPCAP)) == 0)
      GTEST_SKIP() << "needs CAP_DAC_READ_SEARCH, CAP_SYS_PTRACE and CAP_SETPCAP";
  }
};

TEST_F(Confinement, LeavesWhatIsKeptInTwoSetsAndNothingInTheOthers) {
  const std::string status = output_of([] {
    if (keep_capabilities(kTwo)) print(read_file("/proc/self/status").value_or("unreadable"));
  });
  for (const char* line : {"CapInh:\t0000000000000000", "CapPrm:\t0000000000080004", "CapEff:\t0000000000080004",
                           "CapBnd:\t0000000000000000", "CapAmb:\t0000000000000000", "NoNewPrivs:\t1"})
    EXPECT_THAT(status, HasSubstr(line));
}

TEST_F(Confinement, WhatAFilePermitsIsMadeEffective) {
  const std::string status = output_of([] {
    __user_cap_data_struct sets[2] = {};
    sets[0].permitted = static_cast<uint32_t>(kTwo);  // as after the execve of a file with `setcap ...=p`
    if (capability_set(sets) != 0) return print("capset");
    if (use_permitted_capabilities()) print(read_file("/proc/self/status").value_or("unreadable"));
  });
  for (const char* line : {"CapInh:\t0000000000000000", "CapPrm:\t0000000000080004", "CapEff:\t0000000000080004"})
    EXPECT_THAT(status, HasSubstr(line));
}

TEST_F(Confinement, ThereIsNoWayBack) {
  const std::string said = output_of([] {
    if (!keep_capabilities(kTwo)) return print("not given up");
    __user_cap_data_struct sets[2] = {};
    sets[0].permitted = sets[0].effective = ~0U;
    print(capability_set(sets) != 0 && errno == EPERM ? "capset refused\n" : "capset\n");
    const int bits = ::prctl(PR_GET_SECUREBITS, 0, 0, 0, 0);
    print((bits & SECBIT_NOROOT) != 0 && (bits & SECBIT_NOROOT_LOCKED) != 0 ? "locked\n" : "open\n");
    print(::prctl(PR_SET_SECUREBITS, 0, 0, 0, 0) != 0 ? "stays\n" : "unlocked\n");
    ::execl("/bin/grep", "grep", "CapEff", "/proc/self/status", static_cast<char*>(nullptr));
  });
  EXPECT_EQ(said, "capset refused\nlocked\nstays\nCapEff:\t0000000000000000\n") << "root's program is a user's";
}

TEST_F(Confinement, NothingAtAllCanBeKept) {
  const std::string status = output_of([] {
    if (keep_capabilities(0) && keep_capabilities(kTwo)) print(read_file("/proc/self/status").value_or("unreadable"));
  });
  EXPECT_THAT(status, HasSubstr("CapPrm:\t0000000000000000"));
}

TEST_F(Confinement, ConfineSaysWhatIsMissing) {
  const std::string said = output_of([] {
    Wishes wishes{.kinds = collectors::container::KindSet::all()};
    if (!keep_capabilities(bit_of(CAP_SYS_PTRACE))) return print("not given up");
    const auto lines = confine(wishes, {.filter = false}, {});
    if (!lines) return print(lines.error().message());
    for (const std::string& line : *lines) print(line + "\n");
  });
  EXPECT_THAT(said, HasSubstr("without CAP_DAC_READ_SEARCH"));
  EXPECT_THAT(said, HasSubstr("without CAP_NET_ADMIN"));
  EXPECT_THAT(said, HasSubstr("no system call filter: turned off"));
  EXPECT_THAT(said, testing::Not(HasSubstr("without CAP_SYS_PTRACE")));
}

// As the agent does: the marks first, then the capabilities go, and then a group is made.
TEST_F(Confinement, EventsAreReadWithoutTheCapabilityThatTheirMarksTook) {
  const auto layout = cgroup::detect_layout("/sys/fs/cgroup");
  if (!layout) GTEST_SKIP() << layout.error().message();
  test::Groups groups(*layout, "confine");
  if (!groups.made()) GTEST_SKIP() << "cgroups cannot be made here";
  auto queues = collectors::container::open_event_queues(groups.layout(), "/proc", {});
  if (queues.source() != EventSource::kFanotify) GTEST_SKIP() << "no fanotify on cgroup file systems here";
  ASSERT_TRUE(groups.make("/born"));
  const std::string seen = output_of([&] {
    if (!keep_capabilities(kTwo)) return print("not given up");
    queues.births->drain([&](const FanotifyEvent& event) {
      const std::string* directory = queues.births->directory(event);
      if (directory != nullptr && event.name == "born") print(*directory + "/" + std::string(event.name) + "\n");
    });
  });
  EXPECT_THAT(seen, HasSubstr(groups.path("/born")));
}

// A thread that is made meanwhile goes first, though nobody may raise a priority any more.
TEST_F(Confinement, UrgencyIsLentToThreadsThatAreMadeMeanwhile) {
  const std::string said = output_of([] {
    Urgency urgency = Urgency::raise();
    if (!urgency.raised()) return print("skip");
    if (!keep_capabilities(kTwo)) return print("not given up");
    int inside = 0;
    std::thread thread([&] { inside = ::getpriority(PRIO_PROCESS, 0); });
    thread.join();
    urgency = Urgency();
    print(std::to_string(inside) + " " + std::to_string(::getpriority(PRIO_PROCESS, 0)) + " " +
          (Urgency::raise().raised() ? "again" : "never again"));
  });
  if (said == "skip") GTEST_SKIP() << "needs CAP_SYS_NICE";
  EXPECT_EQ(said, "-15 0 never again");
}

}  // namespace
}  // namespace plimsoll::agent
