// SPDX-License-Identifier: Apache-2.0
// Cost of one sample from number to bytes, in each format, beside other ways to do it; and of gzip around it.
//   bench_exposition [--containers 1000] [--families 150] [--rounds 9]
// All ways take turns in each round; what is printed are medians of CPU time.
#include <prometheus/gauge.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>
#include <zlib.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <new>
#include <sstream>
#include <string>
#include <vector>

#include "base/metric.h"
#include "exporter/encoding/encoder.h"
#include "exporter/encoding/gzip.h"
#include "tests/bench/support.h"

namespace {
std::atomic<uint64_t> allocations = 0;
}  // namespace

void* operator new(size_t size) {
  allocations.fetch_add(1, std::memory_order_relaxed);
  if (void* memory = std::malloc(size)) return memory;
  std::abort();
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, size_t) noexcept { std::free(memory); }

namespace plimsoll::bench {
namespace {

using exporter::Format;
using exporter::GzipEncoder;

constexpr int64_t kStarted = 1'700'000'000'123'456'789;

struct Container {
  std::string id, image, name;
};

// What the pages are made of: a family's name, and the values of a container.
struct Fleet {
  std::vector<Container> containers;
  std::vector<std::string> families;

  size_t samples() const { return containers.size() * families.size(); }
  static bool is_counter(size_t family) { return family % 2 == 0; }
  // Half of the values are byte counts, half are seconds with a fraction: the mix of a real page.
  static Value value(size_t family, size_t container) {
    const uint64_t number = (container + 1) * 1'234'567 + family * 4096;
    return family % 4 < 2 ? Value(number) : Value(static_cast<double>(number) / 1e6);
  }
};

Fleet make_fleet(size_t containers, size_t families) {
  Fleet fleet;
  for (size_t at = 0; at < containers; ++at) {
    char id[96];
    std::snprintf(id, sizeof(id), "/docker/%064zx", (at + 1) * 0x9e3779b97f4a7c15u);
    fleet.containers.push_back({id, "registry.example/web:1.2", "web-" + std::to_string(at)});
  }
  for (size_t at = 0; at < families; ++at)
    fleet.families.push_back("container_memory_synthetic_" + std::to_string(at) + (at % 2 == 0 ? "_total" : "_bytes"));
  return fleet;
}

MetricPage record(MetricWriter& writer, const Fleet& fleet, const std::vector<LabelSet>& labels) {
  std::vector<LabelRef> refs;
  for (const LabelSet& set : labels) refs.push_back(writer.labels(set, kStarted));
  for (size_t family = 0; family < fleet.families.size(); ++family) {
    writer.family(MetricDesc{fleet.families[family], "Synthetic.",
                             Fleet::is_counter(family) ? MetricType::kCounter : MetricType::kGauge});
    for (size_t at = 0; at < refs.size(); ++at) writer.sample(refs[at], Fleet::value(family, at));
  }
  return writer.finish();
}

std::vector<LabelSet> labels_of(const Fleet& fleet) {
  std::vector<LabelSet> labels;
  labels.reserve(fleet.containers.size());
  for (const Container& each : fleet.containers)
    labels.push_back({{"id", each.id}, {"image", each.image}, {"name", each.name}});
  return labels;
}

// One way to make a body; `run` returns its size.
struct Way {
  std::string name;
  double aim = 0;  // ns a sample, 0 for none
  std::function<size_t()> run;
  std::vector<double> times = {};
  size_t bytes = 0;
  uint64_t allocated = 0;
};

void turn(Way& way) {
  const uint64_t before = allocations;
  const int64_t start = own_cpu_ns();
  way.bytes = way.run();
  way.times.push_back(static_cast<double>(own_cpu_ns() - start));
  way.allocated = allocations - before;
}

size_t drain(exporter::Encoder& encoder, std::string& chunk) {
  size_t bytes = 0;
  while (encoder.next(chunk)) bytes += chunk.size();
  return bytes;
}

// What one would write by hand without to_chars: a line by snprintf into one buffer.
size_t print_lines(const Fleet& fleet, const std::vector<LabelSet>& labels, std::string& buffer) {
  char* at = buffer.data();
  for (size_t family = 0; family < fleet.families.size(); ++family) {
    for (size_t each = 0; each < labels.size(); ++each)
      at += std::snprintf(at, 512, "%s{%s} %.17g\n", fleet.families[family].c_str(), labels[each].rendered().data(),
                          Fleet::value(family, each).number());
  }
  return static_cast<size_t>(at - buffer.data());
}

// prometheus-cpp's gauges, one for each series.
struct Registry {
  explicit Registry(const Fleet& fleet) {
    for (const std::string& name : fleet.families) {
      auto& family = prometheus::BuildGauge().Name(name).Help("Synthetic.").Register(registry);
      for (const Container& each : fleet.containers)
        gauges.push_back(&family.Add({{"id", each.id}, {"image", each.image}, {"name", each.name}}));
    }
  }
  size_t set_collect_serialize(const Fleet& fleet) {
    for (size_t at = 0; at < gauges.size(); ++at)
      gauges[at]->Set(Fleet::value(at / fleet.containers.size(), at % fleet.containers.size()).number());
    return serialize(registry.Collect());
  }
  static size_t serialize(const std::vector<prometheus::MetricFamily>& families) {
    std::ostringstream out;
    prometheus::TextSerializer().Serialize(out, families);
    return static_cast<size_t>(out.tellp());
  }

  prometheus::Registry registry;
  std::vector<prometheus::Gauge*> gauges;
};

size_t zlib_gzip(const std::string& body, std::string& out) {
  z_stream stream = {};
  deflateInit2(&stream, 1, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY);
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(body.data()));
  stream.avail_in = static_cast<uInt>(body.size());
  do {
    stream.next_out = reinterpret_cast<Bytef*>(out.data());
    stream.avail_out = static_cast<uInt>(out.size());
  } while (deflate(&stream, Z_FINISH) == Z_OK);
  const size_t bytes = stream.total_out;
  deflateEnd(&stream);
  return bytes;
}

// Hands out a finished body, so that only its compression is measured.
class Finished : public exporter::Encoder {
 public:
  explicit Finished(const std::string& body) : body_(body) {}
  using Encoder::next;
  bool next(std::string& chunk, size_t target) override {
    chunk.assign(body_, std::min(at_, body_.size()), target);
    at_ += chunk.size();
    return !chunk.empty();
  }

 private:
  const std::string& body_;
  size_t at_ = 0;
};

void print(const std::vector<Way>& ways, double samples) {
  const double memory = median(ways.front().times);
  std::printf("%-38s %10s %8s %12s %10s  %s\n", "", "ns/sample", "/memcpy", "allocations", "MB", "aim");
  for (const Way& way : ways) {
    const double time = median(way.times);
    std::printf("%-38s %10.1f %8.2f %12llu %10.2f  ", way.name.c_str(), time / samples, time / memory,
                static_cast<unsigned long long>(way.allocated), static_cast<double>(way.bytes) / 1e6);
    std::printf(way.aim > 0 ? "<= %.0f\n" : "\n", way.aim);
  }
}

class Bench {
 public:
  explicit Bench(Fleet fleet)
      : fleet_(std::move(fleet)),
        labels_(labels_of(fleet_)),
        page_(record(writer_, fleet_, labels_)),
        registry_(fleet_),
        text_(exporter::encode(Format::kText, page_)),
        buffer_(2 * text_.size(), '\0') {}

  void run(int rounds) {
    add_formats();
    add_others();
    add_compression();
    for (int round = 0; round < rounds; ++round) {
      for (Way& way : ways_) turn(way);
    }
    std::printf("%zu samples of %zu families, medians of %d rounds\n", fleet_.samples(), fleet_.families.size(),
                rounds);
    print(ways_, static_cast<double>(fleet_.samples()));
  }

 private:
  void add(std::string name, double aim, std::function<size_t()> work) {
    ways_.push_back({std::move(name), aim, std::move(work)});
  }
  void add_format(std::string name, double aim, Format format, bool created = false) {
    add(std::move(name), aim, [this, format, created] {
      return drain(*exporter::make_encoder(format, page_, {.created = created}), chunk_);
    });
  }

  void add_formats() {
    add("memcpy of the text", 0, [this] {
      std::memcpy(buffer_.data(), text_.data(), text_.size());
      asm volatile("" : : "r"(buffer_.data()) : "memory");
      return text_.size();
    });
    add("record the page", 0, [this] { return record(writer_, fleet_, labels_).sample_count() * sizeof(Sample); });
    add_format("text 0.0.4", 45, Format::kText);
    add_format("OpenMetrics 1.0.0", 60, Format::kOpenMetrics);
    add_format("OpenMetrics with _created (half more)", 0, Format::kOpenMetrics, true);
    add_format("protobuf, delimited", 45, Format::kProtobuf);
  }

  void add_others() {
    add("snprintf %.17g", 0, [this] { return print_lines(fleet_, labels_, buffer_); });
    add("prometheus-cpp: set, collect, serialize", 0, [this] { return registry_.set_collect_serialize(fleet_); });
    collected_ = registry_.registry.Collect();
    add("prometheus-cpp: TextSerializer alone", 0, [this] { return Registry::serialize(collected_); });
  }

  void add_compression() {
    for (int level = 0; level <= 3; ++level) {
      add("gzip by ISA-L, level " + std::to_string(level) + (level == GzipEncoder::kLevel ? " (ours)" : ""), 0,
          [this, level] {
            GzipEncoder encoder(std::make_unique<Finished>(text_), level);
            return drain(encoder, chunk_);
          });
    }
    add("gzip by zlib, level 1", 0, [this] { return zlib_gzip(text_, buffer_); });
    add("text and gzip, as an answer", 0, [this] {
      GzipEncoder encoder(exporter::make_encoder(Format::kText, page_));
      return drain(encoder, chunk_);
    });
    add("protobuf and gzip, as an answer", 0, [this] {
      GzipEncoder encoder(exporter::make_encoder(Format::kProtobuf, page_));
      return drain(encoder, chunk_);
    });
  }

  MetricWriter writer_;
  Fleet fleet_;
  std::vector<LabelSet> labels_;
  MetricPage page_;
  Registry registry_;
  std::vector<prometheus::MetricFamily> collected_;
  std::string text_, buffer_, chunk_;
  std::vector<Way> ways_;
};

}  // namespace
}  // namespace plimsoll::bench

int main(int argc, char** argv) {
  using namespace plimsoll::bench;
  const auto number = [&](const char* name, const char* otherwise) {
    return static_cast<size_t>(std::max(1, std::atoi(option(argc, argv, name, otherwise).c_str())));
  };
  Bench bench(make_fleet(number("containers", "1000"), number("families", "150")));
  bench.run(static_cast<int>(number("rounds", "9")));
}
