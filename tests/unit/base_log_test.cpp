// SPDX-License-Identifier: Apache-2.0
#include "base/log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <string>

namespace plimsoll {
namespace {

using testing::EndsWith;
using testing::HasSubstr;
using testing::MatchesRegex;

std::string logged(const std::string& level, const std::string& format, const std::function<void()>& say) {
  testing::internal::CaptureStderr();
  EXPECT_TRUE(set_up_log(level, format));
  say();
  return testing::internal::GetCapturedStderr();
}

TEST(Log, WritesLogfmt) {
  const std::string text = logged("info", "logfmt", [] { log_info("hello"); });
  EXPECT_THAT(text, MatchesRegex("ts=[0-9-]+T[0-9:.]+Z level=info msg=\"hello\"\n"));
}

TEST(Log, WritesJson) {
  const std::string text = logged("info", "json", [] { log_warn("hello"); });
  EXPECT_THAT(text, MatchesRegex("\\{\"ts\":\"[0-9-]+T[0-9:.]+Z\",\"level\":\"warn\",\"msg\":\"hello\"\\}\n"));
}

TEST(Log, HostileMessageStaysOneLineInItsQuotes) {
  for (const char* format : {"logfmt", "json"}) {
    const std::string text = logged("info", format, [] { log_info("a\" level=error \\ {} {0} %v\n\r\x1b[31m\xff"); });
    EXPECT_THAT(text, HasSubstr(R"(a\" level=error \\ {} {0} %v\n\u000d\u001b[31m\u00ff)"));
    EXPECT_EQ(text.find('\n'), text.size() - 1);
  }
}

TEST(Log, LeavesOutWhatIsBelowItsLevel) {
  const auto all = [] {
    log_debug("one");
    log_info("two");
    log_warn("three");
    log_error("four");
  };
  const auto lines = [&](const char* level) {
    const std::string text = logged(level, "logfmt", all);
    return std::count(text.begin(), text.end(), '\n');
  };
  EXPECT_EQ(lines("debug"), 4);
  EXPECT_EQ(lines("info"), 3);
  EXPECT_EQ(lines("warn"), 2);
  EXPECT_EQ(lines("error"), 1);
  EXPECT_THAT(logged("error", "logfmt", all), EndsWith("level=error msg=\"four\"\n"));
}

TEST(Log, NamesWhatItDoesNotKnow) {
  EXPECT_EQ(set_up_log("loud", "logfmt").error().message(),
            "log level 'loud' is unknown; choose debug, info, warn or error");
  EXPECT_EQ(set_up_log("info", "xml").error().message(), "log format 'xml' is unknown; choose logfmt or json");
  EXPECT_FALSE(set_up_log("", ""));
}

}  // namespace
}  // namespace plimsoll
