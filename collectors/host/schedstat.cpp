// SPDX-License-Identifier: Apache-2.0
#include "collectors/host/table.h"

namespace plimsoll::collectors::host {
namespace {

class SchedstatCollector : public Collector {
 public:
  explicit SchedstatCollector(const Setup&) {}
  std::string_view name() const override { return "schedstat"; }
  Result<void> collect(MetricWriter&) override { return not_present("not written yet"); }
};

}  // namespace

const Entry kSchedstatCollector = {"schedstat", "Time tasks ran and waited, by CPU: proc schedstat", Default::kOn,
                                   make<SchedstatCollector>};

}  // namespace plimsoll::collectors::host
