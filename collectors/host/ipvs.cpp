// SPDX-License-Identifier: Apache-2.0
#include "collectors/host/table.h"

namespace plimsoll::collectors::host {
namespace {

class IpvsCollector : public Collector {
 public:
  explicit IpvsCollector(const Setup&) {}
  std::string_view name() const override { return "ipvs"; }
  Result<void> collect(MetricWriter&) override { return not_present("not written yet"); }
};

}  // namespace

const Entry kIpvsCollector = {"ipvs", "Virtual servers and their backends: proc net/ip_vs", Default::kOn,
                              make<IpvsCollector>};

}  // namespace plimsoll::collectors::host
