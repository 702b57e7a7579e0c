// SPDX-License-Identifier: Apache-2.0
#include "collectors/host/table.h"

namespace plimsoll::collectors::host {
namespace {

class BtrfsCollector : public Collector {
 public:
  explicit BtrfsCollector(const Setup&) {}
  std::string_view name() const override { return "btrfs"; }
  Result<void> collect(MetricWriter&) override { return not_present("not written yet"); }
};

}  // namespace

const Entry kBtrfsCollector = {"btrfs", "Space and errors of btrfs: sys fs/btrfs, ioctl", Default::kOn,
                               make<BtrfsCollector>};

}  // namespace plimsoll::collectors::host
