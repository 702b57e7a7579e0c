// SPDX-License-Identifier: Apache-2.0
#include "collectors/host/table.h"

namespace plimsoll::collectors::host {
namespace {

class NfsCollector : public Collector {
 public:
  explicit NfsCollector(const Setup&) {}
  std::string_view name() const override { return "nfs"; }
  Result<void> collect(MetricWriter&) override { return not_present("not written yet"); }
};

}  // namespace

const Entry kNfsCollector = {"nfs", "NFS client: proc net/rpc/nfs", Default::kOn, make<NfsCollector>};

}  // namespace plimsoll::collectors::host
