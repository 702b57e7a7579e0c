// SPDX-License-Identifier: Apache-2.0
// In processes of their own, each of which ends with 7 when all went as it should.
#include "agent/ending.h"

#include <gtest/gtest.h>
#include <unistd.h>

namespace plimsoll::agent {
namespace {

using namespace std::chrono_literals;

constexpr int kFine = 7;

[[noreturn]] void hang() {
  for (;;) ::pause();
}

void end_by(int signal) {
  Ending::block_signals();
  {
    Ending ending(60s);
    ::kill(::getpid(), SIGHUP);
    if (!ending.wait_for_hangup()) ::_exit(2);
    ::kill(::getpid(), signal);
    if (ending.wait_for_hangup()) ::_exit(3);
  }
  ::_exit(kFine);
}

TEST(EndingDeathTest, HangupsAndTheEndAreToldApart) {
  EXPECT_EXIT(end_by(SIGTERM), testing::ExitedWithCode(kFine), "");
  EXPECT_EXIT(end_by(SIGINT), testing::ExitedWithCode(kFine), "");
}

void end_before_it_waits() {
  Ending::block_signals();
  Ending ending(60s);
  ::kill(::getpid(), SIGTERM);
  std::this_thread::sleep_for(50ms);
  ::_exit(ending.wait_for_hangup() ? 2 : kFine);
}

TEST(EndingDeathTest, ASignalThatCameEarlyIsNotLost) {
  EXPECT_EXIT(end_before_it_waits(), testing::ExitedWithCode(kFine), "");
}

void end_without_a_signal() {
  Ending::block_signals();
  { const Ending ending; }
  ::_exit(kFine);
}

TEST(EndingDeathTest, NeedsNoSignal) { EXPECT_EXIT(end_without_a_signal(), testing::ExitedWithCode(kFine), ""); }

// As while a collection or a reload does not come back.
void hang_at_the_end() {
  Ending::block_signals();
  const Ending ending(50ms);
  ::kill(::getpid(), SIGTERM);
  hang();
}

TEST(EndingDeathTest, WhatHangsIsNotWaitedForLong) { EXPECT_EXIT(hang_at_the_end(), testing::ExitedWithCode(1), ""); }

}  // namespace
}  // namespace plimsoll::agent
