// SPDX-License-Identifier: Apache-2.0
// Cost of one sample from number to text, beside a memcpy of the finished body.
//   bench_text [--containers 1000] [--families 60] [--rounds 15]
#include <algorithm>
#include <cstdio>
#include <cstring>
#include <string>
#include <vector>

#include "base/metric.h"
#include "exporter/encoding/text.h"
#include "tests/bench/support.h"

namespace plimsoll::bench {
namespace {

struct Shape {
  size_t containers, families;
  size_t samples() const { return containers * families; }
};

std::vector<LabelSet> make_labels(size_t containers) {
  std::vector<LabelSet> labels;
  for (size_t at = 0; at < containers; ++at) {
    char id[96];
    std::snprintf(id, sizeof(id), "/plimsoll/%064zx", at * 0x9e3779b97f4a7c15u);
    labels.push_back({{"id", id}, {"image", "registry.example/web:1.2"}, {"name", "web-" + std::to_string(at)}});
  }
  return labels;
}

std::vector<std::string> make_names(size_t families) {
  std::vector<std::string> names;
  for (size_t at = 0; at < families; ++at)
    names.push_back("container_memory_synthetic_" + std::to_string(at) + "_bytes");
  return names;
}

// Half of the values are byte counts, half are seconds with a fraction: the mix of a real page.
void fill(MetricWriter& writer, const std::vector<LabelSet>& labels, const std::vector<std::string>& names) {
  std::vector<LabelRef> refs;
  for (const LabelSet& set : labels) refs.push_back(writer.labels(set));
  for (size_t family = 0; family < names.size(); ++family) {
    writer.family(MetricDesc{names[family], "Synthetic bytes.", MetricType::kGauge});
    for (size_t at = 0; at < refs.size(); ++at) {
      const uint64_t number = (at + 1) * 1'234'567 + family * 4096;
      writer.sample(refs[at], family % 2 == 0 ? Value(number) : Value(static_cast<double>(number) / 1e6));
    }
  }
}

template <typename Work>
double cpu_ns(int rounds, Work&& work) {
  std::vector<double> times;
  for (int round = 0; round < rounds; ++round) {
    const int64_t before = own_cpu_ns();
    work();
    times.push_back(static_cast<double>(own_cpu_ns() - before));
  }
  return median(times);
}

size_t encode(const MetricPage& page, std::string& chunk) {
  size_t bytes = 0;
  exporter::TextEncoder encoder(page);
  while (encoder.next(chunk)) bytes += chunk.size();
  return bytes;
}

void measure(const Shape& shape, int rounds) {
  const auto labels = make_labels(shape.containers);
  const auto names = make_names(shape.families);
  MetricWriter writer;
  fill(writer, labels, names);
  const MetricPage page = writer.finish();
  const double samples = static_cast<double>(page.sample_count());
  std::string chunk;
  size_t bytes = 0;
  const double record = cpu_ns(rounds, [&] {
    fill(writer, labels, names);
    (void)writer.finish();
  });
  const double text = cpu_ns(rounds, [&] { bytes = encode(page, chunk); });
  const std::string body = exporter::to_text(page);
  std::vector<char> copy(body.size());
  const double memory = cpu_ns(rounds, [&] {
    std::memcpy(copy.data(), body.data(), body.size());
    asm volatile("" : : "r"(copy.data()) : "memory");
  });
  std::printf("%-26s %10.0f\n%-26s %10zu\n", "samples", samples, "bytes", bytes);
  std::printf("%-26s %10.1f\n", "record, ns/sample", record / samples);
  std::printf("%-26s %10.1f  (aim: at most 100)\n", "text, ns/sample", text / samples);
  std::printf("%-26s %10.1f\n%-26s %10.2f\n", "memcpy, ns/sample", memory / samples, "text / memcpy", text / memory);
}

}  // namespace
}  // namespace plimsoll::bench

int main(int argc, char** argv) {
  using plimsoll::bench::option;
  const auto number = [&](const char* name, const char* otherwise) {
    return static_cast<size_t>(std::max(1, std::atoi(option(argc, argv, name, otherwise).c_str())));
  };
  plimsoll::bench::measure({number("containers", "1000"), number("families", "60")},
                           static_cast<int>(number("rounds", "15")));
}
