// SPDX-License-Identifier: Apache-2.0
// Kernel statistics of ZFS on Linux, /proc/spl/kstat/zfs, in three shapes (spl-kstat.c of OpenZFS). Named:
//
//   23 1 0x01 7 2160 221578688875 6665999035587      number, type, flags, how many entries, ...
//   name                            type data
//   dataset_name                    7    pool1/home
//   writes                          4    22          type 3: signed, 4: unsigned 64-bit number, 7: text
//
// I/O: a line of names and one of values, below a line like the first. State: one word.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "base/metric.h"
#include "base/result.h"

namespace plimsoll::collectors::host {

struct KstatNumber {
  std::string_view name;  // into the parsed text; once each
  Value value;
};

struct Kstat {
  std::vector<KstatNumber> numbers;
  std::optional<std::string_view> dataset;  // of an objset
};

// Error also when there are fewer entries than the first line says.
Result<Kstat> parse_kstat(std::string_view text);

Result<std::vector<KstatNumber>> parse_kstat_io(std::string_view text);

}  // namespace plimsoll::collectors::host
