// SPDX-License-Identifier: Apache-2.0
// /proc/cgroups: the kernel's cgroup controllers and how many cgroups each has.
//
//   #subsys_name	hierarchy	num_cgroups	enabled
//   cpuset	5	47	1
//   memory	7	234	1
//
// cgroups(7). What single cgroups use is the container half's matter.
#include <algorithm>
#include <string>
#include <vector>

#include "base/text.h"
#include "collectors/host/parts/kept_file.h"
#include "collectors/host/table.h"

namespace plimsoll::collectors::host {
namespace {

constexpr MetricDesc kCgroups = {"node_cgroups_cgroups", "Cgroups that the controller is in charge of, a count.",
                                 MetricType::kGauge};
constexpr MetricDesc kEnabled = {"node_cgroups_enabled", "1 when the controller is switched on, else 0.",
                                 MetricType::kGauge};

constexpr size_t kMaxControllers = 256;  // the kernel has about 14

struct Controller {
  std::string_view name;  // into the parsed text
  uint64_t cgroups;
  bool enabled;
};

// The last column is one digit: a line that was cut off lacks it.
Result<Controller> parse_controller(std::string_view line) {
  Controller controller{take_field(line), 0, false};
  const auto hierarchy = parse_u64(take_field(line));
  const auto cgroups = parse_u64(take_field(line));
  const std::string_view enabled = take_field(line);
  if (controller.name.empty() || !hierarchy || !cgroups || (enabled != "0" && enabled != "1"))
    return fail("malformed line: " + std::string(controller.name.substr(0, 40)));
  controller.cgroups = *cgroups;
  controller.enabled = enabled == "1";
  return controller;
}

Result<std::vector<Controller>> parse_cgroups(std::string_view text) {
  if (!text.starts_with("#subsys_name")) return fail("no heading");
  take(text, '\n');
  std::vector<Controller> controllers;
  while (!text.empty()) {
    const auto controller = parse_controller(take(text, '\n'));
    if (!controller) return unexpected(controller.error());
    const auto same = [&](const Controller& other) { return other.name == controller->name; };
    if (controllers.size() == kMaxControllers) return fail("too many lines");
    if (std::none_of(controllers.begin(), controllers.end(), same)) controllers.push_back(*controller);
  }
  if (controllers.empty()) return fail("no controllers");
  return controllers;
}

class CgroupsCollector : public Collector {
 public:
  explicit CgroupsCollector(const Setup& setup) : file_(setup.roots.proc + "/cgroups", 2048) {}
  std::string_view name() const override { return "cgroups"; }

  Result<void> collect(MetricWriter& writer) override {
    const auto controllers = read_and_parse(file_, parse_cgroups);
    if (!controllers && controllers.error().code == ENOENT) return not_present(file_.path());
    if (!controllers) return unexpected(controllers.error());
    std::vector<LabelRef> labels;
    for (const Controller& controller : *controllers)
      labels.push_back(writer.labels(LabelSet{{"subsys_name", controller.name}}));
    writer.family(kCgroups);
    for (size_t i = 0; i < labels.size(); ++i) writer.sample(labels[i], (*controllers)[i].cgroups);
    writer.family(kEnabled);
    for (size_t i = 0; i < labels.size(); ++i) writer.sample(labels[i], (*controllers)[i].enabled);
    return {};
  }

 private:
  KeptFile file_;
};

}  // namespace

const Entry kCgroupsCollector = {"cgroups", "cgroup controllers of the kernel: proc cgroups", Default::kOff,
                                 make<CgroupsCollector>};

}  // namespace plimsoll::collectors::host
