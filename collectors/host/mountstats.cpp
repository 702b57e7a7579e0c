// SPDX-License-Identifier: Apache-2.0
#include "collectors/host/table.h"

namespace plimsoll::collectors::host {
namespace {

class MountstatsCollector : public Collector {
 public:
  explicit MountstatsCollector(const Setup&) {}
  std::string_view name() const override { return "mountstats"; }
  Result<void> collect(MetricWriter&) override { return not_present("not written yet"); }
};

}  // namespace

const Entry kMountstatsCollector = {"mountstats", "NFS client by mount: proc self/mountstats", Default::kOff,
                                    make<MountstatsCollector>};

}  // namespace plimsoll::collectors::host
