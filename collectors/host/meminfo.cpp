// SPDX-License-Identifier: Apache-2.0
// /proc/meminfo: one family per line, named after the line.
//
//   MemTotal:       24684096 kB
//   Active(anon):       1580 kB
//   HugePages_Total:       0
//
// Active(anon) becomes node_memory_Active_anon_bytes; a line without kB is a count and keeps its
// bare name. Lines of kernels to come are exported without a change here. proc_meminfo(5)
#include <string>
#include <unordered_set>
#include <vector>

#include "base/text.h"
#include "collectors/host/parts/kept_file.h"
#include "collectors/host/table.h"

namespace plimsoll::collectors::host {
namespace {

struct MemoryField {
  std::string_view name;  // into the parsed text
  uint64_t value;         // bytes when `is_bytes`
  bool is_bytes;
};

Result<MemoryField> parse_line(std::string_view line) {
  const std::string place(line.substr(0, 40));
  if (line.find(':') == std::string_view::npos) return fail("line without a name: " + place);
  MemoryField field{trim(take(line, ':')), 0, false};
  const auto number = parse_u64(take_field(line));
  const std::string_view unit = take_field(line);
  if (field.name.empty() || !number || (!unit.empty() && unit != "kB")) return fail("malformed line: " + place);
  field.is_bytes = !unit.empty();
  if (field.is_bytes && *number > UINT64_MAX / 1024) return fail("too large: " + place);
  field.value = field.is_bytes ? *number * 1024 : *number;
  return field;
}

Result<std::vector<MemoryField>> parse_meminfo(std::string_view text) {
  const auto whole = check_whole(text);
  if (!whole) return unexpected(whole.error());
  std::vector<MemoryField> fields;
  fields.reserve(64);
  while (!text.empty()) {
    const auto field = parse_line(take(text, '\n'));
    if (!field) return unexpected(field.error());
    fields.push_back(*field);
  }
  return fields;
}

// "Active(anon)" -> "Active_anon": brackets at the end leave no trailing underscore.
std::string family_name(const MemoryField& field) {
  std::string_view base = field.name;
  if (base.ends_with(')')) base.remove_suffix(1);
  return "node_memory_" + label_name_from(base) + (field.is_bytes ? "_bytes" : "");
}

std::string family_help(const MemoryField& field) {
  return "The line " + std::string(field.name) + " of /proc/meminfo" + (field.is_bytes ? ", in bytes." : ", a count.");
}

class MeminfoCollector : public Collector {
 public:
  explicit MeminfoCollector(const Setup& setup) : file_(setup.roots.proc + "/meminfo") {}
  std::string_view name() const override { return "meminfo"; }

  Result<void> collect(MetricWriter& writer) override {
    const auto fields = read_and_parse(file_, parse_meminfo);
    if (!fields) return unexpected(fields.error());
    std::unordered_set<std::string> written;  // of two lines that amount to one family, the first counts
    written.reserve(fields->size());
    for (const MemoryField& field : *fields) {
      const auto [name, fresh] = written.insert(family_name(field));
      if (!fresh) continue;
      writer.family(*name, family_help(field), MetricType::kGauge);
      writer.sample(field.value);
    }
    return {};
  }

 private:
  KeptFile file_;
};

}  // namespace

const Entry kMeminfoCollector = {"meminfo", "Memory: proc meminfo", Default::kOn, make<MeminfoCollector>};

}  // namespace plimsoll::collectors::host
