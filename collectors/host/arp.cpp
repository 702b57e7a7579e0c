// SPDX-License-Identifier: Apache-2.0
#include "collectors/host/table.h"

namespace plimsoll::collectors::host {
namespace {

class ArpCollector : public Collector {
 public:
  explicit ArpCollector(const Setup&) {}
  std::string_view name() const override { return "arp"; }
  Result<void> collect(MetricWriter&) override { return not_present("not written yet"); }
};

}  // namespace

const Entry kArpCollector = {"arp", "Neighbours of each interface: rtnetlink or proc net/arp", Default::kOn,
                             make<ArpCollector>};

}  // namespace plimsoll::collectors::host
