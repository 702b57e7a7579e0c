// SPDX-License-Identifier: Apache-2.0
#include "agent/self_metrics.h"

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>

#include <cmath>
#include <vector>

#include "agent/process_metrics.h"
#include "exporter/encoding/encoder.h"
#include "exporter/http/admission.h"

namespace plimsoll::agent {
namespace {

using prometheus::ClientMetric;
using CounterFamily = prometheus::Family<prometheus::Counter>;
using HistogramFamily = prometheus::Family<prometheus::Histogram>;
using prometheus::Gauge;

constexpr const char* kHalves[] = {"node", "container"};
constexpr const char* kRule = "rule";
constexpr const char* kBudget = "budget";

#ifdef __clang__
constexpr const char* kCompiler = "clang " __clang_version__;
#else
constexpr const char* kCompiler = "gcc " __VERSION__;
#endif

// Of the time that a page takes, in seconds.
const prometheus::Histogram::BucketBoundaries& page_bounds() {
  static const prometheus::Histogram::BucketBoundaries kBounds = {0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1,
                                                                  0.25,  0.5,    1,     2.5,  5,     10};
  return kBounds;
}

CounterFamily& counters(prometheus::Registry& registry, const char* name, const char* help) {
  return prometheus::BuildCounter().Name(name).Help(help).Register(registry);
}

prometheus::Family<Gauge>& gauges(prometheus::Registry& registry, const char* name, const char* help) {
  return prometheus::BuildGauge().Name(name).Help(help).Register(registry);
}

MetricType type_of(prometheus::MetricType type) {
  switch (type) {
    case prometheus::MetricType::Counter:
      return MetricType::kCounter;
    case prometheus::MetricType::Gauge:
      return MetricType::kGauge;
    case prometheus::MetricType::Histogram:
      return MetricType::kHistogram;
    case prometheus::MetricType::Summary:
      return MetricType::kSummary;
    default:
      return MetricType::kUntyped;
  }
}

double value_of(const ClientMetric& metric, MetricType type) {
  if (type == MetricType::kCounter) return metric.counter.value;
  return type == MetricType::kGauge ? metric.gauge.value : metric.untyped.value;
}

LabelSet labels_of(const ClientMetric& metric) {
  LabelSet labels;
  for (const ClientMetric::Label& label : metric.label) labels.add(label.name, label.value);
  return labels;
}

// prometheus-cpp has no bucket for +Inf in a histogram without observations of its own kind; the format
// demands one, and its count is that of all.
void write_histogram(MetricWriter& writer, const prometheus::MetricFamily& family) {
  writer.part("_bucket");
  for (const ClientMetric& metric : family.metric) {
    const LabelRef base = writer.labels(labels_of(metric));
    const auto bucket = [&](double bound, uint64_t count) {
      writer.sample(base, writer.labels(LabelSet{{"le", bound_text(bound)}}), count);
    };
    for (const auto& each : metric.histogram.bucket) {
      if (!std::isinf(each.upper_bound)) bucket(each.upper_bound, each.cumulative_count);
    }
    bucket(INFINITY, metric.histogram.sample_count);
  }
  writer.part("_sum");
  for (const ClientMetric& metric : family.metric)
    writer.sample(writer.labels(labels_of(metric)), metric.histogram.sample_sum);
  writer.part("_count");
  for (const ClientMetric& metric : family.metric)
    writer.sample(writer.labels(labels_of(metric)), uint64_t{metric.histogram.sample_count});
}

void write_summary(MetricWriter& writer, const prometheus::MetricFamily& family) {
  for (const ClientMetric& metric : family.metric) {
    const LabelRef base = writer.labels(labels_of(metric));
    for (const auto& each : metric.summary.quantile)
      writer.sample(base, writer.labels(LabelSet{{"quantile", bound_text(each.quantile)}}), each.value);
  }
  writer.part("_sum");
  for (const ClientMetric& metric : family.metric)
    writer.sample(writer.labels(labels_of(metric)), metric.summary.sample_sum);
  writer.part("_count");
  for (const ClientMetric& metric : family.metric)
    writer.sample(writer.labels(labels_of(metric)), uint64_t{metric.summary.sample_count});
}

prometheus::Labels build_labels() {
  prometheus::Labels labels = {{"version", PLIMSOLL_VERSION}, {"compiler", kCompiler}};
  if (std::string_view(PLIMSOLL_REVISION) != "") labels.emplace("revision", PLIMSOLL_REVISION);
  return labels;
}

}  // namespace

void write_family(MetricWriter& writer, const prometheus::MetricFamily& family) {
  const MetricType type = type_of(family.type);
  if (!writer.family(family.name, family.help, type)) return;
  if (type == MetricType::kHistogram) return write_histogram(writer, family);
  if (type == MetricType::kSummary) return write_summary(writer, family);
  for (const ClientMetric& metric : family.metric)
    writer.sample(writer.labels(labels_of(metric)), value_of(metric, type));
}

struct SelfMetrics::State {
  explicit State(const std::string& proc_root)
      : proc(proc_root),
        requests(
            counters(registry, "plimsoll_http_requests_total", "HTTP requests answered, by path and status code.")),
        dropped(counters(registry, "plimsoll_http_connections_dropped_total",
                         "Connections that were refused or ended early, by which bound.")),
        collections(counters(registry, "plimsoll_collections_total", "Collections made, by half of the metrics.")),
        collection_seconds(
            counters(registry, "plimsoll_collection_seconds_total", "Wall time spent in collections, in seconds.")),
        failures(counters(registry, "plimsoll_collection_failures_total", "Collections in which a collector failed.")),
        left_out(counters(registry, "plimsoll_series_dropped_total",
                          "Series left out of pages: by a rule of --series.drop, or over a series budget.")),
        page_bytes(counters(registry, "plimsoll_scrape_bytes_total", "Bytes of pages sent, by format; as compressed.")),
        page_samples(counters(registry, "plimsoll_scrape_samples_total", "Samples of pages sent, by format.")),
        page_durations(prometheus::BuildHistogram()
                           .Name("plimsoll_scrape_duration_seconds")
                           .Help("Time from a request for a page to its last byte, by page, in seconds.")
                           .Register(registry)),
        reload_successful(gauges(registry, "plimsoll_config_last_reload_successful",
                                 "1 when the configuration was in order when it was last read, else 0.")
                              .Add({})),
        reload_time(gauges(registry, "plimsoll_config_last_reload_success_timestamp_seconds",
                           "When a configuration that was in order was last read, in seconds since 1970.")
                        .Add({})) {
    gauges(registry, "plimsoll_build_info", "1, with the version of this agent and its compiler as labels.")
        .Add(build_labels())
        .Set(1);
  }

  std::string proc;
  std::vector<std::function<void(MetricWriter&)>> sources;
  prometheus::Registry registry;
  CounterFamily& requests;
  CounterFamily& dropped;
  CounterFamily& collections;
  CounterFamily& collection_seconds;
  CounterFamily& failures;
  CounterFamily& left_out;
  CounterFamily& page_bytes;
  CounterFamily& page_samples;
  HistogramFamily& page_durations;
  Gauge& reload_successful;
  Gauge& reload_time;
};

SelfMetrics::SelfMetrics(const HostRoots& roots, std::span<const std::string> routes,
                         std::span<const std::string> collectors)
    : state_(std::make_unique<State>(roots.proc)) {
  for (const std::string& route : routes) state_->requests.Add({{"path", route}, {"code", "200"}});
  for (size_t i = 0; i < exporter::kDroppedKinds; ++i)
    state_->dropped.Add({{"reason", exporter::dropped_name(static_cast<exporter::Dropped>(i))}});
  for (const char* half : kHalves) {
    state_->collections.Add({{"half", half}});
    state_->collection_seconds.Add({{"half", half}});
  }
  for (const char* reason : {kRule, kBudget}) state_->left_out.Add({{"reason", reason}});
  for (const exporter::Format format : exporter::kFormats) {
    const std::string name(exporter::format_name(format));
    state_->page_bytes.Add({{"format", name}});
    state_->page_samples.Add({{"format", name}});
  }
  add_collectors(collectors);
}

SelfMetrics::~SelfMetrics() = default;

void SelfMetrics::add_collectors(std::span<const std::string> collectors) {
  for (const std::string& collector : collectors) state_->failures.Add({{"collector", collector}});
}

void SelfMetrics::add_source(std::function<void(MetricWriter&)> source) {
  state_->sources.push_back(std::move(source));
}

void SelfMetrics::count_request(const std::string& route, int status) {
  state_->requests.Add({{"path", route.empty() ? "other" : route}, {"code", std::to_string(status)}}).Increment();
}

void SelfMetrics::count_dropped(const std::string& reason) { state_->dropped.Add({{"reason", reason}}).Increment(); }

void SelfMetrics::count_collection(const std::string& half, double seconds) {
  state_->collections.Add({{"half", half}}).Increment();
  state_->collection_seconds.Add({{"half", half}}).Increment(seconds);
}

void SelfMetrics::count_failure(const std::string& collector) {
  state_->failures.Add({{"collector", collector}}).Increment();
}

void SelfMetrics::count_left_out(uint64_t by_rule, uint64_t over_budget) {
  state_->left_out.Add({{"reason", kRule}}).Increment(static_cast<double>(by_rule));
  state_->left_out.Add({{"reason", kBudget}}).Increment(static_cast<double>(over_budget));
}

void SelfMetrics::count_served(const Served& served) {
  state_->page_bytes.Add({{"format", served.format}}).Increment(static_cast<double>(served.bytes));
  state_->page_samples.Add({{"format", served.format}}).Increment(static_cast<double>(served.samples));
  state_->page_durations.Add({{"page", served.page}}, page_bounds()).Observe(served.seconds);
}

void SelfMetrics::count_reload(bool successful) {
  state_->reload_successful.Set(successful ? 1 : 0);
  if (successful) state_->reload_time.Set(static_cast<double>(wall_clock_ns() / 1'000'000) / 1e3);
}

void SelfMetrics::write(MetricWriter& writer) {
  for (const prometheus::MetricFamily& family : state_->registry.Collect()) write_family(writer, family);
  write_process_metrics(writer, state_->proc);
  for (const auto& source : state_->sources) source(writer);
}

}  // namespace plimsoll::agent
