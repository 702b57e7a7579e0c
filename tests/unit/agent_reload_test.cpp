// SPDX-License-Identifier: Apache-2.0
// Reading the configuration again: all of it or nothing, and what it changes in a running agent.
#include "agent/reload.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "agent/live_parts.h"
#include "exporter/encoding/text.h"
#include "temp_tree.h"

namespace plimsoll::agent {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

class ReloaderTest : public testing::Test {
 protected:
  // Takes note of what it was told, and fails while `refusal` says so.
  void add_part(const std::string& name, const std::vector<std::string>& flags) {
    reloader.add(flags, [this, name](const AgentOptions&) -> Result<Reloader::Commit> {
      events.push_back(name + " prepares");
      if (refusal == name) return fail(name + " cannot");
      return Reloader::Commit([this, name] { events.push_back(name + " commits"); });
    });
  }

  Result<ParsedAgentOptions> parsed = ParsedAgentOptions{};
  std::vector<std::string> infos, warnings, events;
  std::vector<bool> told;
  std::string refusal;
  Reloader reloader{[this] { return parsed; },
                    {{"--log.level", {"info"}}, {"--web.listen-address", {":1", ":2"}}},
                    [this](const std::string& text) { infos.push_back(text); },
                    [this](const std::string& text) { warnings.push_back(text); }};
};

TEST_F(ReloaderTest, PreparesAllBeforeAnyCommits) {
  add_part("a", {});
  add_part("b", {});
  EXPECT_TRUE(reloader.reload());
  EXPECT_THAT(events, ElementsAre("a prepares", "b prepares", "a commits", "b commits"));
}

TEST_F(ReloaderTest, OneThatCannotKeepsAllAsItWas) {
  add_part("a", {});
  add_part("b", {});
  refusal = "b";
  reloader.on_reload([&](bool successful) { told.push_back(successful); });
  EXPECT_FALSE(reloader.reload());
  EXPECT_THAT(events, ElementsAre("a prepares", "b prepares"));
  EXPECT_THAT(warnings, ElementsAre("the configuration stays as it was: b cannot"));
  refusal = "";
  EXPECT_TRUE(reloader.reload());
  EXPECT_THAT(told, ElementsAre(false, true));
}

TEST_F(ReloaderTest, WhatCannotBeReadKeepsAllAsItWas) {
  add_part("a", {});
  parsed = fail("a.yaml: line 3: bad");
  const auto reloaded = reloader.reload();
  ASSERT_FALSE(reloaded);
  EXPECT_EQ(reloaded.error().message(), "a.yaml: line 3: bad");
  EXPECT_THAT(events, IsEmpty());
  EXPECT_THAT(infos, IsEmpty());
}

TEST_F(ReloaderTest, AsksThoseWhoseFlagsAreDifferent) {
  add_part("level", {"--log.level"});
  add_part("web", {"--web.", "--log.format"});
  add_part("file", {});
  const auto asked = [&](const GivenFlags& given) {
    events.clear();
    parsed->given = given;
    EXPECT_EQ(reloader.reload().has_value(), refusal.empty());
    std::erase_if(events, [](const std::string& event) { return event.ends_with("commits"); });
    return events;
  };
  const GivenFlags next = {{"--log.level", {"debug"}}, {"--web.listen-address", {":1", ":2"}}, {"--new", {"true"}}};
  EXPECT_THAT(asked(next), ElementsAre("level prepares", "file prepares"));
  EXPECT_THAT(asked(next), ElementsAre("file prepares"));
  const GivenFlags last = {{"--web.listen-address", {":2", ":1"}}};
  refusal = "file";
  EXPECT_THAT(asked(last), ElementsAre("level prepares", "web prepares", "file prepares"));
  refusal = "";
  EXPECT_THAT(asked(last), ElementsAre("level prepares", "web prepares", "file prepares")) << "none has taken it over";
  EXPECT_THAT(asked(last), ElementsAre("file prepares"));
}

TEST_F(ReloaderTest, SaysOnceWhatNeedsARestart) {
  add_part("a", {"--log.level", "--collector."});
  const auto warned = [&](const GivenFlags& given) {
    warnings.clear();
    parsed->given = given;
    EXPECT_TRUE(reloader.reload());
    return warnings;
  };
  GivenFlags next = {{"--web.listen-address", {":3"}}, {"--collector.cpu", {"false"}}, {"--path.procfs", {"/p"}}};
  EXPECT_THAT(warned(next),
              ElementsAre("a restart is needed for --path.procfs, --web.listen-address: what they say now "
                          "is not in effect"));
  EXPECT_THAT(warned(next), IsEmpty());
  next["--path.procfs"] = {"/q"};
  EXPECT_THAT(warned(next), ElementsAre(HasSubstr("for --path.procfs: "))) << "a new change";
  const GivenFlags running = {{"--web.listen-address", {":1", ":2"}}};
  EXPECT_THAT(warned(running), IsEmpty()) << "what runs is what is asked for again";
  EXPECT_THAT(warned(next), ElementsAre(HasSubstr("for --path.procfs, --web.listen-address: ")));
  EXPECT_THAT(warned({}), ElementsAre(HasSubstr("for --web.listen-address: "))) << "one that is gone is a change too";
}

TEST_F(ReloaderTest, OneAtATime) {
  std::atomic<int> running = 0, most = 0;
  reloader.add({}, [&](const AgentOptions&) -> Result<Reloader::Commit> {
    most = std::max(most.load(), ++running);
    std::this_thread::yield();
    --running;
    return Reloader::Commit{};
  });
  std::vector<std::thread> clients;
  for (int i = 0; i < 4; ++i)
    clients.emplace_back([&] {
      for (int k = 0; k < 50; ++k) EXPECT_TRUE(reloader.reload());
    });
  for (std::thread& client : clients) client.join();
  EXPECT_EQ(most, 1);
}

class FakeContainers : public collectors::container::Containers {
 public:
  std::string_view name() const override { return "container"; }
  Result<void> collect(MetricWriter& writer) override {
    writer.family("fake", "Fake.", MetricType::kGauge);
    writer.sample(writer.labels(LabelSet{{"device", "loop0"}}), 1);
    writer.sample(writer.labels(LabelSet{{"device", "sda"}}), 1);
    return {};
  }
  void set_labels(const collectors::container::LabelPolicy& labels) override { policy = labels; }

  collectors::container::LabelPolicy policy;
};

class FakeHost : public collectors::Collector {
 public:
  explicit FakeHost(std::string name) : name_(std::move(name)) {}
  std::string_view name() const override { return name_; }
  Result<void> collect(MetricWriter&) override { return {}; }

 private:
  std::string name_;
};

class FakeGuard : public exporter::Guard {
 public:
  SSL_CTX* tls_context() override { return nullptr; }
  std::optional<exporter::Response> refuse(const exporter::Request&) override { return std::nullopt; }
  std::vector<std::pair<std::string, std::string>> headers() const override { return {}; }
  Result<void> reload() override {
    ++reloads;
    if (broken) return fail("web.yaml: line 1: bad");
    return {};
  }

  int reloads = 0;
  bool broken = false;
};

constexpr const char* kNothing = "scrape.timeout-offset: 1s\n";

// A scraper and settings as the agent has them, and a file.
class LivePartsTest : public testing::Test {
 protected:
  LivePartsTest() {
    add_live_parts(reloader, {scraper, settings, *containers, [this](const AgentOptions& next) {
                                ++sets_made;
                                Collectors list;
                                for (const auto* entry : next.host.collectors)
                                  list.push_back(std::make_unique<FakeHost>(std::string(entry->name)));
                                return list;
                              }});
    add_notices(reloader, started.options.notices, info);
    add_guard(reloader, &guard);
  }

  Result<ParsedAgentOptions> parse() {
    static const collectors::host::Entry kCpu = {"cpu", "CPU", collectors::host::Default::kOn, nullptr};
    static const collectors::host::Entry kDisk = {"disk", "Disk", collectors::host::Default::kOff, nullptr};
    static const collectors::host::Entry* const kTable[] = {&kCpu, &kDisk};
    return parse_agent_options({"--config.file", tree.at("a.yaml")}, kTable);
  }
  Result<ParsedAgentOptions> first() {
    tree.write("a.yaml", kNothing);
    return parse();
  }
  Result<void> reload(const std::string& text) {
    tree.write("a.yaml", text);
    return reloader.reload();
  }
  static Collectors list(std::unique_ptr<collectors::Collector> only) {
    Collectors all;
    all.push_back(std::move(only));
    return all;
  }
  std::string page() { return exporter::to_text(*scraper.all()); }

  test::TempTree tree;
  int sets_made = 0;  // of host collectors
  std::vector<std::string> infos, warnings;
  FailureLog::Sink info = [this](const std::string& text) { infos.push_back(text); };
  FailureLog::Sink warn = [this](const std::string& text) { warnings.push_back(text); };
  ParsedAgentOptions started = *first();
  SelfMetrics self{HostRoots{}, {}, {}};
  std::unique_ptr<FakeContainers> made = std::make_unique<FakeContainers>();
  FakeContainers* containers = made.get();
  Scraper scraper{list(std::make_unique<FakeHost>("cpu")), list(std::move(made)), self, warn, info};
  LiveSettings settings{started.options};
  FakeGuard guard;
  Reloader reloader{[this] { return parse(); }, started.given, info, warn};
};

TEST_F(LivePartsTest, Filters) {
  EXPECT_TRUE(reload("metric.deny: plimsoll_.*\nseries.drop: '{device=~\"loop.*\"}'\n"));
  EXPECT_THAT(page(), testing::AllOf(HasSubstr("fake{device=\"sda\"} 1"), Not(HasSubstr("loop0")),
                                     Not(HasSubstr("plimsoll_"))));
  EXPECT_TRUE(reload(kNothing));
  EXPECT_THAT(page(), testing::AllOf(HasSubstr("loop0"), HasSubstr("plimsoll_build_info")));
  EXPECT_THAT(warnings, IsEmpty());
}

TEST_F(LivePartsTest, LabelsOfContainers) {
  EXPECT_TRUE(reload("label: {allow: [name, pod], deny: pod}\nstore_container_labels: true\n"));
  EXPECT_TRUE(containers->policy.store_labels);
  EXPECT_TRUE(containers->policy.allow("name"));
  EXPECT_FALSE(containers->policy.allow("image"));
  EXPECT_TRUE(containers->policy.deny("pod"));
  EXPECT_TRUE(reload(kNothing));
  EXPECT_FALSE(containers->policy.allow);
  EXPECT_FALSE(containers->policy.store_labels);
}

TEST_F(LivePartsTest, HostCollectors) {
  EXPECT_TRUE(reload("collector: {cpu: false, disk: true}\n"));
  EXPECT_THAT(page(), testing::AllOf(HasSubstr("collector=\"disk\"} 1"), Not(HasSubstr("success{collector=\"cpu\""))));
  EXPECT_TRUE(scraper.selectable().contains("disk"));
}

TEST_F(LivePartsTest, HostCollectorsAreMadeBeforeAnythingChanges) {
  guard.broken = true;
  EXPECT_FALSE(reload("collector: {cpu: false, disk: true}\n"));
  EXPECT_EQ(sets_made, 1);
  EXPECT_THAT(page(), testing::AllOf(HasSubstr("success{collector=\"cpu\"} 1"), Not(HasSubstr("\"disk\""))));
  EXPECT_FALSE(scraper.selectable().contains("disk"));
}

TEST_F(LivePartsTest, OnlyWhatIsDifferentIsTouched) {
  EXPECT_TRUE(reload("collector: {disk: true}\n"));
  settings.set(AgentOptions{});
  EXPECT_TRUE(reload("collector: {disk: true}\nmetric.deny: a\n"));
  EXPECT_EQ(sets_made, 1);
  EXPECT_EQ(settings.timeout_offset(), std::chrono::milliseconds(500)) << "as it was set behind its back";
}

TEST_F(LivePartsTest, WhatHasNoEffectNeedsNoRestart) {
  const std::string before = kNothing;
  const auto told = [&](const std::string& text) {
    infos.clear();
    EXPECT_TRUE(reload(before + text));
    EXPECT_EQ(infos.back(), "the configuration has been read again");
    infos.pop_back();
    return infos;
  };
  const auto housekeeping = HasSubstr("--housekeeping_interval has no effect: ");
  EXPECT_THAT(told("housekeeping_interval: 10s\n"), ElementsAre(housekeeping));
  EXPECT_THAT(told("housekeeping_interval: 20s\n"), IsEmpty());
  EXPECT_THAT(told("housekeeping_interval: 20s\nruntime.gomaxprocs: 1\n"),
              ElementsAre(HasSubstr("--runtime.gomaxprocs has no effect: ")));
  EXPECT_THAT(told("http_auth_file: \"\"\n"), ElementsAre(HasSubstr("--http_auth_file has no effect: ")));
  EXPECT_THAT(told("housekeeping_interval: 20s\n"), ElementsAre(housekeeping)) << "it had gone";
  EXPECT_THAT(warnings, IsEmpty());
}

TEST_F(LivePartsTest, WhatRequestsLookAt) {
  EXPECT_EQ(settings.timeout_offset(), std::chrono::seconds(1));
  EXPECT_FALSE(settings.lifecycle());
  EXPECT_TRUE(reload("scrape.timeout-offset: 3s\nweb: {max-requests: 1, enable-lifecycle: true}\n"));
  EXPECT_EQ(settings.timeout_offset(), std::chrono::seconds(3));
  EXPECT_TRUE(settings.lifecycle());
  const auto place = settings.admit();
  EXPECT_TRUE(place);
  EXPECT_FALSE(settings.admit());
}

TEST_F(LivePartsTest, ABadFileChangesNothing) {
  for (const char* text :
       {"metric.deny: plimsoll_.*\nseries.drop: '{'\n", "metric.deny: plimsoll_.*\nlog.level: loud\n",
        "metric.deny: plimsoll_.*\nno.such: 1\n", "metric.deny: plimsoll_.*\n}"}) {
    warnings.clear();
    EXPECT_FALSE(reload(text)) << text;
    EXPECT_THAT(warnings,
                ElementsAre(HasSubstr("the configuration stays as it was: " + tree.at("a.yaml") + ": line 2: ")))
        << text;
    EXPECT_THAT(page(), HasSubstr("plimsoll_build_info"));
  }
  EXPECT_EQ(guard.reloads, 0) << "it is asked when all else is in order";
}

TEST_F(LivePartsTest, TheWebConfigurationIsReadEachTime) {
  EXPECT_TRUE(reload(kNothing));
  EXPECT_TRUE(reload(kNothing));
  EXPECT_EQ(guard.reloads, 2);
  guard.broken = true;
  EXPECT_FALSE(reload("metric.deny: plimsoll_.*\n"));
  EXPECT_THAT(page(), HasSubstr("plimsoll_build_info")) << "nothing else has changed either";
  EXPECT_THAT(warnings, ElementsAre("the configuration stays as it was: web.yaml: line 1: bad"));
  add_guard(reloader, nullptr);
  guard.broken = false;
  EXPECT_TRUE(reload(kNothing));
}

TEST_F(LivePartsTest, ARemovedFileChangesNothing) {
  EXPECT_TRUE(reload("metric.deny: plimsoll_build_info\n"));
  ASSERT_EQ(::unlink(tree.at("a.yaml").c_str()), 0);
  EXPECT_FALSE(reloader.reload());
  EXPECT_THAT(page(), Not(HasSubstr("plimsoll_build_info")));
}

}  // namespace
}  // namespace plimsoll::agent
