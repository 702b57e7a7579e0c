// SPDX-License-Identifier: Apache-2.0
// What the agent serves, and where:
//
//   PREFIX/                  links to the others
//   PREFIX/metrics           everything; --web.telemetry-path gives it and the two halves another name
//   PREFIX/metrics/node      node half
//   PREFIX/metrics/cadvisor  container half
//   PREFIX/healthz, PREFIX/-/healthy, PREFIX/-/ready
//   PREFIX/-/reload          POST: reads the configuration again, if --web.enable-lifecycle allows it
//   /                        sends to PREFIX/, where there is a prefix
//
// Links and redirections begin with the path of --web.external-url, without it with the prefix. At most
// --web.max-requests of the pages of metrics are made and sent at once; more are answered 503.
// The three pages of metrics take ?collect[]=NAME, ?exclude[]=NAME and ?name[]=PATTERN: see selection.h.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "agent/live_settings.h"
#include "agent/scraper.h"
#include "agent/self_metrics.h"
#include "agent/settings/agent_options.h"
#include "exporter/http/server.h"

namespace plimsoll::agent {

// What the routes use; all of it must outlive them.
struct Served {
  Scraper& scraper;
  SelfMetrics& self;
  LiveSettings& live;
  std::function<Result<void>()> reload;
};

exporter::Routes make_routes(const AgentOptions& options, const Served& served);

// The same routes as they are called in our own metrics: without the prefix.
std::vector<std::string> route_names(const AgentOptions& options);
// A route of make_routes() by that name; "" stays "".
std::string route_name(const AgentOptions& options, const std::string& route);

}  // namespace plimsoll::agent
