// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "collectors/host/parts/textfile_parse.h"
#include "tests/unit/host_fixture.h"
#include "tests/unit/host_golden.h"

namespace plimsoll::collectors::host {
namespace {

using test::collect;
using test::Collected;
using test::flag_of;
using test::TempTree;
using test::type_of;
using ::testing::HasSubstr;
using ::testing::Not;

std::unique_ptr<Collector> collector_of(std::initializer_list<std::string> directories) {
  Flags flags;
  for (const std::string& directory : directories)
    flags.set(flag_of(kTextfileCollector, "textfile.directory"), directory);
  return kTextfileCollector.make({HostRoots{}, std::move(flags)});
}

Collected collect_directory(const std::string& directory) { return collect(*collector_of({directory})); }

// The page without the collector's own families.
std::string samples(const Collected& collected) {
  std::string text;
  const std::string all = collected.text();
  std::string_view rest = all;
  while (!rest.empty()) {
    const std::string_view line = take(rest, '\n');
    if (!line.starts_with("node_textfile_")) text.append(line).append("\n");
  }
  return text;
}

std::string collect_text(const std::string& content) {
  const TempTree tree({{"a.prom", content}});
  return samples(collect_directory(tree.path()));
}

// A file with this content is left out, with an error that names it, its line and what is wrong.
void expect_wrong(const std::string& content, const std::string& message) {
  const TempTree tree({{"a.prom", content}, {"z.prom", "good 1\n"}});
  const auto collected = collect_directory(tree.path());
  EXPECT_THAT(collected.error(), HasSubstr(tree.at("a.prom") + ": ")) << content;
  EXPECT_THAT(collected.error(), HasSubstr(message)) << content;
  EXPECT_EQ(samples(collected), "good 1\n") << content;
  EXPECT_EQ(collected.text("node_textfile_scrape_error"), "node_textfile_scrape_error 1\n");
  EXPECT_THAT(collected.text("node_textfile_mtime_seconds"), Not(HasSubstr("a.prom")));
}

void set_mtime(const std::string& path, time_t seconds) {
  const timespec times[2] = {{seconds, 0}, {seconds, 0}};
  ASSERT_EQ(::utimensat(AT_FDCWD, path.c_str(), times, 0), 0);
}

std::string_view help_of(const MetricPage& page, std::string_view name) {
  for (const auto& family : page.families()) {
    if (family.desc.name == name) return family.desc.help;
  }
  return "";
}

TEST(Textfile, WithoutADirectoryThereIsNoError) {
  const auto collected = collect(*kTextfileCollector.make(HostRoots{}));
  EXPECT_TRUE(collected.result) << collected.error();
  EXPECT_EQ(collected.text(), "node_textfile_scrape_error 0\n");
  EXPECT_EQ(collect_directory("").text(), "node_textfile_scrape_error 0\n");
}

TEST(Textfile, ShowsWhatIsInFiles) {
  const TempTree tree({{"b.prom",
                        "# HELP backup_seconds How long it took.\n# TYPE backup_seconds gauge\n"
                        "backup_seconds{target=\"home\"} 12.5\n"
                        "# TYPE backups_total counter\nbackups_total 18446744073709551615\n"},
                       {"a.prom", "plain -1\n"},
                       {"other.txt", "other 1\n"}});
  set_mtime(tree.at("a.prom"), 1000);
  set_mtime(tree.at("b.prom"), 2000);
  const auto collected = collect_directory(tree.path());
  EXPECT_TRUE(collected.result) << collected.error();
  EXPECT_EQ(collected.text(),
            "backup_seconds{target=\"home\"} 12.5\n"
            "backups_total 18446744073709551615\n"
            "plain -1\n"
            "node_textfile_mtime_seconds{file=\"" +
                tree.at("a.prom") +
                "\"} 1000\n"
                "node_textfile_mtime_seconds{file=\"" +
                tree.at("b.prom") +
                "\"} 2000\n"
                "node_textfile_scrape_error 0\n");
  EXPECT_EQ(type_of(collected.page, "backup_seconds"), "gauge");
  EXPECT_EQ(type_of(collected.page, "backups_total"), "counter");
  EXPECT_EQ(type_of(collected.page, "plain"), "untyped");
  EXPECT_EQ(help_of(collected.page, "backup_seconds"), "How long it took.");
  EXPECT_EQ(help_of(collected.page, "plain"), "Read from " + tree.at("a.prom") + ".");
}

TEST(Textfile, WritesNodeExportersFamilies) {
  const TempTree tree({{"a.prom", ""}});
  test::expect_golden_families("textfile", collect_directory(tree.path()).page);
}

TEST(Textfile, HistogramsAndSummariesHaveTheirParts) {
  const TempTree tree(
      {{"a.prom",
        "# TYPE h histogram\nh_bucket{x=\"1\",le=\"0.10\"} 1\nh_bucket{le=\"+Inf\",x=\"1\"} 3\nh_count{x=\"1\"} 3\n"
        "h_sum{x=\"1\"} 4.5\nh_sum{x=\"2\"} 0\nh_count{x=\"2\"} 7\nh_bucket{le=\"1638400\",x=\"2\"} 5\n"
        "# TYPE s summary\ns{quantile=\"0.5\"} 2\ns_sum 3\ns_count 4\n"}});
  const auto collected = collect_directory(tree.path());
  EXPECT_EQ(samples(collected),
            "h_bucket{x=\"1\",le=\"0.1\"} 1\nh_bucket{x=\"1\",le=\"+Inf\"} 3\nh_bucket{x=\"2\",le=\"1.6384e+06\"} 5\n"
            "h_bucket{x=\"2\",le=\"+Inf\"} 7\n"
            "h_sum{x=\"1\"} 4.5\nh_sum{x=\"2\"} 0\nh_count{x=\"1\"} 3\nh_count{x=\"2\"} 7\n"
            "s{quantile=\"0.5\"} 2\ns_sum 3\ns_count 4\n");
  EXPECT_EQ(type_of(collected.page, "h"), "histogram");
  EXPECT_EQ(type_of(collected.page, "s"), "summary");
}

// The form of OpenMetrics (bound_text), whatever the file has: the series are the same in each format.
TEST(Textfile, BoundsAreCanonical) {
  const std::pair<const char*, const char*> bounds[] = {{"0", "0.0"},     {"1", "1.0"},     {"0.50", "0.5"},
                                                        {"1e6", "1e+06"}, {"+Inf", "+Inf"}, {"-2.50", "-2.5"}};
  for (const auto& [given, shown] : bounds) {
    const std::string text = "# TYPE s summary\ns{quantile=\"" + std::string(given) + "\"} 1\n";
    EXPECT_EQ(collect_text(text), "s{quantile=\"" + std::string(shown) + "\"} 1\n");
  }
}

TEST(Textfile, SumAndCountAreFamiliesOfTheirOwnWithoutAHistogram) {
  EXPECT_EQ(collect_text("a_count 1\na_sum 2\na_bucket{le=\"1\"} 3\n"), "a_bucket{le=\"1\"} 3\na_count 1\na_sum 2\n");
  EXPECT_EQ(collect_text("# TYPE a_count counter\na_count 1\n# TYPE a summary\na_count 2\n# TYPE b gauge\nb_sum 1\n"),
            "")
      << "a_count was a family first: twice the same series";
  EXPECT_EQ(collect_text("# TYPE s summary\ns_bucket 1\ns_count 2\n"), "s_count 2\ns_bucket 1\n");
}

TEST(Textfile, LabelsAreSortedAndUnescapedAndEmptyOnesAreNone) {
  EXPECT_EQ(collect_text("a{z=\"1\" , b = \"x\\\\y\\\"\\n\",}  5\n"), "a{b=\"x\\\\y\\\"\\n\",z=\"1\"} 5\n");
  EXPECT_EQ(collect_text("a{b=\"\"} 5\n"), "a 5\n");
  EXPECT_EQ(collect_text("a{} 5\n"), "a 5\n");
  EXPECT_EQ(collect_text("a{b=\"\xC3\xA9}, #\"}5\n"), "a{b=\"\xC3\xA9}, #\"} 5\n");
}

TEST(Textfile, TakesWhatTheFormatAllows) {
  EXPECT_EQ(collect_text(""), "");
  EXPECT_EQ(collect_text("\n\n  \t\n"), "");
  EXPECT_EQ(collect_text("\ta:b_1\t+5e2 \n  "), "a:b_1 500\n");
  EXPECT_EQ(collect_text("# a comment\n#\n#HELP a x\n# HELP a\n# EOF\n#  TYPE  a  COUNTER\na 1\n"), "a 1\n");
  EXPECT_EQ(collect_text("a NaN\nb +Inf\nc -inf\nd .5\n"), "a nan\nb inf\nc -inf\nd 0.5\n");
  EXPECT_EQ(collect_text("a 1\nb 2\na{x=\"1\"} 3\n"), "a 1\na{x=\"1\"} 3\nb 2\n")
      << "a family need not be in one piece";
  EXPECT_EQ(collect_text("# TYPE nothing gauge\n# HELP nothing Nothing.\n"), "");
}

TEST(Textfile, HelpIsUnescapedAndMadeUtf8) {
  const TempTree tree({{"a.prom", "# HELP a  A\\\\B\\nC \xFF\xC3\xA9.\na 1\n"}});
  EXPECT_EQ(help_of(collect_directory(tree.path()).page, "a"), "A\\B\nC \xEF\xBF\xBD\xC3\xA9.");
}

TEST(Textfile, RefusesAFileOfWhichALineIsWrong) {
  expect_wrong("a 1\nb 2", "line 2: cut off");
  expect_wrong("a 1\n# HELP", "line 2: cut off");
  expect_wrong("a 1\r\n", "line 1: a: the line ends in CR LF");
  expect_wrong("# TYPE a gauge\r\na 1\r\n", "line 1: the line ends in CR LF");
  expect_wrong(
      "\xEF\xBB\xBF"
      "a 1\n",
      "line 1: a byte order mark");
  expect_wrong("a{b=\"\xFF\"} 1\n", "not UTF-8");
  expect_wrong("a 1 1441205977284\n", "line 1: a: a time stamp");
  expect_wrong("a 1 # {trace=\"x\"} 2\n", "text behind the value");
  expect_wrong("a 1 2 3\n", "text behind the value");
  expect_wrong("a\n", "'' is no number");
  for (const char* value : {"x", "0x10", "1_000", "1e400", "+-1", "++1", "nan(1)", "1,5", "--1"})
    expect_wrong("a " + std::string(value) + "\n", "is no number");
  expect_wrong("1a 1\n", "no metric name");
  expect_wrong("a-b 1\n", "no metric name");
  expect_wrong("{a=\"1\"} 1\n", "no metric name");
  expect_wrong("<html>\n", "no metric name");
  expect_wrong("a{b=\"1\" 1\n", "neither comma nor brace");
  expect_wrong("a{b=\"1} 1\n", "no quote at its end");
  expect_wrong("a{b=\"1\n\"} 1\n", "no quote at its end");
  expect_wrong("a{b=1} 1\n", "does not begin with a quote");
  expect_wrong("a{b} 1\n", "not followed by =");
  expect_wrong("a{,} 1\n", "no label name");
  expect_wrong("a{9=\"1\"} 1\n", "no label name");
  expect_wrong("a{b=\"1\",\n", "without its closing brace");
  expect_wrong("a{b=\"\\t\"} 1\n", "a backslash");
  expect_wrong("a{b=\"\\\n", "a backslash");
  expect_wrong("a{b=\"1\",b=\"2\"} 1\n", "label 'b' twice");
  expect_wrong("a{__name__=\"b\"} 1\n", "reserved");
  expect_wrong("# HELP a \\x\na 1\n", "a backslash in HELP");
  expect_wrong("# HELP a x\n# HELP a x\na 1\n", "a second HELP");
  expect_wrong("# HELP a-b x\n", "no metric name behind # HELP");
  expect_wrong("# TYPE a gauge\n# TYPE a gauge\na 1\n", "given twice");
  expect_wrong("a 1\n# TYPE a gauge\n", "behind its samples");
  expect_wrong("# TYPE a gaugehistogram\n", "is unknown");
  expect_wrong("# TYPE a unknown\n", "is unknown");
}

TEST(Textfile, RefusesHistogramsThatAreNone) {
  expect_wrong("# TYPE h histogram\nh_bucket 1\n", "no label le");
  expect_wrong("# TYPE h histogram\nh_bucket{le=\"x\"} 1\n", "is no number");
  expect_wrong("# TYPE h histogram\nh_bucket{le=\"NaN\"} 1\n", "is no number");
  expect_wrong("# TYPE h histogram\nh_bucket{le=\"1\"} -1\n", "cannot be negative");
  expect_wrong("# TYPE h histogram\nh_count NaN\n", "cannot be negative");
  expect_wrong("# TYPE h histogram\nh_bucket{le=\"1\"} 1\nh_bucket{le=\"1.0\"} 1\n", "the same series twice");
  expect_wrong("# TYPE s summary\ns 1\n", "no label quantile");
}

TEST(Textfile, RefusesASeriesThatIsThereTwice) {
  expect_wrong("a 1\na 1\n", "the same series twice: 'a{}'");
  expect_wrong("a{x=\"1\",y=\"2\"} 1\na{y=\"2\",x=\"1\"} 2\n", "the same series twice");
  expect_wrong("a{x=\"\"} 1\na 2\n", "the same series twice");
}

TEST(Textfile, MessagesAreShortAndOfOneLine) {
  const std::string longest(100'000, 'x');
  const TempTree tree({{"a.prom", "a " + longest + "\x01\xFF\n"}, {"b.prom", "# TYPE a \x1B[31m\n"}});
  const std::string error = collect_directory(tree.path()).error();
  EXPECT_LT(error.size(), 600u);
  for (const char c : error) EXPECT_GE(static_cast<unsigned char>(c), ' ');
}

TEST(Textfile, OneFamilyMayBeInSeveralFiles) {
  const TempTree tree({{"a.prom", "# HELP e Help.\n# TYPE e counter\ne{file=\"a\"} 1\n"},
                       {"b.prom", "# HELP e Help.\n# TYPE e counter\ne{file=\"b\"} 2\n"},
                       {"c.prom", "# TYPE e counter\ne{file=\"c\"} 3\n"}});
  const auto collected = collect_directory(tree.path());
  EXPECT_TRUE(collected.result) << collected.error();
  EXPECT_EQ(collected.text("e"), "e{file=\"a\"} 1\ne{file=\"b\"} 2\ne{file=\"c\"} 3\n");
  EXPECT_EQ(help_of(collected.page, "e"), "Help.");
  EXPECT_EQ(collected.page.families().size(), 3u);
}

TEST(Textfile, FilesWithoutHelpAreNamedInIt) {
  const TempTree tree({{"a.prom", "e{file=\"a\"} 1\n"}, {"b.prom", "# HELP e \ne{file=\"b\"} 2\n"}});
  const auto collected = collect_directory(tree.path());
  EXPECT_EQ(help_of(collected.page, "e"), "Read from " + tree.at("a.prom") + ", " + tree.at("b.prom") + ".");
}

TEST(Textfile, AnotherHelpCostsTheFamilyOfThatFile) {
  const TempTree tree(
      {{"a.prom", "# HELP e One.\ne{file=\"a\"} 1\n"}, {"b.prom", "# HELP e Two.\ne{file=\"b\"} 2\nother 1\n"}});
  const auto collected = collect_directory(tree.path());
  EXPECT_EQ(samples(collected), "e{file=\"a\"} 1\nother 1\n");
  EXPECT_THAT(collected.error(), HasSubstr(tree.at("b.prom") + ": e has another help in " + tree.at("a.prom")));
  EXPECT_EQ(collected.text("node_textfile_scrape_error"), "node_textfile_scrape_error 1\n");
  EXPECT_THAT(collected.text("node_textfile_mtime_seconds"), HasSubstr("b.prom")) << "it was read";
}

TEST(Textfile, AContradictingFileIsLeftOutAndTheOthersStay) {
  const std::pair<const char*, const char*> cases[] = {
      {"# TYPE e gauge\ne{x=\"b\"} 1\n", "e has another type"},
      {"# TYPE e counter\ne{x=\"a\"} 1\n", "e has a series that is in another file"},
      {"h_count 1\n", "h_count is also part of a histogram"},
      {"# TYPE plain histogram\nplain_count 1\n", "plain_count is also a family of its own"},
  };
  for (const auto& [content, message] : cases) {
    const std::string first =
        "# TYPE e counter\ne{x=\"a\"} 1\n# TYPE h histogram\nh_bucket{le=\"+Inf\"} 1\nplain_count 5\n";
    const TempTree tree({{"a.prom", first}, {"b.prom", std::string("rest 1\n") + content}, {"c.prom", "rest 2\n"}});
    const auto collected = collect_directory(tree.path());
    EXPECT_EQ(samples(collected), "e{x=\"a\"} 1\nh_bucket{le=\"+Inf\"} 1\nplain_count 5\nrest 2\n") << content;
    EXPECT_THAT(collected.error(), HasSubstr(tree.at("b.prom") + ": " + message));
    EXPECT_THAT(collected.text("node_textfile_mtime_seconds"), Not(HasSubstr("b.prom")));
  }
}

TEST(Textfile, WhatThePageHasIsRefused) {
  const TempTree tree({{"a.prom", "node_load1 5\nmine 1\n# TYPE x histogram\nx_count 1\n"}});
  MetricWriter writer;
  writer.single({"node_load1", "Load.", MetricType::kGauge}, 1);
  writer.single({"x_count", "Another one.", MetricType::kGauge}, 2);
  const auto collector = collector_of({tree.path()});
  auto result = collector->collect(writer);
  const Collected collected{std::move(result), writer.finish()};
  EXPECT_EQ(samples(collected), "node_load1 1\nx_count 2\nmine 1\n");
  EXPECT_THAT(collected.error(), HasSubstr(tree.at("a.prom") + ": node_load1 is on the page already"));
  EXPECT_THAT(collected.error(), HasSubstr("x is on the page already"));
  EXPECT_EQ(samples(collect(*collector)), "mine 1\nnode_load1 5\nx_bucket{le=\"+Inf\"} 1\nx_count 1\n");
}

TEST(Textfile, TheAgentsOwnFamiliesAreRefused) {
  for (const std::string name : {"plimsoll_build_info", "node_scrape_collector_success", "node_textfile_mtime_seconds",
                                 "node_textfile_scrape_error", "process_open_fds"}) {
    const TempTree tree({{"a.prom", name + "{file=\"x\"} 5\nmine 1\n"}});
    const auto collected = collect_directory(tree.path());
    EXPECT_EQ(samples(collected), "mine 1\n");
    EXPECT_THAT(collected.error(), HasSubstr(tree.at("a.prom") + ": " + name + " is the agent's own"));
    EXPECT_THAT(collected.text(), Not(HasSubstr(" 5\n")));
  }
}

TEST(Textfile, DirectoriesMayHaveWildcardsAndBeSeveral) {
  const TempTree tree(
      {{"one/x/a.prom", "a 1\n"}, {"one/y/b.prom", "b 1\n"}, {"one/.z/c.prom", "c 1\n"}, {"two/d.prom", "d 1\n"}});
  EXPECT_EQ(samples(collect_directory(tree.at("one/*"))), "a 1\nb 1\nc 1\n");
  EXPECT_EQ(samples(collect(*collector_of({tree.at("one/[xy]"), tree.at("two/")}))), "a 1\nb 1\nd 1\n");
  const auto twice = collect(*collector_of({tree.at("two"), tree.at("tw?"), tree.at("./two/")}));
  EXPECT_TRUE(twice.result) << twice.error();
  EXPECT_EQ(twice.text(), "d 1\n" + twice.text("node_textfile"));
  EXPECT_THAT(twice.text(), HasSubstr("{file=\"" + tree.at("two/d.prom") + "\"}"));
}

TEST(Textfile, AMissingDirectoryIsAnErrorThatNamesIt) {
  const TempTree tree({{"two/d.prom", "d 1\n"}, {"file", ""}});
  for (const std::string name : {"none", "none*", "file"}) {
    const auto collected = collect(*collector_of({tree.at(name), tree.at("two")}));
    EXPECT_EQ(samples(collected), "d 1\n");
    EXPECT_THAT(collected.error(), HasSubstr(tree.at(name)));
    EXPECT_EQ(collected.text("node_textfile_scrape_error"), "node_textfile_scrape_error 1\n");
  }
}

TEST(Textfile, WhatIsNoFileIsAnErrorAndNothingBlocks) {
  const TempTree tree({{"dir.prom/x", ""}, {"target", "linked 1\n"}});
  ASSERT_EQ(::mkfifo(tree.at("fifo.prom").c_str(), 0600), 0);
  ASSERT_EQ(::symlink("/dev/zero", tree.at("device.prom").c_str()), 0);
  ASSERT_EQ(::symlink("target", tree.at("link.prom").c_str()), 0);
  const auto collected = collect_directory(tree.path());
  EXPECT_EQ(samples(collected), "linked 1\n");
  EXPECT_THAT(collected.error(), HasSubstr(tree.at("dir.prom") + ": a directory"));
  EXPECT_THAT(collected.error(), HasSubstr(tree.at("fifo.prom") + ": no regular file"));
  EXPECT_THAT(collected.error(), HasSubstr(tree.at("device.prom") + ": no regular file"));
}

TEST(Textfile, ADanglingLinkIsAnErrorUntilItsTargetIsThere) {
  const TempTree tree;
  ASSERT_EQ(::symlink("target", tree.at("link.prom").c_str()), 0);
  const auto collector = collector_of({tree.path()});
  EXPECT_THAT(collect(*collector).error(), HasSubstr(tree.at("link.prom")));
  tree.write("target", "linked 1\n");
  EXPECT_EQ(samples(collect(*collector)), "linked 1\n");
}

TEST(Textfile, AFileOfMoreThan16MegabytesIsNotRead) {
  const TempTree tree({{"big.prom", ""}, {"a.prom", "a 1\n"}});
  ASSERT_EQ(::truncate(tree.at("big.prom").c_str(), 50'000'000), 0);
  const auto collected = collect_directory(tree.path());
  EXPECT_EQ(samples(collected), "a 1\n");
  EXPECT_THAT(collected.error(), HasSubstr(tree.at("big.prom") + ": more than 16 MB"));
}

TEST(Textfile, ALargeFileIsReadAndTooManySamplesAreRefused) {
  std::string text;
  for (int i = 0; i < 200'000; ++i) text += "a{n=\"" + std::to_string(i) + "\"} 1\n";
  const TempTree tree({{"a.prom", text}});
  EXPECT_EQ(collect_directory(tree.path()).page.sample_count(), 200'002u);
  tree.write("a.prom", text + "a 1\n");
  EXPECT_THAT(collect_directory(tree.path()).error(), HasSubstr("line 200001: more than 200000 samples"));
}

TEST(Textfile, FilesTogetherAreBounded) {
  const std::string text = "{n=\"" + std::string(15'000'000, 'x') + "\"} 1\n";
  const TempTree tree;
  for (int i = 0; i < 5; ++i) tree.write(std::to_string(i) + ".prom", "f" + std::to_string(i) + text);
  const auto collected = collect_directory(tree.path());
  EXPECT_THAT(collected.error(), HasSubstr(tree.at("4.prom") + ": more than 64 MB with the other files"));
  EXPECT_EQ(collected.page.sample_count(), 4u + 4u + 1u);
}

TEST(Textfile, ChangesAreSeen) {
  const TempTree tree({{"a.prom", "a 1\n"}});
  const auto collector = collector_of({tree.path()});
  EXPECT_EQ(samples(collect(*collector)), "a 1\n");
  tree.write("a.prom", "a 2\n");  // the same size, perhaps within the same tick of the clock
  EXPECT_EQ(samples(collect(*collector)), "a 2\n");
  tree.write("b.prom", "b 1\n");
  EXPECT_EQ(samples(collect(*collector)), "a 2\nb 1\n");
  tree.write("new", "a 3\n");
  ASSERT_EQ(::rename(tree.at("new").c_str(), tree.at("a.prom").c_str()), 0);
  EXPECT_EQ(samples(collect(*collector)), "a 3\nb 1\n");
  tree.write("a.prom", "a\n");
  const auto wrong = collect(*collector);
  EXPECT_EQ(samples(wrong), "b 1\n");
  EXPECT_FALSE(wrong.result);
  ASSERT_EQ(::unlink(tree.at("a.prom").c_str()), 0);
  const auto gone = collect(*collector);
  EXPECT_TRUE(gone.result) << gone.error();
  EXPECT_EQ(samples(gone), "b 1\n");
}

// How many times files of a directory are opened while `act` runs.
template <typename Act>
size_t count_opened_files(const std::string& directory, Act act) {
  const UniqueFd watch(::inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
  EXPECT_GE(::inotify_add_watch(watch.get(), directory.c_str(), IN_OPEN), 0);
  act();
  alignas(inotify_event) char events[4096];
  const ssize_t size = ::read(watch.get(), events, sizeof events);
  size_t opened = 0;
  for (ssize_t at = 0; at < size;) {
    const auto* event = reinterpret_cast<const inotify_event*>(events + at);
    opened += std::string_view(event->len > 0 ? event->name : "").ends_with(".prom");
    at += static_cast<ssize_t>(sizeof *event + event->len);
  }
  return opened;
}

TEST(Textfile, WhatIsUnchangedIsNotReadAgain) {
  const TempTree tree({{"a.prom", "a 1\n"}, {"wrong.prom", "b\n"}});
  const auto collector = collector_of({tree.path()});
  std::string first, second;
  ::usleep(50'000);  // older than the clock's tick
  EXPECT_EQ(count_opened_files(tree.path(), [&] { first = collect(*collector).text(); }), 2u);
  EXPECT_EQ(count_opened_files(tree.path(), [&] { second = collect(*collector).text(); }), 0u);
  EXPECT_EQ(first, second);
  tree.write("a.prom", "a 1\n");
  EXPECT_EQ(count_opened_files(tree.path(), [&] { (void)collect(*collector); }), 1u);
}

TEST(Textfile, ErrorsAreCountedBeyondAFew) {
  const TempTree tree;
  for (int i = 0; i < 5; ++i) tree.write(std::to_string(i) + ".prom", "x\n");
  EXPECT_THAT(collect_directory(tree.path()).error(), HasSubstr("2.prom: line 1: x: '' is no number; and 2 more"));
}

TEST(Exposition, CostGrowsWithWhatIsKept) {
  const auto small = parse_exposition("a 1\n");
  const auto large = parse_exposition("a{b=\"1\"} 1\na{b=\"2\"} 1\n");
  ASSERT_TRUE(small && large);
  EXPECT_GT(large->cost(), small->cost());
}

}  // namespace
}  // namespace plimsoll::collectors::host
