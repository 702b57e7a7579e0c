// SPDX-License-Identifier: Apache-2.0
// /sys/kernel/mm/ksm: the kernel thread that merges equal memory pages of processes (of virtual machines
// mostly), one number a file. merge_across_nodes exists on NUMA kernels only.
// Documentation/admin-guide/mm/ksm.rst
#include <optional>
#include <string>
#include <vector>

#include "base/text.h"
#include "collectors/host/parts/kept_file.h"
#include "collectors/host/table.h"

namespace plimsoll::collectors::host {
namespace {

constexpr auto kGauge = MetricType::kGauge;

struct KsmFile {
  std::string_view name;
  MetricDesc desc;
};

constexpr KsmFile kFiles[] = {
    {"full_scans",
     {"node_ksmd_full_scans_total", "Times all mergeable memory has been looked through.", MetricType::kCounter}},
    {"merge_across_nodes",
     {"node_ksmd_merge_across_nodes", "1 when pages of different NUMA nodes may be merged, else 0.", kGauge}},
    {"pages_shared", {"node_ksmd_pages_shared", "Merged pages in use, each in place of several.", kGauge}},
    {"pages_sharing", {"node_ksmd_pages_sharing", "Pages saved: users of merged pages beyond the first.", kGauge}},
    {"pages_to_scan", {"node_ksmd_pages_to_scan", "Pages looked at before each sleep.", kGauge}},
    {"pages_unshared", {"node_ksmd_pages_unshared", "Pages looked at that have no equal.", kGauge}},
    {"pages_volatile", {"node_ksmd_pages_volatile", "Pages that change too fast to be merged.", kGauge}},
    {"run", {"node_ksmd_run", "0 stopped, 1 running, 2 stopped with all pages unmerged.", kGauge}},
    {"sleep_millisecs", {"node_ksmd_sleep_seconds", "Sleep between two batches, in seconds.", kGauge}},
};

Result<uint64_t> parse_count(std::string_view text) {
  const auto whole = check_whole(text);
  if (!whole) return unexpected(whole.error());
  const auto number = parse_u64(trim(text));
  if (!number) return fail("not a number");
  return *number;
}

class KsmdCollector : public Collector {
 public:
  explicit KsmdCollector(const Setup& setup) {
    for (const KsmFile& file : kFiles)
      files_.emplace_back(setup.roots.sys + "/kernel/mm/ksm/" + std::string(file.name), 512);
  }
  std::string_view name() const override { return "ksmd"; }

  Result<void> collect(MetricWriter& writer) override {
    std::optional<Error> first_error;
    for (size_t i = 0; i < files_.size(); ++i) {
      const auto number = read_and_parse(files_[i], parse_count);
      if (number) {
        write(writer, kFiles[i], *number);
      } else if (number.error().code != ENOENT) {
        if (!first_error) first_error = number.error();
      } else if (i == 0) {
        return not_present(files_[0].path());  // every kernel with the directory has this one
      }
    }
    if (first_error) return unexpected(*first_error);
    return {};
  }

 private:
  static void write(MetricWriter& writer, const KsmFile& file, uint64_t number) {
    const bool milliseconds = file.name == "sleep_millisecs";
    writer.single(file.desc, milliseconds ? Value(static_cast<double>(number) / 1000) : Value(number));
  }

  std::vector<KeptFile> files_;  // of kFiles, in their order
};

}  // namespace

const Entry kKsmdCollector = {"ksmd", "Merging of equal memory pages: sys kernel/mm/ksm", Default::kOff,
                              make<KsmdCollector>};

}  // namespace plimsoll::collectors::host
