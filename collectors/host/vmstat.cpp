// SPDX-License-Identifier: Apache-2.0
// /proc/vmstat: the kernel's virtual memory counters, of which by default only those that tell about
// paging, swapping, faults and OOM kills are exported.
//
//   pgpgin 2457121
//   pgfault 8508391
//   oom_kill 0
//
// proc_vmstat(5)
#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "base/text.h"
#include "collectors/host/parts/kept_file.h"
#include "collectors/host/parts/name_filter.h"
#include "collectors/host/table.h"

namespace plimsoll::collectors::host {
namespace {

constexpr Flag kFields = {"vmstat.fields", FlagKind::kRegex, "^(oom_kill|pgpg|pswp|pg.*fault).*",
                          "Lines of /proc/vmstat to show"};
constexpr const Flag* kFlags[] = {&kFields};

struct VmLine {
  std::string_view name, value;  // into the parsed text
};

Result<std::vector<VmLine>> parse_vmstat(std::string_view text) {
  const auto whole = check_whole(text);
  if (!whole) return unexpected(whole.error());
  std::vector<VmLine> lines;
  lines.reserve(256);
  while (!text.empty()) {
    std::string_view line = take(text, '\n');
    const std::string_view name = take_field(line), value = take_field(line);
    if (value.empty()) return fail(std::string(name) + ": no value");
    lines.push_back({name, value});
  }
  return lines;
}

// What does not change about a line.
struct Known {
  std::string name;
  bool shown;
  std::string family, help;  // when it is shown
};

Known describe(std::string_view name, const Pattern& fields) {
  Known known{std::string(name), fields.matches(name), "", ""};
  if (!known.shown) return known;
  known.family = "node_vmstat_" + label_name_from(name);
  known.help = "The counter " + known.name + " of /proc/vmstat (pgpg: KiB, else events).";
  return known;
}

class VmstatCollector : public Collector {
 public:
  explicit VmstatCollector(const Setup& setup)
      : file_(setup.roots.proc + "/vmstat"), fields_(setup.flags.text(kFields)) {}
  std::string_view name() const override { return "vmstat"; }

  Result<void> collect(MetricWriter& writer) override {
    const auto lines = read_and_parse(file_, parse_vmstat);
    if (!lines) return unexpected(lines.error());
    learn(*lines);
    std::vector<uint64_t> numbers(lines->size());
    for (size_t i = 0; i < lines->size(); ++i) {
      if (!known_[i].shown) continue;
      const auto number = parse_u64((*lines)[i].value);
      if (!number) return fail(file_.path() + ": " + known_[i].name + ": not a number");
      numbers[i] = *number;
    }
    for (size_t i = 0; i < lines->size(); ++i) {
      if (!known_[i].shown) continue;
      writer.family(known_[i].family, known_[i].help, MetricType::kUntyped);
      writer.sample(numbers[i]);
    }
    return {};
  }

 private:
  // Anew when a line came or went, which happens at the first read only. Of lines whose families would
  // have the same name the first one is shown.
  void learn(const std::vector<VmLine>& lines) {
    const auto same = [](const Known& known, const VmLine& line) { return known.name == line.name; };
    if (std::equal(known_.begin(), known_.end(), lines.begin(), lines.end(), same)) return;
    known_.clear();
    std::set<std::string> families;
    for (const VmLine& line : lines) {
      Known known = describe(line.name, fields_);
      if (known.shown && !families.insert(known.family).second) known.shown = false;
      known_.push_back(std::move(known));
    }
  }

  KeptFile file_;
  Pattern fields_;
  std::vector<Known> known_;  // one per line of the file
};

}  // namespace

const Entry kVmstatCollector = {"vmstat", "Paging, swapping and OOM kills: proc vmstat", Default::kOn,
                                make<VmstatCollector>, kFlags};

}  // namespace plimsoll::collectors::host
