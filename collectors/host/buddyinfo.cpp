// SPDX-License-Identifier: Apache-2.0
// /proc/buddyinfo: free memory of each zone by the size of its blocks, which tells how fragmented it is.
//
//   Node 0, zone      DMA      1      0      1 ...
//   Node 0, zone   Normal   4381   1093    185 ...
//
// The numbers count blocks of 1, 2, 4 ... pages; the label size is the exponent. proc_buddyinfo(5)
#include <algorithm>
#include <string>
#include <vector>

#include "base/text.h"
#include "collectors/host/parts/kept_file.h"
#include "collectors/host/table.h"

namespace plimsoll::collectors::host {
namespace {

constexpr MetricDesc kBlocks = {"node_buddyinfo_blocks", "Free blocks of 2^size pages that lie together, a count.",
                                MetricType::kGauge};

constexpr size_t kMaxSizes = 64;     // the kernel has 11 or a few more
constexpr size_t kMaxZones = 10000;  // 1024 nodes with a handful each

struct Zone {
  std::string_view node, name;  // into the parsed text
  std::vector<uint64_t> blocks;
};

Result<Zone> parse_zone(std::string_view line) {
  Zone zone;
  const bool node = take_field(line) == "Node";
  zone.node = take_field(line);
  if (!node || zone.node.size() < 2 || !zone.node.ends_with(',') || take_field(line) != "zone")
    return fail("a line that is no zone's");
  zone.node.remove_suffix(1);
  zone.name = take_field(line);
  for (std::string_view field = take_field(line); !field.empty(); field = take_field(line)) {
    const auto number = parse_u64(field);
    if (!number) return fail("zone " + std::string(zone.name) + ": not a number");
    if (zone.blocks.size() == kMaxSizes) return fail("zone " + std::string(zone.name) + ": too many numbers");
    zone.blocks.push_back(*number);
  }
  if (zone.blocks.empty()) return fail("zone " + std::string(zone.name) + ": no numbers");
  return zone;
}

Result<std::vector<Zone>> parse_buddyinfo(std::string_view text) {
  const auto whole = check_whole(text);
  if (!whole) return unexpected(whole.error());
  std::vector<Zone> zones;
  while (!text.empty()) {
    auto zone = parse_zone(take(text, '\n'));
    if (!zone) return unexpected(zone.error());
    if (zones.size() == kMaxZones) return fail("too many zones");
    zones.push_back(std::move(*zone));
  }
  const auto key = [](const Zone& zone) { return std::pair(zone.node, zone.name); };
  std::stable_sort(zones.begin(), zones.end(), [&](const Zone& a, const Zone& b) { return key(a) < key(b); });
  const auto same = [&](const Zone& a, const Zone& b) { return key(a) == key(b); };
  zones.erase(std::unique(zones.begin(), zones.end(), same), zones.end());
  return zones;
}

class BuddyinfoCollector : public Collector {
 public:
  explicit BuddyinfoCollector(const Setup& setup) : file_(setup.roots.proc + "/buddyinfo") {}
  std::string_view name() const override { return "buddyinfo"; }

  Result<void> collect(MetricWriter& writer) override {
    const auto zones = read_and_parse(file_, parse_buddyinfo);
    if (!zones && zones.error().code == ENOENT) return not_present(file_.path());
    if (!zones) return unexpected(zones.error());
    std::vector<LabelRef> sizes;
    writer.family(kBlocks);
    for (const Zone& zone : *zones) {
      const LabelRef labels = writer.labels(LabelSet{{"node", zone.node}, {"zone", zone.name}});
      for (size_t size = 0; size < zone.blocks.size(); ++size) {
        if (size == sizes.size()) sizes.push_back(writer.labels(LabelSet{{"size", std::to_string(size)}}));
        writer.sample(labels, sizes[size], zone.blocks[size]);
      }
    }
    return {};
  }

 private:
  KeptFile file_;
};

}  // namespace

const Entry kBuddyinfoCollector = {"buddyinfo", "Free memory blocks by size: proc buddyinfo", Default::kOff,
                                   make<BuddyinfoCollector>};

}  // namespace plimsoll::collectors::host
