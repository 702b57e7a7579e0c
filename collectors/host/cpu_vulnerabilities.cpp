// SPDX-License-Identifier: Apache-2.0
// /sys/devices/system/cpu/vulnerabilities: a file per known flaw of CPUs with what the kernel does about it.
//
//   mds          Not affected
//   spectre_v2   Mitigation: Retpolines; STIBP: disabled; RSB filling
//   retbleed     Vulnerable
//   srbds        Unknown: Dependent on hypervisor status
//   itlb_multihit KVM: Mitigation: VMX disabled
//
// The first word is the state; a text that begins otherwise (the last one) is of state "unknown" as a whole.
// Documentation/ABI/testing/sysfs-devices-system-cpu
#include <algorithm>
#include <string>
#include <vector>

#include "base/text.h"
#include "collectors/host/parts/kept_file.h"
#include "collectors/host/table.h"

namespace plimsoll::collectors::host {
namespace {

constexpr MetricDesc kInfo = {"node_cpu_vulnerabilities_info",
                              "A flaw of CPUs and what is done about it, as labels of a constant 1.",
                              MetricType::kGauge};

constexpr std::string_view kNotAffected = "not affected", kUnknown = "unknown";
constexpr std::string_view kStates[] = {kNotAffected, "vulnerable", "mitigation", kUnknown};

struct Vulnerability {
  std::string_view state;
  std::string mitigation;
};

// Whether `text` begins with `lower` in letters of any case.
bool begins_with(std::string_view text, std::string_view lower) {
  const auto same = [](char any, char low) { return any == low || (any >= 'A' && any <= 'Z' && any + 32 == low); };
  return text.size() >= lower.size() &&
         std::equal(lower.begin(), lower.end(), text.begin(), [&](char low, char any) { return same(any, low); });
}

// Without the first word, and with one blank between the others.
std::string after_first_word(std::string_view text) {
  (void)take_field(text);
  std::string words;
  for (std::string_view word = take_field(text); !word.empty(); word = take_field(text))
    words += (words.empty() ? "" : " ") + std::string(word);
  return words;
}

Result<Vulnerability> parse_vulnerability(std::string_view text) {
  text = trim(text);
  if (text.empty()) return fail("empty");
  for (std::string_view state : kStates) {
    if (begins_with(text, state)) return Vulnerability{state, state == kNotAffected ? "" : after_first_word(text)};
  }
  return Vulnerability{kUnknown, std::string(text)};
}

class CpuVulnerabilitiesCollector : public Collector {
 public:
  explicit CpuVulnerabilitiesCollector(const Setup& setup)
      : path_(setup.roots.sys + "/devices/system/cpu/vulnerabilities") {}
  std::string_view name() const override { return "cpu_vulnerabilities"; }

  // A file that cannot be read costs its own sample and makes the collection a failure.
  Result<void> collect(MetricWriter& writer) override {
    const auto found = find();
    if (!found) return unexpected(found.error());
    Result<void> result;
    writer.family(kInfo);
    for (Flaw& flaw : flaws_) {
      const auto parsed = read_and_parse(flaw.file, parse_vulnerability);
      if (!parsed) result = unexpected(parsed.error());
      if (!parsed) continue;
      const LabelSet labels{{"codename", flaw.name}, {"state", parsed->state}, {"mitigation", parsed->mitigation}};
      writer.sample(writer.labels(labels), 1);
    }
    return result;
  }

 private:
  static constexpr size_t kBuffer = 256;  // a line

  struct Flaw {
    std::string name;
    KeptFile file;
  };

  // The kernel makes all files when it starts.
  Result<void> find() {
    if (!flaws_.empty()) return {};
    const auto dir = Dir::open(path_);
    if (!dir && dir.error().code == ENOENT) return not_present("list of CPU vulnerabilities");
    if (!dir) return unexpected(dir.error());
    auto entries = dir->list();
    if (!entries) return unexpected(entries.error().within(path_));
    std::sort(entries->begin(), entries->end(), [](const auto& a, const auto& b) { return a.name < b.name; });
    for (const Dir::Entry& entry : *entries)
      flaws_.push_back({entry.name, KeptFile(path_ + "/" + entry.name, kBuffer)});
    if (flaws_.empty()) return not_present("CPU vulnerabilities");
    return {};
  }

  std::string path_;
  std::vector<Flaw> flaws_;
};

}  // namespace

const Entry kCpuVulnerabilitiesCollector = {"cpu_vulnerabilities",
                                            "CPU vulnerabilities and their mitigations: sys devices/system/cpu",
                                            Default::kOff, make<CpuVulnerabilitiesCollector>};

}  // namespace plimsoll::collectors::host
