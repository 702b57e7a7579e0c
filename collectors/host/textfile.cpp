// SPDX-License-Identifier: Apache-2.0
#include "collectors/host/table.h"

namespace plimsoll::collectors::host {
namespace {

class TextfileCollector : public Collector {
 public:
  explicit TextfileCollector(const Setup&) {}
  std::string_view name() const override { return "textfile"; }
  Result<void> collect(MetricWriter&) override { return not_present("not written yet"); }
};

}  // namespace

const Entry kTextfileCollector = {"textfile", "Metrics that others leave in files: *.prom in directories", Default::kOn,
                                  make<TextfileCollector>};

}  // namespace plimsoll::collectors::host
