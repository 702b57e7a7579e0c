// SPDX-License-Identifier: Apache-2.0
#include "agent/live_parts.h"

#include <algorithm>
#include <memory>

#include "base/log.h"

namespace plimsoll::agent {
namespace {

using Commit = Reloader::Commit;

void add_rules(Reloader& reloader, const LiveParts& parts) {
  reloader.add({"--metric.", "--series."}, [&scraper = parts.scraper](const AgentOptions& next) -> Result<Commit> {
    auto parsed = Rules::parse(next.rules);
    if (!parsed) return unexpected(parsed.error());
    return Commit([&scraper, rules = std::shared_ptr<const Rules>(std::move(*parsed))] { scraper.set_rules(rules); });
  });
}

void add_labels(Reloader& reloader, const LiveParts& parts) {
  reloader.add({"--label.", "--store_container_labels", "--whitelisted_container_labels"},
               [parts](const AgentOptions& next) -> Result<Commit> {
                 return Commit([parts, labels = next.containers.labels] {
                   parts.scraper.change_container([&] { parts.containers.set_labels(labels); });
                 });
               });
}

// The new collectors are there before the old ones go: collectors open what they read when they are first asked, so
// that two of a kind do not meet.
void add_host(Reloader& reloader, const LiveParts& parts) {
  reloader.add({"--collector."}, [parts](const AgentOptions& next) -> Result<Commit> {
    if (!parts.performance_counters && runs_perf(next.host))
      return fail("--collector.perf needs a restart: what it takes was given up at the start");
    const auto made = std::make_shared<Collectors>(parts.make_host_collectors(next));
    return Commit([&scraper = parts.scraper, made] { scraper.replace_node(std::move(*made)); });
  });
}

void add_log(Reloader& reloader) {
  reloader.add({"--log.level"}, [](const AgentOptions& next) -> Result<Commit> {
    return Commit([level = next.log_level] { set_log_level(level); });
  });
}

void add_settings(Reloader& reloader, LiveSettings& settings) {
  reloader.add({"--scrape.timeout-offset", "--web.max-requests", "--web.enable-lifecycle"},
               [&settings](const AgentOptions& next) -> Result<Commit> {
                 return Commit([&settings, next] { settings.set(next); });
               });
}

}  // namespace

void add_live_parts(Reloader& reloader, const LiveParts& parts) {
  add_rules(reloader, parts);
  add_labels(reloader, parts);
  add_host(reloader, parts);
  add_log(reloader);
  add_settings(reloader, parts.settings);
}

void add_notices(Reloader& reloader, const std::vector<std::string>& said, FailureLog::Sink inform) {
  reloader.ignore(flags_without_effect());
  const auto known = std::make_shared<std::vector<std::string>>(said);
  reloader.add({}, [known, inform = std::move(inform)](const AgentOptions& next) -> Result<Commit> {
    return Commit([known, inform, notices = next.notices] {
      for (const std::string& notice : notices) {
        if (std::find(known->begin(), known->end(), notice) == known->end()) inform(notice);
      }
      *known = notices;
    });
  });
}

void add_remote_writer(Reloader& reloader, RemoteWriter& writer) {
  reloader.add({}, [&writer](const AgentOptions& options) -> Result<Commit> {
    auto next = writer.prepare(options.remote_write);
    if (!next) return unexpected(next.error());
    return Commit([&writer, next = std::move(*next)] { writer.commit(*next); });
  });
}

void add_guard(Reloader& reloader, exporter::Guard* guard) {
  if (guard == nullptr) return;
  reloader.add({}, [guard](const AgentOptions&) -> Result<Commit> {
    if (auto reloaded = guard->reload(); !reloaded) return unexpected(reloaded.error());
    return Commit{};
  });
}

}  // namespace plimsoll::agent
