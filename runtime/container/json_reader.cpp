// SPDX-License-Identifier: Apache-2.0
#include "runtime/container/json_reader.h"

#include <limits>
#include <nlohmann/json.hpp>
#include <optional>

#include "base/text.h"

namespace plimsoll::container {
namespace {

using nlohmann::json;

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return -1;
}

std::optional<std::string> from_hex(const std::string& hex) {
  if (hex.size() % 2 != 0) return std::nullopt;
  std::string bytes;
  for (size_t at = 0; at < hex.size(); at += 2) {
    const int high = hex_digit(hex[at]), low = hex_digit(hex[at + 1]);
    if (high < 0 || low < 0) return std::nullopt;
    bytes.push_back(static_cast<char>(high * 16 + low));
  }
  return bytes;
}

// Bytes as bytes_to_json() wrote them; nullopt for anything else.
std::optional<std::string> bytes_from_json(const json& value) {
  if (value.is_string()) return value.get_ref<const std::string&>();
  if (!value.is_object()) return std::nullopt;
  const auto hex = value.find("hex");
  if (hex == value.end() || !hex->is_string()) return std::nullopt;
  return from_hex(hex->get_ref<const std::string&>());
}

bool is_utf8(std::string_view text) {
  while (!text.empty()) {
    const size_t length = utf8_length(text);
    if (length == 0) return false;
    text.remove_prefix(length);
  }
  return true;
}

}  // namespace

json bytes_to_json(const std::string& bytes) {
  if (is_utf8(bytes)) return bytes;
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string hex;
  for (const char c : bytes) {
    hex.push_back(kDigits[static_cast<unsigned char>(c) >> 4]);
    hex.push_back(kDigits[static_cast<unsigned char>(c) & 15]);
  }
  return {{"hex", hex}};
}

const json* JsonReader::find(const char* name) const {
  const auto found = object_.find(name);
  return found == object_.end() || found->is_null() ? nullptr : &*found;
}

void JsonReader::reject(const char* name, std::string_view what) {
  if (problem_.empty()) problem_ = std::string("member '") + name + "' is " + std::string(what);
}

void JsonReader::adopt(const JsonReader& inner) {
  if (problem_.empty()) problem_ = inner.problem_;
}

Result<void> JsonReader::finish() const {
  if (!problem_.empty()) return fail(problem_);
  return {};
}

uint64_t JsonReader::number(const char* name, const json& value) {
  if (!value.is_number_unsigned()) {
    reject(name, "no unsigned number");
    return 0;
  }
  return value.get<uint64_t>();
}

void JsonReader::get(const char* name, bool& target) {
  const json* value = find(name);
  if (value == nullptr) return;
  if (!value->is_boolean()) return reject(name, "neither true nor false");
  target = value->get<bool>();
}

void JsonReader::get(const char* name, int64_t& target) {
  const json* value = find(name);
  if (value == nullptr) return;
  if (!value->is_number_integer()) return reject(name, "no integer");
  if (value->is_number_unsigned() && value->get<uint64_t>() > uint64_t{INT64_MAX}) return reject(name, "too large");
  target = value->get<int64_t>();
}

void JsonReader::get(const char* name, int& target) {
  int64_t wide = target;
  get(name, wide);
  if (wide < std::numeric_limits<int>::min() || wide > std::numeric_limits<int>::max())
    return reject(name, "too large");
  target = static_cast<int>(wide);
}

void JsonReader::get(const char* name, uint64_t& target) {
  if (const json* value = find(name)) target = number(name, *value);
}

void JsonReader::get(const char* name, cgroup::Count& target) {
  if (const json* value = find(name)) target = number(name, *value);
}

void JsonReader::get(const char* name, std::string& target) {
  const json* value = find(name);
  if (value == nullptr) return;
  auto bytes = bytes_from_json(*value);
  if (!bytes) return reject(name, "no string");
  target = std::move(*bytes);
}

void JsonReader::get(const char* name, std::vector<uint64_t>& target) {
  const json* value = find(name);
  if (value == nullptr) return;
  if (!value->is_array()) return reject(name, "no array");
  target.clear();
  for (const json& element : *value) target.push_back(number(name, element));
}

void JsonReader::get(const char* name, std::vector<std::string>& target) {
  const json* value = find(name);
  if (value == nullptr) return;
  if (!value->is_array()) return reject(name, "no array");
  target.clear();
  for (const json& element : *value) {
    auto bytes = bytes_from_json(element);
    if (!bytes) return reject(name, "no array of strings");
    target.push_back(std::move(*bytes));
  }
}

void JsonReader::get(const char* name, std::map<std::string, std::string>& target) {
  const json* value = find(name);
  if (value == nullptr) return;
  if (!value->is_object()) return reject(name, "no object");
  target.clear();
  for (const auto& [key, text] : value->items()) {
    if (!text.is_string()) return reject(name, "no object of strings");
    target.emplace(key, text.get_ref<const std::string&>());
  }
}

const json* JsonReader::object(const char* name) {
  const json* value = find(name);
  if (value != nullptr && value->is_object()) return value;
  if (value != nullptr) reject(name, "no object");
  return nullptr;
}

const json* JsonReader::objects(const char* name) {
  const json* value = find(name);
  if (value == nullptr) return nullptr;
  bool good = value->is_array();
  for (size_t at = 0; good && at < value->size(); ++at) good = (*value)[at].is_object();
  if (good) return value;
  reject(name, "no array of objects");
  return nullptr;
}

Result<json> parse_object(std::string_view text, int newest) {
  json value = json::parse(text, nullptr, false);
  if (value.is_discarded() || !value.is_object()) return fail("not a JSON object");
  JsonReader reader(value);
  int format = 0;
  reader.get("format", format);
  if (auto good = reader.finish(); !good) return unexpected(good.error());
  if (format < 1) return fail("no \"format\" in it: not written by plimsoll");
  if (format > newest) {
    return fail("format " + std::to_string(format) + " is newer than the " + std::to_string(newest) +
                " that this program knows: use the plimsoll that wrote it, or a newer one");
  }
  return value;
}

std::string dump(const json& value) { return value.dump(2, ' ', false, json::error_handler_t::replace) + "\n"; }

}  // namespace plimsoll::container
