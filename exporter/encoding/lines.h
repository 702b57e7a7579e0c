// SPDX-License-Identifier: Apache-2.0
// The lines that the text format and OpenMetrics share:
//
//   # HELP name help
//   # TYPE name gauge
//   name{id="/a",cpu="0"} 12.5
#pragma once

#include <cstddef>
#include <string_view>

#include "base/metric.h"
#include "exporter/encoding/output.h"

namespace plimsoll::exporter {

// "counter" and so on; what is untyped is called differently in each format.
std::string_view type_name(MetricType type, std::string_view untyped);

// Which characters a help escapes: \ and line ends, in OpenMetrics quotes too.
enum class HelpQuotes : bool { kPlain, kEscaped };

void append_help(Output& out, std::string_view name, std::string_view help, HelpQuotes quotes);
// "# KEYWORD name word", such as "# TYPE name gauge".
void append_comment(Output& out, std::string_view keyword, std::string_view name, std::string_view word);

// Numbers are written in the shortest form that reads back as the same double; integers with all their
// digits; infinities and not-a-number as +Inf, -Inf, NaN. Two groups of labels are joined by a comma.
void append_sample(Output& out, std::string_view name, std::string_view base, std::string_view extra, Value value);

// Samples of page.families()[index] from `next` on, which moves, until `out` has `target` bytes; one at least, so
// that a heading longer than `target` is not written for ever. `created_name` unless empty: a sample of this name
// with the start of the label set goes behind each whose start is known. True when all are written.
bool append_samples(Output& out, const MetricPage& page, size_t index, size_t& next, size_t target,
                    std::string_view created_name = {});

// The moment `ns` after 1970 as a value in seconds, to the millisecond: a double has no room for ns.
inline Value seconds_of(int64_t ns) {
  const int64_t ms = ns / 1'000'000;
  return static_cast<double>(ms) / 1e3;
}

}  // namespace plimsoll::exporter
