// SPDX-License-Identifier: Apache-2.0
#include "collectors/host/table.h"

namespace plimsoll::collectors::host {
namespace {

class NetworkRouteCollector : public Collector {
 public:
  explicit NetworkRouteCollector(const Setup&) {}
  std::string_view name() const override { return "network_route"; }
  Result<void> collect(MetricWriter&) override { return not_present("not written yet"); }
};

}  // namespace

const Entry kNetworkRouteCollector = {"network_route", "Routes: rtnetlink", Default::kOff, make<NetworkRouteCollector>};

}  // namespace plimsoll::collectors::host
