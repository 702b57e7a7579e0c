// SPDX-License-Identifier: Apache-2.0
// /proc/loadavg: runnable and uninterruptible tasks, averaged over one, five and fifteen minutes.
//
//   0.45 0.46 0.22 4/183 14700
//
// proc_loadavg(5)
#include <array>
#include <cmath>

#include "base/text.h"
#include "collectors/host/parts/kept_file.h"
#include "collectors/host/table.h"

namespace plimsoll::collectors::host {
namespace {

constexpr MetricDesc kLoads[] = {
    {"node_load1", "Tasks running or waiting uninterruptibly, averaged over 1 minute.", MetricType::kGauge},
    {"node_load5", "Tasks running or waiting uninterruptibly, averaged over 5 minutes.", MetricType::kGauge},
    {"node_load15", "Tasks running or waiting uninterruptibly, averaged over 15 minutes.", MetricType::kGauge},
};

Result<std::array<double, 3>> parse_loadavg(std::string_view text) {
  const auto whole = check_whole(text);
  if (!whole) return unexpected(whole.error());
  std::array<double, 3> loads{};
  for (double& load : loads) {
    const auto number = parse_double(take_field(text));
    if (!number || !std::isfinite(*number) || *number < 0) return fail("not three numbers");
    load = *number;
  }
  return loads;
}

class LoadavgCollector : public Collector {
 public:
  explicit LoadavgCollector(const Setup& setup) : file_(setup.roots.proc + "/loadavg", 512) {}
  std::string_view name() const override { return "loadavg"; }

  Result<void> collect(MetricWriter& writer) override {
    const auto loads = read_and_parse(file_, parse_loadavg);
    if (!loads) return unexpected(loads.error());
    for (size_t i = 0; i < loads->size(); ++i) writer.single(kLoads[i], (*loads)[i]);
    return {};
  }

 private:
  KeptFile file_;
};

}  // namespace

const Entry kLoadavgCollector = {"loadavg", "Load averages: proc loadavg", Default::kOn, make<LoadavgCollector>};

}  // namespace plimsoll::collectors::host
