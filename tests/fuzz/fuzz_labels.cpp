// SPDX-License-Identifier: Apache-2.0
// base/metric.h and exporter/encoding/text.h: names and labels of containers are any bytes, and none of them
// may break the page.
#include <algorithm>
#include <string>

#include "base/metric.h"
#include "base/text.h"
#include "exporter/encoding/text.h"
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

void pages(std::string_view text) {
  MetricWriter writer;
  writer.family("a_total", std::string(text), MetricType::kCounter);
  writer.sample(writer.labels(LabelSet({{"id", text}})), Value(1));
  const std::string page = exporter::to_text(writer.finish());
  require(std::count(page.begin(), page.end(), '\n') == 3, "a family of one sample has three lines");
}

}  // namespace
}  // namespace plimsoll::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text = plimsoll::fuzz::as_text(data, size);
  plimsoll::fuzz::values(text);
  plimsoll::fuzz::names(text);
  plimsoll::fuzz::pages(text);
  return 0;
}
