// SPDX-License-Identifier: Apache-2.0
// /proc/self/mountstats: a line per mount, and below those of NFS what the client counts for it.
//
//   device proc mounted on /proc with fstype proc
//   device server:/srv mounted on /mnt/srv with fstype nfs4 statvers=1.1
//           age:    13968
//           events: 52 226 0 0 1 13 398 0 0 331 0 47 0 0 77 0 0 77 0 0 0 0 0 0 0 0 0
//           bytes:  1207640230 0 0 0 1210214218 0 295483 0
//           xprt:   tcp 832 0 1 0 11 6428 6428 0 12154 0 24 26 5726
//           per-op statistics
//                   READ: 1298 1298 0 207680 1210292152 6 79386 79407 0
//
// fs/nfs/super.c: nfs_show_stats, net/sunrpc: xs_tcp_print_stats, xs_udp_print_stats, xprt_rdma_print_stats,
// rpc_clnt_show_stats
#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace plimsoll::collectors::host {

// A connection to the server. What a protocol does not count is 0.
struct NfsTransport {
  enum Field {
    kPort,
    kBind,
    kConnect,
    kConnectTime,
    kIdleTime,
    kSends,
    kReceives,
    kBadIds,
    kActive,
    kBacklog,
    kSlots,
    kSendingQueue,
    kPendingQueue,
    kFields
  };
  std::string_view protocol;
  std::array<uint64_t, kFields> fields{};
};

struct NfsOperation {
  std::string_view name;
  std::array<uint64_t, 8> numbers{};
};

// Views into the parsed text, names escaped as the kernel does.
struct NfsMount {
  size_t index = 0;  // among all mounts of the file
  std::string_view device, mount_point;
  uint64_t age_seconds = 0;
  std::array<uint64_t, 8> bytes{};
  std::array<uint64_t, 27> events{};
  std::vector<NfsTransport> transports;
  std::vector<NfsOperation> operations;
};

// The mounts of NFS alone.
Result<std::vector<NfsMount>> parse_mountstats(std::string_view text);

}  // namespace plimsoll::collectors::host
