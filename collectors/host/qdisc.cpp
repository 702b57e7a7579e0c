// SPDX-License-Identifier: Apache-2.0
#include "collectors/host/table.h"

namespace plimsoll::collectors::host {
namespace {

class QdiscCollector : public Collector {
 public:
  explicit QdiscCollector(const Setup&) {}
  std::string_view name() const override { return "qdisc"; }
  Result<void> collect(MetricWriter&) override { return not_present("not written yet"); }
};

}  // namespace

const Entry kQdiscCollector = {"qdisc", "Queueing disciplines: rtnetlink", Default::kOff, make<QdiscCollector>};

}  // namespace plimsoll::collectors::host
