// SPDX-License-Identifier: Apache-2.0
// /proc/net/softnet_stat: what each CPU did with packets that came from network devices. A line per CPU
// online, hexadecimal numbers of 32 bits without a heading:
//
//   000fa831 00000000 00000001 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000
//   00000000
//
// processed, dropped, squeezed, five that are always 0, collisions while sending; then as kernels grew:
// woken up by another CPU (2.6.39), flow limit (3.11), backlog and number of the CPU (5.14), halves of the
// backlog (6.7). What a kernel does not tell has no sample. net/core/net-procfs.c
#include <array>
#include <charconv>
#include <optional>
#include <string>
#include <vector>

#include "base/text.h"
#include "collectors/host/parts/cpu_info.h"
#include "collectors/host/parts/kept_file.h"
#include "collectors/host/parts/own_network.h"
#include "collectors/host/table.h"

namespace plimsoll::collectors::host {
namespace {

constexpr auto kCounter = MetricType::kCounter;

struct Column {
  size_t place;
  MetricDesc desc;
};

constexpr Column kShown[] = {
    {0, {"node_softnet_processed_total", "Packets that the CPU has processed.", kCounter}},
    {1, {"node_softnet_dropped_total", "Packets dropped because the CPU's backlog was full.", kCounter}},
    {2, {"node_softnet_times_squeezed_total", "Rounds that ended for want of time with packets left.", kCounter}},
    {8, {"node_softnet_cpu_collision_total", "Times that another CPU held a device when sending.", kCounter}},
    {9, {"node_softnet_received_rps_total", "Times that another CPU woke this one up to process packets.", kCounter}},
    {10, {"node_softnet_flow_limit_count_total", "Packets dropped because their flow was over its limit.", kCounter}},
    {11, {"node_softnet_backlog_len", "Packets that wait in the CPU's backlog.", MetricType::kGauge}},
};
constexpr size_t kLeast = 9;  // columns of the oldest form
constexpr size_t kCpuColumn = 12;
constexpr size_t kColumns = kCpuColumn + 1;
constexpr size_t kDigits = 8;  // of every column, which tells a cut one

struct CpuLine {
  uint32_t cpu;
  size_t width;  // how many columns the kernel has
  std::array<uint32_t, kColumns> numbers;
};

std::optional<uint32_t> parse_hex(std::string_view text) {
  uint32_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number, 16);
  if (text.size() != kDigits || error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

Result<CpuLine> parse_line(std::string_view line, size_t index) {
  CpuLine parsed{static_cast<uint32_t>(index), 0, {}};
  for (std::string_view field = take_field(line); !field.empty(); field = take_field(line)) {
    const auto number = parse_hex(field);
    if (!number) return fail("line " + std::to_string(index + 1) + ": not hexadecimal numbers");
    if (parsed.width < kColumns) parsed.numbers[parsed.width] = *number;
    ++parsed.width;
  }
  if (parsed.width < kLeast) return fail("line " + std::to_string(index + 1) + ": too few numbers");
  if (parsed.width > kCpuColumn) parsed.cpu = parsed.numbers[kCpuColumn];
  return parsed;
}

Result<std::vector<CpuLine>> parse_softnet(std::string_view text) {
  std::vector<CpuLine> lines;
  for (size_t index = 0; !text.empty(); ++index) {
    const auto parsed = parse_line(take(text, '\n'), index);
    if (!parsed) return unexpected(parsed.error());
    if (!lines.empty() && parsed->width != lines.back().width) return fail("lines of different lengths");
    if (lines.empty() || parsed->cpu > lines.back().cpu) lines.push_back(*parsed);  // no CPU twice
  }
  if (lines.empty()) return fail("empty");
  return lines;
}

class SoftnetCollector : public Collector {
 public:
  explicit SoftnetCollector(const Setup& setup) : file_(net_file(setup.roots, "softnet_stat")) {}
  std::string_view name() const override { return "softnet"; }

  Result<void> collect(MetricWriter& writer) override {
    const auto lines = read_and_parse(file_, parse_softnet);
    if (!lines && lines.error().code == ENOENT) return not_present("network packet statistics");
    if (!lines) return unexpected(lines.error());
    std::vector<uint32_t> cpus;
    for (const CpuLine& line : *lines) cpus.push_back(line.cpu);
    const auto labels = cpu_labels(writer, cpus);
    for (const Column& column : kShown) {
      if (column.place >= lines->front().width) continue;
      writer.family(column.desc);
      for (size_t i = 0; i < cpus.size(); ++i) writer.sample(labels[i], uint64_t{(*lines)[i].numbers[column.place]});
    }
    return {};
  }

 private:
  KeptFile file_;
};

}  // namespace

const Entry kSoftnetCollector = {"softnet", "Packet processing by CPU: proc net/softnet_stat", Default::kOn,
                                 make<SoftnetCollector>};

}  // namespace plimsoll::collectors::host
