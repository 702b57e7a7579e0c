// SPDX-License-Identifier: Apache-2.0
#include "collectors/host/parts/hardware.h"

#include <algorithm>
#include <charconv>

#include "base/text.h"

namespace plimsoll::collectors::host {
namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";
constexpr size_t kLabelBytes = 128;

std::optional<uint64_t> parse_hex(std::string_view digits) {
  uint64_t number = 0;
  const char* const end = digits.data() + digits.size();
  const auto parsed = std::from_chars(digits.data(), end, number, 16);
  if (digits.empty() || parsed.ec != std::errc() || parsed.ptr != end) return std::nullopt;
  return number;
}

std::optional<Value> parse_number(std::string_view text, double per_unit) {
  if (const auto number = parse_prefixed(text))
    return per_unit == 1 ? Value(*number) : Value(static_cast<double>(*number) / per_unit);
  if (const auto number = parse_i64(text)) return Value(static_cast<double>(*number) / per_unit);
  return std::nullopt;
}

}  // namespace

bool Roster::changed(const std::vector<Device*>& devices) {
  const auto same = [](const Device* device, const auto& known) {
    return device->inode() == known.second && device->name() == known.first;
  };
  if (std::equal(devices.begin(), devices.end(), known_.begin(), known_.end(), same)) return false;
  known_.clear();
  for (const Device* device : devices) known_.emplace_back(device->name(), device->inode());
  return true;
}

// What `parse` makes of the file's text, if the driver gives one.
template <typename Parse>
auto Numbers::parsed(Device& device, std::string_view file, Parse parse) -> decltype(parse(std::string_view{})) {
  const auto text = device.text(file);
  if (!text || text->starts_with("N/A")) return std::nullopt;
  const auto number = parse(*text);
  if (!number) remember(device, file, text->empty() ? "empty" : "not a number");
  return number;
}

std::optional<Value> Numbers::read(Device& device, std::string_view file, double per_unit) {
  return parsed(device, file, [&](std::string_view text) { return parse_number(text, per_unit); });
}

std::optional<uint64_t> Numbers::count(Device& device, std::string_view file) {
  return parsed(device, file, parse_prefixed);
}

void Numbers::write(MetricWriter& writer, const std::vector<Device*>& devices, const std::vector<LabelRef>& labels,
                    std::span<const NumberFile> files) {
  for (const NumberFile& file : files) {
    writer.family(file.desc);
    for (size_t i = 0; i < devices.size(); ++i)
      if (const auto number = read(*devices[i], file.file, file.per_unit)) writer.sample(labels[i], *number);
  }
}

void Numbers::remember(const Device& device, std::string_view file, std::string_view problem) {
  if (!problem_.empty()) return;
  problem_ = directory_ + "/" + device.name() + "/";
  problem_.append(file).append(": ").append(problem);
}

Result<void> Numbers::result() const {
  if (!problem_.empty()) return fail(problem_);
  return {};
}

std::optional<uint64_t> parse_prefixed(std::string_view text) {
  if (text.starts_with("0x") || text.starts_with("0X")) return parse_hex(text.substr(2));
  return parse_u64(text);
}

std::string_view first_bytes(std::string_view text) { return text.substr(0, kLabelBytes); }

std::string valid_utf8(std::string_view text) {
  std::string valid;
  bool in_run = false;
  while (!text.empty()) {
    const size_t length = utf8_length(text);
    if (length != 0) valid.append(text.substr(0, length));
    if (length == 0 && !in_run) valid.append(kReplacement);
    in_run = length == 0;
    text.remove_prefix(std::max<size_t>(length, 1));
  }
  return valid;
}

std::optional<std::string> label_text(Device& device, std::string_view file) {
  const auto text = device.read(file);
  if (!text) return std::nullopt;
  return valid_utf8(trim(first_bytes(*text)));
}

std::string_view number_behind(std::string_view name, std::string_view prefix) {
  if (!name.starts_with(prefix)) return {};
  name.remove_prefix(prefix.size());
  const bool digits = std::all_of(name.begin(), name.end(), [](char c) { return c >= '0' && c <= '9'; });
  return digits ? name : std::string_view{};
}

}  // namespace plimsoll::collectors::host
