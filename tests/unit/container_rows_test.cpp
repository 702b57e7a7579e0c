// SPDX-License-Identifier: Apache-2.0
// The table of container families: what each row writes, which kinds bring which rows, what an ended container
// has, and the bounds on the number of series.
#include "collectors/container/rows.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <map>
#include <set>

#include "base/os.h"
#include "base/text.h"
#include "tests/unit/container_subject.h"
#include "tests/unit/page_text.h"

namespace plimsoll::collectors::container {
namespace {

using test::page_text;
using test::WholeContainer;
using testing::HasSubstr;
using testing::Not;

// Everything of `subjects` on one page.
struct Page {
  explicit Page(KindSet kinds = KindSet::all(), SeriesBudget budget = {})
      : context{writer, extra, online, 1'700'000'123, kinds, budget} {
    extra.start_page();
  }
  MetricPage write(std::vector<Subject> subjects) {
    write_families(context, subjects);
    return writer.finish();
  }
  MetricWriter writer;
  ExtraLabels extra{"/nowhere"};
  std::vector<bool> online{true, true};
  PageContext context;
};

std::string write_one(const WholeContainer& container, KindSet kinds = KindSet::all()) {
  Page page(kinds);
  return page_text(page.write({container.subject(page.writer)}));
}

// The label names of rendered labels without quotes in their values, sorted, joined by commas.
std::string label_names(std::string_view text) {
  std::set<std::string_view> names;
  while (!text.empty()) {
    names.insert(take(text, '='));
    (void)take(text, '"');
    (void)take(text, '"');
    if (text.starts_with(',')) text.remove_prefix(1);
  }
  std::string joined;
  for (std::string_view name : names) joined += (joined.empty() ? "" : ",") + std::string(name);
  return joined;
}

std::string sorted(std::string_view labels) {
  std::set<std::string_view> names;
  while (!labels.empty()) names.insert(take(labels, ','));
  std::string joined;
  for (std::string_view name : names) joined += (joined.empty() ? "" : ",") + std::string(name);
  return joined;
}

const Row* row_named(std::string_view name) {
  for (const Row* row : all_rows()) {
    if (row->desc.name == name) return row;
  }
  return nullptr;
}

TEST(Rows, EachWritesItsContainerWithTheLabelsThatItTells) {
  const WholeContainer container;
  Page page;
  const MetricPage written = page.write({container.subject(page.writer)});
  std::set<std::string_view> seen;
  for (size_t i = 0; i < written.families().size(); ++i) {
    const std::string_view name = written.families()[i].desc.name;
    EXPECT_TRUE(seen.insert(name).second) << name << " is written twice";
    const Row* row = row_named(name);
    ASSERT_NE(row, nullptr) << name;
    if (name == "container_info") continue;
    const auto [first, last] = written.samples(i);
    for (const Sample* sample = first; sample != last; ++sample)
      EXPECT_EQ(label_names(written.labels(sample->extra)), sorted(row->labels)) << name;
  }
  for (const Row* row : all_rows()) EXPECT_TRUE(seen.contains(row->desc.name)) << row->desc.name << " writes nothing";
}

TEST(Rows, Golden) {
  const std::string path = std::string(PLIMSOLL_SOURCE_DIR) + "/tests/golden/container/rows.txt";
  const std::string text = write_one(WholeContainer());
  if (std::getenv("UPDATE_GOLDEN") != nullptr) std::ofstream(path) << text;
  const auto golden = read_file(path);
  ASSERT_TRUE(golden) << golden.error().message();
  EXPECT_EQ(text, *golden);
}

TEST(Rows, EachSaysWhereItComesFrom) {
  for (const Row* row : all_rows()) {
    EXPECT_FALSE(row->v1.empty() && row->v2.empty()) << row->desc.name;
    EXPECT_FALSE(row->v1 == kSame) << row->desc.name;
  }
}

TEST(Rows, AKindBringsItsRowsAndNoOthers) {
  const WholeContainer container;
  for (const KindInfo& info : kinds()) {
    KindSet only = KindSet::none();
    only.set(info.kind, true);
    Page page(only);
    const MetricPage written = page.write({container.subject(page.writer)});
    size_t of_kind = 0;
    for (const auto& family : written.families()) {
      const Kind kind = row_named(family.desc.name)->kind;
      EXPECT_TRUE(kind == Kind::kAlways || kind == info.kind) << family.desc.name << " with " << info.name;
      of_kind += kind == info.kind;
    }
    const bool modifier = info.kind == Kind::kPercpu || info.kind == Kind::kCpuTopology;
    EXPECT_EQ(of_kind > 0, info.supported && !modifier) << info.name;
  }
}

// What is absent has no sample: a live group of which nothing could be read has only what the clock tells.
TEST(Rows, AbsentIsNotZero) {
  const cgroup::Stats stats;
  Page page;
  const Subject nothing{.counters = &stats.counters, .gauges = &stats.gauges, .limits = &stats.limits};
  EXPECT_EQ(page_text(page.write({nothing})), "container_last_seen 1700000123\n");
}

TEST(Rows, AnEndedContainerHasItsCountersAndItsIdentity) {
  const WholeContainer container;
  Page page;
  Subject ended = container.subject(page.writer);
  ended.gauges = nullptr;
  ended.limits = nullptr;
  ended.processes = nullptr;
  ended.sockets = nullptr;
  ended.layer = nullptr;
  const MetricPage written = page.write({ended});
  for (const auto& family : written.families()) {
    const bool identity = family.desc.name == "container_info" || family.desc.name == "plimsoll_container_state";
    EXPECT_TRUE(identity || family.desc.type == MetricType::kCounter) << family.desc.name;
  }
  const std::string text = page_text(written);
  EXPECT_THAT(text, HasSubstr("container_pressure_io_waiting_seconds_total{id=\"/a\"} 0.001\n"));
  EXPECT_THAT(text, HasSubstr("plimsoll_container_restarts_total{id=\"/a\"} 2\n"));
  EXPECT_THAT(text, HasSubstr("container_info{id=\"/a\",container_label_app=\"x\"} 1\n"));
}

TEST(Rows, EndedWithCountersOnly) {
  const cgroup::Counters counters{.cpu_usage_ns = 1, .cfs_periods = 5, .cfs_throttled_ns = 6};
  Page page;
  const MetricPage written = page.write({Subject{.counters = &counters}});
  EXPECT_EQ(written.families().size(), 3u);
  for (const auto& family : written.families()) EXPECT_EQ(family.desc.type, MetricType::kCounter) << family.desc.name;
}

TEST(Rows, HealthAndLimitsInCAdvisorsNumbers) {
  WholeContainer container;
  const std::pair<std::optional<engine::Health>, const char*> cases[] = {{engine::Health::kHealthy, "} 1\n"},
                                                                         {engine::Health::kStarting, "} 0\n"},
                                                                         {engine::Health::kUnhealthy, "} 0\n"},
                                                                         {engine::Health::kNone, "} -1\n"}};
  for (const auto& [health, expected] : cases) {
    container.identity.health = health;
    EXPECT_THAT(write_one(container), HasSubstr(std::string("container_health_state{id=\"/a\"") + expected));
  }
  container.identity.health.reset();
  container.identity.restarts.reset();
  container.identity.state = engine::State::kUnknown;
  container.processes.open_files_soft_limit = cgroup::kUnlimited;
  const std::string text = write_one(container);
  for (const char* untold : {"container_health_state", "restarts_total", "container_state"})
    EXPECT_THAT(text, Not(HasSubstr(untold)));
  EXPECT_THAT(text, HasSubstr("container_ulimits_soft{id=\"/a\",ulimit=\"max_open_files\"} -1\n"));
  EXPECT_THAT(text, HasSubstr("container_spec_memory_swap_limit_bytes{id=\"/a\"} 0\n"));
}

TEST(Rows, FileSystemsOfTheMachine) {
  const cgroup::Stats stats;
  std::vector<LayerUsage> disks(2);
  disks[0] = {.device = "/dev/a", .used_bytes = 1, .limit_bytes = 2, .inodes_total = 3, .inodes_free = 4};
  disks[1] = {.device = "/dev/b", .used_bytes = 5};
  Page page;
  Subject root{.counters = &stats.counters, .gauges = &stats.gauges, .limits = &stats.limits};
  root.file_systems = disks;
  EXPECT_EQ(page_text(page.write({root})),
            "container_fs_inodes_free{device=\"/dev/a\"} 4\ncontainer_fs_inodes_total{device=\"/dev/a\"} 3\n"
            "container_fs_limit_bytes{device=\"/dev/a\"} 2\ncontainer_fs_usage_bytes{device=\"/dev/a\"} 1\n"
            "container_fs_usage_bytes{device=\"/dev/b\"} 5\ncontainer_last_seen 1700000123\n");
}

TEST(Rows, BudgetOfAContainerLeavesOutWholeFamilies) {
  const WholeContainer container;
  for (const size_t bound : {1u, 7u, 50u, 100u, 10'000u}) {
    Page page(KindSet::all(), {.per_container = bound});
    const MetricPage written = page.write({container.subject(page.writer, "/a"), container.subject(page.writer, "/b")});
    std::map<LabelRef, size_t> count;
    for (size_t i = 0; i < written.families().size(); ++i) {
      const auto [first, last] = written.samples(i);
      if (written.families()[i].desc.name == "container_info") continue;
      for (const Sample* sample = first; sample != last; ++sample) ++count[sample->base];
    }
    for (const auto& [labels, number] : count) EXPECT_LE(number, bound);
    Page unbounded;
    const size_t all =
        unbounded.write({container.subject(unbounded.writer, "/a"), container.subject(unbounded.writer, "/b")})
            .sample_count();
    EXPECT_EQ(written.sample_count() + page.writer.dropped_over_budget(), all) << bound;
    EXPECT_EQ(page.writer.dropped_over_budget() > 0, bound < all / 2);
  }
}

TEST(Rows, BudgetOfAFamilyKeepsTheFirstOnes) {
  const WholeContainer container;
  Page page(KindSet::defaults(), {.per_family = 3});
  std::vector<Subject> subjects;
  for (const char* id : {"/a", "/b", "/c", "/d"}) subjects.push_back(container.subject(page.writer, id));
  const std::string text = page_text(page.write(subjects));
  EXPECT_THAT(text, HasSubstr("container_memory_rss{id=\"/c\"}"));
  EXPECT_THAT(text, Not(HasSubstr("container_memory_rss{id=\"/d\"}")));
  EXPECT_THAT(text, HasSubstr("container_cpu_usage_seconds_total{id=\"/a\",cpu=\"cpu01\"}"));
  EXPECT_THAT(text, Not(HasSubstr("container_cpu_usage_seconds_total{id=\"/b\""))) << "half of it is worse than none";
  EXPECT_THAT(text, Not(HasSubstr("container_memory_failures_total"))) << "four samples each";
  EXPECT_GT(page.writer.dropped_over_budget(), 0u);
}

}  // namespace
}  // namespace plimsoll::collectors::container
