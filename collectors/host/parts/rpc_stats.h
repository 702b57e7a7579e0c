// SPDX-License-Identifier: Apache-2.0
// /proc/net/rpc/nfs and /proc/net/rpc/nfsd: a line is a word and numbers.
//
//   net 70 70 69 45
//   proc3 22 0 1061909262 48906 ...          how many numbers follow, and how often each procedure was called
//
// net/sunrpc/stats.c, fs/nfsd/stats.c, fs/nfs/nfs3xdr.c
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "base/metric.h"
#include "base/result.h"

namespace plimsoll::collectors::host {

// Procedures in the order of their numbers, from 0 (NULL) on.
extern const std::span<const std::string_view> kNfs2Procedures;
extern const std::span<const std::string_view> kNfs3Procedures;

class RpcStats {
 public:
  // Lines of other words than `known` are left alone; there must be one of them.
  static Result<RpcStats> parse(std::string_view text, std::span<const std::string_view> known);

  // The numbers of a line; empty when the file does not have it.
  std::span<const uint64_t> line(std::string_view word) const;
  // Those of a "proc" line behind their count; empty when the file does not have it.
  std::span<const uint64_t> calls(std::string_view word) const;

  // Writes desc{labels} when line `word` has a number at `index`.
  void write(MetricWriter& writer, const MetricDesc& desc, std::string_view word, size_t index) const;

 private:
  struct Line {
    std::string_view word;
    std::vector<uint64_t> numbers;
  };
  Result<void> add(std::string_view word, std::string_view rest);

  std::vector<Line> lines_;
};

// Samples {method,proto} of the procedures from `first` on; "" in `names` leaves one out.
void write_calls(MetricWriter& writer, std::span<const std::string_view> names, size_t first, const char* proto,
                 std::span<const uint64_t> calls);

}  // namespace plimsoll::collectors::host
