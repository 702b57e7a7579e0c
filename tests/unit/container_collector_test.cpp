// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "tests/unit/container_machine.h"

namespace plimsoll::test {
namespace {

using testing::HasSubstr;
using testing::Not;

const std::string kLabels = "{id=\"" + kPath + "\",image=\"rootfs:busybox\",name=\"web\"";

class EveryTree : public testing::TestWithParam<Machine::Cgroups> {};
INSTANTIATE_TEST_SUITE_P(ContainerCollector, EveryTree,
                         testing::Values(Machine::Cgroups::kV1, Machine::Cgroups::kHybrid, Machine::Cgroups::kV2));

TEST_P(EveryTree, NoSeriesTwiceAndEachFamilyOnce) {
  Machine machine(GetParam());
  machine.container(5);
  const auto collector = make_container_collector(machine.options());
  ASSERT_TRUE(collector);
  MetricWriter writer;
  ASSERT_TRUE((*collector)->collect(writer));
  const MetricPage page = writer.finish();
  std::set<std::string> series, families;
  for (const auto& family : page.families()) EXPECT_TRUE(families.insert(std::string(family.desc.name)).second);
  const std::string text = page_text(page);
  for (std::string_view rest = text; !rest.empty();) {
    const std::string_view line = rest.substr(0, rest.find('\n') + 1);
    rest.remove_prefix(line.size());
    EXPECT_TRUE(series.insert(std::string(line.substr(0, line.rfind(' ')))).second) << line;
  }
  EXPECT_GT(series.size(), 100u);
}

TEST_P(EveryTree, OnlyTheKindsThatAreWanted) {
  Machine machine(GetParam());
  machine.container(5);
  const auto collector = make_container_collector(machine.options());
  ASSERT_TRUE(collector);
  const auto scrape = [&](MetricWriter::Wanted wanted) {
    MetricWriter writer(INT64_MAX, std::move(wanted));
    EXPECT_TRUE((*collector)->collect(writer));
    return page_text(writer.finish());
  };
  const std::string whole = scrape({});
  const std::string memory = scrape([](std::string_view name) { return name == "container.memory"; });
  EXPECT_THAT(memory, HasSubstr("container_memory_usage_bytes" + kLabels));
  EXPECT_THAT(memory, HasSubstr("container_last_seen" + kLabels)) << "that it is there is of every kind";
  EXPECT_THAT(memory, Not(HasSubstr("container_cpu_")));
  EXPECT_THAT(memory, Not(HasSubstr("container_network_")));
  EXPECT_THAT(scrape([](std::string_view name) { return name != "container.memory"; }),
              testing::AllOf(HasSubstr("container_cpu_"), Not(HasSubstr("container_memory_usage_bytes"))));
  const std::string again = scrape({});
  EXPECT_EQ(std::count(again.begin(), again.end(), '\n'), std::count(whole.begin(), whole.end(), '\n'))
      << "nothing is lost for later";
}

TEST_P(EveryTree, NewAndVanishedGroupsAreSeenInTheNextScrape) {
  Machine machine(GetParam());
  Scraper scraper(machine.options());
  EXPECT_THAT(scraper.scrape(), Not(HasSubstr("/late")));
  machine.group("/late", 4);
  machine.group("/late/child", 6);
  const std::string with = scraper.scrape();
  EXPECT_THAT(with, HasSubstr("container_memory_usage_bytes{id=\"/late\"} "));
  EXPECT_THAT(with, HasSubstr("container_memory_usage_bytes{id=\"/late/child\"} "));
  machine.remove_group("/late");
  EXPECT_THAT(scraper.scrape(), Not(HasSubstr("/late")));
}

TEST_P(EveryTree, APathThatIsMadeAgainIsReadAnew) {
  Machine machine(GetParam());
  machine.group("/again", 4);
  Scraper scraper(machine.options());
  const std::string before = lines_with(scraper.scrape(), "container_memory_rss{id=\"/again\"}");
  machine.tree.make_dir("cgroup/memory/keeps-the-inode-number");
  machine.remove_group("/again");
  machine.group("/again", 8);
  const std::string after = lines_with(scraper.scrape(), "container_memory_rss{id=\"/again\"}");
  EXPECT_FALSE(after.empty());
  EXPECT_NE(before, after);
}

TEST_P(EveryTree, MountUnitsAreLeftOut) {
  Machine machine(GetParam());
  EXPECT_THAT(Scraper(machine.options()).scrape(), Not(HasSubstr(".mount")));
}

TEST_P(EveryTree, PlainGroupsHaveNoNameAndNoImage) {
  Machine machine(GetParam());
  machine.container(5);
  const std::string rss = Scraper(machine.options()).scrape("container_memory_rss");
  EXPECT_THAT(rss, HasSubstr("container_memory_rss{id=\"/plimsoll\"} "));
  EXPECT_THAT(rss, HasSubstr("container_memory_rss" + kLabels + "} "));
}

TEST_P(EveryTree, ContainerIsNamedOnceItsConfigurationIsThere) {
  Machine machine(GetParam());
  machine.group(kPath, 5);
  Scraper scraper(machine.options());
  EXPECT_THAT(scraper.scrape("container_memory_rss"), HasSubstr("{id=\"" + kPath + "\"}"));
  machine.container(5);
  const std::string text = scraper.scrape("container_");
  EXPECT_THAT(text, HasSubstr("container_memory_rss" + kLabels + "} "));
  EXPECT_THAT(text, HasSubstr("container_start_time_seconds" + kLabels + "} 1700000001.5\n"));
  EXPECT_THAT(text, Not(HasSubstr("{id=\"" + kPath + "\"}")));
}

TEST_P(EveryTree, CountersOfAContainerCountSinceItsStart) {
  Machine machine(GetParam());
  machine.container(5);
  const auto starts = starts_of(Scraper(machine.options()).page(), "container_cpu_user_seconds_total");
  const std::string web = kLabels.substr(1);
  ASSERT_TRUE(starts.contains(web));
  EXPECT_EQ(starts.at(web), 1'700'000'001'500'000'000);
  ASSERT_TRUE(starts.contains("id=\"/plimsoll\""));
  EXPECT_EQ(starts.at("id=\"/plimsoll\""), 0) << "nobody says when this group began to count";
}

TEST_P(EveryTree, HostNetworkIsNotRepeated) {
  Machine machine(GetParam());
  machine.container(5, plimsoll::container::Network::kHost);
  const std::string text = Scraper(machine.options()).scrape("container_network_");
  EXPECT_THAT(text, Not(HasSubstr("name=\"web\"")));
  EXPECT_THAT(text, HasSubstr("container_network_receive_bytes_total{id=\"/\",interface=\"eth0\"} 101\n"));
  EXPECT_THAT(text, HasSubstr("interface=\"plip0\"")) << "only our own links begin with pl and end in 12 digits";
  for (const char* hidden : {"veth1", "docker0", "plaaaaaaaaaaaa", "\"lo\""}) EXPECT_THAT(text, Not(HasSubstr(hidden)));
}

TEST_P(EveryTree, OwnNamespaceIsShownWithoutLo) {
  Machine machine(GetParam());
  machine.container(5);
  const std::string text = lines_with(Scraper(machine.options()).scrape("container_network_"), "name=\"web\"");
  EXPECT_THAT(text, HasSubstr("container_network_transmit_bytes_total" + kLabels + ",interface=\"eth0\"} 109\n"));
  EXPECT_THAT(text, Not(HasSubstr("\"lo\"")));
}

TEST_P(EveryTree, NamespaceSharedWithTheHostIsNotRepeated) {
  Machine machine(GetParam());
  machine.container(5);
  ASSERT_EQ(::unlink(machine.tree.at("proc/1005/net/dev").c_str()), 0);
  ASSERT_EQ(::link(machine.tree.at("proc/1/net/dev").c_str(), machine.tree.at("proc/1005/net/dev").c_str()), 0);
  EXPECT_THAT(Scraper(machine.options()).scrape("container_network_"), Not(HasSubstr("name=\"web\"")));
}

TEST_P(EveryTree, HostileNamesStayInsideTheirLabel) {
  Machine machine(GetParam());
  machine.group("/evil\"} 1\nfake_total{x=\"\\\xff", 4);
  const std::string text = Scraper(machine.options()).scrape("container_memory_rss");
  EXPECT_THAT(text, HasSubstr("{id=\"/evil\\\"} 1\\nfake_total{x=\\\"\\\\\xEF\xBF\xBD"
                              "ff\"} "));
  EXPECT_EQ(lines_with(text, "fake_total"), lines_with(text, "container_memory_rss{id=\"/evil"));
}

TEST_P(EveryTree, GarbageInTheStateDirectoryIsNoContainer) {
  Machine machine(GetParam());
  machine.group(kPath, 5);
  for (const char* text : {"", "{", "[]", "{\"format\":999}", "\xff\xfe"}) {
    machine.tree.write("root/containers/" + kId + "/config.json", text);
    EXPECT_THAT(Scraper(machine.options()).scrape("container_memory_rss"), HasSubstr("{id=\"" + kPath + "\"}")) << text;
  }
}

TEST_P(EveryTree, TheMachineHasTheDisksCountersWithoutPartitions) {
  Machine machine(GetParam());
  const std::string text = lines_with(Scraper(machine.options()).scrape("container_fs_"), "id=\"/\"");
  EXPECT_THAT(text, HasSubstr("container_fs_reads_bytes_total{id=\"/\",device=\"/dev/vda\"} 102400\n"));
  EXPECT_THAT(text, HasSubstr("container_fs_writes_total{id=\"/\",device=\"/dev/vda\"} 300\n"));
  EXPECT_THAT(text, Not(HasSubstr("vda1")));
  EXPECT_THAT(text, Not(HasSubstr("loop0")));
}

TEST(ContainerCollector, CpusOnlineAreShownFromTheStart) {
  Machine machine(Machine::Cgroups::kV1);
  machine.tree.write("cgroup/cpuacct/system.slice/cpuacct.usage_percpu", "5000000000 0 0 0 \n");
  const std::string text =
      lines_with(Scraper(machine.options()).scrape("container_cpu_usage_seconds_total"), "/system.slice");
  EXPECT_EQ(text,
            "container_cpu_usage_seconds_total{id=\"/system.slice\",cpu=\"cpu00\"} 5\n"
            "container_cpu_usage_seconds_total{id=\"/system.slice\",cpu=\"cpu01\"} 0\n"
            "container_cpu_usage_seconds_total{id=\"/system.slice\",cpu=\"cpu02\"} 0\n");
}

TEST(ContainerCollector, WithoutPercpuThereIsOnlyTheTotal) {
  Machine machine(Machine::Cgroups::kV1);
  auto options = machine.options();
  options.kinds.set(collectors::container::Kind::kPercpu, false);
  const std::string text = Scraper(options).scrape("container_cpu_usage_seconds_total");
  EXPECT_THAT(text, HasSubstr("{id=\"/system.slice\",cpu=\"total\"} 6\n"));
  EXPECT_THAT(text, Not(HasSubstr("cpu0")));
}

TEST(ContainerCollector, QuotaFamiliesNeedAQuota) {
  Machine machine(Machine::Cgroups::kV2);
  Scraper scraper(machine.options());
  const std::string without = scraper.scrape("container_");
  EXPECT_THAT(without, Not(HasSubstr("container_cpu_cfs_")));
  EXPECT_THAT(without, Not(HasSubstr("container_spec_cpu_quota")));
  machine.tree.write("cgroup/system.slice/cpu.max", "20000 100000\n");
  const std::string with = scraper.scrape("container_");
  EXPECT_THAT(with, HasSubstr("container_cpu_cfs_throttled_seconds_total{id=\"/system.slice\"} 0\n"));
  EXPECT_THAT(with, HasSubstr("container_spec_cpu_quota{id=\"/system.slice\"} 20000\n"));
}

TEST(ContainerCollector, DeviceFallsBackToItsNumberUntilItHasAName) {
  Machine machine(Machine::Cgroups::kV2);
  machine.tree.write("cgroup/system.slice/io.stat", "8:16 rbytes=1 wbytes=2 rios=3 wios=4\n");
  Scraper scraper(machine.options());
  EXPECT_THAT(scraper.scrape("container_fs_reads_total"), HasSubstr("device=\"8:16\"} 3\n"));
  machine.tree.write("proc/diskstats", "   8      16 sdb 1 0 2 0 3 0 4 0 0 0 0\n");
  EXPECT_THAT(scraper.scrape("container_"),
              HasSubstr("{id=\"/system.slice\",device=\"/dev/sdb\",major=\"8\",minor=\"16\",operation=\"Read\"} 1\n"));
}

TEST_P(EveryTree, LabelsCanBeChosenAnew) {
  Machine machine(GetParam());
  machine.container(5);
  const auto collector = make_container_collector(machine.options());
  ASSERT_TRUE(collector);
  const auto scrape = [&] {
    MetricWriter writer;
    EXPECT_TRUE((*collector)->collect(writer));
    return page_text(writer.finish(), "container_cpu_usage_seconds_total");
  };
  const std::string before = scrape();
  EXPECT_THAT(before, HasSubstr(kLabels));
  (*collector)->set_labels({.deny = [](std::string_view name) { return name == "image"; }});
  EXPECT_THAT(scrape(), testing::AllOf(Not(HasSubstr("image=")), HasSubstr("{id=\"" + kPath + "\",name=\"web\"")));
  machine.put(machine.record(machine.inode(kPath)));  // an ended one is labelled by the same rules
  machine.remove_group(kPath);
  EXPECT_THAT(scrape(), testing::AllOf(Not(HasSubstr("image=")), HasSubstr("{id=\"" + kPath + "\",name=\"web\"")));
  (*collector)->set_labels({});
  EXPECT_THAT(scrape(), HasSubstr(kLabels));
}

class SomeRules : public PageRules {
 public:
  FamilyRule rule(std::string_view family, std::string_view) const override {
    return {family.starts_with("container_memory_"), 0};
  }
  std::span<const uint64_t> selectors() const override { return {}; }
  uint64_t holding_for_nothing() const override { return 0; }
  LabelMatch match(std::string_view) const override { return {}; }
};

TEST_P(EveryTree, FamiliesThatARuleLeavesOutUseUpNoBudget) {
  Machine machine(GetParam());
  machine.container(5);
  collectors::container::Options options = machine.options();
  options.budget.per_container = 40;
  const auto collector = make_container_collector(std::move(options));
  ASSERT_TRUE(collector);
  const SomeRules rules;
  MetricWriter writer(INT64_MAX, {}, &rules), whole;
  EXPECT_TRUE((*collector)->collect(writer));
  EXPECT_EQ(writer.dropped_over_budget(), 0u);
  const std::string text = page_text(writer.finish());
  EXPECT_THAT(text, HasSubstr("container_memory_usage_bytes" + kLabels));
  EXPECT_THAT(text, testing::AllOf(Not(HasSubstr("container_cpu_")), Not(HasSubstr("machine_"))));
  EXPECT_TRUE((*collector)->collect(whole));
  EXPECT_GT(whole.dropped_over_budget(), 0u) << "where all are written it does not suffice";
}

TEST_P(EveryTree, APageThatIsNotWholeForWantOfTimeSaysSo) {
  Machine machine(GetParam());
  machine.container(5);
  machine.tree.write("proc/1005/net/sockstat", "sockets: used 3\n");
  collectors::container::Options options = machine.options();
  options.kinds.set(collectors::container::Kind::kSockets, true);
  const auto collector = make_container_collector(std::move(options));
  ASSERT_TRUE(collector);
  MetricWriter in_time(monotonic_ns() + 60'000'000'000), late(monotonic_ns());
  EXPECT_TRUE((*collector)->collect(in_time));
  EXPECT_THAT(page_text(in_time.finish()), HasSubstr("container_scrape_error 0\n"));
  const auto result = (*collector)->collect(late);
  ASSERT_FALSE(result);
  EXPECT_THAT(result.error().message(), HasSubstr("time was up"));
  const std::string text = page_text(late.finish());
  EXPECT_THAT(text, HasSubstr("container_scrape_error 1\n"));
  EXPECT_THAT(text, HasSubstr("container_cpu_usage_seconds_total" + kLabels)) << "the rest is there";
}

TEST(ContainerCollector, WithoutSlowPartsTheDeadlineTakesNothing) {
  Machine machine(Machine::Cgroups::kV2);
  const auto collector = make_container_collector(machine.options());
  ASSERT_TRUE(collector);
  MetricWriter late(monotonic_ns());
  EXPECT_TRUE((*collector)->collect(late));
  EXPECT_THAT(page_text(late.finish()), HasSubstr("container_scrape_error 0\n"));
}

TEST(ContainerCollector, TellsWhatItKeepsOpenAndWhatItsTimeWentInto) {
  Machine machine(Machine::Cgroups::kV2);
  Scraper scraper(machine.options());
  const std::string text = scraper.scrape("plimsoll_");
  for (const char* part : {"find", "read", "details", "ended", "write"})
    EXPECT_THAT(text, HasSubstr("plimsoll_container_collect_duration_seconds{part=\"" + std::string(part) + "\"} "));
  const auto value = [&](const std::string& name) {
    const size_t at = text.find("\n" + name + " ");
    return at == std::string::npos ? 0 : std::stoul(text.substr(at + name.size() + 2));
  };
  EXPECT_GT(value("plimsoll_kept_descriptors"), 0u);
  EXPECT_GE(value("plimsoll_kept_descriptors_max"), value("plimsoll_kept_descriptors"));
}

TEST(ContainerCollector, ABrokenGroupCostsOnlyItsOwnSamples) {
  Machine machine(Machine::Cgroups::kV2);
  machine.tree.write("cgroup/system.slice/memory.stat", "\xff\xff\n");
  machine.tree.write("cgroup/system.slice/memory.current", "");
  Scraper scraper(machine.options());
  const std::string text = scraper.scrape();
  EXPECT_TRUE(scraper.last());
  EXPECT_THAT(text, HasSubstr("container_scrape_error 0\n"));
  EXPECT_THAT(text, Not(HasSubstr("container_memory_rss{id=\"/system.slice\"}")));
  EXPECT_THAT(text, HasSubstr("container_cpu_usage_seconds_total{id=\"/system.slice\",cpu=\"total\"} 6\n"));
}

TEST(ContainerCollector, NoCgroupsAtAllIsAnErrorThatNamesTheDirectory) {
  const TempTree tree;
  const auto made = collectors::container::make_container_collector(
      {.roots = {tree.at("proc"), tree.at("sys"), tree.at("nowhere"), "/"},
       .engines = {.paths = {.own = {tree.at("r"), tree.at("rr")}}},
       .events = false});
  ASSERT_FALSE(made);
  EXPECT_THAT(made.error().message(), HasSubstr(tree.at("nowhere")));
}

}  // namespace
}  // namespace plimsoll::test
