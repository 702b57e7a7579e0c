// SPDX-License-Identifier: Apache-2.0
// Reads the text exposition format 0.0.4, as scripts write it to *.prom files:
//
//   # HELP backup_seconds How long the last backup took, in seconds.
//   # TYPE backup_seconds gauge
//   backup_seconds{target="home"} 12.5
//
// https://prometheus.io/docs/instrumenting/exposition_formats/; what that leaves open is as Prometheus' own parser
// in Go has it (github.com/prometheus/common, expfmt), which node_exporter uses.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/metric.h"
#include "base/result.h"

namespace plimsoll::collectors::host {

// One text, parsed. Holds no reference to it.
struct Exposition {
  // Which of a histogram's or a summary's samples: its buckets or quantiles are plain.
  enum class Part : uint8_t { kPlain, kSum, kCount };
  struct Piece {
    uint32_t at = 0;
    uint32_t size = 0;
  };
  struct Sample {
    uint32_t family;
    Part part;
    Piece labels;  // rendered, in order of their names, without those whose value is ""
    Piece bound;   // rendered le="..." or quantile="..." of a plain sample of a histogram or a summary
    Value value;
  };
  struct Family {
    std::string name;
    std::optional<std::string> help;  // UTF-8
    MetricType type = MetricType::kUntyped;
    uint32_t first = 0;  // its samples: samples[first] to samples[last - 1]
    uint32_t last = 0;
  };

  std::vector<Family> families;  // in order of their names; each has a sample
  std::vector<Sample> samples;   // by family, then by part, then as they stood; no series twice
  std::string text;              // what the pieces are pieces of

  std::string_view view(Piece piece) const { return std::string_view(text).substr(piece.at, piece.size); }
  // Bytes of memory that it takes, about.
  size_t cost() const;
};

// Whether the samples are called by more than the family's name.
bool has_parts(MetricType type);
// The suffix that samples of that part carry.
std::string_view part_suffix(MetricType type, Exposition::Part part);

// A text of which one line is wrong is refused as a whole; the error names the line and what is wrong with it.
// Also refused: time stamps of samples, a series that is there twice, more than 200,000 samples.
Result<Exposition> parse_exposition(std::string_view text);

}  // namespace plimsoll::collectors::host
