// SPDX-License-Identifier: Apache-2.0
#include "collectors/host/table.h"

namespace plimsoll::collectors::host {
namespace {

class BcacheCollector : public Collector {
 public:
  explicit BcacheCollector(const Setup&) {}
  std::string_view name() const override { return "bcache"; }
  Result<void> collect(MetricWriter&) override { return not_present("not written yet"); }
};

}  // namespace

const Entry kBcacheCollector = {"bcache", "bcache devices: sys fs/bcache", Default::kOn, make<BcacheCollector>};

}  // namespace plimsoll::collectors::host
