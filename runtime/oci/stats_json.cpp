// SPDX-License-Identifier: Apache-2.0
#include "runtime/oci/stats_json.h"

#include "base/net_dev.h"
#include "base/text.h"
#include "runtime/spec/json_writer.h"

namespace plimsoll::oci {

using spec::JsonWriter;

namespace {

constexpr size_t kDescriptors = 64;

void optional_member(JsonWriter& out, std::string_view name, const cgroup::Count& value) {
  if (value) out.member(name, *value);
}

void write_cpu(JsonWriter& out, const cgroup::Counters& counters) {
  out.key("cpu");
  out.open_object();
  out.key("usage");
  out.open_object();
  optional_member(out, "total", counters.cpu_usage_ns);
  if (!counters.cpu_usage_percpu_ns.empty()) {
    out.key("percpu");
    out.open_array();
    for (const uint64_t value : counters.cpu_usage_percpu_ns) out.value(value);
    out.close_array();
  }
  out.member("kernel", counters.cpu_system_ns.value_or(0));
  out.member("user", counters.cpu_user_ns.value_or(0));
  out.close_object();
  out.key("throttling");
  out.open_object();
  optional_member(out, "periods", counters.cfs_periods);
  optional_member(out, "throttledPeriods", counters.cfs_throttled_periods);
  optional_member(out, "throttledTime", counters.cfs_throttled_ns);
  out.close_object();
  out.close_object();
}

struct MemoryEntry {
  cgroup::Count limit, usage, most, failures;
};

void write_entry(JsonWriter& out, std::string_view name, const MemoryEntry& entry) {
  out.key(name);
  out.open_object();
  out.member("limit", entry.limit.value_or(0));
  optional_member(out, "usage", entry.usage);
  optional_member(out, "max", entry.most);
  out.member("failcnt", entry.failures.value_or(0));
  out.close_object();
}

void write_raw(JsonWriter& out, std::string_view raw) {
  out.key("raw");
  out.open_object();
  while (!raw.empty()) {
    std::string_view line = take(raw, '\n');
    const std::string_view name = take_field(line);
    if (const auto value = parse_u64(trim(line)); value && !name.empty()) out.member(name, *value);
  }
  out.close_object();
}

void write_memory(JsonWriter& out, const cgroup::Stats& stats, std::string_view raw) {
  out.key("memory");
  out.open_object();
  optional_member(out, "cache", stats.gauges.memory_cache_bytes);
  write_entry(out, "usage",
              {stats.limits.memory_bytes, stats.gauges.memory_usage_bytes, stats.gauges.memory_peak_bytes,
               stats.counters.memory_failures});
  write_entry(out, "swap", {stats.limits.memory_swap_bytes, stats.gauges.memory_swap_bytes, {}, {}});
  write_entry(out, "kernel", {{}, stats.gauges.memory_kernel_bytes, {}, {}});
  write_entry(out, "kernelTCP", {});
  write_raw(out, raw);
  out.close_object();
}

void write_operation(JsonWriter& out, const cgroup::IoDevice& device, std::string_view name,
                     const cgroup::Count& value) {
  if (!value) return;
  out.open_object();
  out.member("major", device.major);
  out.member("minor", device.minor);
  out.member("op", name);
  out.member("value", *value);
  out.close_object();
}

void write_io(JsonWriter& out, const std::vector<cgroup::IoDevice>& devices) {
  out.key("blkio");
  out.open_object();
  if (!devices.empty()) {
    out.key("ioServiceBytesRecursive");
    out.open_array();
    for (const cgroup::IoDevice& device : devices) {
      write_operation(out, device, "Read", device.read_bytes);
      write_operation(out, device, "Write", device.written_bytes);
    }
    out.close_array();
    out.key("ioServicedRecursive");
    out.open_array();
    for (const cgroup::IoDevice& device : devices) {
      write_operation(out, device, "Read", device.reads);
      write_operation(out, device, "Write", device.writes);
    }
    out.close_array();
  }
  out.close_object();
}

void write_huge_pages(JsonWriter& out, const std::vector<cgroup::HugePages>& sizes) {
  out.key("hugetlb");
  out.open_object();
  for (const cgroup::HugePages& size : sizes) {
    out.key(size.size);
    out.open_object();
    optional_member(out, "usage", size.usage_bytes);
    optional_member(out, "max", size.max_usage_bytes);
    out.member("failcnt", size.failures.value_or(0));
    out.close_object();
  }
  out.close_object();
}

void write_network(JsonWriter& out, std::string_view text) {
  out.key("network_interfaces");
  out.open_array();
  const auto interfaces = parse_net_dev(text);
  constexpr std::string_view kColumns[] = {"Bytes", "Packets", "Errors", "Dropped"};
  for (const NetDevLine& one : interfaces ? *interfaces : std::vector<NetDevLine>()) {
    if (one.name == "lo") continue;
    out.open_object();
    out.member("Name", one.name);
    for (size_t at = 0; at < std::size(kColumns); ++at) out.member("Rx" + std::string(kColumns[at]), one.receive[at]);
    for (size_t at = 0; at < std::size(kColumns); ++at) out.member("Tx" + std::string(kColumns[at]), one.transmit[at]);
    out.close_object();
  }
  out.close_array();
}

std::string memory_stat_path(const cgroup::Layout& layout, const std::string& path) {
  const cgroup::Hierarchy* hierarchy = layout.v1("memory");
  if (hierarchy == nullptr) hierarchy = layout.unified();
  return hierarchy == nullptr ? "" : hierarchy->mount_point + path + "/memory.stat";
}

}  // namespace

std::string stats_line(std::string_view id, const cgroup::Stats& stats, std::string_view network,
                       std::string_view raw) {
  JsonWriter out;
  out.open_object();
  out.member("type", "stats");
  out.member("id", id);
  out.key("data");
  out.open_object();
  write_cpu(out, stats.counters);
  write_memory(out, stats, raw);
  out.key("pids");
  out.open_object();
  optional_member(out, "current", stats.gauges.threads);
  if (stats.limits.pids && *stats.limits.pids != cgroup::kUnlimited) out.member("limit", *stats.limits.pids);
  out.close_object();
  write_io(out, stats.counters.io);
  write_huge_pages(out, stats.gauges.huge_pages);
  out.key("intel_rdt");
  out.open_object();
  out.close_object();
  write_network(out, network);
  out.close_object();
  out.close_object();
  return std::move(out).text() + "\n";
}

std::string oom_line(std::string_view id) {
  JsonWriter out;
  out.open_object();
  out.member("type", "oom");
  out.member("id", id);
  out.close_object();
  return std::move(out).text() + "\n";
}

Result<StatsReader> StatsReader::open(const Record& record, const HostRoots& host) {
  if (record.cgroup_path.empty()) return fail("container \"" + record.id + "\" has no cgroup of its own");
  auto layout = cgroup::detect_layout(host.cgroup);
  if (!layout) return unexpected(layout.error());
  StatsReader result(record, host);
  result.budget_ = std::make_unique<cgroup::FdBudget>(kDescriptors);
  cgroup::ReadOptions options;
  options.hugetlb = true;
  auto reader = cgroup::CgroupReader::open(*layout, record.cgroup_path, *result.budget_, options);
  if (!reader) return unexpected(reader.error().within("cgroup " + record.cgroup_path));
  result.reader_ = std::make_unique<cgroup::CgroupReader>(*std::move(reader));
  result.memory_stat_ = memory_stat_path(*layout, record.cgroup_path);
  return result;
}

Result<std::string> StatsReader::line() {
  reader_->forget_limits();
  if (auto read = reader_->read(buffer_, stats_); !read) return unexpected(read.error());
  const std::string raw = read_file(memory_stat_).value_or("");
  const std::string network = read_file(host_.proc + "/" + std::to_string(record_.pid) + "/net/dev").value_or("");
  return stats_line(record_.id, stats_, network, raw);
}

bool StatsReader::new_oom_kills() {
  const cgroup::Count now = stats_.counters.oom_kills;
  const bool more = now && *now > oom_kills_.value_or(0) && oom_kills_;
  oom_kills_ = now;
  return more;
}

}  // namespace plimsoll::oci
