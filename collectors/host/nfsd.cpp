// SPDX-License-Identifier: Apache-2.0
#include "collectors/host/table.h"

namespace plimsoll::collectors::host {
namespace {

class NfsdCollector : public Collector {
 public:
  explicit NfsdCollector(const Setup&) {}
  std::string_view name() const override { return "nfsd"; }
  Result<void> collect(MetricWriter&) override { return not_present("not written yet"); }
};

}  // namespace

const Entry kNfsdCollector = {"nfsd", "NFS server: proc net/rpc/nfsd", Default::kOn, make<NfsdCollector>};

}  // namespace plimsoll::collectors::host
