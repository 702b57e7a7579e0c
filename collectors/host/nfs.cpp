// SPDX-License-Identifier: Apache-2.0
// /proc/net/rpc/nfs (rpc_stats.h): what this machine asks NFS servers for.
//
//   net 70 70 69 45                   packets: all, UDP, TCP; TCP connections
//   rpc 1218785755 374636 1218815394  calls, calls sent again, refreshed credentials
//   proc2 18 16 57 ...                calls of NFS 2 by procedure; proc3 and proc4 likewise
//
// Procedures of NFS 4 are numbered by the client: include/linux/nfs4.h, NFSPROC4_CLNT_*
#include <string>

#include "collectors/host/parts/kept_file.h"
#include "collectors/host/parts/own_network.h"
#include "collectors/host/parts/rpc_stats.h"
#include "collectors/host/table.h"

namespace plimsoll::collectors::host {
namespace {

constexpr auto kCounter = MetricType::kCounter;
constexpr MetricDesc kPackets = {"node_nfs_packets_total", "Packets of the NFS client, sent and received.", kCounter};
constexpr MetricDesc kConnections = {"node_nfs_connections_total", "TCP connections of the NFS client.", kCounter};
constexpr MetricDesc kRpcs = {"node_nfs_rpcs_total", "Remote procedure calls of the NFS client.", kCounter};
constexpr MetricDesc kRetransmissions = {"node_nfs_rpc_retransmissions_total",
                                         "Remote procedure calls that were sent again.", kCounter};
constexpr MetricDesc kRefreshes = {"node_nfs_rpc_authentication_refreshes_total",
                                   "Credentials for remote procedure calls that were refreshed.", kCounter};
constexpr MetricDesc kRequests = {"node_nfs_requests_total", "Requests of the NFS client by procedure.", kCounter};

constexpr std::string_view kLines[] = {"net", "rpc", "proc2", "proc3", "proc4"};

constexpr std::string_view kNfs4Procedures[] = {
    "Null",
    "Read",
    "Write",
    "Commit",
    "Open",
    "OpenConfirm",
    "OpenNoattr",
    "OpenDowngrade",
    "Close",
    "Setattr",
    "FsInfo",
    "Renew",
    "SetClientID",
    "SetClientIDConfirm",
    "Lock",
    "Lockt",
    "Locku",
    "Access",
    "Getattr",
    "Lookup",
    "LookupRoot",
    "Remove",
    "Rename",
    "Link",
    "Symlink",
    "Create",
    "Pathconf",
    "StatFs",
    "ReadLink",
    "ReadDir",
    "ServerCaps",
    "DelegReturn",
    "GetACL",
    "SetACL",
    "FsLocations",
    "ReleaseLockowner",
    "Secinfo",
    "FsidPresent",
    "ExchangeID",
    "CreateSession",
    "DestroySession",
    "Sequence",
    "GetLeaseTime",
    "ReclaimComplete",
    "GetDeviceInfo",
    "LayoutGet",
    "LayoutCommit",
    "LayoutReturn",
    "SecinfoNoName",
    "TestStateID",
    "FreeStateID",
    "GetDeviceList",
    "BindConnToSession",
    "DestroyClientID",
    "Seek",
    "Allocate",
    "DeAllocate",
    "LayoutStats",
    "Clone",
};

// A client that is too old for a procedure has never called it: 0, as node_exporter has it.
std::vector<uint64_t> padded(std::span<const uint64_t> calls) {
  std::vector<uint64_t> all(calls.begin(), calls.end());
  if (!all.empty() && all.size() < std::size(kNfs4Procedures)) all.resize(std::size(kNfs4Procedures));
  return all;
}

void write(MetricWriter& writer, const RpcStats& stats) {
  const auto net = stats.line("net");
  writer.family(kPackets);
  if (net.size() > 1) writer.sample(writer.labels(LabelSet{{"protocol", "udp"}}), net[1]);
  if (net.size() > 2) writer.sample(writer.labels(LabelSet{{"protocol", "tcp"}}), net[2]);
  stats.write(writer, kConnections, "net", 3);
  stats.write(writer, kRpcs, "rpc", 0);
  stats.write(writer, kRetransmissions, "rpc", 1);
  stats.write(writer, kRefreshes, "rpc", 2);
  writer.family(kRequests);
  write_calls(writer, kNfs2Procedures, 0, "2", stats.calls("proc2"));
  write_calls(writer, kNfs3Procedures, 0, "3", stats.calls("proc3"));
  write_calls(writer, kNfs4Procedures, 0, "4", padded(stats.calls("proc4")));
}

class NfsCollector : public Collector {
 public:
  explicit NfsCollector(const Setup& setup) : file_(net_file(setup.roots, "rpc/nfs"), 2048) {}
  std::string_view name() const override { return "nfs"; }

  Result<void> collect(MetricWriter& writer) override {
    const auto stats = read_and_parse(file_, [](std::string_view text) { return RpcStats::parse(text, kLines); });
    if (!stats && stats.error().code == ENOENT) return not_present(file_.path());
    if (!stats) return unexpected(stats.error());
    write(writer, *stats);
    return {};
  }

 private:
  KeptFile file_;
};

}  // namespace

const Entry kNfsCollector = {"nfs", "NFS client: proc net/rpc/nfs", Default::kOn, make<NfsCollector>};

}  // namespace plimsoll::collectors::host
