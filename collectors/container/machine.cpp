// SPDX-License-Identifier: Apache-2.0
// machine_* and cadvisor_version_info. The processors' topology is read again only when the list of
// online ones changes; memory modules once.
// Documentation/admin-guide/cputopology.rst, machine-id(5), os-release(5)
#include "collectors/container/machine.h"

#include <optional>
#include <string>

#include "base/text.h"
#include "collectors/container/collector.h"
#include "collectors/container/cpu_list.h"
#include "collectors/container/machine_topology.h"

namespace plimsoll::collectors::container {
namespace {

constexpr MetricType kGauge = MetricType::kGauge;
constexpr MetricDesc kCores = {"machine_cpu_cores", "Processors that are online.", kGauge};
constexpr MetricDesc kPhysicalCores = {"machine_cpu_physical_cores", "Cores, each of which may be several processors.",
                                       kGauge};
constexpr MetricDesc kSockets = {"machine_cpu_sockets", "Processor packages.", kGauge};
constexpr MetricDesc kBooks = {"machine_cpu_books", "Books that hold the processors (s390x).", kGauge};
constexpr MetricDesc kDrawers = {"machine_cpu_drawers", "Drawers that hold the processors (s390x).", kGauge};
constexpr MetricDesc kMemory = {"machine_memory_bytes", "Memory of the machine, in bytes.", kGauge};
constexpr MetricDesc kSwap = {"machine_swap_bytes", "Swap space of the machine, in bytes.", kGauge};
constexpr MetricDesc kDimms = {"machine_dimm_count", "Memory modules of each type.", kGauge};
constexpr MetricDesc kDimmBytes = {"machine_dimm_capacity_bytes", "Size of all memory modules of each type, in bytes.",
                                   kGauge};
constexpr MetricDesc kCaches = {
    "machine_cpu_cache_capacity_bytes",
    "Size of a core's cache, or (no core_id) of all that cores of the node share, in bytes.", kGauge};
constexpr MetricDesc kSiblings = {"machine_thread_siblings_count",
                                  "Processors that share a core with this one, itself included.", kGauge};
constexpr MetricDesc kNodeMemory = {"machine_node_memory_capacity_bytes", "Memory of the NUMA node, in bytes.", kGauge};
constexpr MetricDesc kNodeHugePages = {"machine_node_hugepages_count",
                                       "Huge pages of the NUMA node; page_size is in KiB.", kGauge};
constexpr MetricDesc kNodeDistance = {"machine_node_distance",
                                      "Relative cost of memory of another NUMA node; 10 is the node's own.", kGauge};
constexpr MetricDesc kScrapeError = {"machine_scrape_error", "1 when the machine's memory could not be read, else 0.",
                                     kGauge};
constexpr MetricDesc kVersion = {"cadvisor_version_info", "1, with the versions of the agent and of the system.",
                                 kGauge};

constexpr MachineFamily kFamilies[] = {
    {kCores, Kind::kAlways, "", "sys/devices/system/cpu/online"},
    {kPhysicalCores, Kind::kAlways, "", "sys/devices/system/cpu/cpuN/topology/core_id"},
    {kSockets, Kind::kAlways, "", "sys/devices/system/cpu/cpuN/topology/physical_package_id"},
    {kBooks, Kind::kAlways, "", "sys/devices/system/cpu/cpuN/topology/book_id"},
    {kDrawers, Kind::kAlways, "", "sys/devices/system/cpu/cpuN/topology/drawer_id"},
    {kMemory, Kind::kAlways, "", "proc/meminfo MemTotal"},
    {kSwap, Kind::kAlways, "", "proc/meminfo SwapTotal"},
    {kDimms, Kind::kAlways, "type", "sys/devices/system/edac/mc/mcN/dimmN/dimm_mem_type"},
    {kDimmBytes, Kind::kAlways, "type", "sys/devices/system/edac/mc/mcN/dimmN/size"},
    {kCaches, Kind::kCpuTopology, "node_id,core_id,type,level", "sys/devices/system/cpu/cpuN/cache/indexN/size"},
    {kSiblings, Kind::kCpuTopology, "node_id,core_id,thread_id",
     "sys/devices/system/cpu/cpuN/topology/thread_siblings_list"},
    {kNodeMemory, Kind::kCpuTopology, "node_id", "sys/devices/system/node/nodeN/meminfo MemTotal"},
    {kNodeHugePages, Kind::kCpuTopology, "node_id,page_size",
     "sys/devices/system/node/nodeN/hugepages/hugepages-*kB/nr_hugepages"},
    {kNodeDistance, Kind::kCpuTopology, "node_id,target_node_id", "sys/devices/system/node/nodeN/distance"},
    {kScrapeError, Kind::kAlways, "", "proc/meminfo"},
    {kVersion, Kind::kAlways, "cadvisorRevision,cadvisorVersion,dockerVersion,kernelVersion,osVersion",
     "proc/sys/kernel/osrelease, etc/os-release"},
};

constexpr uint64_t kBytesPerKib = 1024;

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
  MachineCollector(HostRoots roots, KindSet kinds) : roots_(std::move(roots)), kinds_(kinds) {}
  std::string_view name() const override { return "machine"; }
  Result<void> collect(MetricWriter& writer) override;

 private:
  void identify();
  void write_processors(MetricWriter& writer, LabelRef labels);
  void write_memory(MetricWriter& writer, LabelRef labels, std::string_view meminfo);
  void write_modules(MetricWriter& writer, LabelRef labels);
  void write_details(MetricWriter& writer, LabelRef labels);
  void write_nodes(MetricWriter& writer, LabelRef labels);

  HostRoots roots_;
  KindSet kinds_;
  std::vector<bool> online_;
  CpuTopology topology_;
  CpuDetails details_;
  std::map<std::string, MemoryModules> modules_;
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
  modules_ = read_memory_modules(roots_.sys);
}

void MachineCollector::write_processors(MetricWriter& writer, LabelRef labels) {
  std::vector<bool> online = read_online_cpus(roots_.sys);
  if (online != online_) {
    online_ = std::move(online);
    topology_ = read_cpu_topology(roots_.sys, online_);
    if (kinds_.has(Kind::kCpuTopology)) details_ = read_cpu_details(roots_.sys, online_);
  }
  writer.family(kCores);
  if (topology_.cores > 0) writer.sample(labels, topology_.cores);
  const std::pair<const MetricDesc*, std::optional<uint64_t>> rows[] = {{&kPhysicalCores, topology_.physical_cores},
                                                                        {&kSockets, topology_.sockets},
                                                                        {&kBooks, topology_.books},
                                                                        {&kDrawers, topology_.drawers}};
  for (const auto& [desc, count] : rows) {
    writer.family(*desc);
    if (count) writer.sample(labels, *count);
  }
}

void MachineCollector::write_memory(MetricWriter& writer, LabelRef labels, std::string_view meminfo) {
  const std::pair<const MetricDesc*, const char*> rows[] = {{&kMemory, "MemTotal"}, {&kSwap, "SwapTotal"}};
  for (const auto& [desc, key] : rows) {
    const auto kib = find_u64(meminfo, key);
    writer.family(*desc);
    if (kib) writer.sample(labels, *kib * kBytesPerKib);
  }
}

void MachineCollector::write_modules(MetricWriter& writer, LabelRef labels) {
  writer.family(kDimms);
  for (const auto& [type, same] : modules_) writer.sample(labels, writer.labels(LabelSet{{"type", type}}), same.count);
  writer.family(kDimmBytes);
  for (const auto& [type, same] : modules_) writer.sample(labels, writer.labels(LabelSet{{"type", type}}), same.bytes);
}

void MachineCollector::write_details(MetricWriter& writer, LabelRef labels) {
  writer.family(kCaches);
  for (const CpuCache& cache : details_.caches) {
    const LabelSet own = {{"node_id", std::to_string(cache.node)},
                          {"core_id", cache.core},
                          {"type", cache.type},
                          {"level", std::to_string(cache.level)}};
    writer.sample(labels, writer.labels(own), cache.bytes);
  }
  writer.family(kSiblings);
  for (const CpuThread& thread : details_.threads) {
    const LabelSet own = {{"node_id", std::to_string(thread.node)},
                          {"core_id", std::to_string(thread.core)},
                          {"thread_id", std::to_string(thread.cpu)}};
    writer.sample(labels, writer.labels(own), thread.siblings);
  }
}

void MachineCollector::write_nodes(MetricWriter& writer, LabelRef labels) {
  const std::vector<NumaNode> nodes = read_numa_nodes(roots_.sys);
  const auto put = [&](const NumaNode& node, std::string_view name, const std::string& text, uint64_t value) {
    LabelSet own = {{"node_id", std::to_string(node.id)}};
    if (!name.empty()) own.add(name, text);
    writer.sample(labels, writer.labels(own), value);
  };
  writer.family(kNodeMemory);
  for (const NumaNode& node : nodes) {
    if (node.memory_bytes) put(node, "", "", *node.memory_bytes);
  }
  writer.family(kNodeHugePages);
  for (const NumaNode& node : nodes) {
    for (const auto& [size, count] : node.huge_pages) put(node, "page_size", size, count);
  }
  writer.family(kNodeDistance);
  for (const NumaNode& node : nodes) {
    for (const auto& [other, distance] : node.distances) put(node, "target_node_id", std::to_string(other), distance);
  }
}

Result<void> MachineCollector::collect(MetricWriter& writer) {
  if (version_.empty()) identify();
  const LabelRef labels = writer.labels(machine_);
  write_processors(writer, labels);
  auto meminfo = read_file(roots_.proc + "/meminfo");
  if (meminfo) write_memory(writer, labels, *meminfo);
  write_modules(writer, labels);
  if (kinds_.has(Kind::kCpuTopology)) {
    write_details(writer, labels);
    write_nodes(writer, labels);
  }
  writer.single(kScrapeError, meminfo ? 0 : 1);
  writer.family(kVersion);
  writer.sample(writer.labels(version_), 1);
  if (!meminfo) return unexpected(meminfo.error());
  return {};
}

}  // namespace

std::span<const MachineFamily> machine_descriptions() { return kFamilies; }

std::unique_ptr<Collector> make_machine_collector(const HostRoots& roots, KindSet kinds) {
  return std::make_unique<MachineCollector>(roots, kinds);
}

}  // namespace plimsoll::collectors::container
