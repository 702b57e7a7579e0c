// SPDX-License-Identifier: Apache-2.0
// Annotations org.systemd.property.NAME: properties of the unit that have no place in the specification.
// GLib's GVariant text format; runc's docs/systemd.md
#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <optional>

#include "base/text.h"
#include "runtime/limits/systemd_properties.h"

namespace plimsoll::limits {
namespace {

constexpr std::string_view kPrefix = "org.systemd.property.";
constexpr double kMicroseconds = 1e6;

struct Value {
  char type = 0;  // of D-Bus; 'a' for "as"
  uint64_t bits = 0;
  double number = 0;  // of every type that has one, for the conversion of seconds
  std::vector<std::string> texts;
};
using MaybeValue = std::optional<Value>;

template <typename Number>
MaybeValue integer(char type, std::string_view text) {
  if constexpr (std::is_signed_v<Number>) {
    const auto value = parse_i64(text);
    if (!value || *value < std::numeric_limits<Number>::min() || *value > std::numeric_limits<Number>::max()) return {};
    return Value{type, static_cast<uint64_t>(*value), static_cast<double>(*value), {}};
  } else {
    const auto value = parse_u64(text);
    if (!value || *value > std::numeric_limits<Number>::max()) return {};
    return Value{type, *value, static_cast<double>(*value), {}};
  }
}

MaybeValue real(std::string_view text) {
  const auto value = parse_double(text);
  if (!value || !std::isfinite(*value)) return {};
  Value result{'d', 0, *value, {}};
  std::memcpy(&result.bits, &*value, sizeof *value);
  return result;
}

MaybeValue boolean(std::string_view text) {
  if (text != "true" && text != "false") return {};
  return Value{'b', text == "true", 0, {}};
}

// Takes 'text' or "text", with \ before a quote or another \, off the front.
std::optional<std::string> take_quoted(std::string_view& rest) {
  if (rest.empty() || (rest[0] != '\'' && rest[0] != '"')) return {};
  std::string out;
  for (size_t i = 1; i < rest.size(); ++i) {
    char c = rest[i];
    if (c == rest[0]) {
      rest.remove_prefix(i + 1);
      return out;
    }
    if (c == '\\') {
      if (++i == rest.size() || std::strchr("\\'\"", rest[i]) == nullptr) return {};
      c = rest[i];
    }
    if (c == '\0') return {};
    out += c;
  }
  return {};
}

MaybeValue quoted(std::string_view text) {
  auto value = take_quoted(text);
  if (!value || !text.empty()) return {};
  return Value{'s', 0, 0, {std::move(*value)}};
}

// ['text', 'text']
MaybeValue list(std::string_view text) {
  if (text.size() < 2 || text.back() != ']') return {};
  Value result{'a', 0, 0, {}};
  std::string_view rest = trim(text.substr(1, text.size() - 2));
  while (true) {
    auto item = take_quoted(rest);
    if (!item) return {};
    result.texts.push_back(std::move(*item));
    rest = trim(rest);
    if (rest.empty()) return result;
    if (rest[0] != ',') return {};
    rest = trim(rest.substr(1));
  }
}

MaybeValue typed(std::string_view type, std::string_view text) {
  if (type == "byte") return integer<uint8_t>('y', text);
  if (type == "int16") return integer<int16_t>('n', text);
  if (type == "uint16") return integer<uint16_t>('q', text);
  if (type == "int32") return integer<int32_t>('i', text);
  if (type == "uint32") return integer<uint32_t>('u', text);
  if (type == "int64") return integer<int64_t>('x', text);
  if (type == "uint64") return integer<uint64_t>('t', text);
  if (type == "double") return real(text);
  if (type == "boolean") return boolean(text);
  if (type == "string") return quoted(text);
  return {};
}

MaybeValue parse_value(std::string_view text) {
  text = trim(text);
  if (text.empty()) return {};
  if (text[0] == '\'' || text[0] == '"') return quoted(text);
  if (text[0] == '[') return list(text);
  if (MaybeValue value = boolean(text)) return value;
  std::string_view rest = text;
  const std::string_view first = take_field(rest);
  if (!trim(rest).empty()) return typed(first, trim(rest));
  MaybeValue value = integer<int32_t>('i', text);
  return value || text.find('.') == std::string_view::npos ? value : real(text);
}

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

bool in_seconds(std::string_view name) {
  return name.size() > 3 && name.ends_with("Sec") && name[name.size() - 4] >= 'a' && name[name.size() - 4] <= 'z';
}

// false: not a number of seconds
bool to_microseconds(std::string& name, Value& value) {
  if (value.type == 's' || value.type == 'a' || value.type == 'b') return false;
  const bool whole = value.type != 'd';
  if (value.number < 0 || value.number * kMicroseconds >= 18e18) return false;
  value.bits = whole ? value.bits * 1'000'000 : static_cast<uint64_t>(value.number * kMicroseconds);
  value.type = 't';
  name.replace(name.size() - 3, 3, "USec");
  return true;
}

void append(UnitProperties& properties, std::string_view name, const Value& value) {
  if (value.type == 's') return properties.text(name, value.texts[0]);
  if (value.type == 'a') return properties.texts(name, value.texts);
  properties.one_value(name, value.type, value.bits);
}

}  // namespace

Result<void> add_annotations(UnitProperties& properties, const std::map<std::string, std::string>& annotations) {
  for (auto it = annotations.lower_bound(std::string(kPrefix)); it != annotations.end(); ++it) {
    const auto& [key, text] = *it;
    if (!key.starts_with(kPrefix)) break;
    std::string name = key.substr(kPrefix.size());
    if (name.size() < 3 || !std::all_of(name.begin(), name.end(), is_letter))
      return fail("annotation " + printable(key) + ": a property's name is three or more letters");
    MaybeValue value = parse_value(text);
    if (!value)
      return fail("annotation " + printable(key) + ": '" + printable(text) +
                  "' is no value such as true, 'text', ['text'], 12 or uint64 12");
    if (in_seconds(name) && !to_microseconds(name, *value))
      return fail("annotation " + printable(key) + ": '" + printable(text) + "' is no number of seconds");
    append(properties, name, *value);
  }
  return {};
}

}  // namespace plimsoll::limits
