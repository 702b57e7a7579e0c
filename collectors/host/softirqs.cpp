// SPDX-License-Identifier: Apache-2.0
// /proc/softirqs: how often each CPU has run the handlers of each kind of soft interrupt.
//
//                       CPU0       CPU1
//             HI:          7          1
//          TIMER:     424191     108342
//
// There is a column for each CPU that the machine could have. Documentation/filesystems/proc.rst
#include <set>
#include <vector>

#include "base/text.h"
#include "collectors/host/parts/cpu_info.h"
#include "collectors/host/parts/kept_file.h"
#include "collectors/host/table.h"

namespace plimsoll::collectors::host {
namespace {

constexpr MetricDesc kSoftirqs = {"node_softirqs_functions_total", "Soft interrupts that the CPU has handled.",
                                  MetricType::kCounter};

struct SoftirqTable {
  std::vector<uint32_t> cpus;
  std::vector<std::string_view> types;  // into the parsed text
  std::vector<uint64_t> counts;         // one per CPU for each type
};

Result<void> parse_line(std::string_view line, SoftirqTable& table, std::set<std::string_view>& seen) {
  if (line.find(':') == std::string_view::npos) return fail("line without a colon");
  const std::string_view type = trim(take(line, ':'));
  if (!seen.insert(type).second) return {};
  for (size_t i = 0; i < table.cpus.size(); ++i) {
    const auto count = take_count(line);
    if (!count) return fail(std::string(type) + ": not a number for each CPU");
    table.counts.push_back(*count);
  }
  if (!trim(line).empty()) return fail(std::string(type) + ": more numbers than CPUs");
  table.types.push_back(type);
  return {};
}

Result<SoftirqTable> parse_softirqs(std::string_view text) {
  const auto whole = check_whole(text);
  if (!whole) return unexpected(whole.error());
  auto cpus = parse_cpu_heading(take(text, '\n'));
  if (!cpus) return unexpected(cpus.error());
  SoftirqTable table{std::move(*cpus), {}, {}};
  std::set<std::string_view> seen;
  while (!text.empty()) {
    const auto parsed = parse_line(take(text, '\n'), table, seen);
    if (!parsed) return unexpected(parsed.error());
  }
  if (table.types.empty()) return fail("no line below the heading");
  return table;
}

class SoftirqsCollector : public Collector {
 public:
  explicit SoftirqsCollector(const Setup& setup) : file_(setup.roots.proc + "/softirqs") {}
  std::string_view name() const override { return "softirqs"; }

  Result<void> collect(MetricWriter& writer) override {
    const auto table = read_and_parse(file_, parse_softirqs);
    if (!table && table.error().code == ENOENT) return not_present("softirqs");
    if (!table) return unexpected(table.error());
    const auto cpus = cpu_labels(writer, table->cpus);
    writer.family(kSoftirqs);
    for (size_t i = 0; i < table->types.size(); ++i) {
      const LabelRef type = writer.labels(LabelSet{{"type", table->types[i]}});
      for (size_t cpu = 0; cpu < cpus.size(); ++cpu)
        writer.sample(cpus[cpu], type, table->counts[i * cpus.size() + cpu]);
    }
    return {};
  }

 private:
  KeptFile file_;
};

}  // namespace

const Entry kSoftirqsCollector = {"softirqs", "Soft interrupts by CPU: proc softirqs", Default::kOff,
                                  make<SoftirqsCollector>};

}  // namespace plimsoll::collectors::host
