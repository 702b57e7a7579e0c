// SPDX-License-Identifier: Apache-2.0
// What a request asks for (agent/filter/selection.h, any bytes from the network), and selectors of series
// (agent/filter/series_selector.h, agent/filter/rules.h) on labels of any bytes.
#include <string>

#include "agent/filter/rules.h"
#include "agent/filter/selection.h"
#include "agent/filter/series_selector.h"
#include "tests/fuzz/require.h"

namespace plimsoll::fuzz {
namespace {

void queries(std::string_view text) {
  static const std::set<std::string, std::less<>> kKnown =
      agent::selectable(std::vector<std::string>{"container", "machine", "cpu", "time"});
  const auto selection = agent::Selection::parse(text, kKnown);
  if (!selection) {
    for (const char c : selection.error().message()) require(c >= ' ' && c < 0x7f, "a refusal can be printed");
    return;
  }
  const bool some = selection->wants("container") || selection->wants("machine") || selection->wants("cpu") ||
                    selection->wants("time") || text.find("exclude") != std::string_view::npos ||
                    text.find('%') != std::string_view::npos;
  require(some, "who collects something gets something");
  (void)selection->families().matches("node_load1");
}

// As a selector would be written again; strings in the notation with escapes.
std::string written(const agent::SeriesSelector& selector) {
  std::string text = selector.name + "{";
  for (const agent::LabelMatcher& matcher : selector.matchers) {
    text += matcher.label +
            (matcher.negative     ? "!"
             : matcher.expression ? "="
                                  : "") +
            (matcher.expression ? "~" : "=") + "\"";
    for (const char c : matcher.value) {
      if (c == '"' || c == '\\') text += '\\';
      text += c;
    }
    text += "\",";
  }
  return text + "}";
}

void selectors(std::string_view text) {
  const auto selector = agent::parse_selector(text);
  if (!selector) return require(!selector.error().message().empty(), "an error says something");
  const std::string again = written(*selector);
  const auto second = agent::parse_selector(again);
  require(second.has_value(), "what was read can be written and read again");
  require(written(*second) == again, "and is the same");
}

// The first line is a selector, the rest a label's value.
void rules(std::string_view text) {
  const size_t end = std::min(text.find('\n'), text.size());
  const auto parsed = agent::Rules::parse({.drop = {std::string(text.substr(0, end))}});
  if (!parsed) return;
  const LabelSet labels = {{"name", text.substr(end)}, {"device", "sda"}};
  const LabelMatch match = (*parsed)->match(labels.rendered());
  require((match.holds & match.fails) == 0, "a matcher holds or fails");
  MetricWriter writer(INT64_MAX, {}, parsed->get());
  writer.family("up", text.substr(end), MetricType::kGauge);
  writer.sample(writer.labels(labels), 1);
  require(writer.sample_count() + writer.dropped_by_rule() == 1, "a sample is there or counted");
}

}  // namespace
}  // namespace plimsoll::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text = plimsoll::fuzz::as_text(data, size);
  plimsoll::fuzz::queries(text);
  plimsoll::fuzz::selectors(text);
  plimsoll::fuzz::rules(text);
  return 0;
}
