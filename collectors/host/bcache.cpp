// SPDX-License-Identifier: Apache-2.0
// bcache: block devices (bdev0, bdev1 ...) behind a cache on faster ones (cache0 ...), in one directory of
// /sys/fs/bcache per set. Many numbers are written for people:
//
//   rate:           1.1M/sec
//   proportional:   -427.5k
//
// where the unit is a power of 1024 and what follows the point is not a tenth: it is the remainder, 0 to
// 1023, divided by 100. .10 follows .9. Documentation/admin-guide/bcache.rst, drivers/md/bcache/util.c
#include <algorithm>
#include <array>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/text.h"
#include "collectors/host/parts/device_dir.h"
#include "collectors/host/parts/device_files.h"
#include "collectors/host/parts/kept_file.h"
#include "collectors/host/table.h"

namespace plimsoll::collectors::host {
namespace {

constexpr auto kCounter = MetricType::kCounter;
constexpr auto kGauge = MetricType::kGauge;

constexpr Flag kPriorityStats = {"bcache.priorityStats", FlagKind::kSwitch, "false",
                                 "Export how much of a cache is used, which the kernel counts anew at each read"};

constexpr Attribute kOfSet[] = {
    {"average_key_size",
     {"node_bcache_average_key_size_sectors", "Average data per key of the tree, in sectors of 512 bytes.", kGauge}},
    {"btree_cache_size", {"node_bcache_btree_cache_size_bytes", "Memory held by nodes of the tree, in bytes.", kGauge}},
    {"cache_available_percent",
     {"node_bcache_cache_available_percent", "Share of the cache without dirty data, in percent.", kGauge}},
    {"congested", {"node_bcache_congested", "How congested the cache is, 0 when it is not.", kGauge}},
    {"root_usage_percent",
     {"node_bcache_root_usage_percent", "Share of the tree's root node in use, in percent.", kGauge}},
    {"tree_depth", {"node_bcache_tree_depth", "Levels of the tree below its root.", kGauge}},
    {"internal/active_journal_entries",
     {"node_bcache_active_journal_entries", "Journal entries newer than the index.", kGauge}},
    {"internal/btree_nodes", {"node_bcache_btree_nodes", "Nodes of the tree.", kGauge}},
    // The kernel counts microseconds here; the factor is node_exporter's, whose dashboards expect it.
    {"internal/btree_read_average_duration_us",
     {"node_bcache_btree_read_average_duration_seconds",
      "Average time to read a node of the tree, in thousands of seconds: node_exporter's scale.", kGauge},
     1e-9},
    {"internal/cache_read_races",
     {"node_bcache_cache_read_races_total", "Reads whose bucket was used for something else meanwhile.", kCounter}},
};

constexpr Attribute kOfBackingDevice[] = {
    {"dirty_data", {"node_bcache_dirty_data_bytes", "Data in the cache to be written back, in bytes.", kGauge}},
    {"stats_total/bypassed",
     {"node_bcache_bypassed_bytes_total", "Data read and written past the cache, in bytes.", kCounter}},
    {"stats_total/cache_hits", {"node_bcache_cache_hits_total", "Requests that the cache answered.", kCounter}},
    {"stats_total/cache_misses",
     {"node_bcache_cache_misses_total", "Requests that the cache could not answer.", kCounter}},
    {"stats_total/cache_bypass_hits",
     {"node_bcache_cache_bypass_hits_total", "Requests meant to go past the cache that it could answer.", kCounter}},
    {"stats_total/cache_bypass_misses",
     {"node_bcache_cache_bypass_misses_total", "Requests meant to go past the cache that it did not hold.", kCounter}},
    {"stats_total/cache_miss_collisions",
     {"node_bcache_cache_miss_collisions_total", "Misses whose data a write had put into the cache meanwhile.",
      kCounter}},
    {"stats_total/cache_readaheads", {"node_bcache_cache_readaheads_total", "Reads ahead of requests.", kCounter}},
};

constexpr Attribute kOfCacheDevice[] = {
    {"io_errors", {"node_bcache_io_errors", "Errors of the device, of which old ones count less.", kGauge}},
    {"metadata_written",
     {"node_bcache_metadata_written_bytes_total", "Metadata written to the device, in bytes.", kCounter}},
    {"written", {"node_bcache_written_bytes_total", "Data written to the device, in bytes.", kCounter}},
};

// A line of a file of several: how its value is called, what stands behind the value.
struct Line {
  std::string_view key, suffix;
  bool is_signed;
  MetricDesc desc;
};

constexpr Line kWriteback[] = {
    {"target",
     "",
     false,
     {"node_bcache_dirty_target_bytes", "Dirty data that the cache aims at for this device, in bytes.", kGauge}},
    {"rate", "/sec", false, {"node_bcache_writeback_rate", "Rate of writing back, in bytes per second.", kGauge}},
    {"proportional",
     "",
     true,
     {"node_bcache_writeback_rate_proportional_term", "Proportional part of the rate, in bytes per second.", kGauge}},
    {"integral",
     "",
     true,
     {"node_bcache_writeback_rate_integral_term", "Integral part of the rate, in bytes per second.", kGauge}},
    {"change", "/sec", true, {"node_bcache_writeback_change", "Last change of the rate, in bytes per second.", kGauge}},
};

constexpr Line kPriority[] = {
    {"Unused",
     "%",
     false,
     {"node_bcache_priority_stats_unused_percent", "Share of the cache without data, in percent.", kGauge}},
    {"Metadata",
     "%",
     false,
     {"node_bcache_priority_stats_metadata_percent", "Share of the cache taken by metadata, in percent.", kGauge}},
};

// nullopt when it is no number with an optional unit.
std::optional<double> parse_human(std::string_view text) {
  constexpr std::string_view kUnits = "kMGTPEZY";
  double unit = 1;
  const size_t power = text.empty() ? std::string_view::npos : kUnits.find(text.back());
  if (power == std::string_view::npos) {
    const auto plain = parse_u64(text);
    return plain ? std::optional<double>(static_cast<double>(*plain)) : std::nullopt;
  }
  for (size_t i = 0; i <= power; ++i) unit *= 1024;
  text.remove_suffix(1);
  const bool has_point = text.find('.') != std::string_view::npos;
  const auto whole = parse_u64(take(text, '.'));
  const auto hundreds = has_point ? parse_u64(text) : 0;
  if (!whole || !hundreds) return std::nullopt;
  return (static_cast<double>(*whole) + static_cast<double>(*hundreds) / 10.24) * unit;
}

// Bytes are whole: what the kernel rounded to is no more exact than that.
Result<Value> parse_amount(std::string_view text) {
  text = trim(text);
  if (const auto plain = parse_u64(text)) return Value(*plain);
  const auto amount = parse_human(text);
  if (!amount || *amount >= 0x1p64) return fail("not a number");
  return Value(static_cast<uint64_t>(*amount));
}

Result<Value> parse_signed_amount(std::string_view text) {
  const bool negative = text.starts_with('-');
  if (negative) text.remove_prefix(1);
  auto amount = parse_amount(text);
  if (!amount || !negative) return amount;
  return Value(-amount->number());
}

// One for each of the lines asked for; nullopt where the file lacks it.
template <size_t N>
using Values = std::array<std::optional<Value>, N>;

// Text of lines "KEY: VALUE".
template <size_t N>
Result<Values<N>> parse_lines(const Line (&lines)[N], std::string_view text) {
  const auto whole = check_whole(text);
  if (!whole) return unexpected(whole.error());
  Values<N> values;
  bool any = false;
  while (!text.empty()) {
    std::string_view rest = take(text, '\n');
    const std::string_view key = take(rest, ':');
    for (size_t i = 0; i < N; ++i) {
      if (lines[i].key != key) continue;
      std::string_view value = trim(rest);
      if (value.ends_with(lines[i].suffix)) value.remove_suffix(lines[i].suffix.size());
      const auto amount = lines[i].is_signed ? parse_signed_amount(value) : parse_amount(value);
      if (!amount) return unexpected(amount.error().within(key));
      values[i] = *amount;
      any = true;
    }
  }
  if (!any) return fail("none of its lines");
  return values;
}

// A directory with what its samples are labelled.
struct Member {
  const DeviceDir* dir;
  Device* device;
  LabelRef labels;
};
using Members = std::vector<Member>;

bool is_numbered(std::string_view name, std::string_view kind) {
  return name.starts_with(kind) && name.size() > kind.size() && name[kind.size()] >= '0' && name[kind.size()] <= '9';
}

template <size_t N>
void write_files(MetricWriter& writer, const Members& members, const Attribute (&attributes)[N],
                 Result<void>& trouble) {
  for (const Attribute& attribute : attributes) {
    writer.family(attribute.desc);
    for (const Member& member : members) {
      const auto value = DeviceFiles(*member.dir, *member.device, trouble).get(attribute.file, parse_amount);
      if (!value) continue;
      writer.sample(member.labels, attribute.scale == 1 ? *value : Value(value->number() * attribute.scale));
    }
  }
}

template <size_t N>
void write_lines(MetricWriter& writer, const Members& members, std::string_view file, const Line (&lines)[N],
                 Result<void>& trouble) {
  std::vector<std::optional<Values<N>>> found;
  const auto parse = [&](std::string_view text) { return parse_lines(lines, text); };
  for (const Member& member : members)
    found.push_back(DeviceFiles(*member.dir, *member.device, trouble).get(file, parse));
  for (size_t line = 0; line < N; ++line) {
    writer.family(lines[line].desc);
    for (size_t i = 0; i < members.size(); ++i)
      if (found[i] && (*found[i])[line]) writer.sample(members[i].labels, *(*found[i])[line]);
  }
}

class BcacheCollector : public Collector {
 public:
  explicit BcacheCollector(const Setup& setup)
      : priority_stats_(setup.flags.on(kPriorityStats)), dir_(setup.roots.sys + "/fs/bcache") {}
  std::string_view name() const override { return "bcache"; }

  Result<void> collect(MetricWriter& writer) override {
    auto directories = dir_.devices();
    if (!directories) return unexpected(directories.error());
    std::erase_if(*directories, [](Device* set) { return set->name().find('-') == std::string::npos; });
    forget_others(*directories);
    Members sets, backing, caches;
    for (Device* set : *directories) {
      sets.push_back({&dir_, set, writer.labels(LabelSet{{"uuid", set->name()}})});
      add_members(writer, set->name(), backing, caches);
    }
    Result<void> trouble;
    write_files(writer, sets, kOfSet, trouble);
    write_files(writer, backing, kOfBackingDevice, trouble);
    write_lines(writer, backing, "writeback_rate_debug", kWriteback, trouble);
    write_files(writer, caches, kOfCacheDevice, trouble);
    if (priority_stats_) write_lines(writer, caches, "priority_stats", kPriority, trouble);
    return trouble;
  }

 private:
  void forget_others(const std::vector<Device*>& sets) {
    std::erase_if(inner_, [&](const auto& entry) {
      return std::none_of(sets.begin(), sets.end(), [&](Device* set) { return set->name() == entry.first; });
    });
  }

  // The devices of a set come and go, so that its directory is one of devices itself.
  void add_members(MetricWriter& writer, const std::string& uuid, Members& backing, Members& caches) {
    DeviceDir& dir = inner_.try_emplace(uuid, dir_.path() + "/" + uuid).first->second;
    const auto devices = dir.devices();
    if (!devices) return;
    for (Device* device : *devices) {
      const std::string& name = device->name();
      if (is_numbered(name, "bdev"))
        backing.push_back({&dir, device, writer.labels(LabelSet{{"backing_device", name}, {"uuid", uuid}})});
      if (is_numbered(name, "cache"))
        caches.push_back({&dir, device, writer.labels(LabelSet{{"cache_device", name}, {"uuid", uuid}})});
    }
  }

  bool priority_stats_;
  DeviceDir dir_;
  std::map<std::string, DeviceDir, std::less<>> inner_;  // by the set's name
};

constexpr const Flag* kFlags[] = {&kPriorityStats};

}  // namespace

const Entry kBcacheCollector = {"bcache", "bcache devices: sys fs/bcache", Default::kOn, make<BcacheCollector>, kFlags};

}  // namespace plimsoll::collectors::host
