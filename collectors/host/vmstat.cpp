// SPDX-License-Identifier: Apache-2.0
// /proc/vmstat: the kernel's virtual memory counters, of which only those that tell about paging,
// swapping, faults and OOM kills are exported.
//
//   pgpgin 2457121
//   pgfault 8508391
//   oom_kill 0
//
// proc_vmstat(5)
#include <string>
#include <vector>

#include "base/text.h"
#include "collectors/host/kept_file.h"
#include "collectors/host/table.h"

namespace plimsoll::collectors::host {
namespace {

struct VmField {
  std::string_view name;  // into the parsed text
  uint64_t value;
};

// node_exporter's default: oom_kill*, pgpg*, pswp*, pg*fault*.
bool is_exported(std::string_view name) {
  if (name.starts_with("oom_kill") || name.starts_with("pgpg") || name.starts_with("pswp")) return true;
  return name.starts_with("pg") && name.find("fault", 2) != std::string_view::npos;
}

Result<std::vector<VmField>> parse_vmstat(std::string_view text) {
  const auto whole = check_whole(text);
  if (!whole) return unexpected(whole.error());
  std::vector<VmField> fields;
  while (!text.empty()) {
    std::string_view line = take(text, '\n');
    const std::string_view name = take_field(line);
    if (!is_exported(name)) continue;
    const auto number = parse_u64(take_field(line));
    if (!number) return fail(std::string(name) + ": not a number");
    fields.push_back({name, *number});
  }
  if (fields.empty()) return fail("no known line");
  return fields;
}

class VmstatCollector : public Collector {
 public:
  explicit VmstatCollector(const Setup& setup) : file_(setup.roots.proc + "/vmstat") {}
  std::string_view name() const override { return "vmstat"; }

  Result<void> collect(MetricWriter& writer) override {
    const auto fields = read_and_parse(file_, parse_vmstat);
    if (!fields) return unexpected(fields.error());
    for (const VmField& field : *fields) {
      const std::string help = "The counter " + std::string(field.name) + " of /proc/vmstat (pgpg: KiB, else events).";
      writer.family("node_vmstat_" + label_name_from(field.name), help, MetricType::kUntyped);
      writer.sample(field.value);
    }
    return {};
  }

 private:
  KeptFile file_;
};

}  // namespace

const Entry kVmstatCollector = {"vmstat", "Paging, swapping and OOM kills: proc vmstat", Default::kOn,
                                make<VmstatCollector>};

}  // namespace plimsoll::collectors::host
