// SPDX-License-Identifier: Apache-2.0
// /proc/zoneinfo: watermarks, sizes and counters of each memory zone.
//
//   Node 0, zone      DMA
//     per-node stats
//         nr_inactive_anon 95612
//     pages free     2949
//           min      8
//           spanned  4095
//           protection: (0, 2039, 31932)
//         nr_free_pages 2949
//     pagesets
//       cpu: 0
//                 count: 0
//   Node 0, zone    DMA32
//     pages free     528427
//
// The counters of a whole node stand in its first zone, and are exported with that zone's label, as
// node_exporter does. From "pagesets" on there are a few lines for every CPU, which are skipped.
// proc_zoneinfo(5)
#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <vector>

#include "base/text.h"
#include "collectors/host/parts/kept_file.h"
#include "collectors/host/table.h"

namespace plimsoll::collectors::host {
namespace {

constexpr auto kGauge = MetricType::kGauge;
constexpr auto kCounter = MetricType::kCounter;

struct Field {
  std::string_view key;
  MetricDesc desc;
};

// Sorted by key. scanned and nr_mlock_stack are of kernels before 4.8 and before 3.10.
constexpr Field kFields[] = {
    {"high", {"node_zoneinfo_high_pages", "Watermark above which reclaim rests, in pages.", kGauge}},
    {"low", {"node_zoneinfo_low_pages", "Watermark below which reclaim starts in the background, in pages.", kGauge}},
    {"managed", {"node_zoneinfo_managed_pages", "Pages of the zone that the allocator hands out.", kGauge}},
    {"min", {"node_zoneinfo_min_pages", "Watermark below which who allocates has to reclaim, in pages.", kGauge}},
    {"nr_active_anon", {"node_zoneinfo_nr_active_anon_pages", "Anonymous pages used of late.", kGauge}},
    {"nr_active_file", {"node_zoneinfo_nr_active_file_pages", "Pages of files used of late.", kGauge}},
    {"nr_anon_pages", {"node_zoneinfo_nr_anon_pages", "Anonymous pages that are mapped.", kGauge}},
    {"nr_anon_transparent_hugepages",
     {"node_zoneinfo_nr_anon_transparent_hugepages", "Transparent huge pages of anonymous memory.", kGauge}},
    {"nr_dirtied", {"node_zoneinfo_nr_dirtied_total", "Pages made dirty since the start.", kCounter}},
    {"nr_dirty", {"node_zoneinfo_nr_dirty_pages", "Dirty pages that wait to be written.", kGauge}},
    {"nr_file_pages", {"node_zoneinfo_nr_file_pages", "Pages of the page cache.", kGauge}},
    {"nr_free_pages", {"node_zoneinfo_nr_free_pages", "Free pages.", kGauge}},
    {"nr_inactive_anon", {"node_zoneinfo_nr_inactive_anon_pages", "Anonymous pages not used of late.", kGauge}},
    {"nr_inactive_file", {"node_zoneinfo_nr_inactive_file_pages", "Pages of files not used of late.", kGauge}},
    {"nr_isolated_anon", {"node_zoneinfo_nr_isolated_anon_pages", "Anonymous pages taken aside by reclaim.", kGauge}},
    {"nr_isolated_file", {"node_zoneinfo_nr_isolated_file_pages", "Pages of files taken aside by reclaim.", kGauge}},
    {"nr_kernel_stack", {"node_zoneinfo_nr_kernel_stacks", "Kernel stacks, in KiB since Linux 4.5.", kGauge}},
    {"nr_mapped", {"node_zoneinfo_nr_mapped_pages", "Pages of files mapped into processes.", kGauge}},
    {"nr_mlock_stack", {"node_zoneinfo_nr_mlock_stack_pages", "Locked pages found late by reclaim.", kGauge}},
    {"nr_shmem", {"node_zoneinfo_nr_shmem_pages", "Pages of shared memory and tmpfs.", kGauge}},
    {"nr_slab_reclaimable",
     {"node_zoneinfo_nr_slab_reclaimable_pages", "Pages of the kernel's object caches that can be reclaimed.", kGauge}},
    {"nr_slab_unreclaimable",
     {"node_zoneinfo_nr_slab_unreclaimable_pages", "Pages of the kernel's object caches that stay.", kGauge}},
    {"nr_unevictable", {"node_zoneinfo_nr_unevictable_pages", "Pages that cannot be reclaimed.", kGauge}},
    {"nr_writeback", {"node_zoneinfo_nr_writeback_pages", "Pages being written back.", kGauge}},
    {"nr_written", {"node_zoneinfo_nr_written_total", "Pages written back since the start.", kCounter}},
    {"numa_foreign", {"node_zoneinfo_numa_foreign_total", "Pages wanted from here and allocated elsewhere.", kCounter}},
    {"numa_hit", {"node_zoneinfo_numa_hit_total", "Pages allocated here as wanted.", kCounter}},
    {"numa_interleave", {"node_zoneinfo_numa_interleave_total", "Pages allocated here by interleaving.", kCounter}},
    {"numa_local", {"node_zoneinfo_numa_local_total", "Pages allocated here for a CPU of this node.", kCounter}},
    {"numa_miss", {"node_zoneinfo_numa_miss_total", "Pages allocated here that were wanted elsewhere.", kCounter}},
    {"numa_other", {"node_zoneinfo_numa_other_total", "Pages allocated here for a CPU of another node.", kCounter}},
    {"present", {"node_zoneinfo_present_pages", "Pages of the zone that are there.", kGauge}},
    {"scanned", {"node_zoneinfo_scanned_pages", "Pages looked at since the last one was reclaimed.", kGauge}},
    {"spanned", {"node_zoneinfo_spanned_pages", "Pages from the zone's start to its end, holes included.", kGauge}},
};
constexpr size_t kFieldCount = std::size(kFields);
static_assert(std::is_sorted(std::begin(kFields), std::end(kFields),
                             [](const Field& a, const Field& b) { return a.key < b.key; }));

constexpr size_t kMaxProtections = 16;  // one for each kind of zone, of which the kernel has up to six
constexpr size_t kMaxZones = 10000;

struct Zone {
  std::string_view node, name;  // into the parsed text
  std::array<std::optional<uint64_t>, kFieldCount> values;
  std::vector<uint64_t> protections;
};

// "Node 0, zone      DMA"
Result<Zone> parse_heading(std::string_view line) {
  Zone zone;
  take_field(line);
  zone.node = take_field(line);
  if (zone.node.size() < 2 || !zone.node.ends_with(',') || take_field(line) != "zone")
    return fail("a zone's malformed heading");
  zone.node.remove_suffix(1);
  zone.name = take_field(line);
  if (zone.name.empty()) return fail("a zone without a name");
  return zone;
}

// "(0, 2039, 31932)"
Result<std::vector<uint64_t>> parse_protections(std::string_view list) {
  list = trim(list);
  std::vector<uint64_t> numbers;
  if (!list.starts_with('(') || !list.ends_with(')')) return fail("protection: no list");
  list = list.substr(1, list.size() - 2);
  while (!list.empty()) {
    const auto number = parse_u64(trim(take(list, ',')));
    if (!number || numbers.size() == kMaxProtections) return fail("protection: not a few numbers");
    numbers.push_back(*number);
  }
  return numbers;
}

// `ended`: with a line end. A number at the very end of a text that was cut off may lack digits.
Result<void> parse_line(std::string_view line, bool ended, Zone& zone) {
  const std::string_view key = take_field(line);
  if (key == "protection:") {
    auto numbers = parse_protections(line);
    if (!numbers) return unexpected(numbers.error());
    zone.protections = std::move(*numbers);
    return {};
  }
  const auto field = std::lower_bound(std::begin(kFields), std::end(kFields), key,
                                      [](const Field& f, std::string_view k) { return f.key < k; });
  if (field == std::end(kFields) || field->key != key) return {};
  const auto number = parse_u64(take_field(line));
  if (!number) return fail(std::string(key) + ": not a number");
  if (!ended) return fail(std::string(key) + ": cut off");
  zone.values[static_cast<size_t>(field - std::begin(kFields))] = *number;
  return {};
}

// What follows a line "pagesets" up to the next zone.
void skip_pagesets(std::string_view& text) {
  const size_t next = text.find("\nNode ");
  text = next == std::string_view::npos ? std::string_view{} : text.substr(next + 1);
}

void drop_repeated(std::vector<Zone>& zones) {
  const auto key = [](const Zone& zone) { return std::pair(zone.node, zone.name); };
  std::stable_sort(zones.begin(), zones.end(), [&](const Zone& a, const Zone& b) { return key(a) < key(b); });
  const auto same = [&](const Zone& a, const Zone& b) { return key(a) == key(b); };
  zones.erase(std::unique(zones.begin(), zones.end(), same), zones.end());
}

Result<std::vector<Zone>> parse_zoneinfo(std::string_view text) {
  if (text.empty()) return fail("empty");
  const bool all_ended = text.ends_with('\n');
  std::vector<Zone> zones;
  while (!text.empty()) {
    const std::string_view line = take(text, '\n');
    if (line.starts_with("Node ")) {
      auto zone = parse_heading(line);
      if (!zone) return unexpected(zone.error());
      if (zones.size() == kMaxZones) return fail("too many zones");
      zones.push_back(std::move(*zone));
    } else if (zones.empty()) {
      return fail("does not begin with a zone");
    } else if (line == "  pagesets") {
      skip_pagesets(text);
    } else if (const auto parsed = parse_line(line, all_ended || !text.empty(), zones.back()); !parsed) {
      return unexpected(parsed.error().within("zone " + std::string(zones.back().name)));
    }
  }
  drop_repeated(zones);
  return zones;
}

void write_protections(MetricWriter& writer, const std::vector<Zone>& zones, const std::vector<LabelRef>& labels) {
  for (size_t field = 0; field < kMaxProtections; ++field) {
    const auto has = [&](const Zone& zone) { return field < zone.protections.size(); };
    if (std::none_of(zones.begin(), zones.end(), has)) return;
    const std::string number = std::to_string(field);
    writer.family("node_zoneinfo_protection_" + number,
                  "Pages kept from allocations that could also use zone kind " + number + ".", kGauge);
    for (size_t i = 0; i < zones.size(); ++i)
      if (has(zones[i])) writer.sample(labels[i], zones[i].protections[field]);
  }
}

class ZoneinfoCollector : public Collector {
 public:
  explicit ZoneinfoCollector(const Setup& setup) : file_(setup.roots.proc + "/zoneinfo") {}
  std::string_view name() const override { return "zoneinfo"; }

  Result<void> collect(MetricWriter& writer) override {
    const auto zones = read_and_parse(file_, parse_zoneinfo);
    if (!zones && zones.error().code == ENOENT) return not_present(file_.path());
    if (!zones) return unexpected(zones.error());
    std::vector<LabelRef> labels;
    for (const Zone& zone : *zones) labels.push_back(writer.labels(LabelSet{{"node", zone.node}, {"zone", zone.name}}));
    for (size_t field = 0; field < kFieldCount; ++field) {
      writer.family(kFields[field].desc);
      for (size_t i = 0; i < zones->size(); ++i)
        if (const auto& value = (*zones)[i].values[field]) writer.sample(labels[i], *value);
    }
    write_protections(writer, *zones, labels);
    return {};
  }

 private:
  KeptFile file_;
};

}  // namespace

const Entry kZoneinfoCollector = {"zoneinfo", "Memory zones: proc zoneinfo", Default::kOff, make<ZoneinfoCollector>};

}  // namespace plimsoll::collectors::host
