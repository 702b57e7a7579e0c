// SPDX-License-Identifier: Apache-2.0
// collectors/host/parts/textfile_parse.h: files that anybody's scripts write, and whose samples become part of the page.
#include <set>
#include <string>

#include "base/text.h"
#include "collectors/host/parts/textfile_parse.h"
#include "tests/fuzz/require.h"

namespace plimsoll::fuzz {
namespace {

using collectors::host::Exposition;

std::string escaped_help(std::string_view help) {
  std::string out;
  for (const char c : help) out += c == '\\' ? "\\\\" : c == '\n' ? "\\n" : std::string(1, c);
  return out;
}

std::string number_text(Value value) {
  if (value.is_integer()) return std::to_string(value.integer());
  char text[64];
  const int size = std::snprintf(text, sizeof text, "%.17g", value.number());
  return {text, static_cast<size_t>(size)};
}

// The text again, in the format that it was read from.
std::string written(const Exposition& content) {
  constexpr const char* kTypes[] = {"counter", "gauge", "untyped", "histogram", "summary"};
  std::string out;
  for (const Exposition::Family& family : content.families) {
    if (family.help && !family.help->empty()) out += "# HELP " + family.name + " " + escaped_help(*family.help) + "\n";
    out += "# TYPE " + family.name + " " + kTypes[static_cast<int>(family.type)] + "\n";
    for (uint32_t i = family.first; i < family.last; ++i) {
      const Exposition::Sample& sample = content.samples[i];
      const std::string_view labels = content.view(sample.labels), bound = content.view(sample.bound);
      out.append(family.name).append(part_suffix(family.type, sample.part)).append("{").append(labels);
      out.append(labels.empty() || bound.empty() ? "" : ",").append(bound).append("} ");
      out.append(number_text(sample.value)).append("\n");
    }
  }
  return out;
}

void check(const Exposition& content) {
  std::string_view last;
  uint32_t at = 0;
  for (const Exposition::Family& family : content.families) {
    require(last < family.name, "families are in order, each once");
    require(family.first == at && family.last > family.first, "families share out the samples among them");
    std::set<std::string> series;
    for (uint32_t i = family.first; i < family.last; ++i) {
      const Exposition::Sample& sample = content.samples[i];
      std::string key(part_suffix(family.type, sample.part));
      key.append("{").append(content.view(sample.labels)).append("}").append(content.view(sample.bound));
      require(series.insert(std::move(key)).second, "no series is there twice");
      require(content.view(sample.labels).find('\n') == std::string_view::npos, "labels are of one line");
    }
    last = family.name;
    at = family.last;
  }
  require(at == content.samples.size(), "each sample is of a family");
}

}  // namespace
}  // namespace plimsoll::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace plimsoll;
  const auto content = collectors::host::parse_exposition(fuzz::as_text(data, size));
  if (!content) {
    fuzz::require(!content.error().message().empty(), "an error says what is wrong");
    fuzz::require(content.error().message().size() < 1000 + size, "an error is short");
    return 0;
  }
  fuzz::check(*content);
  const std::string text = fuzz::written(*content);
  const auto again = collectors::host::parse_exposition(text);
  fuzz::require(again.has_value(), "what was read can be written and read again");
  fuzz::require(fuzz::written(*again) == text, "and is the same then");
  return 0;
}
