// SPDX-License-Identifier: Apache-2.0
// Counters of the CPUs themselves (cycles, cache misses ...) and of the kernel's events (page faults, context
// switches, tracepoints), which count from the first scrape on.
//
//   /sys/devices/system/cpu/online                             0-3
//   /sys/kernel/tracing/events/sched/sched_process_fork/id     314
//
// Needs CAP_PERFMON or kernel.perf_event_paranoid <= 0. Virtual machines often have no counters of the hardware.
// perf_event_open(2), Documentation/admin-guide/perf-security.rst
#include <linux/perf_event.h>
#include <sys/resource.h>

#include <algorithm>
#include <map>

#include "base/text.h"
#include "collectors/host/parts/kept_file.h"
#include "collectors/host/parts/perf_events.h"
#include "collectors/host/table.h"

namespace plimsoll::collectors::host {
namespace {

Result<void> check_cpus(std::string_view value) {
  const auto cpus = parse_cpus(value);
  if (!cpus) return unexpected(cpus.error());
  return {};
}

bool is_event_name(std::string_view text) {
  const auto fits = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
  };
  return !text.empty() && std::all_of(text.begin(), text.end(), fits);
}

Result<void> check_tracepoint(std::string_view value) {
  std::string_view event = value;
  const std::string_view subsystem = take(event, ':');
  if (is_event_name(subsystem) && is_event_name(event)) return {};
  return fail("'" + std::string(value) + "' is no tracepoint; write sched:sched_process_exec");
}

Result<void> check_profiler(std::span<const PerfEvent> events, std::string_view value) {
  std::string known;
  for (const PerfEvent& event : events) {
    if (event.profiler == value) return {};
    known += (known.empty() ? "" : ", ") + std::string(event.profiler);
  }
  return fail("'" + std::string(value) + "' is unknown; there are " + known);
}

Result<void> check_hardware(std::string_view value) { return check_profiler(hardware_events(), value); }
Result<void> check_software(std::string_view value) { return check_profiler(software_events(), value); }
Result<void> check_cache(std::string_view value) { return check_profiler(cache_events(), value); }

constexpr Flag kCpus = {"perf.cpus", FlagKind::kText, "", "CPUs to count on, such as 0-3,8; all when empty",
                        check_cpus};
constexpr Flag kTracepoint = {"perf.tracepoint", FlagKind::kList, "", "Tracepoint to count, as SUBSYSTEM:EVENT",
                              check_tracepoint};
constexpr Flag kNoHardware = {"perf.disable-hardware-profilers", FlagKind::kSwitch, "false",
                              "Do not count events of the hardware"};
constexpr Flag kHardware = {"perf.hardware-profilers", FlagKind::kList, "",
                            "Event of the hardware to count, such as CpuCycles; all when not given", check_hardware};
constexpr Flag kNoSoftware = {"perf.disable-software-profilers", FlagKind::kSwitch, "false",
                              "Do not count events of the kernel"};
constexpr Flag kSoftware = {"perf.software-profilers", FlagKind::kList, "",
                            "Event of the kernel to count, such as PageFault; all when not given", check_software};
constexpr Flag kNoCache = {"perf.disable-cache-profilers", FlagKind::kSwitch, "false", "Do not count events of caches"};
constexpr Flag kCache = {"perf.cache-profilers", FlagKind::kList, "",
                         "Event of caches to count, such as L1DataReadMiss; all when not given", check_cache};

// Errors by which the kernel says that it cannot count this event here.
bool is_unsupported(int code) {
  return code == ENOENT || code == EOPNOTSUPP || code == EINVAL || code == ENODEV || code == ENOSYS || code == ENXIO;
}

// An event with its counter on each CPU where it could be had.
struct Counted {
  std::string family;
  std::string help;
  uint32_t type;
  uint64_t config;
  std::map<uint32_t, UniqueFd> counters = {};
};

class PerfCollector : public Collector {
 public:
  explicit PerfCollector(const Setup& setup);
  std::string_view name() const override { return "perf"; }
  Result<void> collect(MetricWriter& writer) override;

 private:
  void choose(const Flags& flags, const Flag& off, const Flag& only, std::span<const PerfEvent> events);
  Result<void> find_tracepoints();
  Result<std::vector<uint32_t>> wanted_cpus();
  Result<void> follow_cpus();
  Result<void> open_on(uint32_t cpu);
  static void write(MetricWriter& writer, const Counted& event);

  std::string sys_;
  KeptFile online_;
  std::vector<uint32_t> given_cpus_;
  std::vector<std::string> tracepoints_;  // not yet among events_
  std::vector<uint32_t> cpus_;            // that have their counters
  std::vector<Counted> events_;
  size_t open_ = 0;
};

PerfCollector::PerfCollector(const Setup& setup)
    : sys_(setup.roots.sys),
      online_(setup.roots.sys + "/devices/system/cpu/online", 512),
      given_cpus_(parse_cpus(setup.flags.text(kCpus)).value_or({})),
      tracepoints_(setup.flags.list(kTracepoint)) {
  choose(setup.flags, kNoHardware, kHardware, hardware_events());
  choose(setup.flags, kNoSoftware, kSoftware, software_events());
  choose(setup.flags, kNoCache, kCache, cache_events());
}

void PerfCollector::choose(const Flags& flags, const Flag& off, const Flag& only, std::span<const PerfEvent> events) {
  if (flags.on(off)) return;
  const std::vector<std::string> chosen = flags.list(only);
  for (const PerfEvent& event : events) {
    if (!chosen.empty() && std::find(chosen.begin(), chosen.end(), event.profiler) == chosen.end()) continue;
    events_.push_back({std::string(event.desc.name), std::string(event.desc.help), event.type, event.config});
  }
}

// The numbers of tracepoints are the running kernel's.
Result<void> PerfCollector::find_tracepoints() {
  Result<void> result;
  for (const std::string& tracepoint : std::exchange(tracepoints_, {})) {
    std::string_view event = tracepoint;
    const std::string subsystem(take(event, ':'));
    const std::string file = "/events/" + subsystem + "/" + std::string(event) + "/id";
    auto text = read_file(sys_ + "/kernel/tracing" + file);
    if (!text) text = read_file(sys_ + "/kernel/debug/tracing" + file);
    const auto number = text ? parse_u64(trim(*text)) : std::nullopt;
    const std::string family = "node_perf_" + label_name_from(subsystem) + "_" + label_name_from(event);
    const auto same = [&](const Counted& other) { return other.family == family; };
    if (number && std::none_of(events_.begin(), events_.end(), same)) {
      events_.push_back(
          {family, "Times the CPU passed the tracepoint " + tracepoint + ".", PERF_TYPE_TRACEPOINT, *number});
    } else if (!number) {
      tracepoints_.push_back(tracepoint);
      result = text ? fail(tracepoint + ": its id is no number") : unexpected(text.error());
    }
  }
  return result;
}

Result<std::vector<uint32_t>> PerfCollector::wanted_cpus() {
  if (!given_cpus_.empty()) return given_cpus_;
  const auto text = online_.read();
  if (!text && text.error().code == ENOENT) return not_present(online_.path());
  if (!text) return unexpected(text.error());
  auto cpus = parse_cpus(trim(*text));
  if (cpus && cpus->empty()) return fail(online_.path() + ": empty");
  if (!cpus) return unexpected(cpus.error().within(online_.path()));
  return cpus;
}

// No more than half of the descriptors that the process may have.
Result<void> PerfCollector::open_on(uint32_t cpu) {
  rlimit limit = {};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  for (Counted& event : events_) {
    if (event.counters.contains(cpu)) continue;
    if (open_ >= limit.rlim_cur / 2) return fail("too many counters for the descriptors that there are; choose fewer");
    auto counter = open_counter(event.type, event.config, cpu);
    if (!counter && is_unsupported(counter.error().code)) continue;
    if (!counter) return unexpected(counter.error());
    event.counters.emplace(cpu, std::move(*counter));
    ++open_;
  }
  return {};
}

// Opens counters where there are none yet, and closes those of CPUs that were taken away.
Result<void> PerfCollector::follow_cpus() {
  const auto found = find_tracepoints();
  const auto wanted = wanted_cpus();
  if (!wanted) return unexpected(wanted.error());
  if (*wanted == cpus_ && found) return {};
  for (Counted& event : events_) {
    open_ -= std::erase_if(event.counters, [&](const auto& counter) {
      return !std::binary_search(wanted->begin(), wanted->end(), counter.first);
    });
  }
  cpus_.clear();
  for (const uint32_t cpu : *wanted) {
    const auto opened = open_on(cpu);
    if (!opened) return opened;
  }
  cpus_ = *wanted;
  return found;
}

void PerfCollector::write(MetricWriter& writer, const Counted& event) {
  writer.family(event.family, event.help, MetricType::kCounter);
  for (const auto& [cpu, counter] : event.counters) {
    const auto value = read_counter(counter.get());
    if (!value) continue;  // the CPU was taken away
    writer.sample(writer.labels(LabelSet{{"cpu", std::to_string(cpu)}}), *value);
  }
}

Result<void> PerfCollector::collect(MetricWriter& writer) {
  const auto followed = follow_cpus();
  for (const Counted& event : events_) write(writer, event);
  if (!followed) return followed;
  if (open_ == 0) return not_present("an event that can be counted");
  return {};
}

constexpr const Flag* kFlags[] = {&kCpus,       &kTracepoint, &kNoHardware, &kHardware,
                                  &kNoSoftware, &kSoftware,   &kNoCache,    &kCache};

}  // namespace

const Entry kPerfCollector = {"perf", "Hardware and software event counters: perf_event_open(2)", Default::kOff,
                              make<PerfCollector>, kFlags};

}  // namespace plimsoll::collectors::host
