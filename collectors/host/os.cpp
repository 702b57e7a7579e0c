// SPDX-License-Identifier: Apache-2.0
#include "collectors/host/table.h"

namespace plimsoll::collectors::host {
namespace {

class OsCollector : public Collector {
 public:
  explicit OsCollector(const Setup&) {}
  std::string_view name() const override { return "os"; }
  Result<void> collect(MetricWriter&) override { return not_present("not written yet"); }
};

}  // namespace

const Entry kOsCollector = {"os", "Distribution and its version: etc/os-release", Default::kOn, make<OsCollector>};

}  // namespace plimsoll::collectors::host
