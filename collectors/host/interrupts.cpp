// SPDX-License-Identifier: Apache-2.0
#include "collectors/host/table.h"

namespace plimsoll::collectors::host {
namespace {

class InterruptsCollector : public Collector {
 public:
  explicit InterruptsCollector(const Setup&) {}
  std::string_view name() const override { return "interrupts"; }
  Result<void> collect(MetricWriter&) override { return not_present("not written yet"); }
};

}  // namespace

const Entry kInterruptsCollector = {"interrupts", "Interrupts by CPU and device: proc interrupts", Default::kOn,
                                    make<InterruptsCollector>};

}  // namespace plimsoll::collectors::host
