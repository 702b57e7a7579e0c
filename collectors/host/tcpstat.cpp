// SPDX-License-Identifier: Apache-2.0
#include "collectors/host/table.h"

namespace plimsoll::collectors::host {
namespace {

class TcpstatCollector : public Collector {
 public:
  explicit TcpstatCollector(const Setup&) {}
  std::string_view name() const override { return "tcpstat"; }
  Result<void> collect(MetricWriter&) override { return not_present("not written yet"); }
};

}  // namespace

const Entry kTcpstatCollector = {"tcpstat", "TCP connections by state: sock_diag", Default::kOn,
                                 make<TcpstatCollector>};

}  // namespace plimsoll::collectors::host
