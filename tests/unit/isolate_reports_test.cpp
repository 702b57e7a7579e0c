// SPDX-License-Identifier: Apache-2.0
// What the parent makes of a child's last words, and of a child that is to end.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>

#include "runtime/isolate/parent.h"

namespace plimsoll::isolate {
namespace {

using testing::HasSubstr;
using testing::Not;

Report report_of(const char* step, int error, const char* place) {
  Report report;
  report.value = error;
  std::strncpy(report.step, step, sizeof(report.step) - 1);
  std::strncpy(report.place, place, sizeof(report.place) - 1);
  return report;
}

std::string explained(const char* step, int error, const char* place = "/x") {
  return explain(report_of(step, error, place), "").error.message();
}

TEST(IsolateReports, HintsOfTheStepsWhereTheyHold) {
  for (const char* step : {"mount", "make device", "mask", "make read-only"}) {
    EXPECT_THAT(explained(step, ENOSYS), HasSubstr("needs Linux 5.12")) << step;
    EXPECT_THAT(explained(step, ELOOP), HasSubstr("not on a symbolic link")) << step;
    EXPECT_THAT(explained(step, EROFS), HasSubstr("read-only")) << step;
  }
  for (const char* step : {"filter system calls", "set personality", "new keyring", "set user"}) {
    EXPECT_THAT(explained(step, ENOSYS), Not(HasSubstr("5.12"))) << step;
    EXPECT_THAT(explained(step, ELOOP), Not(HasSubstr("mounted"))) << step;
    EXPECT_THAT(explained(step, EROFS), Not(HasSubstr("missing"))) << step;
  }
}

TEST(IsolateReports, ThePathThatNobodyKnowsIsNotSaidToBeUnset) {
  const Report report = report_of(kExecuteStep, ENOENT, "sh");
  EXPECT_THAT(explain(report, "").error.message(), HasSubstr("PATH is not set"));
  EXPECT_THAT(explain(report, "PATH=/opt").error.message(), HasSubstr("(PATH=/opt)"));
  const LaunchError unknown = explain(report, std::nullopt);
  EXPECT_THAT(unknown.error.message(), HasSubstr("executable file not found in $PATH"));
  EXPECT_THAT(unknown.error.message(), Not(HasSubstr("(")));
  EXPECT_EQ(unknown.exit_code, kExitNotFound);
}

TEST(IsolateReports, AChildWithoutADescriptorEndsToo) {
  const pid_t pid = ::fork();
  if (pid == 0) {
    ::alarm(20);
    while (true) ::pause();
  }
  ASSERT_GT(pid, 0);
  const auto begun = std::chrono::steady_clock::now();
  end_child(pid, -1);
  EXPECT_LT(std::chrono::steady_clock::now() - begun, std::chrono::seconds(15));
  EXPECT_EQ(::waitpid(pid, nullptr, 0), -1);
}

// It has told the number of its filter's descriptor, and then could not load the filter.
TEST(IsolateReports, AFilterThatFailsSaysWhyItself) {
  auto pair = make_control_pair();
  ASSERT_TRUE(pair);
  send_report(pair->child.get(), Report::Kind::kListener, 7, "", "");
  const Report failure = report_of("filter system calls", EINVAL, "");
  send_report(pair->child.get(), failure.kind, failure.value, failure.step, failure.place);
  pair->child.reset();
  const auto started = start(pair->parent.get(), -1, {});
  const auto* error = std::get_if<LaunchError>(&started);
  ASSERT_NE(error, nullptr);
  EXPECT_THAT(error->error.message(), HasSubstr("filter system calls"));
}

}  // namespace
}  // namespace plimsoll::isolate
