// SPDX-License-Identifier: Apache-2.0
#include "collectors/host/table.h"

namespace plimsoll::collectors::host {
namespace {

class NetclassCollector : public Collector {
 public:
  explicit NetclassCollector(const Setup&) {}
  std::string_view name() const override { return "netclass"; }
  Result<void> collect(MetricWriter&) override { return not_present("not written yet"); }
};

}  // namespace

const Entry kNetclassCollector = {"netclass", "State, speed, MTU of interfaces: rtnetlink or sys class/net",
                                  Default::kOn, make<NetclassCollector>};

}  // namespace plimsoll::collectors::host
