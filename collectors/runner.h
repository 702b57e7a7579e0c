// SPDX-License-Identifier: Apache-2.0
// Runs collectors one after another and says how each went:
//   node_scrape_collector_duration_seconds{collector="cpu"} 0.0002
//   node_scrape_collector_success{collector="cpu"} 1
// One failing collector costs its own samples, never the scrape. One that the writer does not want is not run.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string_view>

#include "base/metric.h"
#include "collectors/collector.h"

namespace plimsoll::collectors {

// Called for each failure that is not "this machine does not have it" (see not_present()).
using FailureHandler = std::function<void(std::string_view collector, const Error& error)>;

void run_collectors(std::span<const std::unique_ptr<Collector>> collectors, MetricWriter& writer,
                    const FailureHandler& on_failure);

}  // namespace plimsoll::collectors
