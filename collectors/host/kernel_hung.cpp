// SPDX-License-Identifier: Apache-2.0
#include "collectors/host/table.h"

namespace plimsoll::collectors::host {
namespace {

class KernelHungCollector : public Collector {
 public:
  explicit KernelHungCollector(const Setup&) {}
  std::string_view name() const override { return "kernel_hung"; }
  Result<void> collect(MetricWriter&) override { return not_present("not written yet"); }
};

}  // namespace

const Entry kKernelHungCollector = {"kernel_hung", "Tasks found hanging: proc sys/kernel/hung_task_detect_count",
                                    Default::kOn, make<KernelHungCollector>};

}  // namespace plimsoll::collectors::host
