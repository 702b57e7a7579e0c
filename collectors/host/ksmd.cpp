// SPDX-License-Identifier: Apache-2.0
#include "collectors/host/table.h"

namespace plimsoll::collectors::host {
namespace {

class KsmdCollector : public Collector {
 public:
  explicit KsmdCollector(const Setup&) {}
  std::string_view name() const override { return "ksmd"; }
  Result<void> collect(MetricWriter&) override { return not_present("not written yet"); }
};

}  // namespace

const Entry kKsmdCollector = {"ksmd", "Merging of equal memory pages: sys kernel/mm/ksm", Default::kOff,
                              make<KsmdCollector>};

}  // namespace plimsoll::collectors::host
