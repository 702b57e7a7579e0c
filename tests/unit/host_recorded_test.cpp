// SPDX-License-Identifier: Apache-2.0
// The page /metrics/node of recorded machines: tests/golden/host/recorded/NAME.txt (kernel files, made by
// tests/tools/record_host.py) against NAME.metrics. After an intended change:
// UPDATE_GOLDEN=1 host_recorded_test, then read the difference.
#include <cstdlib>
#include <fstream>

#include "base/text.h"
#include "collectors/runner.h"
#include "tests/unit/host_fixture.h"

namespace plimsoll::collectors::host {
namespace {

using test::TempTree;

const std::string kRecorded = PLIMSOLL_SOURCE_DIR "/tests/golden/host/recorded/";

// Those that ask the kernel by system calls, which no tree of files can answer.
bool asks_the_machine(std::string_view name) {
  constexpr std::string_view kNames[] = {"ethtool", "filesystem", "logind", "network_route", "perf", "qdisc",
                                         "systemd", "tcpstat",    "time",   "timex",         "uname"};
  return std::find(std::begin(kNames), std::end(kNames), name) != std::end(kNames);
}

// "== BYTES PATH", the bytes, a line end.
void unpack(const std::string& archive, const TempTree& tree) {
  for (std::string_view rest = archive; !rest.empty();) {
    std::string_view head = take(rest, '\n');
    ASSERT_EQ(take(head, ' '), "==");
    const auto size = parse_u64(take(head, ' '));
    ASSERT_TRUE(size && *size < rest.size()) << head;
    tree.write(std::string(head), std::string(rest.substr(0, *size)));
    rest.remove_prefix(*size + 1);
  }
}

std::string without_durations(std::string_view page) {
  std::string text;
  while (!page.empty()) {
    const std::string_view line = take(page, '\n');
    if (!line.starts_with("node_scrape_collector_duration_seconds")) text.append(line) += '\n';
  }
  return text;
}

std::string page_of(const TempTree& tree) {
  std::vector<std::unique_ptr<Collector>> collectors;
  for (const Entry* entry : table()) {
    if (!asks_the_machine(entry->name)) collectors.push_back(entry->make(test::roots_of(tree)));
  }
  MetricWriter writer;
  run_collectors(collectors, writer,
                 [](std::string_view name, const Error& error) { ADD_FAILURE() << name << ": " << error.message(); });
  return without_durations(test::page_text(writer.finish()));
}

class Recorded : public testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(Machines, Recorded, testing::Values("host-6.18", "guest-5.10", "guest-6.12"),
                         [](const auto& machine) {
                           std::string name = machine.param;
                           std::replace_if(
                               name.begin(), name.end(), [](char c) { return c == '-' || c == '.'; }, '_');
                           return name;
                         });

TEST_P(Recorded, PageIsAsItWas) {
  const auto archive = read_file(kRecorded + GetParam() + ".txt");
  ASSERT_TRUE(archive) << archive.error().message();
  const TempTree tree;
  unpack(*archive, tree);
  const std::string page = page_of(tree);
  const std::string golden = kRecorded + GetParam() + ".metrics";
  if (std::getenv("UPDATE_GOLDEN") != nullptr) std::ofstream(golden) << page;
  const auto expected = read_file(golden);
  ASSERT_TRUE(expected) << expected.error().message();
  EXPECT_EQ(page, *expected);
}

}  // namespace
}  // namespace plimsoll::collectors::host
