// SPDX-License-Identifier: Apache-2.0
#include "collectors/host/throttle.h"

#include <unistd.h>

#include <algorithm>
#include <optional>

#include "base/text.h"

namespace plimsoll::collectors::host {
namespace {

constexpr MetricDesc kCore = {"node_cpu_core_throttles_total", "How often the core was slowed down for heat.",
                              MetricType::kCounter};
constexpr MetricDesc kPackage = {"node_cpu_package_throttles_total", "How often the package was slowed down for heat.",
                                 MetricType::kCounter};
constexpr MetricDesc kIsolated = {"node_cpu_isolated", "1 for each CPU that is kept free of ordinary tasks.",
                                  MetricType::kGauge};

constexpr size_t kBuffer = 64;  // a number and a line end
constexpr uint64_t kCpuLimit = 1 << 16;

std::optional<uint64_t> read_number(KeptFile& file) {
  const auto text = file.read();
  if (!text) return std::nullopt;
  return parse_u64(trim(*text));
}

std::optional<uint64_t> read_number(const std::string& path) {
  KeptFile file(path, kBuffer);
  return read_number(file);
}

bool exists(const std::string& path) { return ::access(path.c_str(), R_OK) == 0; }

}  // namespace

Result<std::vector<uint32_t>> parse_cpu_list(std::string_view text) {
  std::vector<uint32_t> cpus;
  text = trim(text);
  while (!text.empty()) {
    std::string_view last_text = take(text, ',');
    const bool is_range = last_text.find('-') != std::string_view::npos;
    const auto first = parse_u64(is_range ? take(last_text, '-') : last_text);
    const auto last = parse_u64(last_text);
    if (!first || !last || *first > *last || *last >= kCpuLimit) return fail("not a list of CPUs");
    for (uint64_t cpu = *first; cpu <= *last; ++cpu) cpus.push_back(static_cast<uint32_t>(cpu));
  }
  return cpus;
}

ThrottleSources::ThrottleSources(const std::string& sys)
    : root_(sys + "/devices/system/cpu"), isolated_(root_ + "/isolated", 4096) {}

void ThrottleSources::find_cpu(const std::string& directory) {
  const auto package = read_number(directory + "/topology/physical_package_id");
  const auto core = read_number(directory + "/topology/core_id");
  if (!package || !core) return;
  const std::string core_file = directory + "/thermal_throttle/core_throttle_count";
  const auto same_core = [&](const Source& s) { return s.package == *package && s.core == *core; };
  if (std::none_of(cores_.begin(), cores_.end(), same_core) && exists(core_file))
    cores_.push_back({*package, *core, KeptFile(core_file, kBuffer)});
  const std::string package_file = directory + "/thermal_throttle/package_throttle_count";
  const auto same_package = [&](const Source& s) { return s.package == *package; };
  if (std::none_of(packages_.begin(), packages_.end(), same_package) && exists(package_file))
    packages_.push_back({*package, 0, KeptFile(package_file, kBuffer)});
}

void ThrottleSources::find(const std::vector<uint32_t>& cpus) {
  cpus_ = cpus;
  cores_.clear();
  packages_.clear();
  for (uint32_t cpu : cpus) find_cpu(root_ + "/cpu" + std::to_string(cpu));
}

void ThrottleSources::write(MetricWriter& writer, const std::vector<uint32_t>& cpus) {
  if (cpus != cpus_) find(cpus);
  writer.family(kCore);
  for (Source& source : cores_) {
    const auto count = read_number(source.file);
    const LabelSet labels{{"core", std::to_string(source.core)}, {"package", std::to_string(source.package)}};
    if (count) writer.sample(writer.labels(labels), *count);
  }
  writer.family(kPackage);
  for (Source& source : packages_) {
    const auto count = read_number(source.file);
    if (count) writer.sample(writer.labels(LabelSet{{"package", std::to_string(source.package)}}), *count);
  }
  writer.family(kIsolated);
  const auto isolated = read_and_parse(isolated_, parse_cpu_list);
  if (!isolated) return;
  for (uint32_t cpu : *isolated) writer.sample(writer.labels(LabelSet{{"cpu", std::to_string(cpu)}}), 1);
}

}  // namespace plimsoll::collectors::host
