// SPDX-License-Identifier: Apache-2.0
// /proc/sys/kernel/hung_task_detect_count: how often the kernel has found a task that waited uninterruptibly
// for longer than hung_task_timeout_secs. One number; the file exists since Linux 6.13 where the kernel looks
// for such tasks at all. Documentation/admin-guide/sysctl/kernel.rst
#include "base/text.h"
#include "collectors/host/parts/kept_file.h"
#include "collectors/host/table.h"

namespace plimsoll::collectors::host {
namespace {

constexpr MetricDesc kTasks = {"node_kernel_hung_tasks_total", "Tasks found hanging since the machine was started.",
                               MetricType::kCounter};

Result<uint64_t> parse_count(std::string_view text) {
  const auto whole = check_whole(text);
  if (!whole) return unexpected(whole.error());
  const auto number = parse_u64(trim(text));
  if (!number) return fail("not a number");
  return *number;
}

class KernelHungCollector : public Collector {
 public:
  explicit KernelHungCollector(const Setup& setup)
      : file_(setup.roots.proc + "/sys/kernel/hung_task_detect_count", 512) {}
  std::string_view name() const override { return "kernel_hung"; }

  Result<void> collect(MetricWriter& writer) override {
    const auto count = read_and_parse(file_, parse_count);
    if (!count && count.error().code == ENOENT) return not_present(file_.path());
    if (!count) return unexpected(count.error());
    writer.single(kTasks, *count);
    return {};
  }

 private:
  KeptFile file_;
};

}  // namespace

const Entry kKernelHungCollector = {"kernel_hung", "Tasks found hanging: proc sys/kernel/hung_task_detect_count",
                                    Default::kOn, make<KernelHungCollector>};

}  // namespace plimsoll::collectors::host
