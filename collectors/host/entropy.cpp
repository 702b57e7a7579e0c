// SPDX-License-Identifier: Apache-2.0
#include "collectors/host/table.h"

namespace plimsoll::collectors::host {
namespace {

class EntropyCollector : public Collector {
 public:
  explicit EntropyCollector(const Setup&) {}
  std::string_view name() const override { return "entropy"; }
  Result<void> collect(MetricWriter&) override { return not_present("not written yet"); }
};

}  // namespace

const Entry kEntropyCollector = {"entropy", "Randomness available: proc sys/kernel/random", Default::kOn,
                                 make<EntropyCollector>};

}  // namespace plimsoll::collectors::host
