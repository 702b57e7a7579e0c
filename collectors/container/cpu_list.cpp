// SPDX-License-Identifier: Apache-2.0
#include "collectors/container/cpu_list.h"

#include "base/os.h"
#include "base/text.h"

namespace plimsoll::collectors::container {
namespace {

constexpr uint64_t kMaxCpus = 65'536;  // NR_CPUS of any kernel is far below

}  // namespace

std::vector<bool> parse_cpu_list(std::string_view text) {
  std::vector<bool> cpus;
  text = trim(text);
  while (!text.empty()) {
    std::string_view range = take(text, ',');
    const bool single = range.find('-') == std::string_view::npos;
    const auto first = parse_u64(take(range, '-'));
    const auto last = single ? first : parse_u64(range);
    if (!first || !last || *last < *first || *last >= kMaxCpus) return {};
    if (cpus.size() <= *last) cpus.resize(*last + 1);
    for (uint64_t cpu = *first; cpu <= *last; ++cpu) cpus[cpu] = true;
  }
  return cpus;
}

std::vector<bool> read_online_cpus(const std::string& sys) {
  auto text = read_file(sys + "/devices/system/cpu/online");
  return text ? parse_cpu_list(*text) : std::vector<bool>{};
}

}  // namespace plimsoll::collectors::container
