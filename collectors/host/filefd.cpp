// SPDX-License-Identifier: Apache-2.0
// /proc/sys/fs/file-nr: open file handles of the whole machine.
//
//   737	0	2466183
//
// allocated, free (always 0 since Linux 2.6), maximum. Documentation/admin-guide/sysctl/fs.rst
#include "base/text.h"
#include "collectors/host/parts/kept_file.h"
#include "collectors/host/table.h"

namespace plimsoll::collectors::host {
namespace {

constexpr MetricDesc kAllocated = {"node_filefd_allocated", "Open file handles of the machine.", MetricType::kGauge};
constexpr MetricDesc kMaximum = {"node_filefd_maximum", "File handles the kernel will open at most.",
                                 MetricType::kGauge};

struct FileNr {
  uint64_t allocated;
  uint64_t maximum;
};

Result<FileNr> parse_file_nr(std::string_view text) {
  const auto whole = check_whole(text);
  if (!whole) return unexpected(whole.error());
  text = trim(text);
  const auto allocated = parse_u64(take_field(text));
  const auto unused = parse_u64(take_field(text));
  const auto maximum = parse_u64(take_field(text));
  if (!allocated || !unused || !maximum) return fail("not three numbers");
  return FileNr{*allocated, *maximum};
}

class FilefdCollector : public Collector {
 public:
  explicit FilefdCollector(const Setup& setup) : file_(setup.roots.proc + "/sys/fs/file-nr", 512) {}
  std::string_view name() const override { return "filefd"; }

  Result<void> collect(MetricWriter& writer) override {
    const auto numbers = read_and_parse(file_, parse_file_nr);
    if (!numbers) return unexpected(numbers.error());
    writer.single(kAllocated, numbers->allocated);
    writer.single(kMaximum, numbers->maximum);
    return {};
  }

 private:
  KeptFile file_;
};

}  // namespace

const Entry kFilefdCollector = {"filefd", "Open file handles: proc sys/fs/file-nr", Default::kOn,
                                make<FilefdCollector>};

}  // namespace plimsoll::collectors::host
