// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "collectors/host/table.h"
#include "tests/unit/host_fixture.h"
#include "tests/unit/host_golden.h"

namespace plimsoll::collectors::host {
namespace {

using test::collect;
using test::collect_file;
using test::expect_golden_families;
using test::expect_not_present;
using test::expect_refused;
using test::roots_of;
using test::TempTree;

// "WORD COUNT first first+1 ...".
std::string calls(const std::string& word, int count, int first) {
  std::string line = word + " " + std::to_string(count);
  for (int i = 0; i < count; ++i) line += " " + std::to_string(first + i);
  return line + "\n";
}

// The value of node_PREFIX_requests_total of a method.
std::string request(const test::Collected& collected, const std::string& method, const std::string& proto) {
  const std::string text = collected.text();
  const std::string labels = "{method=\"" + method + "\",proto=\"" + proto + "\"} ";
  const size_t at = text.find(labels);
  return at == std::string::npos ? "none" : text.substr(at + labels.size(), text.find('\n', at) - at - labels.size());
}

const std::string kClient = "net 70 71 69 45\nrpc 1218785755 374636 18446744073709551615\n";

TEST(Nfs, ShowsTheClient) {
  const auto collected =
      collect_file(kNfsCollector, "proc/net/rpc/nfs",
                   kClient + calls("proc2", 18, 100) + calls("proc3", 22, 200) + calls("proc4", 61, 300));
  EXPECT_TRUE(collected.result) << collected.error();
  EXPECT_EQ(collected.text("node_nfs_packets"),
            "node_nfs_packets_total{protocol=\"udp\"} 71\nnode_nfs_packets_total{protocol=\"tcp\"} 69\n");
  EXPECT_EQ(collected.text("node_nfs_connections") + collected.text("node_nfs_rpc"),
            "node_nfs_connections_total 45\nnode_nfs_rpcs_total 1218785755\nnode_nfs_rpc_retransmissions_total 374636\n"
            "node_nfs_rpc_authentication_refreshes_total 18446744073709551615\n");
  EXPECT_EQ(request(collected, "Null", "2"), "100");
  EXPECT_EQ(request(collected, "FsStat", "2"), "117");
  EXPECT_EQ(request(collected, "Null", "3"), "200");
  EXPECT_EQ(request(collected, "Commit", "3"), "221");
  EXPECT_EQ(request(collected, "Null", "4"), "300");
  EXPECT_EQ(request(collected, "ReleaseLockowner", "4"), "335");
  EXPECT_EQ(request(collected, "Clone", "4"), "358");
  expect_golden_families("nfs", collected.page);
}

TEST(Nfs, AnOldClientNeverCalledWhatItDoesNotKnow) {
  const auto collected = collect_file(kNfsCollector, "proc/net/rpc/nfs", kClient + calls("proc4", 48, 1));
  EXPECT_TRUE(collected.result) << collected.error();
  EXPECT_EQ(request(collected, "SecinfoNoName", "4"), "0");
  EXPECT_EQ(request(collected, "LayoutReturn", "4"), "48");
  EXPECT_EQ(request(collected, "Clone", "4"), "0");
  EXPECT_EQ(request(collected, "Null", "2"), "none");
}

TEST(Nfs, LeavesOutWhatTheFileLacksAndUnknownLines) {
  const auto collected =
      collect_file(kNfsCollector, "proc/net/rpc/nfs", "net 1 2\nfuture line of words\nnet 8 8 8 8\n");
  EXPECT_TRUE(collected.result) << collected.error();
  EXPECT_EQ(collected.text(), "node_nfs_packets_total{protocol=\"udp\"} 2\n");
}

TEST(Nfs, RefusesWhatIsNone) {
  expect_refused(kNfsCollector, "proc/net/rpc/nfs",
                 {"", "garbage\n", "net\n", "net 1 2 3 4", "net 1 -2 3 4\n", "net 1 2 x 4\n",
                  "rpc 99999999999999999999\n", "proc3 22 1 2 3\n", "proc3 0.5\n", "\xff\n", "\n\n"});
}

TEST(Nfs, AbsentWithoutTheDriver) {
  for (const Entry* entry : {&kNfsCollector, &kNfsdCollector, &kMountstatsCollector}) expect_not_present(*entry);
}

const std::string kServer =
    "rc 1 6 18622\nfh 2 0 0 0 0\nio 157286400 72864\nth 8 0 0.000 0.000 0.000 0.000\nra 32 0 0 0 0 0 0 0 0 0 0 3\n"
    "net 972 55 917 4\nrpc 18628 9 5 2 7\n";

TEST(Nfsd, ShowsTheServer) {
  const auto collected = collect_file(kNfsdCollector, "proc/net/rpc/nfsd",
                                      kServer + calls("proc2", 18, 100) + calls("proc3", 22, 200) +
                                          "proc4 2 2 10853\n" + calls("proc4ops", 72, 300) + "wdeleg_getattr 15\n");
  EXPECT_TRUE(collected.result) << collected.error();
  const std::string text = collected.text();
  EXPECT_EQ(text.substr(0, text.find("node_nfsd_requests_total")),
            "node_nfsd_reply_cache_hits_total 1\n"
            "node_nfsd_reply_cache_misses_total 6\n"
            "node_nfsd_reply_cache_nocache_total 18622\n"
            "node_nfsd_file_handles_stale_total 2\n"
            "node_nfsd_disk_bytes_read_total 157286400\n"
            "node_nfsd_disk_bytes_written_total 72864\n"
            "node_nfsd_server_threads 8\n"
            "node_nfsd_read_ahead_cache_size_blocks 32\n"
            "node_nfsd_read_ahead_cache_not_found_total 3\n"
            "node_nfsd_connections_total 4\n"
            "node_nfsd_server_rpcs_total 18628\n"
            "node_nfsd_packets_total{proto=\"udp\"} 55\n"
            "node_nfsd_packets_total{proto=\"tcp\"} 917\n"
            "node_nfsd_rpc_errors_total{error=\"fmt\"} 5\n"
            "node_nfsd_rpc_errors_total{error=\"auth\"} 2\n"
            "node_nfsd_rpc_errors_total{error=\"cInt\"} 7\n");
  EXPECT_EQ(request(collected, "Null", "2") + request(collected, "Null", "3"), "nonenone");
  EXPECT_EQ(request(collected, "GetAttr", "2"), "101");
  EXPECT_EQ(request(collected, "Commit", "3"), "221");
  EXPECT_EQ(request(collected, "Access", "4"), "303");
  EXPECT_EQ(request(collected, "Read", "4"), "325");
  EXPECT_EQ(request(collected, "RelLockOwner", "4"), "339");
  EXPECT_EQ(request(collected, "WdelegGetattr", "4"), "15");
  EXPECT_EQ(text.find("method=\"\""), std::string::npos);
  expect_golden_families("nfsd", collected.page);
}

TEST(Nfsd, RefusesWhatIsNone) {
  expect_refused(kNfsdCollector, "proc/net/rpc/nfsd",
                 {"", "garbage\n", "rc 1 2 3", "rc\n", "rc 1 2 -3\n", "th 0.5\n", "th 8 0.5\n", "io 1 x\n",
                  "proc4ops 72 1 2\n", kServer + "proc2 18\n"});
}

std::string device(const std::string& source, const std::string& point, const std::string& type) {
  return "device " + source + " mounted on " + point + " with fstype " + type;
}

const std::string kBytes = "\tbytes:\t1 2 3 4 5 6 7 8\n";
const std::string kEvents = "\tevents:\t1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27\n";
const std::string kTcp = "\txprt:\ttcp 832 1 2 3 4 5 6 7 8 9 10 11 12\n";
const std::string kOperations = "\tper-op statistics\n\t        READ: 1 2 3 4 5 6 7 18446744073709551615 0\n\n";

std::string counts(const std::string& transports = kTcp, const std::string& operations = kOperations) {
  return " statvers=1.1\n\topts:\trw,vers=4.0\n\tage:\t13968\n\tcaps:\tcaps=0xfff7,wtmult=512\n" + kEvents + kBytes +
         "\tRPC iostats version: 1.0  p/v: 100003/4 (nfs)\n" + transports + operations;
}

// A mount of a server, in both files.
struct Nfs {
  std::string source, point, transports = kTcp, operations = kOperations;
};

test::Collected collect_mounts(const std::vector<Nfs>& mounts) {
  std::string stats = device("proc", "/proc", "proc") + "\n" + "no device mounted on /x with fstype tmpfs\n";
  std::string info = "1 0 0:4 / /proc rw - proc proc rw\n2 0 0:5 / /x rw - tmpfs none rw\n";
  for (const Nfs& mount : mounts) {
    stats += device(mount.source, mount.point, "nfs4") + counts(mount.transports, mount.operations);
    info +=
        "3 0 0:6 / " + mount.point + " rw shared:1 - nfs4 " + mount.source + " rw,vers=4.0,mountaddr=9,addr=10.0.0.1\n";
  }
  const TempTree tree({{"proc/self/mountstats", stats}, {"proc/self/mountinfo", info}});
  return collect(*kMountstatsCollector.make(roots_of(tree)));
}

const std::string kLabels = "{export=\"a:/b\",mountaddr=\"10.0.0.1\",protocol=\"tcp\"";

TEST(Mountstats, ShowsAMount) {
  const auto collected = collect_mounts({{"a:/b", "/m"}});
  EXPECT_TRUE(collected.result) << collected.error();
  const std::string prefix = "node_mountstats_nfs_";
  EXPECT_EQ(collected.text(prefix + "age"), prefix + "age_seconds_total" + kLabels + "} 13968\n");
  std::string bytes, transports;
  for (const char* name :
       {"read_bytes_total", "write_bytes_total", "direct_read_bytes_total", "direct_write_bytes_total",
        "total_read_bytes_total", "total_write_bytes_total", "read_pages_total", "write_pages_total"})
    bytes += collected.text(prefix + name).substr(prefix.size() + std::string(name).size() + kLabels.size());
  EXPECT_EQ(bytes, "} 1\n} 2\n} 3\n} 4\n} 5\n} 6\n} 7\n} 8\n");
  for (const char* name : {"bind_total", "connect_total", "idle_time_seconds", "sends_total", "receives_total",
                           "bad_transaction_ids_total", "backlog_queue_total", "maximum_rpc_slots",
                           "sending_queue_total", "pending_queue_total"}) {
    const std::string family = prefix + "transport_" + name;
    const std::string text = collected.text(family), start = family + kLabels + ",transport=\"0\"} ";
    ASSERT_TRUE(text.starts_with(start)) << text;
    transports += text.substr(start.size());
  }
  EXPECT_EQ(transports, "1\n2\n4\n5\n6\n7\n9\n10\n11\n12\n");
  expect_golden_families("mountstats", collected.page);
}

TEST(Mountstats, ShowsOperationsAndEvents) {
  const auto collected = collect_mounts({{"a:/b", "/m"}});
  const std::string operation = kLabels + ",operation=\"READ\"} ";
  EXPECT_EQ(collected.text("node_mountstats_nfs_operations"),
            "node_mountstats_nfs_operations_requests_total" + operation +
                "1\nnode_mountstats_nfs_operations_transmissions_total" + operation +
                "2\nnode_mountstats_nfs_operations_major_timeouts_total" + operation +
                "3\nnode_mountstats_nfs_operations_sent_bytes_total" + operation +
                "4\nnode_mountstats_nfs_operations_received_bytes_total" + operation +
                "5\nnode_mountstats_nfs_operations_queue_time_seconds_total" + operation +
                "0.006\nnode_mountstats_nfs_operations_response_time_seconds_total" + operation +
                "0.007\nnode_mountstats_nfs_operations_request_time_seconds_total" + operation + "9007199254740.99\n");
  const std::string events = collected.text("node_mountstats_nfs_event");
  EXPECT_EQ(std::count(events.begin(), events.end(), '\n'), 26);
  EXPECT_TRUE(events.starts_with("node_mountstats_nfs_event_inode_revalidate_total" + kLabels + "} 1\n"));
  EXPECT_NE(events.find("file_release_total" + kLabels + "} 18\n"), std::string::npos);
  EXPECT_NE(events.find("truncation_total" + kLabels + "} 20\n"), std::string::npos);
  EXPECT_TRUE(events.ends_with("node_mountstats_nfs_event_pnfs_write_total" + kLabels + "} 27\n"));
}

// "PROTOCOL connect idle sends slots" of each transport.
std::string transports_of(const std::string& transports) {
  const auto collected = collect_mounts({{"a:/b", "/m", transports}});
  EXPECT_TRUE(collected.result) << collected.error();
  std::string values;
  for (const char* name : {"connect_total", "idle", "sends", "maximum"}) {
    const std::string text = collected.text("node_mountstats_nfs_transport_" + std::string(name));
    for (size_t at = text.find("} "); at != std::string::npos; at = text.find("} ", at + 1))
      values += text.substr(at + 2, text.find('\n', at) - at - 2) + " ";
  }
  return values;
}

TEST(Mountstats, KnowsEachProtocolsNumbers) {
  EXPECT_EQ(transports_of("\txprt:\tudp 832 1 2 3 4 5 6 7 8 9\n"), "0 0 2 7 ");
  EXPECT_EQ(transports_of("\txprt:\tudp 832 1 2 3 4 5 6\n"), "0 0 2 0 ");
  EXPECT_EQ(transports_of("\txprt:\ttcp 832 1 2 3 4 5 6 7 8 9\n"), "2 4 5 0 ");
  EXPECT_EQ(transports_of("\txprt:\trdma 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23\n"), "2 4 5 0 ");
  EXPECT_EQ(transports_of(kTcp + "\txprt:\ttcp 1 1 20 1 40 50 1 1 1 1 100 1 1\n"), "2 20 4 40 5 50 10 100 ");
  EXPECT_EQ(transports_of("\txprt:\tpigeon 1\n"), "");
}

std::string exports(const test::Collected& collected) { return collected.text("node_mountstats_nfs_age"); }

TEST(Mountstats, AnExportMountedTwiceIsShownOnce) {
  const auto collected = collect_mounts({{"a:/b", "/m"}, {"a:/b", "/n"}, {"a:/c", "/o"}});
  EXPECT_TRUE(collected.result) << collected.error();
  const std::string text = exports(collected);
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 2) << text;
}

TEST(Mountstats, HostileNamesStaySeparateOrAreShownOnce) {
  const auto collected =
      collect_mounts({{"q\"\\:/", "/m"}, {"a:/\xff", "/n"}, {"a:/\xfe", "/o"}, {"a:/x\\040y", "/p"}});
  const std::string text = exports(collected);
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 3) << text;
  EXPECT_NE(text.find("export=\"q\\\"\\\\:/\""), std::string::npos);
  EXPECT_NE(text.find("export=\"a:/x\\\\040y\""), std::string::npos);
}

TEST(Mountstats, ARepeatedOperationIsShownOnce) {
  const auto collected = collect_mounts(
      {{"a:/b", "/m", kTcp, "\tper-op statistics\n\t  READ: 1 2 3 4 5 6 7 8\n\t  READ: 9 2 3 4 5 6 7 8\n\n"}});
  EXPECT_EQ(collected.text("node_mountstats_nfs_operations_requests"),
            "node_mountstats_nfs_operations_requests_total" + kLabels + ",operation=\"READ\"} 1\n");
}

// Lists that do not fit: the address is that of the mount, not that of its place.
TEST(Mountstats, FindsTheAddressAlsoWhenAMountHasGone) {
  const TempTree tree({{"proc/self/mountstats", device("a:/b", "/m", "nfs") + counts()},
                       {"proc/self/mountinfo",
                        "1 0 0:4 / /z rw - nfs z:/ rw,addr=9.9.9.9\n2 0 0:5 / /m rw - nfs a:/b rw,addr=10.0.0.1\n"}});
  EXPECT_EQ(exports(collect(*kMountstatsCollector.make(roots_of(tree)))),
            "node_mountstats_nfs_age_seconds_total" + kLabels + "} 13968\n");
  tree.write("proc/self/mountinfo", "1 0 0:4 / /z rw - nfs z:/ rw,addr=9.9.9.9\n");
  EXPECT_NE(exports(collect(*kMountstatsCollector.make(roots_of(tree)))).find("mountaddr=\"\""), std::string::npos);
}

TEST(Mountstats, WithoutNfsNothingIsShown) {
  const auto collected = collect_mounts({});
  EXPECT_TRUE(collected.result) << collected.error();
  EXPECT_EQ(collected.text(), "");
}

TEST(Mountstats, RefusesWhatIsNone) {
  const std::string start = device("a:/b", "/m", "nfs") + " statvers=1.1\n";
  expect_refused(kMountstatsCollector, "proc/self/mountstats",
                 {"", "garbage\n", "device a\n", "device a mounted on\n", "device a mounted on /m with fstype\n",
                  device("proc", "/proc", "proc"), start + "\tage:\told\n", start + "\tbytes:\t1 2 3\n",
                  start + "\tbytes:\t1 2 3 4 5 6 7 -8\n", start + "\tevents:\t1 2\n", start + "\txprt:\ttcp 1 2 3\n",
                  start + "\txprt:\tudp 1 2 3\n", start + "\txprt:\trdma 1 2 3\n",
                  start + "\tper-op statistics\n\tREAD: 1 2\n", start + "\tage:\t99999999999999999999\n"});
}

TEST(Mountstats, RefusesAMalformedMountTable) {
  for (const char* content : {"", "garbage\n", "1 0 0:4 / /m rw - nfs a:/b rw,addr"}) {
    const TempTree tree(
        {{"proc/self/mountstats", device("a:/b", "/m", "nfs") + counts()}, {"proc/self/mountinfo", content}});
    const auto collected = collect(*kMountstatsCollector.make(roots_of(tree)));
    EXPECT_FALSE(collected.result) << content;
    EXPECT_NE(collected.error().find("proc/self/mountinfo"), std::string::npos) << collected.error();
    EXPECT_EQ(collected.text(), "");
  }
}

}  // namespace
}  // namespace plimsoll::collectors::host
