// SPDX-License-Identifier: Apache-2.0
// /proc/stat without its CPU lines, which are the cpu collector's.
//
//   intr 611287 0 9 0 0 ...
//   ctxt 1348000
//   btime 1795318275
//
// The first number of intr is the sum over all interrupts. proc_stat(5)
#include <string>

#include "base/text.h"
#include "collectors/host/kept_file.h"
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

class StatCollector : public Collector {
 public:
  explicit StatCollector(const Setup& setup) : file_(setup.roots.proc + "/stat") {}
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
    if (!missing.empty()) return fail(file_.path() + ": line " + missing + " is missing or malformed");
    return {};
  }

 private:
  KeptFile file_;
};

}  // namespace

const Entry kStatCollector = {"stat", "Interrupts, context switches, forks, boot time: proc stat", Default::kOn,
                              make<StatCollector>};

}  // namespace plimsoll::collectors::host
