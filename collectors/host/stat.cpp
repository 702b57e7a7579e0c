// SPDX-License-Identifier: Apache-2.0
// /proc/stat without its CPU lines, which are the cpu collector's.
//
//   intr 611287 0 9 0 0 ...
//   ctxt 1348000
//   btime 1795318275
//   softirq 14371018 6 1413826 21996 1389183 1773884 0 8 1850099 234317 7687699
//
// The first number of intr and softirq is the sum over all of them. proc_stat(5)
#include <array>
#include <optional>
#include <string>

#include "base/text.h"
#include "collectors/host/parts/kept_file.h"
#include "collectors/host/table.h"

namespace plimsoll::collectors::host {
namespace {

struct StatLine {
  std::string_view key;
  MetricDesc desc;
};

constexpr StatLine kLines[] = {
    {"btime", {"node_boot_time_seconds", "When the machine booted, in seconds since 1970.", MetricType::kGauge}},
    {"ctxt", {"node_context_switches_total", "Context switches on all CPUs.", MetricType::kCounter}},
    {"processes", {"node_forks_total", "Processes and threads made since boot.", MetricType::kCounter}},
    {"intr", {"node_intr_total", "Interrupts served on all CPUs.", MetricType::kCounter}},
    {"procs_blocked", {"node_procs_blocked", "Tasks that wait for I/O to end.", MetricType::kGauge}},
    {"procs_running", {"node_procs_running", "Tasks that run or could run.", MetricType::kGauge}},
};

constexpr Flag kShowSoftirqs = {"stat.softirq", FlagKind::kSwitch, "false",
                                "Show soft interrupts by kind, node_softirqs_total"};
constexpr const Flag* kFlags[] = {&kShowSoftirqs};

constexpr MetricDesc kSoftirqs = {"node_softirqs_total", "Soft interrupts handled on all CPUs.", MetricType::kCounter};

// In the line's order, behind the sum; the names are those of Linux 2.6.31, when block_iopoll was irq_poll.
constexpr std::string_view kVectors[] = {"hi",           "timer",   "net_tx", "net_rx",  "block",
                                         "block_iopoll", "tasklet", "sched",  "hrtimer", "rcu"};
using Softirqs = std::array<uint64_t, std::size(kVectors)>;

std::optional<Softirqs> find_softirqs(std::string_view text) {
  constexpr std::string_view kKey = "\nsoftirq ";
  const size_t at = text.rfind(kKey);
  if (at == std::string_view::npos) return std::nullopt;
  text.remove_prefix(at + kKey.size());
  std::string_view line = take(text, '\n');
  if (!parse_u64(take_field(line))) return std::nullopt;  // the sum
  Softirqs counts{};
  for (uint64_t& count : counts) {
    const auto number = parse_u64(take_field(line));
    if (!number) return std::nullopt;
    count = *number;
  }
  return counts;
}

void write_softirqs(MetricWriter& writer, const Softirqs& counts) {
  writer.family(kSoftirqs);
  for (size_t i = 0; i < counts.size(); ++i) writer.sample(writer.labels(LabelSet{{"vector", kVectors[i]}}), counts[i]);
}

class StatCollector : public Collector {
 public:
  explicit StatCollector(const Setup& setup)
      : file_(setup.roots.proc + "/stat"), softirqs_(setup.flags.on(kShowSoftirqs)) {}
  std::string_view name() const override { return "stat"; }

  // A line that is missing or malformed costs its own family and makes the collection a failure.
  Result<void> collect(MetricWriter& writer) override {
    const auto text = file_.read();
    if (!text) return unexpected(text.error());
    const auto whole = check_whole(*text);
    if (!whole) return unexpected(whole.error().within(file_.path()));
    std::string missing;
    for (const StatLine& line : kLines) {
      const auto number = find_u64(*text, line.key);
      if (number) writer.single(line.desc, *number);
      if (!number) missing = line.key;
    }
    if (softirqs_) {
      const auto counts = find_softirqs(*text);
      if (counts) write_softirqs(writer, *counts);
      if (!counts) missing = "softirq";
    }
    if (!missing.empty()) return fail(file_.path() + ": line " + missing + " is missing or malformed");
    return {};
  }

 private:
  KeptFile file_;
  bool softirqs_;
};

}  // namespace

const Entry kStatCollector = {"stat", "Interrupts, context switches, forks, boot time: proc stat", Default::kOn,
                              make<StatCollector>, kFlags};

}  // namespace plimsoll::collectors::host
