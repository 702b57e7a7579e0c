// SPDX-License-Identifier: Apache-2.0
#include "exporter/encoding/negotiation.h"

#include <algorithm>
#include <array>
#include <optional>

#include "base/text.h"

namespace plimsoll::exporter {
namespace {

bool same(std::string_view a, std::string_view b) {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; };
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [&](char x, char y) { return lower(x) == lower(y); });
}

// Takes the part up to `separator` off the front of `rest`, and the separator; one in quotes is none.
std::string_view take_unquoted(std::string_view& rest, char separator) {
  bool quoted = false;
  size_t at = 0;
  for (; at < rest.size() && (quoted || rest[at] != separator); ++at) {
    if (rest[at] == '"') quoted = !quoted;
    if (rest[at] == '\\' && quoted && at + 1 < rest.size()) ++at;
  }
  const std::string_view part = rest.substr(0, at);
  rest.remove_prefix(std::min(at + 1, rest.size()));
  return trim(part);
}

std::string_view unquoted(std::string_view text) {
  const bool quoted = text.size() >= 2 && text.front() == '"' && text.back() == '"';
  return quoted ? text.substr(1, text.size() - 2) : text;
}

// 0 to 1; nullopt for anything else.
std::optional<double> parse_quality(std::string_view text) {
  const auto quality = parse_double(text);
  return quality && *quality >= 0 && *quality <= 1 ? quality : std::nullopt;
}

// An element of either header. What it does not say is "".
struct Choice {
  std::string_view name;  // "text/plain", "gzip"
  std::string_view version, proto, encoding;
  double quality = 1;
};

// nullopt when its weight is none.
std::optional<Choice> parse_choice(std::string_view element) {
  Choice choice;
  choice.name = take_unquoted(element, ';');
  while (!element.empty()) {
    std::string_view value = take_unquoted(element, ';');
    const std::string_view name = trim(take(value, '='));
    value = unquoted(trim(value));
    if (same(name, "version")) choice.version = value;
    if (same(name, "proto")) choice.proto = value;
    if (same(name, "encoding")) choice.encoding = value;
    if (!same(name, "q")) continue;
    const auto quality = parse_quality(value);
    if (!quality) return std::nullopt;
    choice.quality = *quality;
  }
  return choice;
}

struct Match {
  Format format;
  int precision;  // of several that match one format the most precise counts
};

std::optional<Match> match(const Choice& choice) {
  const int with_version = choice.version.empty() ? 2 : 3;
  if (same(choice.name, "application/openmetrics-text") && (choice.version.empty() || choice.version == "1.0.0"))
    return Match{Format::kOpenMetrics, with_version};
  if (same(choice.name, "text/plain") && (choice.version.empty() || choice.version == "0.0.4"))
    return Match{Format::kText, with_version};
  if (same(choice.name, "application/vnd.google.protobuf") && choice.proto == "io.prometheus.client.MetricFamily" &&
      choice.encoding == "delimited")
    return Match{Format::kProtobuf, 3};
  if (same(choice.name, "text/*")) return Match{Format::kText, 1};
  if (choice.name == "*/*") return Match{Format::kText, 0};
  return std::nullopt;
}

struct Wish {
  double quality = -1;
  int precision = -1;
  size_t position = 0;
};

}  // namespace

Format negotiate_format(std::string_view accept) {
  std::array<Wish, 3> wishes;  // by Format
  for (size_t position = 0; !accept.empty(); ++position) {
    const auto choice = parse_choice(take_unquoted(accept, ','));
    const auto matched = choice ? match(*choice) : std::nullopt;
    if (!matched) continue;
    Wish& wish = wishes[static_cast<size_t>(matched->format)];
    const bool better = matched->precision == wish.precision && choice->quality > wish.quality;
    if (matched->precision > wish.precision || better) wish = {choice->quality, matched->precision, position};
  }
  Format best = Format::kText;
  for (const Format format : {Format::kOpenMetrics, Format::kProtobuf}) {
    const Wish& wish = wishes[static_cast<size_t>(format)];
    const Wish& other = wishes[static_cast<size_t>(best)];
    const bool earlier = wish.quality == other.quality && wish.position < other.position;
    if (wish.quality > 0 && (wish.quality > other.quality || earlier)) best = format;
  }
  return best;
}

bool wants_gzip(std::string_view accept_encoding) {
  std::optional<double> gzip, any, identity;
  while (!accept_encoding.empty()) {
    const auto choice = parse_choice(take_unquoted(accept_encoding, ','));
    if (!choice) continue;
    if (same(choice->name, "gzip") || same(choice->name, "x-gzip")) gzip = std::max(gzip.value_or(0), choice->quality);
    if (same(choice->name, "identity")) identity = choice->quality;
    if (choice->name == "*") any = choice->quality;
  }
  const double wanted = gzip.value_or(any.value_or(0));
  return wanted > 0 && wanted >= identity.value_or(0);
}

}  // namespace plimsoll::exporter
