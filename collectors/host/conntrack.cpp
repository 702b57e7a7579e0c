// SPDX-License-Identifier: Apache-2.0
// How full netfilter's table of connections is, and what happened in it. Two files of /proc/sys/net/netfilter hold a
// number each, nf_conntrack_count and nf_conntrack_max; /proc/net/stat/nf_conntrack has a line of names and a line
// of hexadecimal values per CPU (collectors/host/parts/net_text.h), of which sums are shown:
//
//   entries  clashres found new invalid ignore delete chainlength insert insert_failed drop early_drop ...
//   00000021  00000000 00000000 00000000 00000003 0000588a 00000000 ...
//
// All are of one network namespace, and missing while the module nf_conntrack is not loaded.
// Documentation/networking/nf_conntrack-sysctl.rst, net/netfilter/nf_conntrack_standalone.c
#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "base/text.h"
#include "collectors/host/parts/kept_file.h"
#include "collectors/host/parts/net_text.h"
#include "collectors/host/parts/own_network.h"
#include "collectors/host/table.h"

namespace plimsoll::collectors::host {
namespace {

constexpr auto kGauge = MetricType::kGauge;

constexpr MetricDesc kEntries = {"node_nf_conntrack_entries", "Connections in the tracking table.", kGauge};
constexpr MetricDesc kLimit = {"node_nf_conntrack_entries_limit", "Connections the tracking table takes at most.",
                               kGauge};

struct Column {
  std::string_view name;
  MetricDesc desc;
};

// Counters, although node_exporter declares them as gauges.
constexpr Column kColumns[] = {
    {"found", {"node_nf_conntrack_stat_found", "Lookups that found their connection.", kGauge}},
    {"invalid", {"node_nf_conntrack_stat_invalid", "Packets that belong to no connection that can be.", kGauge}},
    {"ignore", {"node_nf_conntrack_stat_ignore", "Packets whose connection was known before the lookup.", kGauge}},
    {"insert", {"node_nf_conntrack_stat_insert", "Connections put into the table.", kGauge}},
    {"insert_failed",
     {"node_nf_conntrack_stat_insert_failed", "Connections that lost to an equal one in the table.", kGauge}},
    {"drop", {"node_nf_conntrack_stat_drop", "Packets dropped since they could not be tracked.", kGauge}},
    {"early_drop",
     {"node_nf_conntrack_stat_early_drop", "Connections that a full table gave up for new ones.", kGauge}},
    {"search_restart",
     {"node_nf_conntrack_stat_search_restart", "Lookups begun again since the table was resized.", kGauge}},
};

Result<uint64_t> parse_number(std::string_view text) {
  const auto whole = check_whole(text);
  if (!whole) return unexpected(whole.error());
  const auto number = parse_u64(trim(text));
  if (!number) return fail("not a number");
  return *number;
}

// In the order of kColumns; nullopt for what this kernel does not count.
using Sums = std::vector<std::optional<uint64_t>>;

Result<Sums> parse_sums(std::string_view text) {
  const auto table = parse_cpu_table(text);
  if (!table) return unexpected(table.error());
  Sums sums;
  for (const Column& column : kColumns) {
    const auto found = std::find(table->names.begin(), table->names.end(), column.name);
    auto& sum = sums.emplace_back();
    if (found == table->names.end()) continue;
    sum = 0;
    for (const uint64_t value : table->values[static_cast<size_t>(found - table->names.begin())]) *sum += value;
  }
  return sums;
}

class ConntrackCollector : public Collector {
 public:
  explicit ConntrackCollector(const Setup& setup)
      : count_(setup.roots.proc + "/sys/net/netfilter/nf_conntrack_count", 512),
        limit_(setup.roots.proc + "/sys/net/netfilter/nf_conntrack_max", 512),
        stat_(net_file(setup.roots, "stat/nf_conntrack"), 4096) {}
  std::string_view name() const override { return "conntrack"; }

  Result<void> collect(MetricWriter& writer) override {
    const auto count = read_and_parse(count_, parse_number);
    if (!count) return absent_or(count.error());
    writer.single(kEntries, *count);
    const auto limit = read_and_parse(limit_, parse_number);
    if (!limit) return absent_or(limit.error());
    writer.single(kLimit, *limit);
    const auto sums = read_and_parse(stat_, parse_sums);
    if (!sums) return absent_or(sums.error());
    for (size_t i = 0; i < sums->size(); ++i)
      if ((*sums)[i]) writer.single(kColumns[i].desc, *(*sums)[i]);
    return {};
  }

 private:
  static Unexpected absent_or(const Error& error) {
    return error.code == ENOENT ? not_present("connection tracking") : unexpected(error);
  }

  KeptFile count_;
  KeptFile limit_;
  KeptFile stat_;
};

}  // namespace

const Entry kConntrackCollector = {"conntrack",
                                   "Connection tracking table: proc sys/net/netfilter, net/stat/nf_conntrack",
                                   Default::kOn, make<ConntrackCollector>};

}  // namespace plimsoll::collectors::host
