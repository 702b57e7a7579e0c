// SPDX-License-Identifier: Apache-2.0
#include "collectors/host/table.h"

namespace plimsoll::collectors::host {
namespace {

class ZoneinfoCollector : public Collector {
 public:
  explicit ZoneinfoCollector(const Setup&) {}
  std::string_view name() const override { return "zoneinfo"; }
  Result<void> collect(MetricWriter&) override { return not_present("not written yet"); }
};

}  // namespace

const Entry kZoneinfoCollector = {"zoneinfo", "Memory zones: proc zoneinfo", Default::kOff, make<ZoneinfoCollector>};

}  // namespace plimsoll::collectors::host
