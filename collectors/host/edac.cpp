// SPDX-License-Identifier: Apache-2.0
#include "collectors/host/table.h"

namespace plimsoll::collectors::host {
namespace {

class EdacCollector : public Collector {
 public:
  explicit EdacCollector(const Setup&) {}
  std::string_view name() const override { return "edac"; }
  Result<void> collect(MetricWriter&) override { return not_present("not written yet"); }
};

}  // namespace

const Entry kEdacCollector = {"edac", "Memory errors found by the memory controller: sys devices/system/edac",
                              Default::kOn, make<EdacCollector>};

}  // namespace plimsoll::collectors::host
