// SPDX-License-Identifier: Apache-2.0
// Which settings of the running agent a reload changes, and how each part takes them.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "agent/failure_log.h"
#include "agent/live_settings.h"
#include "agent/reload.h"
#include "agent/remote_writer.h"
#include "agent/scraper.h"
#include "collectors/container/collector.h"
#include "exporter/http/guard.h"

namespace plimsoll::agent {

// What is changed; all of it must outlive the reloader.
struct LiveParts {
  Scraper& scraper;
  LiveSettings& settings;
  collectors::container::Containers& containers;  // belongs to `scraper`
  std::function<Collectors(const AgentOptions& next)> make_host_collectors;
  bool performance_counters;  // may be opened: see confine.h
};

// Filters and rules of labels, the log's level, what requests look at, and the host collectors, which are made anew
// when one of their flags is different.
void add_live_parts(Reloader& reloader, const LiveParts& parts);

// Flags that have no effect: what there is to say about them is logged when it is new. `said`: what the log has of the
// start.
void add_notices(Reloader& reloader, const std::vector<std::string>& said, FailureLog::Sink inform);

// The receivers of remote write: those that are new are opened while it is prepared, nothing ends before the commit.
void add_remote_writer(Reloader& reloader, RemoteWriter& writer);

// The web configuration file, read again at every reload; nullptr: there is none. It takes effect while it is
// prepared, so it is added after all others.
void add_guard(Reloader& reloader, exporter::Guard* guard);

}  // namespace plimsoll::agent
