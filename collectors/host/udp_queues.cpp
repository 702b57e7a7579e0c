// SPDX-License-Identifier: Apache-2.0
#include "collectors/host/table.h"

namespace plimsoll::collectors::host {
namespace {

class UdpQueuesCollector : public Collector {
 public:
  explicit UdpQueuesCollector(const Setup&) {}
  std::string_view name() const override { return "udp_queues"; }
  Result<void> collect(MetricWriter&) override { return not_present("not written yet"); }
};

}  // namespace

const Entry kUdpQueuesCollector = {"udp_queues", "Bytes waiting in UDP sockets: sock_diag or proc net/udp",
                                   Default::kOn, make<UdpQueuesCollector>};

}  // namespace plimsoll::collectors::host
