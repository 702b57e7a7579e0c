// SPDX-License-Identifier: Apache-2.0
// What the collectors of hardware share: /sys directories whose devices have labels that never change and
// numbers that do. Drivers say "I have no value" by an error of the read or by "N/A": no sample then. A file
// that does read but holds no number is an error, told after everything else was written.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/metric.h"
#include "base/result.h"
#include "collectors/host/parts/device_dir.h"

namespace plimsoll::collectors::host {

// Tells when what was looked up about the devices must be looked up again.
class Roster {
 public:
  // Whether these are others than at the last call: by name, or by what stands behind a name.
  bool changed(const std::vector<Device*>& devices);

 private:
  std::vector<std::pair<std::string, ino_t>> known_;
};

// A family whose samples are one file of each device.
struct NumberFile {
  std::string_view file;
  MetricDesc desc;
  double per_unit = 1;  // how many of the file's units make one of the family's; 1: all digits are shown
};

// One scrape's numbers from the devices of one directory.
class Numbers {
 public:
  explicit Numbers(const std::string& directory) : directory_(directory) {}

  // Decimal, perhaps with a sign, or hexadecimal with 0x; divided by `per_unit`.
  std::optional<Value> read(Device& device, std::string_view file, double per_unit = 1);
  // The same without a sign.
  std::optional<uint64_t> count(Device& device, std::string_view file);
  // A family per file with a sample per device that has it. `labels`: of each device, in order.
  void write(MetricWriter& writer, const std::vector<Device*>& devices, const std::vector<LabelRef>& labels,
             std::span<const NumberFile> files);

  void remember(const Device& device, std::string_view file, std::string_view problem);
  // The first file that held no number, by its path.
  Result<void> result() const;

 private:
  template <typename Parse>
  auto parsed(Device& device, std::string_view file, Parse parse) -> decltype(parse(std::string_view{}));

  const std::string& directory_;
  std::string problem_;
};

// "0x1f" or "31".
std::optional<uint64_t> parse_prefixed(std::string_view text);

// The text of an attribute as node_exporter shows it in a label: what the first 128 bytes hold, without
// blanks around it, with one U+FFFD for each run of bytes that are not UTF-8. nullopt when it cannot be read.
std::optional<std::string> label_text(Device& device, std::string_view file);
std::string_view first_bytes(std::string_view text);
std::string valid_utf8(std::string_view text);

// "12" of "mc12" for "mc"; "" when `name` is no such name.
std::string_view number_behind(std::string_view name, std::string_view prefix);

}  // namespace plimsoll::collectors::host
