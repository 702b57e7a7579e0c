// SPDX-License-Identifier: Apache-2.0
#include "collectors/host/table.h"

namespace plimsoll::collectors::host {
namespace {

class BuddyinfoCollector : public Collector {
 public:
  explicit BuddyinfoCollector(const Setup&) {}
  std::string_view name() const override { return "buddyinfo"; }
  Result<void> collect(MetricWriter&) override { return not_present("not written yet"); }
};

}  // namespace

const Entry kBuddyinfoCollector = {"buddyinfo", "Free memory blocks by size: proc buddyinfo", Default::kOff,
                                   make<BuddyinfoCollector>};

}  // namespace plimsoll::collectors::host
