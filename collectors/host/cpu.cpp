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
#include <string>
#include <vector>

#include "base/text.h"
#include "collectors/host/kept_file.h"
#include "collectors/host/table.h"
#include "collectors/host/throttle.h"

namespace plimsoll::collectors::host {
namespace {

constexpr MetricDesc kSeconds = {"node_cpu_seconds_total", "Time the CPU has spent in each mode, in seconds.",
                                 MetricType::kCounter};
constexpr MetricDesc kGuest = {"node_cpu_guest_seconds_total",
                               "Time the CPU has spent running virtual machines, in seconds; part of user and nice.",
                               MetricType::kCounter};

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
    lines.push_back(*parsed);
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
  explicit CpuCollector(const Setup& setup) : stat_(setup.roots.proc + "/stat"), throttle_(setup.roots.sys) {}
  std::string_view name() const override { return "cpu"; }

  Result<void> collect(MetricWriter& writer) override {
    auto lines = read_and_parse(stat_, parse_cpu_lines);
    if (!lines) return unexpected(lines.error());
    std::vector<LabelRef> cpus;
    std::vector<uint32_t> numbers;
    for (CpuLine& line : *lines) {
      line.ticks = monotonic_.update(line);
      numbers.push_back(line.cpu);
      cpus.push_back(writer.labels(LabelSet{{"cpu", std::to_string(line.cpu)}}));
    }
    write_modes(writer, kSeconds, kModes, 0, *lines, cpus);
    write_modes(writer, kGuest, kGuestModes, kModes.size(), *lines, cpus);
    throttle_.write(writer, numbers);
    return {};
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
  double per_second_ = static_cast<double>(::sysconf(_SC_CLK_TCK));
  MonotonicTicks monotonic_{static_cast<uint64_t>(per_second_)};
};

}  // namespace

const Entry kCpuCollector = {"cpu", "CPU time by mode and thermal throttling: proc stat, sys devices/system/cpu",
                             Default::kOn, make<CpuCollector>};

}  // namespace plimsoll::collectors::host
