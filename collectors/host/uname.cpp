// SPDX-License-Identifier: Apache-2.0
// uname(2): the names of kernel and machine as labels of a constant 1. domainname is the NIS domain,
// "(none)" where none is set. An agent in its own UTS namespace reports that namespace's host name.
//
// Here too is the family by which dashboards find the hosts that node_exporter watches; its version is ours and says so.
#include <sys/utsname.h>

#include "collectors/host/table.h"

namespace plimsoll::collectors::host {
namespace {

constexpr MetricDesc kInfo = {"node_uname_info", "Names of the kernel and the machine, as labels of a constant 1.",
                              MetricType::kGauge};
constexpr MetricDesc kBuild = {"node_exporter_build_info",
                               "1, for what looks for hosts by it; with the version of this agent.", MetricType::kGauge};

class UnameCollector : public Collector {
 public:
  explicit UnameCollector(const Setup&) {}
  std::string_view name() const override { return "uname"; }

  // Asked anew at every scrape: host and domain name may change while the agent runs.
  Result<void> collect(MetricWriter& writer) override {
    utsname names;
    if (::uname(&names) != 0) return fail_errno("uname");
    writer.family(kInfo);
    writer.sample(writer.labels(LabelSet{{"domainname", names.domainname},
                                         {"machine", names.machine},
                                         {"nodename", names.nodename},
                                         {"release", names.release},
                                         {"sysname", names.sysname},
                                         {"version", names.version}}),
                  1);
    writer.family(kBuild);
    writer.sample(writer.labels(LabelSet{{"version", "plimsoll-" PLIMSOLL_VERSION}}), 1);
    return {};
  }
};

}  // namespace

const Entry kUnameCollector = {"uname", "Kernel and host name: uname(2)", Default::kOn, make<UnameCollector>};

}  // namespace plimsoll::collectors::host
