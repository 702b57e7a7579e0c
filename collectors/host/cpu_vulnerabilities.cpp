// SPDX-License-Identifier: Apache-2.0
#include "collectors/host/table.h"

namespace plimsoll::collectors::host {
namespace {

class CpuVulnerabilitiesCollector : public Collector {
 public:
  explicit CpuVulnerabilitiesCollector(const Setup&) {}
  std::string_view name() const override { return "cpu_vulnerabilities"; }
  Result<void> collect(MetricWriter&) override { return not_present("not written yet"); }
};

}  // namespace

const Entry kCpuVulnerabilitiesCollector = {"cpu_vulnerabilities",
                                            "CPU vulnerabilities and their mitigations: sys devices/system/cpu",
                                            Default::kOff, make<CpuVulnerabilitiesCollector>};

}  // namespace plimsoll::collectors::host
