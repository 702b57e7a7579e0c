// SPDX-License-Identifier: Apache-2.0
// A reader that does not read must not stop the caller's loop. pty(7), pipe(7)
#include "runtime/oci/console_relay.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include <future>

namespace plimsoll::oci {
namespace {

constexpr size_t kSmallestPipe = 4096;

// A relay from a terminal, with a program on its other side, into a pipe of one page.
struct OciConsoleRelay : testing::Test {
  void SetUp() override {
    terminal.reset(::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC));
    ASSERT_TRUE(terminal && ::grantpt(terminal.get()) == 0 && ::unlockpt(terminal.get()) == 0);
    program.reset(::open(::ptsname(terminal.get()), O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC));
    ASSERT_TRUE(program);
    termios raw;
    ASSERT_EQ(::tcgetattr(program.get(), &raw), 0);
    ::cfmakeraw(&raw);
    ASSERT_EQ(::tcsetattr(program.get(), TCSANOW, &raw), 0);
    int ends[2];
    ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
    reader.reset(ends[0]);
    writer.reset(ends[1]);
    ASSERT_EQ(::fcntl(writer.get(), F_SETPIPE_SZ, kSmallestPipe), static_cast<int>(kSmallestPipe));
  }

  // Until nothing is ready any more.
  static void turn(ConsoleRelay& relay) {
    ConsoleRelay::Polls polls;
    for (int i = 0; i < 1000; ++i) {
      relay.wanted(polls);
      if (::poll(polls, 3, 20) == 0) return;
      relay.serve(polls);
    }
    ADD_FAILURE() << "something is ready for ever";
  }

  // As much as the terminal takes.
  std::string fill(ConsoleRelay& relay) {
    std::string all;
    for (char next = 'a'; all.size() < 64 * kSmallestPipe; next = next == 'z' ? 'a' : static_cast<char>(next + 1)) {
      const std::string piece(1000, next);
      const ssize_t length = ::write(program.get(), piece.data(), piece.size());
      if (length <= 0) break;
      all += piece.substr(0, static_cast<size_t>(length));
      turn(relay);
    }
    return all;
  }

  UniqueFd terminal, program, reader, writer;
};

TEST_F(OciConsoleRelay, OutputThatNobodyReadsWaits) {
  ConsoleRelay relay(std::move(terminal), -1, writer.get());
  const std::string written = fill(relay);
  ASSERT_GT(written.size(), 2 * kSmallestPipe) << "nothing has waited";
  ASSERT_LT(written.size(), 64 * kSmallestPipe) << "the program was not held up";
  program.reset();
  turn(relay);
  auto read = std::async(std::launch::async, [this] {
    std::string all;
    char bytes[4096];
    for (ssize_t length; (length = ::read(reader.get(), bytes, sizeof bytes)) > 0;) {
      all.append(bytes, static_cast<size_t>(length));
    }
    return all;
  });
  relay.finish();
  writer.reset();
  EXPECT_TRUE(read.get() == written);
}

// Ctrl-C must come through.
TEST_F(OciConsoleRelay, InputGoesOnMeanwhile) {
  int ends[2];
  ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
  const UniqueFd input(ends[0]), keyboard(ends[1]);
  ConsoleRelay relay(std::move(terminal), input.get(), writer.get());
  fill(relay);
  ASSERT_EQ(::write(keyboard.get(), "\003", 1), 1);
  turn(relay);
  char key = 0;
  EXPECT_EQ(::read(program.get(), &key, 1), 1);
  EXPECT_EQ(key, '\003');
}

TEST_F(OciConsoleRelay, OutputForNobodyIsDropped) {
  const auto before = ::signal(SIGPIPE, SIG_IGN);
  reader.reset();
  ConsoleRelay relay(std::move(terminal), -1, writer.get());
  const std::string written = fill(relay);
  ::signal(SIGPIPE, before);
  EXPECT_GE(written.size(), 64 * kSmallestPipe) << "the program goes on";
}

}  // namespace
}  // namespace plimsoll::oci
