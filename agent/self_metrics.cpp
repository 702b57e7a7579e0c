// SPDX-License-Identifier: Apache-2.0
#include "agent/self_metrics.h"

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/registry.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <mutex>
#include <optional>
#include <vector>

#include "base/text.h"

namespace plimsoll::agent {
namespace {

using prometheus::ClientMetric;
using CounterFamily = prometheus::Family<prometheus::Counter>;
using prometheus::Gauge;

CounterFamily& counters(prometheus::Registry& registry, const char* name, const char* help) {
  return prometheus::BuildCounter().Name(name).Help(help).Register(registry);
}

MetricType type_of(prometheus::MetricType type) {
  if (type == prometheus::MetricType::Counter) return MetricType::kCounter;
  return type == prometheus::MetricType::Gauge ? MetricType::kGauge : MetricType::kUntyped;
}

double value_of(const ClientMetric& metric, MetricType type) {
  if (type == MetricType::kCounter) return metric.counter.value;
  return type == MetricType::kGauge ? metric.gauge.value : metric.untyped.value;
}

void write_family(MetricWriter& writer, const prometheus::MetricFamily& family) {
  const MetricType type = type_of(family.type);
  writer.family(family.name, family.help, type);
  for (const ClientMetric& metric : family.metric) {
    LabelSet labels;
    for (const ClientMetric::Label& label : metric.label) labels.add(label.name, label.value);
    writer.sample(writer.labels(labels), value_of(metric, type));
  }
}

// Number of open descriptors: the directory's size since Linux 6.2, else by counting.
std::optional<double> open_descriptors(const std::string& proc) {
  const std::string path = proc + "/self/fd";
  struct stat st;
  if (::stat(path.c_str(), &st) == 0 && st.st_size > 0) return static_cast<double>(st.st_size);
  auto dir = Dir::open(path);
  if (!dir) return std::nullopt;
  const auto entries = dir->list();
  if (!entries) return std::nullopt;
  return static_cast<double>(entries->size()) - 2;  // the two descriptors of this listing
}

// What the process looks like now. Written beside the registry, since a gauge there could not be
// absent when its source is.
void write_process(MetricWriter& writer, const ProcessStat& stat, std::optional<uint64_t> boot_time) {
  const auto ticks = static_cast<double>(::sysconf(_SC_CLK_TCK));
  const auto page = static_cast<double>(::sysconf(_SC_PAGESIZE));
  writer.single(
      {"process_cpu_seconds_total", "CPU time of this process, user and system, in seconds.", MetricType::kCounter},
      static_cast<double>(stat.user_ticks + stat.system_ticks) / ticks);
  writer.single(
      {"process_resident_memory_bytes", "Memory of this process that is in RAM, in bytes.", MetricType::kGauge},
      static_cast<double>(stat.resident_pages) * page);
  writer.single({"process_virtual_memory_bytes", "Address space of this process, in bytes.", MetricType::kGauge},
                static_cast<double>(stat.virtual_bytes));
  if (boot_time) {
    writer.single(
        {"process_start_time_seconds", "When this process started, in seconds since 1970.", MetricType::kGauge},
        static_cast<double>(*boot_time) + static_cast<double>(stat.start_ticks) / ticks);
  }
}

void write_descriptors(MetricWriter& writer, const std::string& proc) {
  if (const auto open = open_descriptors(proc))
    writer.single({"process_open_fds", "Descriptors that this process has open, a number.", MetricType::kGauge}, *open);
  rlimit limit;
  if (::getrlimit(RLIMIT_NOFILE, &limit) == 0)
    writer.single({"process_max_fds", "Descriptors that this process may have open, a number.", MetricType::kGauge},
                  static_cast<double>(limit.rlim_cur));
}

}  // namespace

Result<ProcessStat> parse_process_stat(std::string_view text) {
  const size_t name_end = text.rfind(')');
  if (name_end == std::string_view::npos) return fail("stat: no program name");
  std::string_view rest = text.substr(name_end + 1);
  ProcessStat stat = {};
  for (int field = 3; field <= 24; ++field) {
    const std::string_view word = trim(take_field(rest));
    uint64_t* wanted = field == 14   ? &stat.user_ticks
                       : field == 15 ? &stat.system_ticks
                       : field == 22 ? &stat.start_ticks
                       : field == 23 ? &stat.virtual_bytes
                       : field == 24 ? &stat.resident_pages
                                     : nullptr;
    if (wanted == nullptr) continue;
    const auto number = parse_u64(word);
    if (!number) return fail("stat: field " + std::to_string(field) + " is no number");
    *wanted = *number;
  }
  return stat;
}

struct SelfMetrics::State {
  explicit State(const std::string& proc_root)
      : proc(proc_root),
        build(prometheus::BuildGauge()
                  .Name("plimsoll_build_info")
                  .Help("1, with the version of this agent as a label.")
                  .Register(registry)),
        requests(
            counters(registry, "plimsoll_http_requests_total", "HTTP requests answered, by path and status code.")),
        collections(counters(registry, "plimsoll_collections_total", "Collections made, by half of the metrics.")),
        seconds(counters(registry, "plimsoll_collection_seconds_total", "Wall time spent in collections, in seconds.")),
        failures(counters(registry, "plimsoll_collection_failures_total", "Collections in which a collector failed.")) {
    build.Add({{"version", PLIMSOLL_VERSION}}).Set(1);
  }

  std::string proc;
  prometheus::Registry registry;
  prometheus::Family<Gauge>& build;
  CounterFamily& requests;
  CounterFamily& collections;
  CounterFamily& seconds;
  CounterFamily& failures;
  std::mutex mutex;  // of `more`
  std::vector<std::function<void(MetricWriter&)>> more;
};

SelfMetrics::SelfMetrics(const HostRoots& roots, std::span<const std::string> routes,
                         std::span<const std::string> collectors)
    : state_(std::make_unique<State>(roots.proc)) {
  for (const std::string& route : routes) state_->requests.Add({{"path", route}, {"code", "200"}});
  for (const std::string& collector : collectors) state_->failures.Add({{"collector", collector}});
  for (const char* half : {"node", "container"}) {
    state_->collections.Add({{"half", half}});
    state_->seconds.Add({{"half", half}});
  }
}

SelfMetrics::~SelfMetrics() = default;

void SelfMetrics::count_request(const std::string& route, int status) {
  state_->requests.Add({{"path", route.empty() ? "other" : route}, {"code", std::to_string(status)}}).Increment();
}

void SelfMetrics::count_collection(const std::string& half, double seconds) {
  state_->collections.Add({{"half", half}}).Increment();
  state_->seconds.Add({{"half", half}}).Increment(seconds);
}

void SelfMetrics::count_failure(const std::string& collector) {
  state_->failures.Add({{"collector", collector}}).Increment();
}

void SelfMetrics::add(std::function<void(MetricWriter&)> more) {
  const std::lock_guard lock(state_->mutex);
  state_->more.push_back(std::move(more));
}

void SelfMetrics::write(MetricWriter& writer) {
  for (const prometheus::MetricFamily& family : state_->registry.Collect()) write_family(writer, family);
  const auto text = read_file(state_->proc + "/self/stat");
  const auto stat = text ? parse_process_stat(*text) : Result<ProcessStat>(fail("stat"));
  if (stat) {
    const auto boot = read_file(state_->proc + "/stat");
    write_process(writer, *stat, boot ? find_u64(*boot, "btime") : std::nullopt);
  }
  write_descriptors(writer, state_->proc);
  const std::lock_guard lock(state_->mutex);
  for (const auto& more : state_->more) more(writer);
}

}  // namespace plimsoll::agent
