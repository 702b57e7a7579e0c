// SPDX-License-Identifier: Apache-2.0
// /sys/devices/system/edac/mc: memory errors that the controllers corrected, or could only detect.
//
//   mc0/ce_count          corrected errors of the controller
//   mc0/ce_noinfo_count   of these, the ones that no row of chips could be blamed for
//   mc0/csrow0/ce_count   of these, the ones of a row of chips
//   mc0/ue_count ...      the same for those that could not be corrected
//
// Documentation/admin-guide/RAS/main.rst
#include <string>
#include <vector>

#include "collectors/host/parts/hardware.h"
#include "collectors/host/table.h"

namespace plimsoll::collectors::host {
namespace {

constexpr auto kCounter = MetricType::kCounter;

// What is counted for corrected and uncorrected errors alike.
struct ErrorKind {
  std::string_view count, noinfo_count;
  MetricDesc controller, csrow;
};

constexpr ErrorKind kKinds[] = {
    {"ce_count",
     "ce_noinfo_count",
     {"node_edac_correctable_errors_total", "Memory errors that the controller corrected.", kCounter},
     {"node_edac_csrow_correctable_errors_total",
      "Memory errors corrected, by row of chips; csrow=\"unknown\" where no row could be told.", kCounter}},
    {"ue_count",
     "ue_noinfo_count",
     {"node_edac_uncorrectable_errors_total", "Memory errors that the controller could not correct.", kCounter},
     {"node_edac_csrow_uncorrectable_errors_total",
      "Memory errors not corrected, by row of chips; csrow=\"unknown\" where no row could be told.", kCounter}},
};

struct Row {
  std::string directory;  // "csrow0/"; "" for errors of no known row
  std::string labels;
};

struct Controller {
  size_t device;
  std::string labels;
  std::vector<Row> rows;
};

class EdacCollector : public Collector {
 public:
  explicit EdacCollector(const Setup& setup) : devices_(setup.roots.sys + "/devices/system/edac/mc") {}
  std::string_view name() const override { return "edac"; }

  Result<void> collect(MetricWriter& writer) override {
    const auto devices = devices_.devices();
    if (!devices) return unexpected(devices.error());
    if (roster_.changed(*devices)) find_controllers(*devices);
    Numbers numbers(devices_.path());
    for (const ErrorKind& kind : kKinds) {
      writer.family(kind.controller);
      for (const Controller& controller : controllers_)
        write_count(writer, controller.labels, numbers.count(*(*devices)[controller.device], kind.count));
      writer.family(kind.csrow);
      for (const Controller& controller : controllers_)
        for (const Row& row : controller.rows)
          write_count(writer, row.labels, read_row(numbers, *(*devices)[controller.device], row, kind));
    }
    return numbers.result();
  }

 private:
  static void write_count(MetricWriter& writer, const std::string& labels, std::optional<uint64_t> count) {
    if (count) writer.sample(writer.labels(labels), *count);
  }

  static std::optional<uint64_t> read_row(Numbers& numbers, Device& device, const Row& row, const ErrorKind& kind) {
    if (row.directory.empty()) return numbers.count(device, kind.noinfo_count);
    return numbers.count(device, row.directory + std::string(kind.count));
  }

  void find_controllers(const std::vector<Device*>& devices) {
    controllers_.clear();
    for (size_t i = 0; i < devices.size(); ++i) {
      const std::string_view number = number_behind(devices[i]->name(), "mc");
      if (number.empty()) continue;
      const auto row_labels = [&](std::string_view row) {
        return std::string(LabelSet{{"controller", number}, {"csrow", row}}.rendered());
      };
      std::vector<Row> rows = {{"", row_labels("unknown")}};
      for (const std::string& name : devices[i]->list())
        if (const std::string_view row = number_behind(name, "csrow"); !row.empty())
          rows.push_back({name + "/", row_labels(row)});
      controllers_.push_back({i, std::string(LabelSet{{"controller", number}}.rendered()), std::move(rows)});
    }
  }

  DeviceDir devices_;
  Roster roster_;
  std::vector<Controller> controllers_;
};

}  // namespace

const Entry kEdacCollector = {"edac", "Memory errors found by the memory controller: sys devices/system/edac",
                              Default::kOn, make<EdacCollector>};

}  // namespace plimsoll::collectors::host
