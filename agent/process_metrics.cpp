// SPDX-License-Identifier: Apache-2.0
#include "agent/process_metrics.h"

#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <optional>

#include "base/os.h"
#include "base/text.h"

namespace plimsoll::agent {
namespace {

// Number of open descriptors: the directory's size since Linux 6.2, else by counting.
std::optional<double> open_descriptors(const std::string& proc) {
  const std::string path = proc + "/self/fd";
  struct stat st;
  if (::stat(path.c_str(), &st) == 0 && st.st_size > 0) return static_cast<double>(st.st_size);
  auto dir = Dir::open(path);
  if (!dir) return std::nullopt;
  const auto entries = dir->list();
  if (!entries) return std::nullopt;
  return static_cast<double>(entries->size()) - 2;  // the two descriptors of this listing
}

// What the process looks like now. Written beside the registry, since a gauge there could not be
// absent when its source is.
void write_process(MetricWriter& writer, const ProcessStat& stat, std::optional<uint64_t> boot_time) {
  const auto ticks = static_cast<double>(::sysconf(_SC_CLK_TCK));
  const auto page = static_cast<double>(::sysconf(_SC_PAGESIZE));
  writer.single(
      {"process_cpu_seconds_total", "CPU time of this process, user and system, in seconds.", MetricType::kCounter},
      static_cast<double>(stat.user_ticks + stat.system_ticks) / ticks);
  writer.single(
      {"process_resident_memory_bytes", "Memory of this process that is in RAM, in bytes.", MetricType::kGauge},
      static_cast<double>(stat.resident_pages) * page);
  writer.single({"process_virtual_memory_bytes", "Address space of this process, in bytes.", MetricType::kGauge},
                static_cast<double>(stat.virtual_bytes));
  if (boot_time) {
    writer.single(
        {"process_start_time_seconds", "When this process started, in seconds since 1970.", MetricType::kGauge},
        static_cast<double>(*boot_time) + static_cast<double>(stat.start_ticks) / ticks);
  }
}

void write_limits(MetricWriter& writer, const std::string& proc) {
  if (const auto open = open_descriptors(proc))
    writer.single({"process_open_fds", "Descriptors that this process has open, a number.", MetricType::kGauge}, *open);
  rlimit limit;
  if (::getrlimit(RLIMIT_AS, &limit) == 0)  // 2^64 - 1 is none, as every exporter has it
    writer.single({"process_virtual_memory_max_bytes", "Address space that this process may have, in bytes.",
                   MetricType::kGauge},
                  static_cast<double>(limit.rlim_cur));
  if (::getrlimit(RLIMIT_NOFILE, &limit) == 0)
    writer.single({"process_max_fds", "Descriptors that this process may have open, a number.", MetricType::kGauge},
                  static_cast<double>(limit.rlim_cur));
}

}  // namespace

Result<ProcessStat> parse_process_stat(std::string_view text) {
  const size_t name_end = text.rfind(')');
  if (name_end == std::string_view::npos) return fail("stat: no program name");
  std::string_view rest = text.substr(name_end + 1);
  ProcessStat stat = {};
  for (int field = 3; field <= 24; ++field) {
    const std::string_view word = trim(take_field(rest));
    uint64_t* wanted = field == 14   ? &stat.user_ticks
                       : field == 15 ? &stat.system_ticks
                       : field == 22 ? &stat.start_ticks
                       : field == 23 ? &stat.virtual_bytes
                       : field == 24 ? &stat.resident_pages
                                     : nullptr;
    if (wanted == nullptr) continue;
    const auto number = parse_u64(word);
    if (!number) return fail("stat: field " + std::to_string(field) + " is no number");
    *wanted = *number;
  }
  return stat;
}

void write_process_metrics(MetricWriter& writer, const std::string& proc) {
  const auto text = read_file(proc + "/self/stat");
  const auto stat = text ? parse_process_stat(*text) : Result<ProcessStat>(fail("stat"));
  if (stat) {
    const auto boot = read_file(proc + "/stat");
    write_process(writer, *stat, boot ? find_u64(*boot, "btime") : std::nullopt);
  }
  write_limits(writer, proc);
}

}  // namespace plimsoll::agent
