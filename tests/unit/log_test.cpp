// SPDX-License-Identifier: Apache-2.0
#include "runtime/container/log.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/resource.h>

#include <csignal>

#include "base/text.h"
#include "tests/unit/temp_tree.h"

namespace plimsoll::container {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::MatchesRegex;

struct LogTest : ::testing::Test {
  LogWriter writer(uint64_t limit = 0) const {
    auto opened = LogWriter::open(tree.path(), limit);
    EXPECT_TRUE(opened) << opened.error().message();
    return std::move(*opened);
  }
  // Text of the entries, prefixed by the stream's number.
  std::vector<std::string> entries() const {
    std::vector<std::string> result;
    LogReader reader(tree.path());
    EXPECT_TRUE(reader.read([&](std::string_view line) {
      auto entry = parse_log_entry(line);
      ASSERT_TRUE(entry) << line;
      result.push_back((entry->stream == Stream::kStderr ? "2" : "1") + entry->text);
    }));
    return result;
  }
  std::string file(const char* name = "container.log") const { return read_file(tree.at(name)).value_or("(none)"); }

  test::TempTree tree;
};

TEST_F(LogTest, AnEntryHasTheShapeOfDockersJsonFile) {
  writer().write(Stream::kStdout, "listening\n");
  EXPECT_THAT(file(),
              MatchesRegex(
                  "\\{\"log\":\"listening\\\\n\",\"stream\":\"stdout\",\"time\":\"20[0-9-]+T[0-9:]+\\.[0-9]+Z\"\\}\n"));
}

TEST_F(LogTest, LinesAreKeptApartByStreamHoweverTheyArrive) {
  LogWriter log = writer();
  log.write(Stream::kStdout, "ab");
  log.write(Stream::kStderr, "err\nmore");
  log.write(Stream::kStdout, "c\n\nd");
  log.finish();
  EXPECT_THAT(entries(), ElementsAre("2err\n", "1abc\n", "1\n", "1d", "2more"));
  log.finish();
  EXPECT_EQ(entries().size(), 5u) << "nothing is written twice";
}

TEST_F(LogTest, EveryByteSurvivesAsJson) {
  std::string all;
  for (int byte = 0; byte < 256; ++byte) all += static_cast<char>(byte);
  all += "\n";
  writer().write(Stream::kStdout, all);
  std::string text;
  for (const auto& entry : entries()) text += entry.substr(1);
  EXPECT_THAT(text, HasSubstr(std::string("\t\n\x0b\x0c\r", 5)));
  EXPECT_THAT(text, HasSubstr("!\"#"));
  EXPECT_THAT(text, HasSubstr("[\\]"));
  EXPECT_THAT(text, HasSubstr("\xEF\xBF\xBD"));
  EXPECT_EQ(text[0], '\0');
}

TEST_F(LogTest, UtfEightPassesUnchangedAndBrokenBytesAreReplaced) {
  writer().write(Stream::kStdout, "gr\xC3\xBC\xC3\x9F \xF0\x9F\x9A\xA2 \xC3(\n");
  EXPECT_THAT(entries(), ElementsAre("1gr\xC3\xBC\xC3\x9F \xF0\x9F\x9A\xA2 \xEF\xBF\xBD(\n"));
}

TEST_F(LogTest, LongLinesAreSplitIntoPartsWithoutALineEnd) {
  const std::string line(2 * kMaxEntryBytes + 5, 'x');
  LogWriter log = writer();
  for (size_t at = 0; at < line.size(); at += 1000) log.write(Stream::kStdout, line.substr(at, 1000));
  log.write(Stream::kStdout, "\n");
  const auto parts = entries();
  ASSERT_EQ(parts.size(), 3u);
  EXPECT_EQ(parts[0].size(), 1 + kMaxEntryBytes);
  EXPECT_EQ(parts[1].size(), 1 + kMaxEntryBytes);
  EXPECT_EQ(parts[2], "1xxxxx\n");
}

TEST_F(LogTest, APartNeverEndsInsideACharacter) {
  std::string line(kMaxEntryBytes - 1, 'x');
  line += "\xF0\x9F\x9A\xA2 tail\n";
  writer().write(Stream::kStdout, line);
  const auto parts = entries();
  ASSERT_EQ(parts.size(), 2u);
  EXPECT_EQ(parts[0].size(), kMaxEntryBytes) << "the stream's digit and one byte less";
  EXPECT_EQ(parts[1], "1\xF0\x9F\x9A\xA2 tail\n");
}

TEST_F(LogTest, TheLimitHoldsAndOneOlderFileIsKept) {
  LogWriter log = writer(2000);
  for (int i = 0; i < 200; ++i) log.write(Stream::kStdout, "line " + std::to_string(i) + "\n");
  EXPECT_LE(file().size(), 2000u);
  EXPECT_LE(file("container.log.1").size(), 2000u);
  EXPECT_GT(file("container.log.1").size(), 1800u);
  const auto kept = entries();
  ASSERT_GT(kept.size(), 20u);
  EXPECT_EQ(kept.back(), "1line 199\n");
  const std::string first = "1line " + std::to_string(200 - kept.size()) + "\n";
  EXPECT_EQ(kept.front(), first) << "what is left is the end, without a gap";
}

TEST_F(LogTest, ABatchThatSpansFilesIsCutBetweenEntries) {
  std::string many;
  for (int i = 0; i < 100; ++i) many += "line " + std::to_string(i) + "\n";
  writer(1500).write(Stream::kStdout, many);
  EXPECT_LE(file().size(), 1500u);
  EXPECT_LE(file("container.log.1").size(), 1500u);
  EXPECT_EQ(entries().back(), "1line 99\n");
}

TEST_F(LogTest, AnExistingLogIsContinued) {
  writer().write(Stream::kStdout, "one\n");
  writer().write(Stream::kStdout, "two\n");
  EXPECT_THAT(entries(), ElementsAre("1one\n", "1two\n"));
}

TEST_F(LogTest, ALinkInPlaceOfTheLogIsRefused) {
  tree.write("elsewhere", "");
  ASSERT_EQ(::symlink(tree.at("elsewhere").c_str(), tree.at("container.log").c_str()), 0);
  EXPECT_FALSE(LogWriter::open(tree.path(), 0));
  EXPECT_FALSE(LogWriter::open(tree.at("missing"), 0));
}

TEST_F(LogTest, AFullDiskLosesLinesButNeverLeavesHalfAnEntry) {
  ::signal(SIGXFSZ, SIG_IGN);
  LogWriter log = writer();
  log.write(Stream::kStdout, "before\n");
  rlimit saved{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &saved), 0);
  rlimit tight = saved;
  tight.rlim_cur = file().size() + 10;
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &tight), 0);
  log.write(Stream::kStdout, "lost\n");
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &saved), 0);
  log.write(Stream::kStdout, "after\n");
  EXPECT_THAT(entries(), ElementsAre("1before\n", "1after\n"));
}

TEST_F(LogTest, AReaderFollowsGrowthAndRotation) {
  LogReader reader(tree.path());
  std::vector<std::string> seen;
  const auto take_line = [&](std::string_view line) { seen.push_back(parse_log_entry(line).value_or({}).text); };
  ASSERT_TRUE(reader.read(take_line));
  EXPECT_TRUE(seen.empty()) << "no log yet";
  LogWriter log = writer(1000);
  for (int i = 0; i < 100; ++i) {
    log.write(Stream::kStdout, std::to_string(i) + "\n");
    if (i % 7 == 0) {
      ASSERT_TRUE(reader.read(take_line));
    }
  }
  ASSERT_TRUE(reader.read(take_line));
  ASSERT_EQ(seen.size(), 100u);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(seen[static_cast<size_t>(i)], std::to_string(i) + "\n");
}

TEST_F(LogTest, ALineThatIsBeingWrittenWaits) {
  tree.write("container.log", "{\"log\":\"a");
  LogReader reader(tree.path());
  int lines = 0;
  ASSERT_TRUE(reader.read([&](std::string_view) { ++lines; }));
  EXPECT_EQ(lines, 0);
  EXPECT_EQ(LogReader::count(tree.path()).value_or(9), 0u);
}

TEST(LogEntry, GarbageIsAnError) {
  for (const char* line : {"", "x", "[]", "null", "{}", R"({"log":"a","stream":"stdout"})",
                           R"({"log":1,"stream":"stdout","time":"2026-03-01T12:00:00Z"})",
                           R"({"log":"a","stream":"stdin","time":"2026-03-01T12:00:00Z"})", "{\"log\":\"\xFF\"}"}) {
    EXPECT_FALSE(parse_log_entry(line)) << line;
  }
}

TEST(LogTime, IsRfc3339InNanoseconds) {
  EXPECT_EQ(format_time(0), "1970-01-01T00:00:00.000000000Z");
  EXPECT_EQ(format_time(1'772'366'400'000'000'001), "2026-03-01T12:00:00.000000001Z");
  EXPECT_EQ(parse_time("2026-03-01T12:00:00.000000001Z").value_or(0), 1'772'366'400'000'000'001);
  EXPECT_EQ(parse_time("2026-03-01T12:00:00Z").value_or(0), 1'772'366'400'000'000'000);
  EXPECT_EQ(parse_time("2026-03-01T12:00:00.5+01:30").value_or(0), 1'772'361'000'500'000'000);
  EXPECT_EQ(parse_time("2026-03-01T12:00:00.1234567891234Z").value_or(0), 1'772'366'400'123'456'789);
}

TEST(LogTime, GarbageIsAnError) {
  for (const char* text :
       {"", "now", "2026-03-01", "2026-13-01T00:00:00Z", "2026-03-32T00:00:00Z", "2026-03-01T25:00:00Z",
        "2026-03-01T00:00:00", "2026-03-01T00:00:00.Z", "2026-03-01T00:00:00+1:00", "0000-01-01T00:00:00Z",
        "2026-03-01T00:00:00ZZ", "2026-03-01T00:00:00+24:00", "99999-01-01T00:00:00Z"}) {
    EXPECT_FALSE(parse_time(text)) << text;
  }
}

}  // namespace
}  // namespace plimsoll::container
