// SPDX-License-Identifier: Apache-2.0
// Kernel parameters that are asked for by name: /proc/sys/kernel/threads-max for kernel.threads-max.
//
//   --collector.sysctl.include=kernel.threads-max              node_sysctl_kernel_threads_max 7801
//   --collector.sysctl.include=fs.file-nr                      node_sysctl_fs_file_nr{index="0"} 1024 ...
//   --collector.sysctl.include=fs.file-nr:total,current,max    node_sysctl_fs_file_nr_total 1024 ...
//   --collector.sysctl.include-info=kernel.core_pattern        node_sysctl_info{name=,value=,index=} 1
//
// sysctl(8): a name whose first separator is a slash may have dots in its parts (net/ipv4/conf/eth0.5/mtu).
#include <algorithm>
#include <string>
#include <vector>

#include "base/text.h"
#include "collectors/host/parts/kept_file.h"
#include "collectors/host/table.h"

namespace plimsoll::collectors::host {
namespace {

constexpr MetricDesc kInfo = {"node_sysctl_info", "Words of a kernel parameter, as labels of a constant 1.",
                              MetricType::kGauge};
constexpr size_t kMaxValues = 1024;

std::string path_of(std::string name) {
  const size_t separator = name.find_first_of("./");
  if (separator != std::string::npos && name[separator] == '.') std::replace(name.begin(), name.end(), '.', '/');
  return name;
}

bool is_word(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'); }

// What stands between words becomes one underscore, unless it is made of underscores already.
std::string metric_name(std::string_view text) {
  std::string name;
  while (!text.empty()) {
    const auto word_end = std::find_if_not(text.begin(), text.end(), is_word);
    const auto gap_end = std::find_if(word_end, text.end(), is_word);
    name.append(text.begin(), word_end);
    const std::string gap(word_end, gap_end);
    name += gap.find_first_not_of('_') == std::string::npos ? gap : "_";
    text.remove_prefix(static_cast<size_t>(gap_end - text.begin()));
  }
  return name;
}

std::vector<std::string> split(std::string_view list) {
  std::vector<std::string> parts;
  while (!list.empty()) parts.emplace_back(take(list, ','));
  return parts;
}

Result<void> check_name(std::string_view name) {
  std::string path = path_of(std::string(name));
  std::string_view rest = path;
  if (rest.empty() || rest.ends_with('/')) return fail("is no name such as kernel.threads-max");
  while (!rest.empty()) {
    const std::string_view part = take(rest, '/');
    if (part.empty() || part == "." || part == "..") return fail("is no name such as kernel.threads-max");
  }
  return {};
}

Result<void> check_key(std::string_view key) {
  const auto fits = [](char c) { return is_word(c) || c == '_'; };
  if (!key.empty() && std::all_of(key.begin(), key.end(), fits)) return {};
  return fail("needs names made of letters, digits and _ after the colon, with commas between them");
}

Result<void> check_include(std::string_view value) {
  if (auto name = check_name(take(value, ':')); !name) return name;
  if (value.ends_with(',')) return check_key("");
  std::vector<std::string> keys = split(value);
  for (const std::string& key : keys)
    if (auto fits = check_key(key); !fits) return fits;
  std::sort(keys.begin(), keys.end());
  if (std::adjacent_find(keys.begin(), keys.end()) != keys.end()) return fail("names two of its values alike");
  return {};
}

Result<void> check_include_info(std::string_view value) {
  if (value.find(':') != std::string_view::npos) return fail("is text, whose words cannot be named");
  return check_name(value);
}

constexpr Flag kInclude = {"sysctl.include", FlagKind::kList, "",
                           "Parameter made of numbers to export; several numbers are named by NAME:A,B,C or counted",
                           check_include};
constexpr Flag kIncludeInfo = {"sysctl.include-info", FlagKind::kList, "",
                               "Parameter made of words to export, as labels of node_sysctl_info", check_include_info};

Result<std::vector<std::string_view>> parse_words(std::string_view text) {
  constexpr std::string_view kBlank = " \t\r\n";
  std::vector<std::string_view> words;
  for (text = trim(text); !text.empty(); text = trim(text)) {
    const std::string_view word = text.substr(0, text.find_first_of(kBlank));
    if (words.size() == kMaxValues) return fail("too many values");
    words.push_back(word);
    text.remove_prefix(word.size());
  }
  if (words.empty()) return fail("no values");
  return words;
}

// Whether the last line ends is up to the parameter's handler in the kernel.
Result<std::vector<Value>> parse_numbers(std::string_view text) {
  const auto words = parse_words(text);
  if (!words) return unexpected(words.error());
  std::vector<Value> numbers;
  for (const std::string_view word : *words) {
    if (const auto number = parse_u64(word)) {
      numbers.emplace_back(*number);
    } else if (const auto negative = parse_i64(word)) {
      numbers.emplace_back(static_cast<double>(*negative));
    } else {
      return fail("not a number");
    }
  }
  return numbers;
}

// One --collector.sysctl.include.
class Numbers {
 public:
  Numbers(const std::string& proc, std::string_view include)
      : name_(take(include, ':')), keys_(split(include)), file_(proc + "/sys/" + path_of(name_), 512) {}

  Result<void> write(MetricWriter& writer) {
    const auto numbers = read_and_parse(file_, parse_numbers);
    if (!numbers) return unexpected(numbers.error());
    if (!keys_.empty() && keys_.size() != numbers->size())
      return fail(file_.path() + ": " + std::to_string(numbers->size()) + " numbers, of which the flag names " +
                  std::to_string(keys_.size()));
    const std::string family = "node_sysctl_" + metric_name(name_);
    if (!keys_.empty()) {
      for (size_t i = 0; i < keys_.size(); ++i)
        if (start(writer, family + "_" + keys_[i])) writer.sample((*numbers)[i]);
    } else if (start(writer, family)) {
      write_counted(writer, *numbers);
    }
    return {};
  }

 private:
  // False when another flag has written that family.
  bool start(MetricWriter& writer, const std::string& family) const {
    if (writer.has_family(family)) return false;
    writer.family(family, "The kernel parameter " + name_ + ".", MetricType::kUntyped);
    return true;
  }

  static void write_counted(MetricWriter& writer, const std::vector<Value>& numbers) {
    if (numbers.size() == 1) return writer.sample(numbers[0]);
    for (size_t i = 0; i < numbers.size(); ++i)
      writer.sample(writer.labels(LabelSet{{"index", std::to_string(i)}}), numbers[i]);
  }

  std::string name_;
  std::vector<std::string> keys_;
  KeptFile file_;
};

// One --collector.sysctl.include-info.
class Words {
 public:
  Words(const std::string& proc, const std::string& name) : name_(name), file_(proc + "/sys/" + path_of(name), 512) {}

  Result<void> write(MetricWriter& writer) {
    const auto words = read_and_parse(file_, parse_words);
    if (!words) return unexpected(words.error());
    for (size_t i = 0; i < words->size(); ++i)
      writer.sample(writer.labels(LabelSet{{"index", std::to_string(i)}, {"name", name_}, {"value", (*words)[i]}}), 1);
    return {};
  }

 private:
  std::string name_;
  KeptFile file_;
};

std::vector<std::string> without_repeats(std::vector<std::string> names) {
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());
  return names;
}

// A parameter that somebody has asked for and that is not there is an error, which does not keep the others
// from being written.
class SysctlCollector : public Collector {
 public:
  explicit SysctlCollector(const Setup& setup) {
    for (const std::string& include : without_repeats(setup.flags.list(kInclude)))
      numbers_.emplace_back(setup.roots.proc, include);
    for (const std::string& name : without_repeats(setup.flags.list(kIncludeInfo)))
      words_.emplace_back(setup.roots.proc, name);
  }
  std::string_view name() const override { return "sysctl"; }

  Result<void> collect(MetricWriter& writer) override {
    if (numbers_.empty() && words_.empty()) return not_present("parameters that were asked for");
    Result<void> result;
    const auto note = [&](Result<void> written) {
      if (result && !written) result = std::move(written);
    };
    for (Numbers& numbers : numbers_) note(numbers.write(writer));
    writer.family(kInfo);
    for (Words& words : words_) note(words.write(writer));
    return result;
  }

 private:
  std::vector<Numbers> numbers_;
  std::vector<Words> words_;
};

constexpr const Flag* kFlags[] = {&kInclude, &kIncludeInfo};

}  // namespace

const Entry kSysctlCollector = {"sysctl", "Kernel parameters that are asked for: proc sys", Default::kOff,
                                make<SysctlCollector>, kFlags};

}  // namespace plimsoll::collectors::host
