// SPDX-License-Identifier: Apache-2.0
#include "collectors/container/machine_topology.h"

#include <algorithm>
#include <set>
#include <tuple>

#include "base/os.h"
#include "base/text.h"
#include "collectors/container/cpu_list.h"

namespace plimsoll::collectors::container {
namespace {

constexpr uint64_t kBytesPerKib = 1024, kBytesPerMib = 1024 * 1024;
constexpr int kMaxCaches = 32;  // of one processor

std::string text_of(const std::string& path) {
  auto text = read_file(path);
  return text ? std::string(trim(*text)) : std::string();
}

std::string cpu_dir(const std::string& sys, uint64_t cpu) {
  return sys + "/devices/system/cpu/cpu" + std::to_string(cpu);
}

std::string node_dir(const std::string& sys, uint64_t node) {
  return sys + "/devices/system/node/node" + std::to_string(node);
}

std::vector<uint64_t> members(const std::vector<bool>& list) {
  std::vector<uint64_t> numbers;
  for (size_t i = 0; i < list.size(); ++i) {
    if (list[i]) numbers.push_back(i);
  }
  return numbers;
}

std::vector<uint64_t> online_nodes(const std::string& sys) {
  return members(parse_cpu_list(text_of(sys + "/devices/system/node/online")));
}

// Subdirectories whose name begins with `prefix`, sorted.
std::vector<std::string> directories(const std::string& path, std::string_view prefix) {
  std::vector<std::string> found;
  auto dir = Dir::open(path);
  auto entries = dir ? dir->list() : Result<std::vector<Dir::Entry>>(unexpected(dir.error()));
  if (!entries) return found;
  for (Dir::Entry& entry : *entries) {
    if (entry.name.starts_with(prefix)) found.push_back(std::move(entry.name));
  }
  std::sort(found.begin(), found.end());
  return found;
}

// How many different numbers there are; nullopt when there is none.
std::optional<uint64_t> distinct(const std::set<int64_t>& numbers) {
  return numbers.empty() ? std::nullopt : std::optional<uint64_t>(numbers.size());
}

void insert(std::set<int64_t>& numbers, const std::string& path) {
  if (const auto number = parse_i64(text_of(path))) numbers.insert(*number);
}

std::map<uint64_t, uint64_t> nodes_of_cpus(const std::string& sys) {
  std::map<uint64_t, uint64_t> nodes;
  for (const uint64_t node : online_nodes(sys)) {
    for (const uint64_t cpu : members(parse_cpu_list(text_of(node_dir(sys, node) + "/cpulist")))) nodes[cpu] = node;
  }
  return nodes;
}

// A cache of the core's own is shown once for the core; those that cores share are shown as one of the node.
class Caches {
 public:
  void add(const std::string& path, const CpuThread& thread, const std::vector<bool>& siblings) {
    CpuCache cache = {.node = thread.node};
    const auto level = parse_u64(text_of(path + "/level"));
    const auto bytes = parse_size(text_of(path + "/size"));
    cache.type = text_of(path + "/type");
    const std::string cpus = text_of(path + "/shared_cpu_list");
    const std::vector<bool> sharing = parse_cpu_list(cpus);
    if (!level || !bytes || cache.type.empty() || sharing.empty()) return;
    cache.level = *level;
    cache.bytes = *bytes;
    if (is_within(sharing, siblings)) cache.core = std::to_string(thread.core);
    const Key key = {cache.node, cache.core, cache.type, cache.level};
    if (!seen_.insert({key, cache.core.empty() ? cpus : ""}).second) return;
    const auto [place, added] = caches_.try_emplace(key, cache);
    if (!added) place->second.bytes += cache.bytes;
  }
  std::vector<CpuCache> take() {
    std::vector<CpuCache> list;
    for (auto& [key, cache] : caches_) list.push_back(std::move(cache));
    return list;
  }

 private:
  using Key = std::tuple<uint64_t, std::string, std::string, uint64_t>;

  static bool is_within(const std::vector<bool>& part, const std::vector<bool>& whole) {
    const std::vector<uint64_t> numbers = members(part);
    return std::all_of(numbers.begin(), numbers.end(), [&](uint64_t cpu) { return cpu < whole.size() && whole[cpu]; });
  }

  std::map<Key, CpuCache> caches_;
  std::set<std::pair<Key, std::string>> seen_;
};

// "N 10 21" of node N: one number for each node that is online, in their order.
std::vector<std::pair<uint64_t, uint64_t>> parse_distances(std::string_view text, const std::vector<uint64_t>& nodes) {
  std::vector<std::pair<uint64_t, uint64_t>> distances;
  text = trim(text);
  for (const uint64_t node : nodes) {
    const auto distance = parse_u64(take_field(text));
    if (!distance) return {};
    distances.emplace_back(node, *distance);
  }
  return trim(text).empty() ? distances : std::vector<std::pair<uint64_t, uint64_t>>{};
}

// "Node 0 MemTotal:       24684092 kB"
std::optional<uint64_t> parse_node_memory(std::string_view text) {
  while (!text.empty()) {
    std::string_view line = take(text, '\n');
    take_field(line);
    take_field(line);
    if (take_field(line) != "MemTotal:") continue;
    const auto kib = parse_u64(take_field(line));
    return kib && *kib <= UINT64_MAX / kBytesPerKib ? std::optional(*kib * kBytesPerKib) : std::nullopt;
  }
  return std::nullopt;
}

std::map<std::string, uint64_t> read_huge_pages(const std::string& path) {
  constexpr std::string_view kPrefix = "hugepages-", kSuffix = "kB";
  std::map<std::string, uint64_t> pages;
  for (const std::string& name : directories(path, kPrefix)) {
    const auto count = parse_u64(text_of(path + "/" + name + "/nr_hugepages"));
    if (!count || !name.ends_with(kSuffix) || name.size() <= kPrefix.size() + kSuffix.size()) continue;
    pages[name.substr(kPrefix.size(), name.size() - kPrefix.size() - kSuffix.size())] = *count;
  }
  return pages;
}

}  // namespace

CpuTopology read_cpu_topology(const std::string& sys, const std::vector<bool>& online) {
  std::set<std::pair<int64_t, int64_t>> cores;
  std::set<int64_t> packages, books, drawers;
  CpuTopology topology;
  for (const uint64_t cpu : members(online)) {
    ++topology.cores;
    const std::string base = cpu_dir(sys, cpu) + "/topology/";
    insert(books, base + "book_id");
    insert(drawers, base + "drawer_id");
    const auto core = parse_i64(text_of(base + "core_id"));
    const auto package = parse_i64(text_of(base + "physical_package_id"));
    if (!core || !package) continue;
    cores.insert({*package, *core});
    packages.insert(*package);
  }
  if (!cores.empty()) topology.physical_cores = cores.size();
  topology.sockets = distinct(packages);
  topology.books = distinct(books);
  topology.drawers = distinct(drawers);
  return topology;
}

CpuDetails read_cpu_details(const std::string& sys, const std::vector<bool>& online) {
  const std::map<uint64_t, uint64_t> nodes = nodes_of_cpus(sys);
  CpuDetails details;
  Caches caches;
  for (const uint64_t cpu : members(online)) {
    const std::string base = cpu_dir(sys, cpu);
    const auto core = parse_i64(text_of(base + "/topology/core_id"));
    const auto package = parse_i64(text_of(base + "/topology/physical_package_id"));
    const std::vector<bool> siblings = parse_cpu_list(text_of(base + "/topology/thread_siblings_list"));
    if (!core || siblings.empty()) continue;
    const auto node = nodes.find(cpu);
    CpuThread thread = {.cpu = cpu, .siblings = members(siblings).size(), .core = *core};
    thread.node = node != nodes.end() ? node->second : static_cast<uint64_t>(std::max<int64_t>(package.value_or(0), 0));
    details.threads.push_back(thread);
    const std::vector<std::string> indexes = directories(base + "/cache", "index");
    for (size_t i = 0; i < std::min<size_t>(indexes.size(), kMaxCaches); ++i)
      caches.add(base + "/cache/" + indexes[i], thread, siblings);
  }
  details.caches = caches.take();
  return details;
}

std::vector<NumaNode> read_numa_nodes(const std::string& sys) {
  const std::vector<uint64_t> online = online_nodes(sys);
  std::vector<NumaNode> nodes;
  for (const uint64_t id : online) {
    const std::string base = node_dir(sys, id);
    nodes.push_back({.id = id,
                     .memory_bytes = parse_node_memory(text_of(base + "/meminfo")),
                     .huge_pages = read_huge_pages(base + "/hugepages"),
                     .distances = parse_distances(text_of(base + "/distance"), online)});
  }
  return nodes;
}

std::map<std::string, MemoryModules> read_memory_modules(const std::string& sys) {
  std::map<std::string, MemoryModules> modules;
  const std::string base = sys + "/devices/system/edac/mc";
  for (const std::string& controller : directories(base, "mc")) {
    for (const std::string& dimm : directories(base + "/" + controller, "dimm")) {
      const std::string path = base + "/" + controller + "/" + dimm;
      const auto mib = parse_u64(text_of(path + "/size"));
      const std::string type = text_of(path + "/dimm_mem_type");
      if (!mib || *mib > UINT32_MAX || type.empty()) continue;
      MemoryModules& same = modules[type];
      ++same.count;
      same.bytes += *mib * kBytesPerMib;
    }
  }
  return modules;
}

}  // namespace plimsoll::collectors::container
