// SPDX-License-Identifier: Apache-2.0
#include "runtime/limits/stats.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/cgroup/files.h"
#include "base/cgroup/parse.h"
#include "base/text.h"

namespace plimsoll::limits {
namespace {

// The group's files in one hierarchy; a file that is not there reads as "".
class Place {
 public:
  explicit Place(const CgroupPlace* place) : place_(place) {}
  explicit operator bool() const { return place_ != nullptr; }
  bool v2() const { return place_ != nullptr && place_->v2; }
  std::string text(const std::string& file) const {
    return place_ == nullptr ? std::string() : read_file(place_->directory + "/" + file).value_or("");
  }
  Count count(const std::string& file) const { return cgroup::parse_count(text(file)); }
  Count limit(const std::string& file) const { return cgroup::parse_limit(text(file)); }
  std::vector<Dir::Entry> entries() const {
    if (place_ == nullptr) return {};
    auto dir = Dir::open(place_->directory);
    return dir ? dir->list().value_or({}) : std::vector<Dir::Entry>();
  }

 private:
  const CgroupPlace* place_;
};

// "avg10=0.00 avg60=0.00 avg300=0.00 total=12345"
StallTimes parse_stall_line(std::string_view line) {
  StallTimes times;
  while (!line.empty()) {
    std::string_view field = take_field(line);
    const std::string_view name = take(field, '=');
    if (name == "avg10") times.avg10 = parse_double(field).value_or(0);
    if (name == "avg60") times.avg60 = parse_double(field).value_or(0);
    if (name == "avg300") times.avg300 = parse_double(field).value_or(0);
    if (name == "total") times.total_us = parse_u64(field).value_or(0);
  }
  return times;
}

std::optional<Stalls> read_stalls(const Place& unified, const char* file) {
  const std::string text = unified.text(file);
  if (text.empty()) return std::nullopt;
  Stalls stalls;
  for (std::string_view rest = text; !rest.empty();) {
    std::string_view line = take(rest, '\n');
    const std::string_view kind = take_field(line);
    if (kind == "some") stalls.some = parse_stall_line(line);
    if (kind == "full") stalls.full = parse_stall_line(line);
  }
  return stalls;
}

NamedCounts parse_named(std::string_view text) {
  NamedCounts counts;
  while (!text.empty()) {
    std::string_view line = take(text, '\n');
    const std::string_view name = take_field(line);
    if (const auto value = parse_u64(trim(line)); value && !name.empty()) counts.emplace_back(name, *value);
  }
  return counts;
}

Count find_named(const NamedCounts& counts, std::string_view name) {
  const auto found =
      std::find_if(counts.begin(), counts.end(), [name](const auto& each) { return each.first == name; });
  return found == counts.end() ? Count() : Count(found->second);
}

// cpuacct.usage_all: "cpu user system\n0 123 456\n".
void parse_usage_all(std::string_view text, CpuUsage& usage) {
  take(text, '\n');
  while (!text.empty()) {
    std::string_view line = take(text, '\n');
    take_field(line);
    const auto user = parse_u64(take_field(line)), kernel = parse_u64(take_field(line));
    if (!user || !kernel) return;
    usage.percpu_user_ns.push_back(*user);
    usage.percpu_kernel_ns.push_back(*kernel);
  }
}

void read_cpuacct(const Place& cpuacct, CpuUsage& usage) {
  usage.total_ns = cpuacct.count("cpuacct.usage");
  (void)cgroup::parse_percpu(cpuacct.text("cpuacct.usage_percpu"), usage.percpu_ns);
  parse_usage_all(cpuacct.text("cpuacct.usage_all"), usage);
  const auto times = cgroup::parse_cpuacct_stat(cpuacct.text("cpuacct.stat"), ::sysconf(_SC_CLK_TCK));
  usage.user_ns = times.user_ns;
  usage.kernel_ns = times.system_ns;
}

CpuUsage read_cpu(const OwnCgroup& group) {
  const Place cpu(group.with_controller("cpu")), cpuacct(group.with_controller("cpuacct"));
  const Place unified(group.unified_place());
  CpuUsage usage;
  // cpu.stat is in every v2 group, with the controller or without it.
  auto stat = cgroup::parse_cpu_stat((cpu ? cpu : unified).text("cpu.stat"));
  usage.periods = stat.periods;
  usage.throttled_periods = stat.throttled_periods;
  usage.throttled_ns = stat.throttled_ns;
  if (cpuacct) {
    read_cpuacct(cpuacct, usage);
  } else {
    if (!stat.usage_ns) stat = cgroup::parse_cpu_stat(unified.text("cpu.stat"));
    usage.total_ns = stat.usage_ns;
    usage.user_ns = stat.user_ns;
    usage.kernel_ns = stat.system_ns;
  }
  usage.stalls = read_stalls(unified, "cpu.pressure");
  return usage;
}

CpusetUsage read_cpuset(const OwnCgroup& group) {
  const Place cpuset(group.with_controller("cpuset"));
  CpusetUsage usage;
  for (const auto& [name, value] : {std::pair{"cpus", &usage.cpus}, std::pair{"mems", &usage.mems}}) {
    *value = trim(cpuset.text("cpuset." + std::string(name) + (cpuset.v2() ? ".effective" : "")));
  }
  if (!cpuset || cpuset.v2()) return usage;
  for (const char* flag : {"cpu_exclusive", "mem_hardwall", "mem_exclusive", "memory_migrate", "memory_spread_page",
                           "memory_spread_slab", "memory_pressure", "sched_load_balance"}) {
    if (const Count value = cpuset.count(std::string("cpuset.") + flag)) usage.flags.emplace_back(flag, *value);
  }
  return usage;
}

Amount read_amount_v1(const Place& place, const std::string& stem) {
  return {place.count(stem + ".usage_in_bytes"), place.limit(stem + ".limit_in_bytes"),
          place.count(stem + ".max_usage_in_bytes"), place.count(stem + ".failcnt")};
}

MemoryUsage read_memory_v1(const Place& memory) {
  MemoryUsage usage;
  usage.stat = parse_named(memory.text("memory.stat"));
  usage.cache = find_named(usage.stat, "cache");
  usage.memory = read_amount_v1(memory, "memory");
  usage.with_swap = read_amount_v1(memory, "memory.memsw");
  usage.kernel = read_amount_v1(memory, "memory.kmem");
  usage.kernel_tcp = read_amount_v1(memory, "memory.kmem.tcp");
  return usage;
}

Count sum_of_limits(const Count& one, const Count& other) {
  if (!one || !other) return {};
  if (*one == cgroup::kUnlimited || *other == cgroup::kUnlimited) return cgroup::kUnlimited;
  return *one + *other;
}

MemoryUsage read_memory_v2(const Place& memory) {
  MemoryUsage usage;
  usage.stat = parse_named(memory.text("memory.stat"));
  usage.cache = find_named(usage.stat, "file");
  usage.memory = {memory.count("memory.current"), memory.limit("memory.max"), memory.count("memory.peak"),
                  find_u64(memory.text("memory.events"), "max")};
  const Count swap = memory.count("memory.swap.current");
  if (swap && usage.memory.usage) usage.with_swap.usage = *swap + *usage.memory.usage;
  usage.with_swap.limit = sum_of_limits(usage.memory.limit, memory.limit("memory.swap.max"));
  return usage;
}

// "8:0 Read 4096"; the last line, "Total 4096", has no device.
std::vector<BlockEntry> parse_block_v1(std::string_view text) {
  std::vector<BlockEntry> entries;
  while (!text.empty()) {
    std::string_view line = take(text, '\n');
    std::string_view device = take_field(line);
    const auto major = parse_u64(take(device, ':')), minor = parse_u64(device);
    const std::string_view operation = take_field(line);
    const auto value = parse_u64(trim(line));
    if (!major || !minor || !value) continue;
    entries.push_back({static_cast<uint32_t>(*major), static_cast<uint32_t>(*minor), std::string(operation), *value});
  }
  return entries;
}

// BFQ counts where it schedules, the throttle everywhere else.
std::vector<BlockEntry> read_block_v1(const Place& blkio, const std::string& what) {
  auto entries = parse_block_v1(blkio.text("blkio.bfq." + what + "_recursive"));
  if (entries.empty()) entries = parse_block_v1(blkio.text("blkio.throttle." + what + "_recursive"));
  return entries;
}

// Device by device, as v1 has it.
void add_block_v2(const cgroup::IoDevice& device, BlockUsage& usage) {
  const auto add = [&device](std::vector<BlockEntry>& entries, const char* operation, const Count& value) {
    if (value) entries.push_back({device.major, device.minor, operation, *value});
  };
  add(usage.bytes, "Read", device.read_bytes);
  add(usage.bytes, "Write", device.written_bytes);
  add(usage.operations, "Read", device.reads);
  add(usage.operations, "Write", device.writes);
}

BlockUsage read_block_io(const OwnCgroup& group) {
  BlockUsage usage;
  const Place blkio(group.with_controller("blkio")), io(group.with_controller("io"));
  if (blkio) {
    usage.bytes = read_block_v1(blkio, "io_service_bytes");
    usage.operations = read_block_v1(blkio, "io_serviced");
  } else {
    std::vector<cgroup::IoDevice> devices;
    cgroup::parse_io_stat(io.text("io.stat"), devices);
    for (const cgroup::IoDevice& device : devices) add_block_v2(device, usage);
  }
  usage.stalls = read_stalls(Place(group.unified_place()), "io.pressure");
  return usage;
}

std::vector<HugePageUsage> read_huge_pages(const OwnCgroup& group) {
  const Place hugetlb(group.with_controller("hugetlb"));
  std::vector<HugePageUsage> pages;
  for (const Dir::Entry& entry : hugetlb.entries()) {
    const std::string_view size = cgroup::huge_page_size(entry.name);
    if (size.empty()) continue;
    const std::string stem = "hugetlb." + std::string(size);
    Amount amount = hugetlb.v2() ? Amount{hugetlb.count(stem + ".current"),
                                          hugetlb.limit(stem + ".max"),
                                          {},
                                          find_u64(hugetlb.text(stem + ".events"), "max")}
                                 : read_amount_v1(hugetlb, stem);
    pages.push_back({std::string(size), amount});
  }
  std::sort(pages.begin(), pages.end(), [](const auto& a, const auto& b) { return a.page_size < b.page_size; });
  return pages;
}

// "mlx4_0 hca_handle=2 hca_object=max"
void parse_rdma(std::string_view text, bool limits, std::vector<RdmaUsage>& devices) {
  while (!text.empty()) {
    std::string_view line = take(text, '\n');
    const std::string_view name = take_field(line);
    if (name.empty()) continue;
    auto device =
        std::find_if(devices.begin(), devices.end(), [name](const auto& each) { return each.device == name; });
    if (device == devices.end()) device = devices.insert(devices.end(), RdmaUsage{std::string(name), {}, {}, {}, {}});
    while (!line.empty()) {
      std::string_view value = take_field(line);
      const std::string_view key = take(value, '=');
      const Count number = cgroup::parse_limit(value);
      if (key == "hca_handle") (limits ? device->handles_limit : device->handles) = number;
      if (key == "hca_object") (limits ? device->objects_limit : device->objects) = number;
    }
  }
}

}  // namespace

Result<GroupStats> read_stats(const OwnCgroup& group) {
  if (group.places().empty() || ::access(group.places().front().directory.c_str(), F_OK) != 0)
    return unexpected(Error{ENOENT, "cgroup " + group.path()});
  const Place memory(group.with_controller("memory")), unified(group.unified_place());
  const Place pids(group.with_controller("pids")), rdma(group.with_controller("rdma"));
  GroupStats stats;
  stats.cpu = read_cpu(group);
  stats.cpuset = read_cpuset(group);
  if (memory) stats.memory = memory.v2() ? read_memory_v2(memory) : read_memory_v1(memory);
  stats.memory.stalls = read_stalls(unified, "memory.pressure");
  stats.pids.usage = pids.count("pids.current");
  stats.pids.limit = pids.limit("pids.max");
  stats.block_io = read_block_io(group);
  stats.huge_pages = read_huge_pages(group);
  parse_rdma(rdma.text("rdma.current"), false, stats.rdma);
  parse_rdma(rdma.text("rdma.max"), true, stats.rdma);
  return stats;
}

}  // namespace plimsoll::limits
