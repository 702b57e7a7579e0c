// SPDX-License-Identifier: Apache-2.0
// The text files of a bcachefs file system below /sys/fs/bcachefs/UUID, which are tables for people:
// fs/bcachefs/sysfs.c. Lines that are none of the table's are skipped; a name that comes twice counts once.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace plimsoll::collectors::host {

struct NamedCount {
  std::string name;
  uint64_t count;
};

// A number with an optional unit, a power of 1024: 720, 2.05G. Fractions of a byte are cut off.
Result<uint64_t> parse_bcachefs_size(std::string_view text);

// compression_stats: "lz4   48.9G   71.2G   62.5k" below a line of headings.
struct BcachefsCompression {
  std::string algorithm;
  uint64_t compressed, uncompressed;
};
Result<std::vector<BcachefsCompression>> parse_bcachefs_compression(std::string_view text);

// btree_write_stats: "initial:   3298401   100k" below a line of headings.
struct BcachefsBtreeWrites {
  std::string type;
  uint64_t count, average_bytes;
};
Result<std::vector<BcachefsBtreeWrites>> parse_bcachefs_btree_writes(std::string_view text);

// errors: "bset_bad_csum   2   1767112063", the count and the time of the last one in seconds since 1970. A
// count wider than its column runs into the time, which has ten digits until the year 2286.
Result<std::vector<NamedCount>> parse_bcachefs_errors(std::string_view text);

// counters/NAME: what "since filesystem creation:" says; nullopt when there is only "since mount:".
Result<std::optional<uint64_t>> parse_bcachefs_counter(std::string_view text);

// dev-N/io_done: "btree   : 8912896" below "read:" and "write:".
struct BcachefsIo {
  std::string operation, data_type;
  uint64_t bytes;
};
Result<std::vector<BcachefsIo>> parse_bcachefs_io_done(std::string_view text);

// dev-N/io_errors: "read:    18828" below "IO errors since filesystem creation", up to the next heading.
Result<std::vector<NamedCount>> parse_bcachefs_io_errors(std::string_view text);

}  // namespace plimsoll::collectors::host
