// SPDX-License-Identifier: Apache-2.0
#include "collectors/host/table.h"

namespace plimsoll::collectors::host {
namespace {

class SelinuxCollector : public Collector {
 public:
  explicit SelinuxCollector(const Setup&) {}
  std::string_view name() const override { return "selinux"; }
  Result<void> collect(MetricWriter&) override { return not_present("not written yet"); }
};

}  // namespace

const Entry kSelinuxCollector = {"selinux", "SELinux mode: sys fs/selinux", Default::kOn, make<SelinuxCollector>};

}  // namespace plimsoll::collectors::host
