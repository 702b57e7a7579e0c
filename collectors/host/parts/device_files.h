// SPDX-License-Identifier: Apache-2.0
// Files of one device (device_dir.h) that must be well-formed where they exist. The first that is not is
// remembered, so that a broken device is reported without taking the others away.
//
//   Result<void> trouble;
//   for (Device* disk : *disks) DeviceFiles(dir_, *disk, trouble).get("stats/stats", parse_stats);
//   return trouble;
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <type_traits>

#include "base/metric.h"
#include "base/text.h"
#include "collectors/host/parts/device_dir.h"

namespace plimsoll::collectors::host {

// A family whose samples are one file of each device.
struct Attribute {
  std::string_view file;
  MetricDesc desc;
  double scale = 1;  // what one unit of the file is in the family's unit; 1: written with all its digits
};

class DeviceFiles {
 public:
  DeviceFiles(const DeviceDir& dir, Device& device, Result<void>& trouble)
      : dir_(dir), device_(device), trouble_(trouble) {}

  // What `parse` makes of the file's text, a Result. nullopt without the file, where the driver says that it
  // has no value, and where there is an error, which then is remembered with the file's path.
  template <typename Parse>
  auto get(std::string_view attribute, Parse parse)
      -> std::optional<std::decay_t<decltype(*parse(std::string_view{}))>> {
    const auto text = device_.read(attribute);
    if (!text) {
      if (!is_absence(text.error().code)) note(text.error().within(dir_.path()));
      return std::nullopt;
    }
    auto parsed = parse(*text);
    if (parsed) return *std::move(parsed);
    note(parsed.error().within(dir_.path() + "/" + device_.name() + "/" + std::string(attribute)));
    return std::nullopt;
  }

  std::optional<uint64_t> number(std::string_view attribute) { return get(attribute, parse_number); }
  // Without blanks and line ends around it.
  std::optional<std::string> text(std::string_view attribute) {
    return get(attribute, [](std::string_view text) { return Result<std::string>(std::string(trim(text))); });
  }

  static Result<uint64_t> parse_number(std::string_view text) {
    const auto number = parse_u64(trim(text));
    if (!number) return fail("not a number");
    return *number;
  }

 private:
  // The device went away, or has no such thing.
  static bool is_absence(int code) {
    return code == ENOENT || code == ENOTDIR || code == ENODEV || code == ENXIO || code == EINVAL || code == ENODATA ||
           code == EOPNOTSUPP;
  }
  void note(Error error) {
    if (trouble_) trouble_ = unexpected(std::move(error));
  }

  const DeviceDir& dir_;
  Device& device_;
  Result<void>& trouble_;
};

}  // namespace plimsoll::collectors::host
