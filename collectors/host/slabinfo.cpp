// SPDX-License-Identifier: Apache-2.0
// /proc/slabinfo: the kernel's object caches. Readable by root only.
//
//   slabinfo - version: 2.1
//   # name            <active_objs> <num_objs> <objsize> <objperslab> <pagesperslab> : tunables ...
//   kmalloc-8192         132    148   8192    4    8 : tunables    0    0    0 : slabdata     37     37      0
//
// slabinfo(5). Modules may name a cache as they like, blanks included, and two may take the same name, of which
// the first is shown.
#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include "base/text.h"
#include "collectors/host/parts/kept_file.h"
#include "collectors/host/parts/name_filter.h"
#include "collectors/host/table.h"

namespace plimsoll::collectors::host {
namespace {

constexpr auto kGauge = MetricType::kGauge;

// In the order of the file's columns.
constexpr MetricDesc kColumns[] = {
    {"node_slabinfo_active_objects", "Objects of the cache that are in use.", kGauge},
    {"node_slabinfo_objects", "Objects of the cache, in use or not.", kGauge},
    {"node_slabinfo_object_size_bytes", "Size of one object, in bytes.", kGauge},
    {"node_slabinfo_objects_per_slab", "Objects that share one slab.", kGauge},
    {"node_slabinfo_pages_per_slab", "Memory pages that make up one slab.", kGauge},
};
constexpr size_t kColumnCount = std::size(kColumns);

// Both may be given, unlike other pairs.
constexpr Flag kInclude = {"slabinfo.slabs-include", FlagKind::kRegex, ".*", "Caches to export, a regular expression"};
constexpr Flag kExclude = {"slabinfo.slabs-exclude", FlagKind::kRegex, "", "Caches to leave out, a regular expression"};

struct Slab {
  std::string_view name;  // into the parsed text
  std::array<uint64_t, kColumnCount> values;
};

// Takes the last field off the end of `rest`, which has no blanks at its end before and after.
std::string_view take_last_field(std::string_view& rest) {
  const size_t blank = rest.find_last_of(" \t");
  const std::string_view field = rest.substr(blank == std::string_view::npos ? 0 : blank + 1);
  rest = trim(rest.substr(0, rest.size() - field.size()));
  return field;
}

// Numbers are looked for from the colon backwards, since the name may hold blanks.
Result<Slab> parse_slab(std::string_view line) {
  const size_t colon = line.find(" : tunables ");
  if (colon == std::string_view::npos || line.find(" : slabdata ", colon) == std::string_view::npos)
    return fail("malformed line: " + std::string(line.substr(0, 40)));
  std::string_view left = trim(line.substr(0, colon));
  Slab slab{};
  for (size_t i = kColumnCount; i-- > 0;) {
    const auto number = parse_u64(take_last_field(left));
    if (!number) return fail("not five numbers: " + std::string(line.substr(0, 40)));
    slab.values[i] = *number;
  }
  if (left.empty()) return fail("a cache without a name");
  slab.name = left;
  return slab;
}

void drop_repeated(std::vector<Slab>& slabs) {
  std::stable_sort(slabs.begin(), slabs.end(), [](const Slab& a, const Slab& b) { return a.name < b.name; });
  const auto same = [](const Slab& a, const Slab& b) { return a.name == b.name; };
  slabs.erase(std::unique(slabs.begin(), slabs.end(), same), slabs.end());
}

Result<std::vector<Slab>> parse_slabinfo(std::string_view text, const NameFilter& filter) {
  const auto whole = check_whole(text);
  if (!whole) return unexpected(whole.error());
  if (!take(text, '\n').starts_with("slabinfo - version: 2.")) return fail("not of a known version");
  std::vector<Slab> slabs;
  while (!text.empty()) {
    const std::string_view line = take(text, '\n');
    if (line.starts_with("# name")) continue;
    const auto slab = parse_slab(line);
    if (!slab) return unexpected(slab.error());
    if (filter.keeps(slab->name)) slabs.push_back(*slab);
  }
  drop_repeated(slabs);
  return slabs;
}

class SlabinfoCollector : public Collector {
 public:
  explicit SlabinfoCollector(const Setup& setup)
      : file_(setup.roots.proc + "/slabinfo", 64 * 1024),
        filter_(setup.flags.text(kInclude), setup.flags.text(kExclude)) {}
  std::string_view name() const override { return "slabinfo"; }

  Result<void> collect(MetricWriter& writer) override {
    const auto parse = [this](std::string_view text) { return parse_slabinfo(text, filter_); };
    const auto slabs = read_and_parse(file_, parse);
    if (!slabs && slabs.error().code == ENOENT) return not_present(file_.path());
    if (!slabs) return unexpected(slabs.error());
    std::vector<LabelRef> labels;
    for (const Slab& slab : *slabs) labels.push_back(writer.labels(LabelSet{{"slab", slab.name}}));
    for (size_t column = 0; column < kColumnCount; ++column) {
      writer.family(kColumns[column]);
      for (size_t i = 0; i < labels.size(); ++i) writer.sample(labels[i], (*slabs)[i].values[column]);
    }
    return {};
  }

 private:
  KeptFile file_;
  NameFilter filter_;
};

constexpr const Flag* kFlags[] = {&kInclude, &kExclude};

}  // namespace

const Entry kSlabinfoCollector = {"slabinfo", "Kernel object caches: proc slabinfo", Default::kOff,
                                  make<SlabinfoCollector>, kFlags};

}  // namespace plimsoll::collectors::host
