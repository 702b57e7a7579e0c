// SPDX-License-Identifier: Apache-2.0
#include "collectors/host/table.h"

namespace plimsoll::collectors::host {
namespace {

class PerfCollector : public Collector {
 public:
  explicit PerfCollector(const Setup&) {}
  std::string_view name() const override { return "perf"; }
  Result<void> collect(MetricWriter&) override { return not_present("not written yet"); }
};

}  // namespace

const Entry kPerfCollector = {"perf", "Hardware and software event counters: perf_event_open(2)", Default::kOff,
                              make<PerfCollector>};

}  // namespace plimsoll::collectors::host
