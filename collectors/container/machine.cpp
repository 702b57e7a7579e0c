// SPDX-License-Identifier: Apache-2.0
// machine_* and cadvisor_version_info. The processors' topology is read again only when the list of
// online ones changes.
//   /sys/devices/system/cpu/cpuN/topology/{core_id,physical_package_id}
// Documentation/admin-guide/cputopology.rst, machine-id(5), os-release(5)
#include <array>
#include <optional>
#include <set>

#include "base/text.h"
#include "collectors/container/collector.h"
#include "collectors/container/cpu_list.h"

namespace plimsoll::collectors::container {
namespace {

constexpr MetricType kGauge = MetricType::kGauge;
constexpr MetricDesc kCores = {"machine_cpu_cores", "Processors that are online.", kGauge};
constexpr MetricDesc kPhysicalCores = {"machine_cpu_physical_cores", "Cores, each of which may be several processors.",
                                       kGauge};
constexpr MetricDesc kSockets = {"machine_cpu_sockets", "Processor packages.", kGauge};
constexpr MetricDesc kMemory = {"machine_memory_bytes", "Memory of the machine, in bytes.", kGauge};
constexpr MetricDesc kSwap = {"machine_swap_bytes", "Swap space of the machine, in bytes.", kGauge};
constexpr MetricDesc kScrapeError = {"machine_scrape_error", "1 when the machine's memory could not be read, else 0.",
                                     kGauge};
constexpr MetricDesc kVersion = {"cadvisor_version_info", "1, with the versions of the agent and of the system.",
                                 kGauge};

constexpr uint64_t kBytesPerKib = 1024;

struct Topology {
  std::vector<bool> online;
  uint64_t cores = 0;  // 0 = not known, as for the others
  std::optional<uint64_t> physical_cores, sockets;
};

Topology read_topology(const std::string& sys, std::vector<bool> online) {
  std::set<std::pair<int64_t, int64_t>> cores;
  std::set<int64_t> packages;
  Topology topology;
  for (size_t cpu = 0; cpu < online.size(); ++cpu) {
    if (!online[cpu]) continue;
    ++topology.cores;
    const std::string base = sys + "/devices/system/cpu/cpu" + std::to_string(cpu) + "/topology/";
    const auto core = parse_i64(trim(read_file(base + "core_id").value_or("")));
    const auto package = parse_i64(trim(read_file(base + "physical_package_id").value_or("")));
    if (!core || !package) continue;
    cores.insert({*package, *core});
    packages.insert(*package);
  }
  if (!cores.empty()) topology.physical_cores = cores.size();
  if (!packages.empty()) topology.sockets = packages.size();
  topology.online = std::move(online);
  return topology;
}

// The first of `paths` that can be read, without its line end; "" when there is none.
std::string first_line_of(std::initializer_list<std::string> paths) {
  for (const std::string& path : paths) {
    auto text = read_file(path);
    if (text) return std::string(trim(*text));
  }
  return "";
}

std::string pretty_name(const std::string& rootfs) {
  auto text = read_file(rootfs + "/etc/os-release");
  if (!text) text = read_file(rootfs + "/usr/lib/os-release");
  if (!text) return "";
  std::string_view rest = *text;
  while (!rest.empty()) {
    std::string_view line = take(rest, '\n');
    if (take(line, '=') != "PRETTY_NAME") continue;
    if (line.size() >= 2 && (line.front() == '"' || line.front() == '\'') && line.back() == line.front())
      line = line.substr(1, line.size() - 2);
    return std::string(line);
  }
  return "";
}

void add_if_known(LabelSet& labels, std::string_view name, const std::string& value) {
  if (!value.empty()) labels.add(name, value);
}

class MachineCollector final : public Collector {
 public:
  explicit MachineCollector(HostRoots roots) : roots_(std::move(roots)) {}
  std::string_view name() const override { return "machine"; }
  Result<void> collect(MetricWriter& writer) override;

 private:
  void identify();
  void write_processors(MetricWriter& writer, LabelRef labels);
  void write_memory(MetricWriter& writer, LabelRef labels, std::string_view meminfo);

  HostRoots roots_;
  Topology topology_;
  LabelSet machine_, version_;
};

// These stay the same for as long as the machine runs.
void MachineCollector::identify() {
  add_if_known(machine_, "boot_id", first_line_of({roots_.proc + "/sys/kernel/random/boot_id"}));
  add_if_known(machine_, "machine_id",
               first_line_of({roots_.rootfs + "/etc/machine-id", roots_.rootfs + "/var/lib/dbus/machine-id"}));
  add_if_known(machine_, "system_uuid",
               first_line_of({roots_.sys + "/class/dmi/id/product_uuid", roots_.proc + "/device-tree/vm,uuid"}));
  version_ = {{"cadvisorRevision", ""},
              {"cadvisorVersion", "plimsoll-" PLIMSOLL_VERSION},
              {"dockerVersion", ""},
              {"kernelVersion", first_line_of({roots_.proc + "/sys/kernel/osrelease"})},
              {"osVersion", pretty_name(roots_.rootfs)}};
}

void MachineCollector::write_processors(MetricWriter& writer, LabelRef labels) {
  std::vector<bool> online = read_online_cpus(roots_.sys);
  if (online != topology_.online) topology_ = read_topology(roots_.sys, std::move(online));
  writer.family(kCores);
  if (topology_.cores > 0) writer.sample(labels, topology_.cores);
  writer.family(kPhysicalCores);
  if (topology_.physical_cores) writer.sample(labels, *topology_.physical_cores);
  writer.family(kSockets);
  if (topology_.sockets) writer.sample(labels, *topology_.sockets);
}

void MachineCollector::write_memory(MetricWriter& writer, LabelRef labels, std::string_view meminfo) {
  const std::pair<const MetricDesc*, const char*> rows[] = {{&kMemory, "MemTotal"}, {&kSwap, "SwapTotal"}};
  for (const auto& [desc, key] : rows) {
    const auto kib = find_u64(meminfo, key);
    writer.family(*desc);
    if (kib) writer.sample(labels, *kib * kBytesPerKib);
  }
}

Result<void> MachineCollector::collect(MetricWriter& writer) {
  if (version_.empty()) identify();
  const LabelRef labels = writer.labels(machine_);
  write_processors(writer, labels);
  auto meminfo = read_file(roots_.proc + "/meminfo");
  if (meminfo) write_memory(writer, labels, *meminfo);
  writer.single(kScrapeError, meminfo ? 0 : 1);
  writer.family(kVersion);
  writer.sample(writer.labels(version_), 1);
  if (!meminfo) return unexpected(meminfo.error());
  return {};
}

}  // namespace

std::unique_ptr<Collector> make_machine_collector(const HostRoots& roots, KindSet) {
  return std::make_unique<MachineCollector>(roots);
}

}  // namespace plimsoll::collectors::container
