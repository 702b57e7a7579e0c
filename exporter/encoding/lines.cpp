// SPDX-License-Identifier: Apache-2.0
#include "exporter/encoding/lines.h"

#include "exporter/encoding/number.h"

namespace plimsoll::exporter {
namespace {

char* put_labels(char* at, std::string_view base, std::string_view extra) {
  if (base.empty() && extra.empty()) return at;
  *at++ = '{';
  at = put(at, base);
  if (!base.empty() && !extra.empty()) *at++ = ',';
  at = put(at, extra);
  *at++ = '}';
  return at;
}

}  // namespace

std::string_view type_name(MetricType type, std::string_view untyped) {
  switch (type) {
    case MetricType::kCounter:
      return "counter";
    case MetricType::kGauge:
      return "gauge";
    case MetricType::kHistogram:
      return "histogram";
    case MetricType::kSummary:
      return "summary";
    case MetricType::kUntyped:
      break;
  }
  return untyped;
}

void append_help(Output& out, std::string_view name, std::string_view help, HelpQuotes quotes) {
  char* at = out.room(name.size() + 2 * help.size() + 16);
  at = put(put(put(at, "# HELP "), name), " ");
  for (char c : help) {
    const bool escaped = c == '\\' || c == '\n' || (c == '"' && quotes == HelpQuotes::kEscaped);
    if (escaped) *at++ = '\\';
    *at++ = c == '\n' ? 'n' : c;
  }
  out.wrote(put(at, "\n"));
}

void append_comment(Output& out, std::string_view keyword, std::string_view name, std::string_view word) {
  char* at = put(out.room(keyword.size() + name.size() + word.size() + 16), "# ");
  at = put(put(at, keyword), " ");
  at = put(put(at, name), " ");
  out.wrote(put(put(at, word), "\n"));
}

void append_sample(Output& out, std::string_view name, std::string_view base, std::string_view extra, Value value) {
  char* at = put(out.room(name.size() + base.size() + extra.size() + kNumberRoom + 16), name);
  at = put_labels(at, base, extra);
  *at++ = ' ';
  at = put_number(at, value);
  *at++ = '\n';
  out.wrote(at);
}

bool append_samples(Output& out, const MetricPage& page, size_t index, size_t& next, size_t target,
                    std::string_view created_name) {
  const std::string_view name = page.families()[index].sample_name;
  const auto [first, last] = page.samples(index);
  const Sample* sample = first + next;
  do {
    const std::string_view base = page.labels(sample->base), extra = page.labels(sample->extra);
    append_sample(out, name, base, extra, sample->value());
    if (!created_name.empty() && page.start_ns(sample->base) > 0)
      append_sample(out, created_name, base, extra, seconds_of(page.start_ns(sample->base)));
  } while (++sample != last && out.used() < target);
  next = static_cast<size_t>(sample - first);
  return sample == last;
}

}  // namespace plimsoll::exporter
