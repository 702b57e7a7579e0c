// SPDX-License-Identifier: Apache-2.0
#include "collectors/host/table.h"

namespace plimsoll::collectors::host {
namespace {

class MeminfoNumaCollector : public Collector {
 public:
  explicit MeminfoNumaCollector(const Setup&) {}
  std::string_view name() const override { return "meminfo_numa"; }
  Result<void> collect(MetricWriter&) override { return not_present("not written yet"); }
};

}  // namespace

const Entry kMeminfoNumaCollector = {"meminfo_numa", "Memory by NUMA node: sys devices/system/node", Default::kOff,
                                     make<MeminfoNumaCollector>};

}  // namespace plimsoll::collectors::host
