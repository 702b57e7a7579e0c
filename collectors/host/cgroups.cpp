// SPDX-License-Identifier: Apache-2.0
#include "collectors/host/table.h"

namespace plimsoll::collectors::host {
namespace {

class CgroupsCollector : public Collector {
 public:
  explicit CgroupsCollector(const Setup&) {}
  std::string_view name() const override { return "cgroups"; }
  Result<void> collect(MetricWriter&) override { return not_present("not written yet"); }
};

}  // namespace

const Entry kCgroupsCollector = {"cgroups", "cgroup controllers of the kernel: proc cgroups", Default::kOff,
                                 make<CgroupsCollector>};

}  // namespace plimsoll::collectors::host
