// SPDX-License-Identifier: Apache-2.0
#include "collectors/host/table.h"

namespace plimsoll::collectors::host {
namespace {

class SoftirqsCollector : public Collector {
 public:
  explicit SoftirqsCollector(const Setup&) {}
  std::string_view name() const override { return "softirqs"; }
  Result<void> collect(MetricWriter&) override { return not_present("not written yet"); }
};

}  // namespace

const Entry kSoftirqsCollector = {"softirqs", "Soft interrupts by CPU: proc softirqs", Default::kOff,
                                  make<SoftirqsCollector>};

}  // namespace plimsoll::collectors::host
