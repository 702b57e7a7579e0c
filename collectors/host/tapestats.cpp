// SPDX-License-Identifier: Apache-2.0
// Tape drives: /sys/class/scsi_tape/st0/stats, a file per counter, times in nanoseconds. The same drive
// appears under more names (nst0, st0a ...: without rewinding, other modes), which are left out.
// Documentation/scsi/st.rst
#include <vector>

#include "base/text.h"
#include "collectors/host/parts/device_dir.h"
#include "collectors/host/parts/device_files.h"
#include "collectors/host/parts/name_filter.h"
#include "collectors/host/table.h"

namespace plimsoll::collectors::host {
namespace {

constexpr auto kCounter = MetricType::kCounter;
constexpr double kNanoseconds = 0.000000001;

constexpr Flag kIgnored = {"tapestats.ignored-devices", FlagKind::kRegex, "^$", "Tape drives to leave out"};

constexpr Attribute kCounters[] = {
    {"stats/in_flight", {"node_tape_io_now", "Requests in flight.", MetricType::kGauge}},
    {"stats/io_ns",
     {"node_tape_io_time_seconds_total", "Time spent waiting for requests of every kind, in seconds.", kCounter},
     kNanoseconds},
    {"stats/other_cnt",
     {"node_tape_io_others_total", "Requests other than reads and writes, such as winding.", kCounter}},
    {"stats/read_byte_cnt", {"node_tape_read_bytes_total", "Data read, in bytes.", kCounter}},
    {"stats/read_cnt", {"node_tape_reads_completed_total", "Read requests.", kCounter}},
    {"stats/read_ns",
     {"node_tape_read_time_seconds_total", "Time spent waiting for reads, in seconds.", kCounter},
     kNanoseconds},
    {"stats/resid_cnt",
     {"node_tape_residual_total", "Reads and writes that moved less than the block they asked for.", kCounter}},
    {"stats/write_byte_cnt", {"node_tape_written_bytes_total", "Data written, in bytes.", kCounter}},
    {"stats/write_cnt", {"node_tape_writes_completed_total", "Write requests.", kCounter}},
    {"stats/write_ns",
     {"node_tape_write_time_seconds_total", "Time spent waiting for writes, in seconds.", kCounter},
     kNanoseconds},
};

// st0, st1 ...
bool is_drive(std::string_view name) { return name.starts_with("st") && parse_u64(name.substr(2)).has_value(); }

class TapestatsCollector : public Collector {
 public:
  explicit TapestatsCollector(const Setup& setup)
      : ignored_(setup.flags.text(kIgnored)), dir_(setup.roots.sys + "/class/scsi_tape") {}
  std::string_view name() const override { return "tapestats"; }

  Result<void> collect(MetricWriter& writer) override {
    auto drives = dir_.devices();
    if (!drives) return unexpected(drives.error());
    std::erase_if(*drives, [&](Device* drive) { return !is_drive(drive->name()) || ignored_.matches(drive->name()); });
    std::vector<LabelRef> labels;
    for (Device* drive : *drives) labels.push_back(writer.labels(LabelSet{{"device", drive->name()}}));
    Result<void> trouble;
    for (const Attribute& counter : kCounters) {
      writer.family(counter.desc);
      for (size_t i = 0; i < drives->size(); ++i) {
        const auto number = DeviceFiles(dir_, *(*drives)[i], trouble).number(counter.file);
        if (!number) continue;
        writer.sample(labels[i],
                      counter.scale == 1 ? Value(*number) : Value(static_cast<double>(*number) * counter.scale));
      }
    }
    return trouble;
  }

 private:
  Pattern ignored_;
  DeviceDir dir_;
};

constexpr const Flag* kFlags[] = {&kIgnored};

}  // namespace

const Entry kTapestatsCollector = {"tapestats", "Tape drives: sys class/scsi_tape", Default::kOn,
                                   make<TapestatsCollector>, kFlags};

}  // namespace plimsoll::collectors::host
