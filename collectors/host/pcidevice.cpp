// SPDX-License-Identifier: Apache-2.0
#include "collectors/host/table.h"

namespace plimsoll::collectors::host {
namespace {

class PcideviceCollector : public Collector {
 public:
  explicit PcideviceCollector(const Setup&) {}
  std::string_view name() const override { return "pcidevice"; }
  Result<void> collect(MetricWriter&) override { return not_present("not written yet"); }
};

}  // namespace

const Entry kPcideviceCollector = {"pcidevice", "PCI devices and their links: sys bus/pci", Default::kOff,
                                   make<PcideviceCollector>};

}  // namespace plimsoll::collectors::host
