// SPDX-License-Identifier: Apache-2.0
#include "collectors/host/parts/throttle.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>

#include "base/text.h"
#include "collectors/host/parts/cpu_info.h"

namespace plimsoll::collectors::host {
namespace {

constexpr MetricDesc kCore = {"node_cpu_core_throttles_total", "How often the core was slowed down for heat.",
                              MetricType::kCounter};
constexpr MetricDesc kPackage = {"node_cpu_package_throttles_total", "How often the package was slowed down for heat.",
                                 MetricType::kCounter};
constexpr MetricDesc kIsolated = {"node_cpu_isolated", "1 for each CPU that is kept free of ordinary tasks.",
                                  MetricType::kGauge};

constexpr MetricDesc kOnline = {"node_cpu_online", "1 when the CPU runs tasks, 0 when it was taken offline.",
                                MetricType::kGauge};

constexpr uint64_t kCpuLimit = 1 << 16;
constexpr size_t kListBuffer = 512;  // a list of CPUs; longer ones make it grow
constexpr size_t kMaxKept = 64;      // descriptors of counters; those of further cores are opened at each read

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
    if (!cpus.empty() && *first <= cpus.back()) return fail("a list of CPUs that is out of order");
    for (uint64_t cpu = *first; cpu <= *last; ++cpu) cpus.push_back(static_cast<uint32_t>(cpu));
  }
  return cpus;
}

ThrottleSources::ThrottleSources(const std::string& sys)
    : root_(sys + "/devices/system/cpu"),
      isolated_(root_ + "/isolated", kListBuffer),
      online_(root_ + "/online", kListBuffer),
      present_(root_ + "/present", kListBuffer) {}

std::optional<uint64_t> ThrottleSources::read(const std::string& path) {
  const auto text = buffer_.read_at(AT_FDCWD, path.c_str());
  return text ? parse_u64(trim(*text)) : std::nullopt;
}

// A core that was offline for a moment has new files.
std::optional<uint64_t> ThrottleSources::read(Source& source) {
  if (source.kept) {
    const auto text = buffer_.read(source.kept.get(), ReadBuffer::Until::kEnd);
    if (text) return parse_u64(trim(*text));
    source.kept.reset();
  }
  return read(source.path);
}

void ThrottleSources::add(std::vector<Source>& sources, uint64_t package, uint64_t core, std::string path) {
  UniqueFd kept;
  if (cores_.size() + packages_.size() < kMaxKept) kept.reset(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  sources.push_back({package, core, std::move(path), std::move(kept)});
}

void ThrottleSources::find_cpu(const std::string& directory) {
  const auto package = read(directory + "/topology/physical_package_id");
  const auto core = read(directory + "/topology/core_id");
  if (!package || !core) return;
  std::string core_file = directory + "/thermal_throttle/core_throttle_count";
  const auto same_core = [&](const Source& s) { return s.package == *package && s.core == *core; };
  if (std::none_of(cores_.begin(), cores_.end(), same_core) && exists(core_file))
    add(cores_, *package, *core, std::move(core_file));
  std::string package_file = directory + "/thermal_throttle/package_throttle_count";
  const auto same_package = [&](const Source& s) { return s.package == *package; };
  if (std::none_of(packages_.begin(), packages_.end(), same_package) && exists(package_file))
    add(packages_, *package, 0, std::move(package_file));
}

void ThrottleSources::find(const std::vector<uint32_t>& cpus) {
  cpus_ = cpus;
  cores_.clear();
  packages_.clear();
  all_go_offline_ = exists(root_ + "/cpu0/online");
  for (uint32_t cpu : cpus) find_cpu(root_ + "/cpu" + std::to_string(cpu));
}

void ThrottleSources::write_throttles(MetricWriter& writer) {
  writer.family(kCore);
  for (Source& source : cores_) {
    const auto count = read(source);
    const LabelSet labels{{"core", std::to_string(source.core)}, {"package", std::to_string(source.package)}};
    if (count) writer.sample(writer.labels(labels), *count);
  }
  writer.family(kPackage);
  for (Source& source : packages_) {
    const auto count = read(source);
    if (count) writer.sample(writer.labels(LabelSet{{"package", std::to_string(source.package)}}), *count);
  }
}

// One list says what the files "online" of all the CPUs say.
void ThrottleSources::write_online(MetricWriter& writer) {
  const auto present = read_and_parse(present_, parse_cpu_list);
  const auto online = read_and_parse(online_, parse_cpu_list);
  if (!present || !online) return;
  const auto labels = cpu_labels(writer, *present);
  writer.family(kOnline);
  for (size_t i = 0; i < present->size(); ++i)
    writer.sample(labels[i], std::binary_search(online->begin(), online->end(), (*present)[i]));
}

void ThrottleSources::write(MetricWriter& writer, const std::vector<uint32_t>& cpus) {
  if (cpus != cpus_) find(cpus);
  write_throttles(writer);
  if (const auto isolated = read_and_parse(isolated_, parse_cpu_list)) {
    const auto labels = cpu_labels(writer, *isolated);
    writer.family(kIsolated);
    for (LabelRef label : labels) writer.sample(label, 1);
  }
  if (all_go_offline_) write_online(writer);
}

}  // namespace plimsoll::collectors::host
