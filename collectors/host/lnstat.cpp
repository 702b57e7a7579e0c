// SPDX-License-Identifier: Apache-2.0
// /proc/net/stat: counters of the network stack's caches (arp_cache, ndisc_cache, nf_conntrack, rt_cache ...), a
// file each, with a line of names and a line of hexadecimal values per CPU:
//
//   entries  allocs destroys hash_grows  lookups hits  res_failed ...
//   00000014  00000001 00000002 00000003  00000004 00000005  00000006 ...
//
// Label cpu is the line's place, from 0. lnstat(8)
#include <fcntl.h>

#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "base/text.h"
#include "collectors/host/parts/net_text.h"
#include "collectors/host/parts/own_network.h"
#include "collectors/host/table.h"

namespace plimsoll::collectors::host {
namespace {

struct Column {
  std::string subsystem;
  std::vector<uint64_t> by_cpu;
};

// By the family's name, so that each is written in one piece.
using Columns = std::map<std::string, std::vector<Column>>;

// Two names of one file may become one in a family's name: the first counts.
void add_table(const std::string& subsystem, CpuTable table, Columns& columns) {
  for (size_t i = 0; i < table.names.size(); ++i) {
    auto& family = columns["node_lnstat_" + label_name_from(table.names[i]) + "_total"];
    if (family.empty() || family.back().subsystem != subsystem)
      family.push_back({subsystem, std::move(table.values[i])});
  }
}

void write_columns(MetricWriter& writer, const Columns& columns) {
  for (const auto& [name, subsystems] : columns) {
    writer.family(name, "What the kernel counts under this name in its network caches, by CPU.", MetricType::kCounter);
    for (const Column& column : subsystems) {
      for (size_t cpu = 0; cpu < column.by_cpu.size(); ++cpu) {
        const LabelSet labels{{"subsystem", column.subsystem}, {"cpu", std::to_string(cpu)}};
        writer.sample(writer.labels(labels), column.by_cpu[cpu]);
      }
    }
  }
}

class LnstatCollector : public Collector {
 public:
  explicit LnstatCollector(const Setup& setup) : path_(net_file(setup.roots, "stat")) {}
  std::string_view name() const override { return "lnstat"; }

  // A file that cannot be read leaves the others.
  Result<void> collect(MetricWriter& writer) override {
    const auto files = list();
    if (!files) return unexpected(files.error());
    Columns columns;
    Result<void> result;
    for (const std::string& file : *files) {
      const auto added = add_file(file, columns);
      if (!added && result) result = added;
    }
    write_columns(writer, columns);
    return result;
  }

 private:
  Result<std::vector<std::string>> list() const {
    const auto dir = Dir::open(path_);
    if (!dir && dir.error().code == ENOENT) return not_present("net/stat");
    if (!dir) return unexpected(dir.error());
    const auto entries = dir->list();
    if (!entries) return unexpected(entries.error().within(path_));
    std::vector<std::string> names;
    for (const Dir::Entry& entry : *entries)
      if (!entry.is_directory) names.push_back(entry.name);
    std::sort(names.begin(), names.end());
    return names;
  }

  // One that went away meanwhile (a module was unloaded) is none.
  Result<void> add_file(const std::string& file, Columns& columns) {
    const std::string path = path_ + "/" + file;
    const auto text = buffer_.read_at(AT_FDCWD, path.c_str());
    if (!text && text.error().code == ENOENT) return {};
    if (!text) return unexpected(text.error());
    auto table = parse_cpu_table(*text);
    if (!table) return unexpected(table.error().within(path));
    add_table(file, std::move(*table), columns);
    return {};
  }

  std::string path_;
  ReadBuffer buffer_{4096};
};

}  // namespace

const Entry kLnstatCollector = {"lnstat",
                                "Route cache, neighbour and connection tracking counters by CPU: proc net/stat",
                                Default::kOff, make<LnstatCollector>};

}  // namespace plimsoll::collectors::host
