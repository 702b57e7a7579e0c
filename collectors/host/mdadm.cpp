// SPDX-License-Identifier: Apache-2.0
#include "collectors/host/table.h"

namespace plimsoll::collectors::host {
namespace {

class MdadmCollector : public Collector {
 public:
  explicit MdadmCollector(const Setup&) {}
  std::string_view name() const override { return "mdadm"; }
  Result<void> collect(MetricWriter&) override { return not_present("not written yet"); }
};

}  // namespace

const Entry kMdadmCollector = {"mdadm", "Software RAID: proc mdstat, sys block", Default::kOn, make<MdadmCollector>};

}  // namespace plimsoll::collectors::host
