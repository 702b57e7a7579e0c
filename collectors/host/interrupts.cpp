// SPDX-License-Identifier: Apache-2.0
// /proc/interrupts: how often each CPU has served each interrupt.
//
//              CPU0       CPU1
//    31:          0       5143 PCI-MSIX-0000:00:01.0   3-edge      virtio0-stats
//   LOC:    6312517    6333578   Local timer interrupts
//   ERR:          0
//
// Only CPUs online have a column. Behind the columns of a number stand its controller (label info) and then
// how it is wired and to which devices (label devices); behind those of a name its meaning (label info).
// Lines without a number for each CPU, such as ERR, are counters of another kind and left out.
// A machine with 256 CPUs has some 100,000 cells, nearly all of them 0. proc_interrupts(5)
#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "base/text.h"
#include "collectors/host/parts/cpu_info.h"
#include "collectors/host/parts/kept_file.h"
#include "collectors/host/parts/name_filter.h"
#include "collectors/host/table.h"

namespace plimsoll::collectors::host {
namespace {

constexpr MetricDesc kInterrupts = {"node_interrupts_total", "Interrupts that the CPU has served.",
                                    MetricType::kCounter};

constexpr Flag kInclude = {"interrupts.name-include", FlagKind::kInclude, "",
                           "Interrupts to show, by TYPE;INFO;DEVICES as in the labels"};
constexpr Flag kExclude = {"interrupts.name-exclude", FlagKind::kExclude, "",
                           "Interrupts to leave out, by TYPE;INFO;DEVICES as in the labels"};
constexpr Flag kZeros = {"interrupts.include-zeros", FlagKind::kSwitch, "false",
                         "Show interrupts that a CPU has never served; on in node_exporter, where this collector "
                         "itself is off by default"};
constexpr const Flag* kFlags[] = {&kInclude, &kExclude, &kZeros};

struct Line {
  std::string_view type, text;  // into the parsed text: before the colon, behind the columns
  size_t first;                 // of its cells, which end where the next line's begin
};

struct Cell {
  uint32_t column;
  uint64_t count;
};

struct Table {
  std::vector<uint32_t> cpus;
  std::vector<Line> lines;
  std::vector<Cell> cells;
};

bool is_number(std::string_view type) { return parse_i64(type).has_value(); }

size_t count_fields(std::string_view text) {
  size_t count = 0;
  while (!take_field(text).empty()) ++count;
  return count;
}

// Adds the line's cells; false when it has no number for each CPU with a text behind them.
Result<bool> parse_cells(std::string_view& rest, Table& table, bool zeros) {
  for (uint32_t column = 0; column < table.cpus.size(); ++column) {
    const auto count = take_count(rest);
    if (!count && count_fields(rest) + column <= table.cpus.size()) return false;
    if (!count) return fail("not a number");
    if (zeros || *count != 0) table.cells.push_back({column, *count});
  }
  return !trim(rest).empty();
}

Result<void> parse_line(std::string_view line, Table& table, bool zeros) {
  if (line.find(':') == std::string_view::npos) return fail("line without a colon");
  const std::string_view type = trim(take(line, ':'));
  const size_t first = table.cells.size();
  const auto whole = parse_cells(line, table, zeros);
  if (!whole) return unexpected(whole.error().within(type));
  if (*whole) table.lines.push_back({type, trim(line), first});
  if (!*whole) table.cells.resize(first);
  return {};
}

// Uses the vectors of `table` again.
Result<void> parse_interrupts(std::string_view text, Table& table, bool zeros) {
  table.lines.clear();
  table.cells.clear();
  const auto whole = check_whole(text);
  if (!whole) return unexpected(whole.error());
  auto cpus = parse_cpu_heading(take(text, '\n'));
  if (!cpus) return unexpected(cpus.error());
  table.cpus = std::move(*cpus);
  while (!text.empty()) {
    const auto parsed = parse_line(take(text, '\n'), table, zeros);
    if (!parsed) return unexpected(parsed.error());
  }
  if (table.lines.empty()) return fail("no line of interrupts");
  return {};
}

// With one blank between the words.
std::string joined(std::string_view text) {
  std::string words;
  for (std::string_view word = take_field(text); !word.empty(); word = take_field(text))
    words += (words.empty() ? "" : " ") + std::string(word);
  return words;
}

// What does not change about a line.
struct Known {
  std::string type, text;  // as in Line
  bool shown;
  LabelSet labels;

  bool is(const Line& line) const { return type == line.type && text == line.text; }
};

Known describe(const Line& line, const NameFilter& filter) {
  std::string_view rest = line.text;
  std::string info = is_number(line.type) ? std::string(take_field(rest)) : joined(rest);
  const std::string devices = is_number(line.type) ? joined(rest) : "";
  const std::string type(line.type);
  return {type, std::string(line.text), filter.keeps(type + ";" + info + ";" + devices),
          LabelSet{{"type", type}, {"info", info}, {"devices", devices}}};
}

class InterruptsCollector : public Collector {
 public:
  explicit InterruptsCollector(const Setup& setup)
      : file_(setup.roots.proc + "/interrupts"),
        filter_(setup.flags, kInclude, kExclude),
        zeros_(setup.flags.on(kZeros)) {}
  std::string_view name() const override { return "interrupts"; }

  Result<void> collect(MetricWriter& writer) override {
    const auto parsed = read_and_parse(file_, [&](auto text) { return parse_interrupts(text, table_, zeros_); });
    if (!parsed && parsed.error().code == ENOENT) return not_present("interrupts");
    if (!parsed) return unexpected(parsed.error());
    learn();
    const auto cpus = cpu_labels(writer, table_.cpus);
    writer.family(kInterrupts);
    for (size_t i = 0; i < table_.lines.size(); ++i) {
      const size_t end = i + 1 < table_.lines.size() ? table_.lines[i + 1].first : table_.cells.size();
      if (!known_[i].shown || table_.lines[i].first == end) continue;
      const LabelRef labels = writer.labels(known_[i].labels);
      for (size_t cell = table_.lines[i].first; cell < end; ++cell)
        writer.sample(cpus[table_.cells[cell].column], labels, table_.cells[cell].count);
    }
    return {};
  }

 private:
  // Anew when a line came, went or changed. Of lines of the same type the first one is shown.
  void learn() {
    const auto same = [](const Known& known, const Line& line) { return known.is(line); };
    if (std::equal(known_.begin(), known_.end(), table_.lines.begin(), table_.lines.end(), same)) return;
    known_.clear();
    std::set<std::string_view> types;
    for (const Line& line : table_.lines) {
      known_.push_back(describe(line, filter_));
      if (!types.insert(line.type).second) known_.back().shown = false;
    }
  }

  KeptFile file_;
  NameFilter filter_;
  bool zeros_;
  Table table_;
  std::vector<Known> known_;  // one per line of the table
};

}  // namespace

const Entry kInterruptsCollector = {"interrupts", "Interrupts by CPU and device: proc interrupts", Default::kOn,
                                    make<InterruptsCollector>, kFlags};

}  // namespace plimsoll::collectors::host
