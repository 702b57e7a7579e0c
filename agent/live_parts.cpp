// SPDX-License-Identifier: Apache-2.0
#include "agent/live_parts.h"

#include "base/log.h"

namespace plimsoll::agent {
namespace {

using Commit = Reloader::Commit;

void add_rules(Reloader& reloader, const LiveParts& parts) {
  reloader.add({"--metric.", "--series."}, [&scraper = parts.scraper](const Change& change) -> Result<Commit> {
    if (!change.concerns("--metric.") && !change.concerns("--series.")) return Commit{};
    auto parsed = Rules::parse(change.next.rules);
    if (!parsed) return unexpected(parsed.error());
    return Commit([&scraper, rules = std::shared_ptr<const Rules>(std::move(*parsed))] { scraper.set_rules(rules); });
  });
}

void add_labels(Reloader& reloader, const LiveParts& parts) {
  const std::vector<std::string> flags = {"--label.", "--store_container_labels", "--whitelisted_container_labels"};
  reloader.add(flags, [flags, parts](const Change& change) -> Result<Commit> {
    bool changed = false;
    for (const std::string& flag : flags) changed = changed || change.concerns(flag);
    if (!changed) return Commit{};
    return Commit([parts, labels = change.next.containers.labels] {
      parts.scraper.change_container([&] { parts.containers.set_labels(labels); });
    });
  });
}

void add_host(Reloader& reloader, const LiveParts& parts) {
  reloader.add({"--collector."}, [parts](const Change& change) -> Result<Commit> {
    if (!change.concerns("--collector.")) return Commit{};
    if (!parts.performance_counters && runs_perf(change.next.host))
      return fail("--collector.perf needs a restart: what it takes was given up at the start");
    return Commit([parts, next = change.next] { parts.scraper.replace_node(parts.make_host_collectors(next)); });
  });
}

void add_log(Reloader& reloader) {
  reloader.add({"--log.level"}, [](const Change& change) -> Result<Commit> {
    return Commit([level = change.next.log_level] { set_log_level(level); });
  });
}

void add_settings(Reloader& reloader, LiveSettings& settings) {
  reloader.add({"--scrape.timeout-offset", "--web.max-requests", "--web.enable-lifecycle"},
               [&settings](const Change& change) -> Result<Commit> {
                 return Commit([&settings, next = change.next] { settings.set(next); });
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

void add_remote_writer(Reloader& reloader, RemoteWriter& writer) {
  reloader.add({}, [&writer](const Change& change) -> Result<Commit> {
    auto next = writer.prepare(change.next.remote_write);
    if (!next) return unexpected(next.error());
    return Commit([&writer, next = std::move(*next)] { writer.commit(*next); });
  });
}

void add_guard(Reloader& reloader, exporter::Guard* guard) {
  if (guard == nullptr) return;
  reloader.add({}, [guard](const Change&) -> Result<Commit> {
    if (auto reloaded = guard->reload(); !reloaded) return unexpected(reloaded.error());
    return Commit{};
  });
}

}  // namespace plimsoll::agent
