// SPDX-License-Identifier: Apache-2.0
#include "collectors/host/table.h"

namespace plimsoll::collectors::host {
namespace {

class ZfsCollector : public Collector {
 public:
  explicit ZfsCollector(const Setup&) {}
  std::string_view name() const override { return "zfs"; }
  Result<void> collect(MetricWriter&) override { return not_present("not written yet"); }
};

}  // namespace

const Entry kZfsCollector = {"zfs", "ZFS: proc spl/kstat/zfs", Default::kOn, make<ZfsCollector>};

}  // namespace plimsoll::collectors::host
