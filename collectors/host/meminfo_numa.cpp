// SPDX-License-Identifier: Apache-2.0
// Memory of each NUMA node, /sys/devices/system/node/nodeN/meminfo and numastat:
//
//   Node 0 MemTotal:       134217728 kB          numa_hit 193460335812
//   Node 0 Active(anon):     707915 kB           numa_miss 12624528
//   Node 0 HugePages_Total:     0                local_node 193454780853
//
// One family per line, named after it: node_memory_numa_Active_anon, in bytes where the kernel says kB, and
// node_memory_numa_numa_hit_total, in pages. Lines of kernels to come are exported without a change here.
// A machine with one node has nothing that its /proc/meminfo does not tell; it is left out unless
// somebody asked for it. Documentation/admin-guide/numastat.rst
#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "base/text.h"
#include "collectors/host/parts/device_dir.h"
#include "collectors/host/parts/kept_file.h"
#include "collectors/host/parts/throttle.h"
#include "collectors/host/table.h"

namespace plimsoll::collectors::host {
namespace {

struct NumaLine {
  std::string_view name;  // into the parsed text, as the kernel writes it
  uint64_t value;
};

// "Node 0 Active(anon):   1580 kB"
Result<NumaLine> parse_meminfo_line(std::string_view line) {
  const std::string place(line.substr(0, 60));
  const bool node = take_field(line) == "Node" && !take_field(line).empty();
  if (!node || line.find(':') == std::string_view::npos) return fail("malformed line: " + place);
  const std::string_view name = trim(take(line, ':'));
  const auto number = parse_u64(take_field(line));
  const std::string_view unit = take_field(line);
  if (name.empty() || !number || (!unit.empty() && unit != "kB")) return fail("malformed line: " + place);
  const uint64_t scale = unit.empty() ? 1 : 1024;
  if (*number > UINT64_MAX / scale) return fail("too large: " + place);
  return NumaLine{name, *number * scale};
}

// "numa_hit 193460335812"
Result<NumaLine> parse_numastat_line(std::string_view line) {
  const std::string place(line.substr(0, 60));
  const std::string_view name = take_field(line);
  const auto number = parse_u64(trim(line));
  if (name.empty() || !number) return fail("malformed line: " + place);
  return NumaLine{name, *number};
}

using ParseLine = Result<NumaLine> (*)(std::string_view line);

// Old kernels begin with an empty line.
Result<std::vector<NumaLine>> parse_lines(std::string_view text, ParseLine parse_line) {
  const auto whole = check_whole(text);
  if (!whole) return unexpected(whole.error());
  std::vector<NumaLine> lines;
  while (!text.empty()) {
    const std::string_view line = take(text, '\n');
    if (trim(line).empty()) continue;
    const auto parsed = parse_line(line);
    if (!parsed) return unexpected(parsed.error());
    lines.push_back(*parsed);
  }
  if (lines.empty()) return fail("no line");
  return lines;
}

struct NodeFile {
  std::string_view name;
  ParseLine parse_line;
  MetricType type;
  std::string_view suffix;  // of its families
};

constexpr NodeFile kFiles[] = {{"meminfo", parse_meminfo_line, MetricType::kGauge, ""},
                               {"numastat", parse_numastat_line, MetricType::kCounter, "_total"}};

// "Active(anon)" -> "Active_anon": brackets at the end leave no trailing underscore.
std::string family_name(std::string_view line, std::string_view suffix) {
  if (line.ends_with(')')) line.remove_suffix(1);
  return "node_memory_numa_" + label_name_from(line) + std::string(suffix);
}

// The samples of all nodes by family, in the order of the first node's lines.
class Families {
 public:
  void add(const NodeFile& file, const NumaLine& line, size_t node) {
    Family& family = find(file, line);
    // A line that a node repeats counts once.
    if (family.samples.empty() || family.samples.back().node != node) family.samples.push_back({node, line.value});
  }

  void write(MetricWriter& writer, const std::vector<LabelRef>& nodes) const {
    for (const Family& family : list_) {
      writer.family(family.name, family.help, family.type);
      for (const NodeSample& sample : family.samples) writer.sample(nodes[sample.node], sample.value);
    }
  }

 private:
  struct NodeSample {
    size_t node;
    uint64_t value;
  };
  struct Family {
    std::string name, help;
    MetricType type;
    std::vector<NodeSample> samples;
  };

  Family& find(const NodeFile& file, const NumaLine& line) {
    std::string name = family_name(line.name, file.suffix);
    const auto [entry, added] = by_name_.emplace(name, list_.size());
    if (added) {
      const bool pages = file.type == MetricType::kCounter;
      std::string help = "The line " + std::string(line.name) + " of the NUMA node's " + std::string(file.name) +
                         (pages ? ", in pages." : ", in bytes (HugePages: a count).");
      list_.push_back({std::move(name), std::move(help), file.type, {}});
    }
    return list_[entry->second];
  }

  std::vector<Family> list_;
  std::map<std::string, size_t> by_name_;  // index in the list
};

bool is_node(std::string_view name) { return name.starts_with("node") && parse_u64(name.substr(4)).has_value(); }

class MeminfoNumaCollector : public Collector {
 public:
  explicit MeminfoNumaCollector(const Setup& setup)
      : nodes_(setup.roots.sys + "/devices/system/node"),
        online_(nodes_.path() + "/online", 512),
        requested_(setup.requested) {}
  std::string_view name() const override { return "meminfo_numa"; }

  // A file that cannot be read costs its own samples and makes the collection a failure.
  Result<void> collect(MetricWriter& writer) override {
    if (!requested_ && has_one_node()) return not_present("second NUMA node");
    auto nodes = nodes_.devices();
    if (!nodes) return unexpected(nodes.error());
    std::erase_if(*nodes, [](const Device* node) { return !is_node(node->name()); });
    if (nodes->empty() || (nodes->size() == 1 && !requested_)) return not_present("second NUMA node");
    Result<void> result;
    Families families;
    std::vector<LabelRef> labels;
    for (size_t i = 0; i < nodes->size(); ++i) {
      labels.push_back(writer.labels(LabelSet{{"node", (*nodes)[i]->name().substr(4)}}));
      for (const NodeFile& file : kFiles) {
        const auto read = add_file(*(*nodes)[i], file, i, families);
        if (!read) result = unexpected(read.error().within(nodes_.path()));
      }
    }
    families.write(writer, labels);
    return result;
  }

 private:
  // The list of nodes costs less than looking for their directories; where it is missing, they tell.
  bool has_one_node() {
    const auto online = read_and_parse(online_, parse_cpu_list);
    return online && online->size() == 1;
  }

  static Result<void> add_file(Device& node, const NodeFile& file, size_t index, Families& families) {
    const auto text = node.read(file.name);
    if (!text && text.error().code == ENOENT) return {};
    if (!text) return unexpected(text.error());
    const auto lines = parse_lines(*text, file.parse_line);
    if (!lines) return unexpected(lines.error().within(node.name() + "/" + std::string(file.name)));
    for (const NumaLine& line : *lines) families.add(file, line, index);
    return {};
  }

  DeviceDir nodes_;
  KeptFile online_;
  bool requested_;
};

}  // namespace

const Entry kMeminfoNumaCollector = {"meminfo_numa",
                                     "Memory by NUMA node, where there are several: sys devices/system/node",
                                     Default::kOn, make<MeminfoNumaCollector>};

}  // namespace plimsoll::collectors::host
