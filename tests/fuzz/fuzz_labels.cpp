// SPDX-License-Identifier: Apache-2.0
// base/metric.h and exporter/encoding: names and labels of containers are any bytes, and none of them may break
// the page in any format.
#include <algorithm>
#include <string>

#include "base/metric.h"
#include "base/text.h"
#include "exporter/encoding/encoder.h"
#include "exporter/encoding/rendered_labels.h"
#include "tests/fuzz/require.h"

namespace plimsoll::fuzz {
namespace {

// The value of label="..." with its escapes undone; what stands behind the closing quote is `rest`.
std::string unescape(std::string_view& rest) {
  std::string value;
  while (!rest.empty() && rest.front() != '"') {
    if (rest.front() == '\\') {
      rest.remove_prefix(1);
      require(!rest.empty() && std::string_view("\\\"n").find(rest.front()) != std::string_view::npos,
              "escapes are known");
      value += rest.front() == 'n' ? '\n' : rest.front();
    } else {
      value += rest.front();
    }
    rest.remove_prefix(1);
  }
  require(!rest.empty(), "the value is closed");
  rest.remove_prefix(1);
  return value;
}

bool well_formed(std::string_view text) {
  while (!text.empty()) {
    const size_t length = utf8_length(text);
    if (length == 0) return false;
    text.remove_prefix(length);
  }
  return true;
}

void values(std::string_view text) {
  const LabelSet labels({{"a", text}, {"b", "end"}});
  std::string_view rest = labels.rendered();
  require(rest.starts_with("a=\""), "the name comes first");
  require(rest.find('\n') == std::string_view::npos, "labels are of one line");
  rest.remove_prefix(3);
  const std::string value = unescape(rest);
  require(rest == ",b=\"end\"", "a value ends where it should");
  require(well_formed(value), "a value is UTF-8");
  require(!well_formed(text) || value == text, "what is UTF-8 stays as it is");
}

void names(std::string_view text) {
  const std::string name = label_name_from(text);
  const auto fine = [](unsigned char c) { return c < 128 && (std::isalnum(c) || c == '_'); };
  require(std::all_of(name.begin(), name.end(), fine), "a label name has letters, digits and _");
  require(name.empty() || !std::isdigit(static_cast<unsigned char>(name[0])), "a label name starts with no digit");
}

// What protobuf makes of rendered labels is what was put in, as far as it is UTF-8.
void taken_apart(std::string_view text) {
  const LabelSet labels({{"a", text}, {"b", "end"}});
  std::string_view rest = labels.rendered(), same = rest;
  exporter::RenderedLabel first, second, none;
  require(exporter::take_label(rest, first) && exporter::take_label(rest, second), "there are two labels");
  require(!exporter::take_label(rest, none) && rest.empty(), "there is no third");
  require(first.name == "a" && second.name == "b" && second.value == "end", "names are names");
  std::string value;
  exporter::append_unescaped(value, first.value);
  require(well_formed(value) && (!well_formed(text) || value == text), "the value is the one that was put in");
  same.remove_prefix(3);
  require(unescape(same) == value, "the escapes are those of the text format");
}

// Bytes that nobody rendered: they end, and within themselves.
void not_rendered(std::string_view text) {
  exporter::RenderedLabel label;
  std::string value;
  size_t taken = 0;
  for (std::string_view rest = text; exporter::take_label(rest, label); ++taken) {
    require(label.whole.size() <= text.size(), "a label is part of the text");
    exporter::append_unescaped(value, label.value);
  }
  require(taken <= text.size() && value.size() <= text.size(), "every label has bytes of its own");
}

void pages(std::string_view text) {
  using exporter::Format;
  MetricWriter writer;
  writer.family("a_total", std::string(text), MetricType::kCounter);
  writer.sample(writer.labels(LabelSet({{"id", text}}), 1'700'000'000'000'000'000), Value(1));
  const MetricPage page = writer.finish();
  const auto lines = [&](Format format) {
    const std::string body = exporter::encode(format, page, {.created = true});
    return std::count(body.begin(), body.end(), '\n');
  };
  require(lines(Format::kText) == 3, "a family of one sample has three lines");
  require(lines(Format::kOpenMetrics) == 5, "and one for its start and one for the end");
  const std::string body = exporter::encode(Format::kProtobuf, page);
  size_t length = 0, at = 0;
  for (int shift = 0; at == 0 || (body[at - 1] & 0x80) != 0; ++at, shift += 7)
    length |= size_t(body.at(at) & 0x7f) << shift;
  require(at + length == body.size(), "a message is as long as it says");
}

}  // namespace
}  // namespace plimsoll::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text = plimsoll::fuzz::as_text(data, size);
  plimsoll::fuzz::values(text);
  plimsoll::fuzz::names(text);
  plimsoll::fuzz::taken_apart(text);
  plimsoll::fuzz::not_rendered(text);
  plimsoll::fuzz::pages(text);
  return 0;
}
