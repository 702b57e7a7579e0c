// SPDX-License-Identifier: Apache-2.0
// Frequencies and governors, /sys/devices/system/cpu/cpuN/cpufreq of each CPU online, in kHz:
//
//   scaling_cur_freq              1699981                cpuinfo_cur_freq (for root only, few drivers)
//   scaling_min_freq              800000                 cpuinfo_min_freq
//   scaling_max_freq              3700000                cpuinfo_max_freq
//   scaling_governor              powersave
//   scaling_available_governors   performance powersave
//
// Virtual machines mostly have no such directory. scaling_cur_freq is what node_exporter reads too; with
// some drivers and kernels the read asks the CPU itself and waits for some 10 ms, so that many CPUs take longer than
// whoever scrapes may wait: the CPUs that are not reached by then are left out.
// Documentation/admin-guide/pm/cpufreq.rst
#include <unistd.h>

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/text.h"
#include "collectors/host/parts/cpu_info.h"
#include "collectors/host/parts/device_dir.h"
#include "collectors/host/parts/kept_file.h"
#include "collectors/host/parts/throttle.h"
#include "collectors/host/table.h"

namespace plimsoll::collectors::host {
namespace {

constexpr auto kGauge = MetricType::kGauge;

struct Frequency {
  std::string_view file;
  MetricDesc desc;
};

constexpr Frequency kFrequencies[] = {
    {"cpufreq/cpuinfo_cur_freq",
     {"node_cpu_frequency_hertz", "Frequency that the CPU itself says it runs at, in hertz.", kGauge}},
    {"cpufreq/cpuinfo_min_freq",
     {"node_cpu_frequency_min_hertz", "Lowest frequency that the CPU is able to run at, in hertz.", kGauge}},
    {"cpufreq/cpuinfo_max_freq",
     {"node_cpu_frequency_max_hertz", "Highest frequency that the CPU is able to run at, in hertz.", kGauge}},
    {"cpufreq/scaling_cur_freq",
     {"node_cpu_scaling_frequency_hertz", "Frequency that the kernel runs the CPU at, in hertz.", kGauge}},
    {"cpufreq/scaling_min_freq",
     {"node_cpu_scaling_frequency_min_hertz", "Lowest frequency that the kernel chooses, in hertz.", kGauge}},
    {"cpufreq/scaling_max_freq",
     {"node_cpu_scaling_frequency_max_hertz", "Highest frequency that the kernel chooses, in hertz.", kGauge}},
};
constexpr MetricDesc kGovernor = {"node_cpu_scaling_governor",
                                  "1 for the governor that chooses the CPU's frequency, 0 for those that could.",
                                  kGauge};
constexpr uint64_t kHertzPerUnit = 1000;

struct CpuState {
  uint32_t cpu;
  std::array<std::optional<uint64_t>, std::size(kFrequencies)> frequencies;  // in kHz
  std::string governor;
  std::string governors;  // that there are, separated by blanks

  bool empty() const {
    const auto has = [](const auto& frequency) { return frequency.has_value(); };
    return governor.empty() && std::none_of(frequencies.begin(), frequencies.end(), has);
  }
};

CpuState read_state(uint32_t cpu, Device& device) {
  CpuState state{cpu, {}, "", ""};
  for (size_t i = 0; i < std::size(kFrequencies); ++i) {
    const auto frequency = device.number(kFrequencies[i].file);
    if (frequency && *frequency <= UINT64_MAX / kHertzPerUnit) state.frequencies[i] = frequency;
  }
  state.governor = device.text("cpufreq/scaling_governor").value_or("");
  if (!state.governor.empty()) state.governors = device.text("cpufreq/scaling_available_governors").value_or("");
  return state;
}

// The CPUs that have frequencies, each with its files kept open.
class CpuDirs {
 public:
  explicit CpuDirs(const std::string& sys) : root_(sys + "/devices/system/cpu"), online_(root_ + "/online", 512) {}

  struct Cpu {
    uint32_t number;
    Device* device;
  };

  // Of CPUs online. The directories are looked for anew when other CPUs are online, and when a CPU was
  // reported missing(), since a driver may have come or gone.
  Result<std::vector<Cpu>> find() {
    const auto online = read_and_parse(online_, parse_cpu_list);
    if (!online && online.error().code == ENOENT) return not_present("CPUs");
    if (!online) return unexpected(online.error());
    const bool same = *online == numbers_;
    if (same && none_ && !has_frequency(*online)) return not_present("CPU frequencies");
    if (same && !missing_ && !cpus_.empty()) return cpus_;
    cpus_.clear();
    numbers_ = *online;
    dir_.emplace(root_, kMaxKept);
    auto devices = dir_->devices();
    if (!devices) return unexpected(devices.error());
    for (Device* device : *devices) add(device);
    std::sort(cpus_.begin(), cpus_.end(), [](const Cpu& a, const Cpu& b) { return a.number < b.number; });
    return cpus_;
  }

  // What came of the read: some CPU had nothing, or all of them.
  void report(bool missing, bool none) {
    missing_ = missing;
    none_ = none;
    if (none) dir_.reset();
    if (none) cpus_.clear();
  }

 private:
  static constexpr size_t kMaxKept = 256;  // descriptors

  void add(Device* device) {
    const std::string_view name = device->name();
    const auto number = name.starts_with("cpu") ? parse_u64(name.substr(3)) : std::nullopt;
    if (!number || *number > UINT32_MAX) return;
    const auto cpu = static_cast<uint32_t>(*number);
    const bool first = name.substr(3) == std::to_string(cpu);
    if (first && std::binary_search(numbers_.begin(), numbers_.end(), cpu)) cpus_.push_back({cpu, device});
  }

  // Of the first CPU, for all of them have the same driver.
  bool has_frequency(const std::vector<uint32_t>& online) const {
    if (online.empty()) return false;
    return ::access((root_ + "/cpu" + std::to_string(online.front()) + "/cpufreq").c_str(), F_OK) == 0;
  }

  std::string root_;
  KeptFile online_;
  std::optional<DeviceDir> dir_;
  std::vector<uint32_t> numbers_;  // the CPUs online
  std::vector<Cpu> cpus_;          // those that have a directory
  bool missing_ = true;
  bool none_ = false;
};

void write_frequencies(MetricWriter& writer, const std::vector<CpuState>& states, const std::vector<LabelRef>& labels) {
  for (size_t i = 0; i < std::size(kFrequencies); ++i) {
    if (writer.has_family(kFrequencies[i].desc.name)) continue;  // the cpu collector's, of /proc/cpuinfo
    writer.family(kFrequencies[i].desc);
    for (size_t cpu = 0; cpu < states.size(); ++cpu) {
      if (states[cpu].frequencies[i]) writer.sample(labels[cpu], *states[cpu].frequencies[i] * kHertzPerUnit);
    }
  }
}

// Labels of governors, stored once each.
class GovernorLabels {
 public:
  explicit GovernorLabels(MetricWriter& writer) : writer_(writer) {}

  LabelRef of(std::string_view name) {
    auto found = refs_.find(name);
    if (found == refs_.end()) found = refs_.emplace(name, writer_.labels(LabelSet{{"governor", name}})).first;
    return found->second;
  }

 private:
  MetricWriter& writer_;
  std::map<std::string_view, LabelRef> refs_;
};

void write_governors(MetricWriter& writer, const std::vector<CpuState>& states, const std::vector<LabelRef>& labels) {
  GovernorLabels governors(writer);
  writer.family(kGovernor);
  for (size_t cpu = 0; cpu < states.size(); ++cpu) {
    std::set<std::string_view> written;
    std::string_view rest = states[cpu].governors;
    for (std::string_view name = take_field(rest); !name.empty(); name = take_field(rest)) {
      if (!written.insert(name).second) continue;
      writer.sample(labels[cpu], governors.of(name), name == states[cpu].governor);
    }
  }
}

class CpufreqCollector : public Collector {
 public:
  explicit CpufreqCollector(const Setup& setup) : dirs_(setup.roots.sys) {}
  std::string_view name() const override { return "cpufreq"; }

  Result<void> collect(MetricWriter& writer) override {
    const auto cpus = dirs_.find();
    if (!cpus) return unexpected(cpus.error());
    std::vector<CpuState> states;
    std::vector<uint32_t> numbers;
    size_t reached = 0;
    for (; reached < cpus->size() && monotonic_ns() < writer.deadline_ns(); ++reached) {
      CpuState state = read_state((*cpus)[reached].number, *(*cpus)[reached].device);
      if (state.empty()) continue;
      numbers.push_back(state.cpu);
      states.push_back(std::move(state));
    }
    const bool late = reached < cpus->size();
    dirs_.report(states.size() < reached, states.empty() && !late);
    const auto labels = cpu_labels(writer, numbers);
    write_frequencies(writer, states, labels);
    write_governors(writer, states, labels);
    if (late) return fail("no time for " + std::to_string(cpus->size() - reached) + " CPUs");
    if (states.empty()) return not_present("CPU frequencies");
    return {};
  }

 private:
  CpuDirs dirs_;
};

}  // namespace

const Entry kCpufreqCollector = {"cpufreq", "CPU frequencies and governors: sys devices/system/cpu", Default::kOn,
                                 make<CpufreqCollector>};

}  // namespace plimsoll::collectors::host
