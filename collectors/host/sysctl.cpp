// SPDX-License-Identifier: Apache-2.0
#include "collectors/host/table.h"

namespace plimsoll::collectors::host {
namespace {

class SysctlCollector : public Collector {
 public:
  explicit SysctlCollector(const Setup&) {}
  std::string_view name() const override { return "sysctl"; }
  Result<void> collect(MetricWriter&) override { return not_present("not written yet"); }
};

}  // namespace

const Entry kSysctlCollector = {"sysctl", "Kernel parameters that are asked for: proc sys", Default::kOff,
                                make<SysctlCollector>};

}  // namespace plimsoll::collectors::host
