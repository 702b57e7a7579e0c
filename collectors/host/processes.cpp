// SPDX-License-Identifier: Apache-2.0
#include "collectors/host/table.h"

namespace plimsoll::collectors::host {
namespace {

class ProcessesCollector : public Collector {
 public:
  explicit ProcessesCollector(const Setup&) {}
  std::string_view name() const override { return "processes"; }
  Result<void> collect(MetricWriter&) override { return not_present("not written yet"); }
};

}  // namespace

const Entry kProcessesCollector = {"processes", "Processes and threads by state: proc PID", Default::kOn,
                                   make<ProcessesCollector>};

}  // namespace plimsoll::collectors::host
