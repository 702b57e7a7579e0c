// SPDX-License-Identifier: Apache-2.0
#include "collectors/host/parts/cpu_info.h"

#include <fcntl.h>

#include <set>

#include "base/text.h"

namespace plimsoll::collectors::host {
namespace {

constexpr auto kGauge = MetricType::kGauge;

constexpr MetricDesc kInfo = {"node_cpu_info", "What the CPU says about itself, as labels of a constant 1.", kGauge};
constexpr MetricDesc kFrequency = {"node_cpu_frequency_hertz", "Frequency that the CPU runs at, in hertz.", kGauge};
constexpr MetricDesc kFlag = {"node_cpu_flag_info", "A feature of the first CPU, as label of a constant 1.", kGauge};
constexpr MetricDesc kBug = {"node_cpu_bug_info", "A flaw of the first CPU, as label of a constant 1.", kGauge};

struct Key {
  std::string_view name;
  std::string_view CpuRecord::*field;
};

constexpr Key kKeys[] = {{"vendor_id", &CpuRecord::vendor},
                         {"cpu family", &CpuRecord::family},
                         {"model", &CpuRecord::model},
                         {"model name", &CpuRecord::model_name},
                         {"stepping", &CpuRecord::stepping},
                         {"microcode", &CpuRecord::microcode},
                         {"cpu MHz", &CpuRecord::frequency},
                         {"cache size", &CpuRecord::cache_size},
                         {"physical id", &CpuRecord::package},
                         {"core id", &CpuRecord::core},
                         {"flags", &CpuRecord::flags},
                         {"bugs", &CpuRecord::bugs},
                         {"Features", &CpuRecord::flags},          // Arm
                         {"cpu", &CpuRecord::vendor},              // POWER
                         {"clock", &CpuRecord::frequency},         // POWER: "3000.000000MHz"
                         {"hart", &CpuRecord::core},               // RISC-V
                         {"isa", &CpuRecord::model_name},          // RISC-V
                         {"CPU Family", &CpuRecord::family},       // LoongArch
                         {"Model Name", &CpuRecord::model_name}};  // LoongArch

void set_field(CpuRecord& record, std::string_view key, std::string_view value) {
  for (const Key& known : kKeys)
    if (known.name == key) record.*known.field = value;
}

// "799.998", "3000.000000MHz"; nullopt for "Unknown".
std::optional<double> hertz(std::string_view megahertz) {
  const auto number = parse_double(megahertz.substr(0, megahertz.find_first_not_of("0123456789.")));
  if (!number) return std::nullopt;
  return *number * 1e6;
}

LabelSet place(const CpuRecord& record) {
  return {{"package", record.package}, {"core", record.core}, {"cpu", std::to_string(record.cpu)}};
}

LabelSet details(const CpuRecord& record) {
  return {{"vendor", record.vendor},         {"family", record.family},       {"model", record.model},
          {"model_name", record.model_name}, {"microcode", record.microcode}, {"stepping", record.stepping},
          {"cachesize", record.cache_size}};
}

void write_words(MetricWriter& writer, const MetricDesc& desc, const char* label, std::string_view words,
                 const Pattern& shown) {
  writer.family(desc);
  std::set<std::string_view> written;
  while (!words.empty() && !shown.empty()) {
    const std::string_view word = take_field(words);
    if (word.empty() || !shown.matches(word) || !written.insert(word).second) continue;
    writer.sample(writer.labels(LabelSet{{label, word}}), 1);
  }
}

}  // namespace

Result<std::vector<CpuRecord>> parse_cpu_info(std::string_view text) {
  std::vector<CpuRecord> records;
  while (!text.empty()) {
    const std::string_view line = take(text, '\n');
    const size_t colon = line.find(": ");
    if (colon == std::string_view::npos) continue;
    const std::string_view key = trim(line.substr(0, colon)), value = line.substr(colon + 2);
    if (key != "processor") {
      if (!records.empty()) set_field(records.back(), key, value);
      continue;
    }
    const auto number = parse_u64(trim(value));
    if (!number || *number > UINT32_MAX) return fail("processor: no CPU number");
    if (!records.empty() && *number <= records.back().cpu) return fail("processor: CPUs are out of order");
    records.push_back({});
    records.back().cpu = static_cast<uint32_t>(*number);
  }
  if (records.empty()) return fail("no line processor");
  return records;
}

Result<std::vector<uint32_t>> parse_cpu_heading(std::string_view line) {
  std::vector<uint32_t> cpus;
  while (!trim(line).empty()) {
    const std::string_view column = take_field(line);
    const auto number = column.starts_with("CPU") ? parse_u64(column.substr(3)) : std::nullopt;
    if (!number || *number > UINT32_MAX) return fail("the heading is no list of CPUs");
    if (!cpus.empty() && *number <= cpus.back()) return fail("the heading's CPUs are out of order");
    cpus.push_back(static_cast<uint32_t>(*number));
  }
  if (cpus.empty()) return fail("no heading with CPUs");
  return cpus;
}

std::optional<uint64_t> take_count(std::string_view& rest) {
  constexpr size_t kDigits = 19;  // of what always fits
  const auto is_blank = [](char c) { return c == ' ' || c == '\t'; };
  size_t at = 0;
  while (at < rest.size() && is_blank(rest[at])) ++at;
  const size_t first = at;
  uint64_t count = 0;
  for (; at < rest.size() && rest[at] >= '0' && rest[at] <= '9'; ++at)
    count = count * 10 + static_cast<uint64_t>(rest[at] - '0');
  if (at == first || at - first > kDigits || (at < rest.size() && !is_blank(rest[at]))) return std::nullopt;
  rest.remove_prefix(at);
  return count;
}

std::vector<LabelRef> cpu_labels(MetricWriter& writer, const std::vector<uint32_t>& cpus) {
  std::vector<LabelRef> labels;
  labels.reserve(cpus.size());
  for (uint32_t cpu : cpus) labels.push_back(writer.labels(LabelSet{{"cpu", std::to_string(cpu)}}));
  return labels;
}

// The file is opened anew each time: some kernels measure frequencies when it is opened.
Result<void> CpuInfoSource::write(MetricWriter& writer) {
  const auto text = buffer_.read_at(AT_FDCWD, path_.c_str());
  if (!text) return unexpected(text.error());
  const auto records = parse_cpu_info(*text);
  if (!records) return unexpected(records.error().within(path_));
  std::vector<LabelRef> places;
  for (const CpuRecord& record : *records) places.push_back(writer.labels(place(record)));
  writer.family(kInfo);
  for (size_t i = 0; i < records->size(); ++i) writer.sample(places[i], writer.labels(details((*records)[i])), 1);
  writer.family(kFrequency);
  for (size_t i = 0; i < records->size(); ++i) {
    if (const auto frequency = hertz((*records)[i].frequency)) writer.sample(places[i], *frequency);
  }
  write_words(writer, kFlag, "flag", records->front().flags, flags_);
  write_words(writer, kBug, "bug", records->front().bugs, bugs_);
  return {};
}

}  // namespace plimsoll::collectors::host
