// SPDX-License-Identifier: Apache-2.0
#include "collectors/host/table.h"

namespace plimsoll::collectors::host {
namespace {

class TimexCollector : public Collector {
 public:
  explicit TimexCollector(const Setup&) {}
  std::string_view name() const override { return "timex"; }
  Result<void> collect(MetricWriter&) override { return not_present("not written yet"); }
};

}  // namespace

const Entry kTimexCollector = {"timex", "How well the clock is kept: adjtimex(2)", Default::kOn, make<TimexCollector>};

}  // namespace plimsoll::collectors::host
