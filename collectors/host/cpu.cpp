// SPDX-License-Identifier: Apache-2.0
// The CPU lines of /proc/stat, in ticks of 1/USER_HZ second:
//
//   cpu  20493 0 7619 147820 673 0 129 49 0 0
//   cpu0 8580 0 3312 76283 159 0 19 21 0 0
//   cpu1 11913 0 4307 71537 514 0 110 28 0 0
//
// user nice system idle iowait irq softirq steal guest guest_nice; guest time is part of user (and
// nice) too and therefore a family of its own. proc_stat(5)
#include <unistd.h>

#include <array>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/text.h"
#include "collectors/host/parts/cpu_info.h"
#include "collectors/host/parts/kept_file.h"
#include "collectors/host/parts/throttle.h"
#include "collectors/host/table.h"

namespace plimsoll::collectors::host {
namespace {

constexpr MetricDesc kSeconds = {"node_cpu_seconds_total", "Time the CPU has spent in each mode, in seconds.",
                                 MetricType::kCounter};
constexpr MetricDesc kGuest = {"node_cpu_guest_seconds_total",
                               "Time the CPU has spent running virtual machines, in seconds; part of user and nice.",
                               MetricType::kCounter};

constexpr Flag kShowGuest = {"cpu.guest", FlagKind::kSwitch, "true",
                             "Show the time in virtual machines, node_cpu_guest_seconds_total"};
constexpr Flag kShowInfo = {"cpu.info", FlagKind::kSwitch, "false",
                            "Show models and frequencies of /proc/cpuinfo, node_cpu_info and node_cpu_frequency_hertz"};
constexpr Flag kShowFlags = {"cpu.info.flags-include", FlagKind::kRegex, "",
                             "Features of the first CPU to show as node_cpu_flag_info; turns cpu.info on"};
constexpr Flag kShowBugs = {"cpu.info.bugs-include", FlagKind::kRegex, "",
                            "Flaws of the first CPU to show as node_cpu_bug_info; turns cpu.info on"};
constexpr const Flag* kFlags[] = {&kShowGuest, &kShowInfo, &kShowFlags, &kShowBugs};

constexpr std::array<std::string_view, 8> kModes = {"user",   "nice", "system",  "idle",
                                                    "iowait", "irq",  "softirq", "steal"};
constexpr std::array<std::string_view, 2> kGuestModes = {"user", "nice"};
constexpr size_t kIdle = 3;
constexpr size_t kColumns = kModes.size() + kGuestModes.size();

using Ticks = std::array<uint64_t, kColumns>;

struct CpuLine {
  uint32_t cpu;
  Ticks ticks;
};

Result<CpuLine> parse_line(std::string_view line) {
  const std::string_view label = take_field(line);
  const auto number = parse_u64(label.substr(3));
  if (!number || *number > UINT32_MAX) return fail(std::string(label) + ": no CPU number");
  CpuLine parsed{static_cast<uint32_t>(*number), {}};
  for (uint64_t& ticks : parsed.ticks) {
    const auto value = parse_u64(take_field(line));
    if (!value) return fail(std::string(label) + ": not ten numbers");
    ticks = *value;
  }
  return parsed;
}

Result<std::vector<CpuLine>> parse_cpu_lines(std::string_view text) {
  const auto whole = check_whole(text);
  if (!whole) return unexpected(whole.error());
  std::vector<CpuLine> lines;
  while (text.starts_with("cpu")) {
    const std::string_view line = take(text, '\n');
    if (line.starts_with("cpu ")) continue;  // the sum over all CPUs
    const auto parsed = parse_line(line);
    if (!parsed) return unexpected(parsed.error());
    if (lines.empty() || parsed->cpu > lines.back().cpu) lines.push_back(*parsed);  // no CPU twice
  }
  if (lines.empty()) return fail("no CPU line");
  return lines;
}

// What was exported last, per CPU. The kernel computes idle and iowait anew at each read and may
// step back by some ticks, which a counter must not. A step back of idle by three seconds or more
// is a CPU that was taken out and put in again: it starts over.
class MonotonicTicks {
 public:
  explicit MonotonicTicks(uint64_t ticks_per_second) : restart_(3 * ticks_per_second) {}

  const Ticks& update(const CpuLine& line) {
    Ticks& last = last_[line.cpu];
    if (line.ticks[kIdle] + restart_ <= last[kIdle]) last = {};
    for (size_t i = 0; i < kColumns; ++i) last[i] = std::max(last[i], line.ticks[i]);
    return last;
  }

 private:
  uint64_t restart_;
  std::map<uint32_t, Ticks> last_;
};

template <size_t N>
std::array<LabelRef, N> mode_labels(MetricWriter& writer, const std::array<std::string_view, N>& modes) {
  std::array<LabelRef, N> refs{};
  for (size_t i = 0; i < N; ++i) refs[i] = writer.labels(LabelSet{{"mode", modes[i]}});
  return refs;
}

class CpuCollector : public Collector {
 public:
  explicit CpuCollector(const Setup& setup)
      : stat_(setup.roots.proc + "/stat"), throttle_(setup.roots.sys), guest_(setup.flags.on(kShowGuest)) {
    std::string flags = setup.flags.text(kShowFlags), bugs = setup.flags.text(kShowBugs);
    if (setup.flags.on(kShowInfo) || !flags.empty() || !bugs.empty())
      info_.emplace(setup.roots.proc, Pattern(flags), Pattern(bugs));
  }
  std::string_view name() const override { return "cpu"; }

  Result<void> collect(MetricWriter& writer) override {
    auto lines = read_and_parse(stat_, parse_cpu_lines);
    if (!lines) return unexpected(lines.error());
    std::vector<uint32_t> numbers;
    for (CpuLine& line : *lines) {
      line.ticks = monotonic_.update(line);
      numbers.push_back(line.cpu);
    }
    const std::vector<LabelRef> cpus = cpu_labels(writer, numbers);
    write_modes(writer, kSeconds, kModes, 0, *lines, cpus);
    if (guest_) write_modes(writer, kGuest, kGuestModes, kModes.size(), *lines, cpus);
    throttle_.write(writer, numbers);
    return info_ ? info_->write(writer) : Result<void>{};
  }

 private:
  template <size_t N>
  void write_modes(MetricWriter& writer, const MetricDesc& desc, const std::array<std::string_view, N>& modes,
                   size_t first_column, const std::vector<CpuLine>& lines, const std::vector<LabelRef>& cpus) const {
    writer.family(desc);
    const auto refs = mode_labels(writer, modes);
    for (size_t i = 0; i < lines.size(); ++i) {
      for (size_t mode = 0; mode < N; ++mode)
        writer.sample(cpus[i], refs[mode], static_cast<double>(lines[i].ticks[first_column + mode]) / per_second_);
    }
  }

  KeptFile stat_;
  ThrottleSources throttle_;
  bool guest_;
  std::optional<CpuInfoSource> info_;  // when it is wanted
  double per_second_ = static_cast<double>(::sysconf(_SC_CLK_TCK));
  MonotonicTicks monotonic_{static_cast<uint64_t>(per_second_)};
};

}  // namespace

const Entry kCpuCollector = {"cpu",
                             "CPU time by mode, CPUs online, thermal throttling: proc stat, sys devices/system/cpu",
                             Default::kOn, make<CpuCollector>, kFlags};

}  // namespace plimsoll::collectors::host
