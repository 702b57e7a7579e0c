// SPDX-License-Identifier: Apache-2.0
// What texts of /proc say about which CPU is which: the records of /proc/cpuinfo,
//
//   processor	: 0
//   vendor_id	: GenuineIntel
//   model name	: Intel(R) Core(TM) i7-8650U CPU @ 1.90GHz
//   cpu MHz		: 799.998
//   flags		: fpu vme de pse
//
// one per CPU with an empty line behind it, and tables with a column per CPU (/proc/interrupts,
// /proc/softirqs), which begin with a heading "CPU0 CPU1 CPU4". proc_cpuinfo(5); what a record has differs
// between architectures (show_cpuinfo() of each).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/metric.h"
#include "base/os.h"
#include "base/result.h"
#include "collectors/host/parts/name_filter.h"

namespace plimsoll::collectors::host {

// Views into the parsed text; empty where the architecture has no such line.
struct CpuRecord {
  uint32_t cpu = 0;
  std::string_view package, core, vendor, family, model, model_name, microcode, stepping, cache_size;
  std::string_view frequency;    // in MHz, as it stands
  std::string_view flags, bugs;  // words
};

// In ascending order of the CPUs. Error when there is no record.
Result<std::vector<CpuRecord>> parse_cpu_info(std::string_view text);

// "CPU0 CPU1 CPU4" -> 0, 1, 4: a column of the lines below it each. Error unless the numbers ascend.
Result<std::vector<uint32_t>> parse_cpu_heading(std::string_view line);

// Takes the next column off the front of `rest`; nullopt when it is no number of at most 19 digits.
std::optional<uint64_t> take_count(std::string_view& rest);

// Stores a label cpu="N" for each.
std::vector<LabelRef> cpu_labels(MetricWriter& writer, const std::vector<uint32_t>& cpus);

// node_cpu_info and its relatives.
class CpuInfoSource {
 public:
  // `flags` and `bugs`: which of the first CPU's words to show; an empty pattern shows none.
  CpuInfoSource(const std::string& proc, Pattern flags, Pattern bugs)
      : path_(proc + "/cpuinfo"), flags_(std::move(flags)), bugs_(std::move(bugs)) {}

  Result<void> write(MetricWriter& writer);

 private:
  std::string path_;
  ReadBuffer buffer_;
  Pattern flags_;
  Pattern bugs_;
};

}  // namespace plimsoll::collectors::host
