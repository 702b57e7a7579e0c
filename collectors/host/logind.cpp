// SPDX-License-Identifier: Apache-2.0
#include "collectors/host/table.h"

namespace plimsoll::collectors::host {
namespace {

class LogindCollector : public Collector {
 public:
  explicit LogindCollector(const Setup&) {}
  std::string_view name() const override { return "logind"; }
  Result<void> collect(MetricWriter&) override { return not_present("not written yet"); }
};

}  // namespace

const Entry kLogindCollector = {"logind", "Sessions of users: D-Bus, systemd-logind", Default::kOff,
                                make<LogindCollector>};

}  // namespace plimsoll::collectors::host
