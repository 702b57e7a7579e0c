// SPDX-License-Identifier: Apache-2.0
#include "collectors/host/table.h"

namespace plimsoll::collectors::host {
namespace {

class TapestatsCollector : public Collector {
 public:
  explicit TapestatsCollector(const Setup&) {}
  std::string_view name() const override { return "tapestats"; }
  Result<void> collect(MetricWriter&) override { return not_present("not written yet"); }
};

}  // namespace

const Entry kTapestatsCollector = {"tapestats", "Tape drives: sys class/scsi_tape", Default::kOn,
                                   make<TapestatsCollector>};

}  // namespace plimsoll::collectors::host
