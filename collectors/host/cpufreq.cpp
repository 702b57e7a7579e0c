// SPDX-License-Identifier: Apache-2.0
#include "collectors/host/table.h"

namespace plimsoll::collectors::host {
namespace {

class CpufreqCollector : public Collector {
 public:
  explicit CpufreqCollector(const Setup&) {}
  std::string_view name() const override { return "cpufreq"; }
  Result<void> collect(MetricWriter&) override { return not_present("not written yet"); }
};

}  // namespace

const Entry kCpufreqCollector = {"cpufreq", "CPU frequencies and governors: sys devices/system/cpu", Default::kOn,
                                 make<CpufreqCollector>};

}  // namespace plimsoll::collectors::host
