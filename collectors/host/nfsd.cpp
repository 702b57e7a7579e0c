// SPDX-License-Identifier: Apache-2.0
// /proc/net/rpc/nfsd (rpc_stats.h): what this machine does as an NFS server.
//
//   rc 0 6 18622           reply cache: hits, misses, replies not to be cached
//   fh 0 0 0 0 0           file handles: stale, and four that are always 0
//   io 157286400 72864     bytes read, written
//   th 8 0 0.000 ...       threads
//   ra 32 0 ... 0          read-ahead cache: size, ten depths, not found; all 0 since Linux 5.4
//   net 972 55 917 1       packets: all, UDP, TCP; TCP connections
//   rpc 18628 3 1 2 0      calls, bad calls: all, by format, authentication, client
//   proc2 18 2 69 ...      calls of NFS 2 by procedure; proc3 likewise
//   proc4ops 72 0 0 ...    operations of NFS 4 by their number in RFC 7530
//   wdeleg_getattr 15      attributes asked for from a client with a write delegation
//
// fs/nfsd/stats.c
#include <string>

#include "collectors/host/parts/kept_file.h"
#include "collectors/host/parts/own_network.h"
#include "collectors/host/parts/rpc_stats.h"
#include "collectors/host/table.h"

namespace plimsoll::collectors::host {
namespace {

constexpr auto kCounter = MetricType::kCounter;
constexpr auto kGauge = MetricType::kGauge;

// A family of one sample: number `index` of line `word`.
struct Single {
  std::string_view word;
  size_t index;
  MetricDesc desc;
};

constexpr Single kSingles[] = {
    {"rc", 0, {"node_nfsd_reply_cache_hits_total", "Repeated requests answered from the reply cache.", kCounter}},
    {"rc", 1, {"node_nfsd_reply_cache_misses_total", "Requests that the reply cache did not know.", kCounter}},
    {"rc", 2, {"node_nfsd_reply_cache_nocache_total", "Requests whose reply need not be cached.", kCounter}},
    {"fh", 0, {"node_nfsd_file_handles_stale_total", "Requests with a file handle that is no longer valid.", kCounter}},
    {"io", 0, {"node_nfsd_disk_bytes_read_total", "Data read for clients, in bytes.", kCounter}},
    {"io", 1, {"node_nfsd_disk_bytes_written_total", "Data written for clients, in bytes.", kCounter}},
    {"th", 0, {"node_nfsd_server_threads", "Kernel threads of the NFS server.", kGauge}},
    {"ra", 0, {"node_nfsd_read_ahead_cache_size_blocks", "Size of the read-ahead cache, in entries.", kGauge}},
    {"ra", 11, {"node_nfsd_read_ahead_cache_not_found_total", "Reads not found in the read-ahead cache.", kCounter}},
    {"net", 3, {"node_nfsd_connections_total", "TCP connections to the NFS server.", kCounter}},
    {"rpc", 0, {"node_nfsd_server_rpcs_total", "Remote procedure calls to the NFS server.", kCounter}},
};

constexpr MetricDesc kPackets = {"node_nfsd_packets_total", "Packets of the NFS server, sent and received.", kCounter};
constexpr MetricDesc kErrors = {"node_nfsd_rpc_errors_total", "Remote procedure calls refused, by reason.", kCounter};
constexpr MetricDesc kRequests = {"node_nfsd_requests_total", "Requests to the NFS server by procedure.", kCounter};

constexpr std::string_view kLines[] = {
    "rc", "fh", "io", "th", "ra", "net", "rpc", "proc2", "proc3", "proc4ops", "wdeleg_getattr"};

// By number; those that node_exporter does not show have no name.
constexpr std::string_view kNfs4Operations[] = {
    "",
    "",
    "",
    "Access",
    "Close",
    "Commit",
    "Create",
    "DelegPurge",
    "DelegReturn",
    "GetAttr",
    "GetFH",
    "Link",
    "Lock",
    "Lockt",
    "Locku",
    "Lookup",
    "LookupRoot",
    "Nverify",
    "Open",
    "OpenAttr",
    "OpenConfirm",
    "OpenDgrd",
    "PutFH",
    "",
    "",
    "Read",
    "ReadDir",
    "ReadLink",
    "Remove",
    "Rename",
    "Renew",
    "RestoreFH",
    "SaveFH",
    "SecInfo",
    "SetAttr",
    "SetClientID",
    "SetClientIDConfirm",
    "Verify",
    "Write",
    "RelLockOwner",
};

void write_requests(MetricWriter& writer, const RpcStats& stats) {
  writer.family(kRequests);
  write_calls(writer, kNfs2Procedures, 1, "2", stats.calls("proc2"));
  write_calls(writer, kNfs3Procedures, 1, "3", stats.calls("proc3"));
  write_calls(writer, kNfs4Operations, 0, "4", stats.calls("proc4ops"));
  const std::string_view delegated[] = {"WdelegGetattr"};
  write_calls(writer, delegated, 0, "4", stats.line("wdeleg_getattr"));
}

void write(MetricWriter& writer, const RpcStats& stats) {
  for (const Single& single : kSingles) stats.write(writer, single.desc, single.word, single.index);
  const auto sample = [&](const char* label, const char* value, std::string_view word, size_t index) {
    const auto numbers = stats.line(word);
    if (index < numbers.size()) writer.sample(writer.labels(LabelSet{{label, value}}), numbers[index]);
  };
  writer.family(kPackets);
  sample("proto", "udp", "net", 1);
  sample("proto", "tcp", "net", 2);
  writer.family(kErrors);
  sample("error", "fmt", "rpc", 2);
  sample("error", "auth", "rpc", 3);
  sample("error", "cInt", "rpc", 4);
  write_requests(writer, stats);
}

class NfsdCollector : public Collector {
 public:
  explicit NfsdCollector(const Setup& setup) : file_(net_file(setup.roots, "rpc/nfsd"), 2048) {}
  std::string_view name() const override { return "nfsd"; }

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

const Entry kNfsdCollector = {"nfsd", "NFS server: proc net/rpc/nfsd", Default::kOn, make<NfsdCollector>};

}  // namespace plimsoll::collectors::host
