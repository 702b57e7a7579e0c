// SPDX-License-Identifier: Apache-2.0
// The small parts around a container's life: processes, its output, traffic, disks, and what the monitor says.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

#include "runtime/container/block_accounting.h"
#include "runtime/container/finish.h"
#include "runtime/container/footprint.h"
#include "runtime/container/output.h"
#include "runtime/container/process.h"
#include "runtime/container/spawn.h"
#include "tests/unit/temp_tree.h"

namespace plimsoll::container {
namespace {

using ::testing::HasSubstr;

// ---- process ----

TEST(StartTicks, IsField22WhateverTheNameLooksLike) {
  const std::string rest = " S 1 4 4 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 987654 0 0\n";
  EXPECT_EQ(parse_start_ticks("42 (sh)" + rest).value_or(0), 987654u);
  EXPECT_EQ(parse_start_ticks("42 (a) R 1 (b c)" + rest).value_or(0), 987654u);
  EXPECT_EQ(parse_start_ticks("42 (x\n) y)" + rest).value_or(0), 987654u);
}

TEST(StartTicks, GarbageIsAnError) {
  for (const char* text :
       {"", "42", "42 (sh", "42 (sh)", "42 (sh) S 1 2", "42 (sh) S 1 4 4 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 x 0"}) {
    EXPECT_FALSE(parse_start_ticks(text)) << text;
  }
}

TEST(Process, IsFoundByPidAndStartTimeOnly) {
  const pid_t child = ::fork();
  if (child == 0) {
    ::pause();
    ::_exit(0);
  }
  const std::string proc = HostRoots{}.proc;
  const auto ticks = start_ticks(proc, child);
  ASSERT_TRUE(ticks);
  EXPECT_FALSE(open_process(proc, child, *ticks + 1)) << "a pid that was given to somebody else";
  EXPECT_FALSE(open_process(proc, 0, *ticks));
  EXPECT_FALSE(open_process(proc, -1, *ticks));
  auto process = open_process(proc, child, *ticks);
  ASSERT_TRUE(process) << process.error().message();
  EXPECT_FALSE(wait_end(*process, 20).value_or(true));
  ASSERT_TRUE(send_signal(*process, SIGTERM));
  EXPECT_TRUE(wait_end(*process, 10'000).value_or(false));
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(exit_code_of(status), 128 + SIGTERM);
  auto gone = send_signal(*process, SIGTERM);
  ASSERT_FALSE(gone);
  EXPECT_EQ(gone.error().code, ESRCH);
  EXPECT_FALSE(open_process(proc, child, *ticks));
}

TEST(Signal, NamesAndNumbers) {
  EXPECT_EQ(parse_signal("TERM").value_or(0), SIGTERM);
  EXPECT_EQ(parse_signal("sigusr1").value_or(0), SIGUSR1);
  EXPECT_EQ(parse_signal("9").value_or(0), 9);
  EXPECT_EQ(parse_signal("64").value_or(0), 64);
  for (const char* bad : {"", "SIG", "0", "65", "-9", "NOPE", "9x", "TERM "}) EXPECT_FALSE(parse_signal(bad)) << bad;
}

// ---- output ----

struct Ends {
  Ends() {
    int fds[2];
    EXPECT_EQ(::pipe2(fds, O_CLOEXEC), 0);
    reading = UniqueFd(fds[0]);
    writing = UniqueFd(fds[1]);
  }
  UniqueFd reading, writing;
};

struct OutputTest : ::testing::Test {
  // One round of the monitor's loop.
  void round(Output& output, int timeout_ms = 0) {
    pollfd polled = output.wanted();
    ::poll(&polled, 1, timeout_ms);
    output.serve(polled, log);
  }
  std::string logged() const {
    std::string text;
    LogReader reader(tree.path());
    EXPECT_TRUE(reader.read([&](std::string_view line) { text += parse_log_entry(line).value_or({}).text; }));
    return text;
  }
  static std::string take(int fd, size_t most) {
    std::string bytes(most, '\0');
    const ssize_t length = ::read(fd, bytes.data(), most);
    bytes.resize(length > 0 ? static_cast<size_t>(length) : 0);
    return bytes;
  }

  test::TempTree tree;
  LogWriter log = std::move(*LogWriter::open(tree.path(), 0));
  Ends source, copy;
};

TEST_F(OutputTest, GoesToTheLogAndToTheCopy) {
  Output output(Stream::kStdout, std::move(source.reading), std::move(copy.writing));
  ASSERT_TRUE(write_all(source.writing.get(), "hello\n"));
  round(output);
  EXPECT_EQ(logged(), "hello\n");
  EXPECT_EQ(take(copy.reading.get(), 100), "hello\n");
}

TEST_F(OutputTest, WithoutACopyItIsOnlyLogged) {
  Output output(Stream::kStderr, std::move(source.reading), UniqueFd());
  ASSERT_TRUE(write_all(source.writing.get(), "hello\n"));
  round(output);
  EXPECT_EQ(logged(), "hello\n");
  EXPECT_FALSE(output.copy_pending());
}

TEST_F(OutputTest, ACopyWhoseReaderIsGoneIsForgotten) {
  ::signal(SIGPIPE, SIG_IGN);
  Output output(Stream::kStdout, std::move(source.reading), std::move(copy.writing));
  copy.reading.reset();
  for (const char* line : {"one\n", "two\n"}) {
    ASSERT_TRUE(write_all(source.writing.get(), line));
    round(output);
    EXPECT_FALSE(output.copy_pending());
  }
  EXPECT_EQ(logged(), "one\ntwo\n");
}

TEST_F(OutputTest, ASlowReaderHoldsBackButLosesNothing) {
  Output output(Stream::kStdout, std::move(source.reading), std::move(copy.writing));
  ::fcntl(source.writing.get(), F_SETFL, O_NONBLOCK);
  ::fcntl(copy.reading.get(), F_SETFL, O_NONBLOCK);
  const std::string line = std::string(99, 'x') + "\n";
  std::string sent, received;
  // Nobody takes the copy: what fits into two pipes and one buffer is all that can be sent.
  for (int i = 0; i < 100; ++i) {
    while (::write(source.writing.get(), line.data(), line.size()) == static_cast<ssize_t>(line.size())) sent += line;
    round(output);
  }
  EXPECT_LT(sent.size(), 300'000u);
  for (int i = 0; i < 1000 && received.size() < sent.size(); ++i) {
    received += take(copy.reading.get(), 30'000);
    round(output);
  }
  EXPECT_EQ(received, sent);
  EXPECT_EQ(logged(), sent);
}

TEST_F(OutputTest, DrainTakesAllAndTheCopyFollows) {
  Output output(Stream::kStdout, std::move(source.reading), std::move(copy.writing));
  const std::string lines(20'000, '\n');
  ASSERT_TRUE(write_all(source.writing.get(), lines));
  source.writing.reset();
  output.drain(log);
  EXPECT_EQ(logged(), lines);
  EXPECT_TRUE(output.copy_pending());
  for (int i = 0; i < 100 && output.copy_pending(); ++i) round(output);
  EXPECT_FALSE(output.copy_pending());
  std::string received;
  while (received.size() < lines.size()) received += take(copy.reading.get(), 1 << 16);
  EXPECT_EQ(received.size(), lines.size());
}

TEST_F(OutputTest, TheEndOfTheInputIsNoBusyLoop) {
  Output output(Stream::kStdout, std::move(source.reading), UniqueFd());
  source.writing.reset();
  round(output);
  EXPECT_EQ(output.wanted().fd, -1) << "a closed pipe would be readable for ever";
}

// ---- traffic and disks ----

constexpr const char* kNetDev =
    "Inter-|   Receive                                                |  Transmit\n"
    " face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier "
    "compressed\n"
    "    lo: 100 1 0 0 0 0 0 0 100 1 0 0 0 0 0 0\n"
    "  eth0: 11 12 13 14 0 0 0 0 21 22 23 24 0 0 0 0\n";

TEST(Traffic, IsThatOfTheContainersOwnInterfaces) {
  Config config;
  config.network = Network::kVeth;
  const auto traffic = own_traffic(config, kNetDev);
  ASSERT_EQ(traffic.size(), 1u);
  EXPECT_EQ(traffic[0].name, "eth0");
  EXPECT_EQ(traffic[0].receive_bytes, 11u);
  EXPECT_EQ(traffic[0].receive_packets, 12u);
  EXPECT_EQ(traffic[0].receive_errors, 13u);
  EXPECT_EQ(traffic[0].receive_dropped, 14u);
  EXPECT_EQ(traffic[0].transmit_bytes, 21u);
  EXPECT_EQ(traffic[0].transmit_dropped, 24u);
  EXPECT_TRUE(own_traffic(config, "").empty());
  EXPECT_TRUE(own_traffic(config, "a\nb\nbroken\n").empty());
  config.network = Network::kHost;
  EXPECT_TRUE(own_traffic(config, kNetDev).empty()) << "the host's traffic is not the container's";
}

TEST(WholeDisk, OfAPartitionIsItsParent) {
  test::TempTree sys(
      {{"devices/vda/dev", "254:0\n"}, {"devices/vda/vda1/dev", "254:1\n"}, {"devices/vda/vda1/partition", "1\n"}});
  sys.make_dir("dev/block");
  ASSERT_EQ(::symlink("../../devices/vda", sys.at("dev/block/254:0").c_str()), 0);
  ASSERT_EQ(::symlink("../../devices/vda/vda1", sys.at("dev/block/254:1").c_str()), 0);
  EXPECT_EQ(whole_disk(sys.path(), makedev(254, 0)), "254:0");
  EXPECT_EQ(whole_disk(sys.path(), makedev(254, 1)), "254:0");
  EXPECT_EQ(whole_disk(sys.path(), makedev(0, 45)), "") << "tmpfs, overlay";
}

// ---- final record ----

TEST(FinalRecord, WithoutACgroupHasNoCounterRatherThanZeros) {
  test::TempTree tree;
  tree.write("cgroup/memory/cgroup.procs", "");
  auto layout = cgroup::detect_layout(tree.at("cgroup"));
  ASSERT_TRUE(layout) << layout.error().message();
  const Engine engine{Store(StateRoots{tree.at("root"), tree.at("run")}), HostRoots{}, *layout};
  Config config;
  config.id = "abc";
  config.name = "web";
  config.cgroup_path = "/gone";
  State state;
  state.started_ns = 5;
  const ExitRecord record = final_record(engine, config, state, -1, "");
  EXPECT_EQ(record.id, "abc");
  EXPECT_EQ(record.exit_code, -1);
  EXPECT_EQ(record.started_ns, 5);
  EXPECT_GT(record.finished_ns, 5);
  EXPECT_FALSE(record.counters.cpu_usage_ns.has_value());
  EXPECT_FALSE(record.memory_peak_bytes.has_value());
  EXPECT_FALSE(record.oom_killed);
}

TEST(Footprint, TheProgramGoesOnAfterwards) {
  shrink_footprint();
  EXPECT_EQ(std::string(100, 'x').size(), 100u);
}

// ---- what the monitor says ----

StartReport report_of(const std::string& text) {
  Ends status;
  EXPECT_TRUE(write_all(status.writing.get(), text));
  status.writing.reset();
  return read_start(status.reading);
}

TEST(StartReport, SaysHowItWent) {
  EXPECT_TRUE(report_of("started\n").started);
  const auto failed = report_of("failed 127 nosuch: not found\n");
  EXPECT_FALSE(failed.started);
  EXPECT_EQ(failed.exit_code, 127);
  EXPECT_EQ(failed.message, "nosuch: not found");
}

TEST(StartReport, ADeadMonitorIsAFailure) {
  for (const char* text : {"", "\n", "star", "failed", "nonsense 3\n"}) {
    const auto report = report_of(text);
    EXPECT_FALSE(report.started) << text;
    EXPECT_EQ(report.exit_code, 125) << text;
  }
}

TEST(ExitedReport, IsTheRecord) {
  ExitRecord record;
  record.id = "abc";
  record.exit_code = 3;
  const auto parsed = parse_exited("exited\n" + to_json(record));
  ASSERT_TRUE(parsed) << parsed.error().message();
  EXPECT_EQ(parsed->exit_code, 3);
  EXPECT_FALSE(parse_exited(""));
  EXPECT_FALSE(parse_exited("exited\n"));
  EXPECT_FALSE(parse_exited("exited\n{"));
}

TEST(Monitors, LiveBesideTheParentSoThatItCountsContainersOnly) {
  EXPECT_EQ(monitors_cgroup("/plimsoll"), "/plimsoll-monitors");
}

}  // namespace
}  // namespace plimsoll::container
