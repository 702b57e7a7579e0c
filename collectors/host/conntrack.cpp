// SPDX-License-Identifier: Apache-2.0
#include "collectors/host/table.h"

namespace plimsoll::collectors::host {
namespace {

class ConntrackCollector : public Collector {
 public:
  explicit ConntrackCollector(const Setup&) {}
  std::string_view name() const override { return "conntrack"; }
  Result<void> collect(MetricWriter&) override { return not_present("not written yet"); }
};

}  // namespace

const Entry kConntrackCollector = {"conntrack",
                                   "Connection tracking table: proc sys/net/netfilter, net/stat/nf_conntrack",
                                   Default::kOn, make<ConntrackCollector>};

}  // namespace plimsoll::collectors::host
