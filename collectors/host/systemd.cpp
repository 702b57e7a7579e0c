// SPDX-License-Identifier: Apache-2.0
#include "collectors/host/table.h"

namespace plimsoll::collectors::host {
namespace {

class SystemdCollector : public Collector {
 public:
  explicit SystemdCollector(const Setup&) {}
  std::string_view name() const override { return "systemd"; }
  Result<void> collect(MetricWriter&) override { return not_present("not written yet"); }
};

}  // namespace

const Entry kSystemdCollector = {"systemd", "Units of systemd: D-Bus", Default::kOff, make<SystemdCollector>};

}  // namespace plimsoll::collectors::host
