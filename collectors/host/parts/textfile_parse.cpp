// SPDX-License-Identifier: Apache-2.0
#include "collectors/host/parts/textfile_parse.h"

#include <algorithm>
#include <cmath>
#include <unordered_map>
#include <unordered_set>

#include "base/text.h"

namespace plimsoll::collectors::host {
namespace {

using Part = Exposition::Part;
using Piece = Exposition::Piece;

constexpr size_t kMaxSamples = 200'000;
constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_blank(char c) { return c == ' ' || c == '\t'; }

void skip_blanks(std::string_view& rest) {
  while (!rest.empty() && is_blank(rest.front())) rest.remove_prefix(1);
}

// The name at the front of `rest`, perhaps empty. Names of metrics may have colons, those of labels not.
std::string_view take_name(std::string_view& rest, bool colons) {
  const auto fits = [&](char c) { return is_letter(c) || (colons && c == ':'); };
  size_t size = 0;
  while (size < rest.size() && (fits(rest[size]) || (size > 0 && is_digit(rest[size])))) ++size;
  const std::string_view name = rest.substr(0, size);
  rest.remove_prefix(size);
  return name;
}

// For messages: what stands in a file may be long, and any bytes.
std::string quoted(std::string_view text) {
  constexpr size_t kLongest = 100;
  std::string out = "'";
  for (std::string_view rest = text.substr(0, kLongest); !rest.empty();) {
    const size_t length = utf8_length(rest);
    out += length == 0 || rest[0] < ' ' ? (length <= 1 ? "?" : std::string(rest.substr(0, length)))
                                        : std::string(rest.substr(0, length));
    rest.remove_prefix(std::max<size_t>(length, 1));
  }
  return out + (text.size() > kLongest ? "...'" : "'");
}

bool is_utf8(std::string_view text) {
  while (!text.empty()) {
    const size_t length = text[0] == '\0' ? 1 : utf8_length(text);
    if (length == 0) return false;
    text.remove_prefix(length);
  }
  return true;
}

std::string as_utf8(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const size_t length = utf8_length(text);
    if (length == 0) {
      out += "\xEF\xBF\xBD";
    } else {
      out += text.substr(0, length);
    }
    text.remove_prefix(std::max<size_t>(length, 1));
  }
  return out;
}

// What stands behind a backslash, in labels and helps alike.
std::optional<char> unescaped(char c) {
  if (c == 'n') return '\n';
  if (c == '\\' || c == '"') return c;
  return std::nullopt;
}

// Numbers as Go reads them: decimal, with a sign and an exponent, "inf", "NaN".
std::optional<Value> parse_value(std::string_view text) {
  if (const auto integer = parse_u64(text)) return Value(*integer);
  const bool plus = text.starts_with('+');
  if (plus) text.remove_prefix(1);
  if (plus && (text.starts_with('-') || text.starts_with('+'))) return std::nullopt;
  if (text.find('(') != std::string_view::npos) return std::nullopt;  // nan(0x1)
  const auto number = parse_double(text);
  return number ? std::optional<Value>(*number) : std::nullopt;
}

std::optional<MetricType> parse_type(std::string_view text) {
  std::string lower(text.substr(0, 16));
  for (char& c : lower) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  if (lower == "counter") return MetricType::kCounter;
  if (lower == "gauge") return MetricType::kGauge;
  if (lower == "untyped") return MetricType::kUntyped;
  if (lower == "histogram") return MetricType::kHistogram;
  if (lower == "summary") return MetricType::kSummary;
  return std::nullopt;
}

struct Label {
  std::string_view name;
  std::string value;
};

// Takes "value" off the front, its escapes undone.
Result<std::string> take_label_value(std::string_view& rest) {
  if (!rest.starts_with('"')) return fail("the value of a label does not begin with a quote");
  std::string value;
  for (size_t i = 1; i < rest.size(); ++i) {
    if (rest[i] == '"') {
      rest.remove_prefix(i + 1);
      if (!is_utf8(value)) return fail("the value of a label is not UTF-8: " + quoted(value));
      return value;
    }
    if (rest[i] != '\\') {
      value += rest[i];
      continue;
    }
    const auto plain = i + 1 < rest.size() ? unescaped(rest[++i]) : std::nullopt;
    if (!plain) return fail("a backslash in the value of a label is followed by none of n, \" and \\");
    value += *plain;
  }
  return fail("the value of a label has no quote at its end");
}

// Takes {a="b",c="d"} off the front, if it is there. The labels are in order of their names.
Result<std::vector<Label>> take_labels(std::string_view& rest) {
  std::vector<Label> labels;
  if (!rest.starts_with('{')) return labels;
  rest.remove_prefix(1);
  for (skip_blanks(rest); !rest.starts_with('}'); skip_blanks(rest)) {
    const std::string_view name = take_name(rest, false);
    if (name.empty())
      return fail(rest.empty() ? "a label list without its closing brace" : "no label name where one should be");
    if (name == "__name__") return fail("the label name __name__ is reserved");
    skip_blanks(rest);
    if (!rest.starts_with('=')) return fail("label " + quoted(name) + " is not followed by =");
    rest.remove_prefix(1);
    skip_blanks(rest);
    auto value = take_label_value(rest);
    if (!value) return unexpected(value.error());
    labels.push_back({name, std::move(*value)});
    skip_blanks(rest);
    if (rest.starts_with(',')) {
      rest.remove_prefix(1);
    } else if (!rest.starts_with('}')) {
      return fail("neither comma nor brace behind label " + quoted(name));
    }
  }
  rest.remove_prefix(1);
  std::sort(labels.begin(), labels.end(), [](const Label& a, const Label& b) { return a.name < b.name; });
  const auto same = [](const Label& a, const Label& b) { return a.name == b.name; };
  const auto twice = std::adjacent_find(labels.begin(), labels.end(), same);
  if (twice != labels.end()) return fail("label " + quoted(twice->name) + " twice");
  return labels;
}

// The value, and nothing behind it.
Result<Value> parse_end(std::string_view rest) {
  if (rest.ends_with('\r')) return fail("the line ends in CR LF; write LF alone");
  const std::string_view text = take_field(rest);
  const auto value = parse_value(text);
  if (!value) return fail(quoted(text) + " is no number");
  const std::string_view stamp = take_field(rest);
  if (stamp.empty()) return *value;
  if (parse_i64(stamp) && trim(rest).empty()) return fail("a time stamp, which a file cannot give; leave it out");
  return fail("text behind the value: " + quoted(stamp));
}

std::string_view bound_name(MetricType type) { return type == MetricType::kHistogram ? "le" : "quantile"; }

class Parser {
 public:
  Result<Exposition> parse(std::string_view text) {
    if (text.starts_with(kByteOrderMark)) return fail("line 1: a byte order mark; write UTF-8 without it");
    for (size_t number = 1; !text.empty(); ++number) {
      const bool cut = text.find('\n') == std::string_view::npos;
      std::string_view line = take(text, '\n');
      skip_blanks(line);
      if (line.empty()) continue;
      const auto parsed = cut ? Result<void>(fail("cut off: no line end")) : parse_line(line);
      if (!parsed) return unexpected(parsed.error().within("line " + std::to_string(number)));
    }
    return finish();
  }

 private:
  struct Target {
    uint32_t family;
    Part part;
  };

  Result<void> parse_line(std::string_view line) { return line[0] == '#' ? comment(line.substr(1)) : sample(line); }
  Result<void> comment(std::string_view line);
  Result<void> help(uint32_t family, std::string_view text);
  Result<void> type(uint32_t family, std::string_view text);
  Result<void> sample(std::string_view line);
  Result<Piece> take_bound(MetricType type, std::vector<Label>& labels);

  std::optional<uint32_t> find(std::string_view name, std::string_view suffix, bool histograms_only) const;
  Target resolve(std::string_view name);
  Piece store(std::string_view rendered);

  Result<Exposition> finish();
  void close_histograms();
  void sort_families();
  void sort_samples();
  Result<void> check_series() const;

  struct Seen {
    bool typed = false;  // by a TYPE line, or by its first sample, which makes it untyped
  };
  Exposition out_;
  std::vector<Seen> seen_;                                  // of each family
  std::unordered_map<std::string_view, uint32_t> by_name_;  // into the input text
  LabelSet set_;
};

std::optional<uint32_t> Parser::find(std::string_view name, std::string_view suffix, bool histograms_only) const {
  if (!name.ends_with(suffix)) return std::nullopt;
  const auto found = by_name_.find(name.substr(0, name.size() - suffix.size()));
  if (found == by_name_.end()) return std::nullopt;
  const MetricType type = out_.families[found->second].type;
  const bool fits = histograms_only ? type == MetricType::kHistogram : has_parts(type);
  return fits ? std::optional<uint32_t>(found->second) : std::nullopt;
}

// foo_sum is a family of its own unless there is a histogram or a summary foo by now.
Parser::Target Parser::resolve(std::string_view name) {
  if (const auto found = by_name_.find(name); found != by_name_.end()) return {found->second, Part::kPlain};
  if (const auto family = find(name, "_count", false)) return {*family, Part::kCount};
  if (const auto family = find(name, "_sum", false)) return {*family, Part::kSum};
  if (const auto family = find(name, "_bucket", true)) return {*family, Part::kPlain};
  const auto index = static_cast<uint32_t>(out_.families.size());
  out_.families.push_back({std::string(name), std::nullopt});
  seen_.emplace_back();
  by_name_.emplace(name, index);
  return {index, Part::kPlain};
}

Result<void> Parser::comment(std::string_view line) {
  const std::string_view keyword = take_field(line);
  if (keyword != "HELP" && keyword != "TYPE") return {};
  skip_blanks(line);
  if (line.empty()) return {};
  const std::string_view name = take_name(line, true);
  if (name.empty() || !(line.empty() || is_blank(line[0])))
    return fail("no metric name behind # " + std::string(keyword));
  if (out_.families.size() >= kMaxSamples) return fail("more than 200000 families");
  skip_blanks(line);
  if (line.empty()) return {};
  const uint32_t family = resolve(name).family;
  return keyword == "HELP" ? help(family, line) : type(family, line);
}

Result<void> Parser::help(uint32_t family, std::string_view text) {
  if (out_.families[family].help) return fail("a second HELP for " + quoted(out_.families[family].name));
  std::string plain;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\') {
      plain += text[i];
      continue;
    }
    const auto c = i + 1 < text.size() ? unescaped(text[++i]) : std::nullopt;
    if (!c) return fail("a backslash in HELP is followed by neither n nor \\");
    plain += *c;
  }
  out_.families[family].help = as_utf8(plain);
  return {};
}

Result<void> Parser::type(uint32_t family, std::string_view text) {
  const std::string& name = out_.families[family].name;
  if (seen_[family].typed) return fail("TYPE of " + quoted(name) + " given twice, or behind its samples");
  if (text.ends_with('\r')) return fail("the line ends in CR LF; write LF alone");
  const auto type = parse_type(trim(text));
  if (!type) return fail("the type " + quoted(text) + " of " + quoted(name) + " is unknown");
  out_.families[family].type = *type;
  seen_[family].typed = true;
  return {};
}

Piece Parser::store(std::string_view rendered) {
  const Piece piece = {static_cast<uint32_t>(out_.text.size()), static_cast<uint32_t>(rendered.size())};
  out_.text += rendered;
  return piece;
}

// Takes le or quantile out of the labels.
Result<Piece> Parser::take_bound(MetricType type, std::vector<Label>& labels) {
  const std::string_view name = bound_name(type);
  const auto found = std::find_if(labels.begin(), labels.end(), [&](const Label& l) { return l.name == name; });
  if (found == labels.end()) return fail("no label " + std::string(name));
  const auto bound = parse_value(found->value);
  if (!bound || std::isnan(bound->number()))
    return fail(std::string(name) + "=" + quoted(found->value) + " is no number");
  set_.clear();
  set_.add(name, bound_text(bound->number()));
  labels.erase(found);
  return store(set_.rendered());
}

Result<void> Parser::sample(std::string_view line) {
  const std::string_view name = take_name(line, true);
  if (name.empty()) return fail("begins with no metric name: " + quoted(line));
  if (!line.empty() && line[0] != '{' && !is_blank(line[0])) return fail("no metric name: " + quoted(name) + " and on");
  if (out_.samples.size() >= kMaxSamples) return fail("more than 200000 samples");
  const Target target = resolve(name);
  const MetricType type = out_.families[target.family].type;
  seen_[target.family].typed = true;
  skip_blanks(line);
  auto labels = take_labels(line);
  if (!labels) return unexpected(labels.error().within(name));
  Result<Piece> bound = Piece{};
  if (has_parts(type) && target.part == Part::kPlain) bound = take_bound(type, *labels);
  if (!bound) return unexpected(bound.error().within(name));
  const auto value = parse_end(line);
  if (!value) return unexpected(value.error().within(name));
  const bool counts = target.part == Part::kCount || (type == MetricType::kHistogram && target.part == Part::kPlain);
  if (counts && !(value->number() >= 0)) return fail(std::string(name) + ": a count cannot be negative or NaN");
  set_.clear();
  for (const Label& label : *labels) {
    if (!label.value.empty()) set_.add(label.name, label.value);
  }
  out_.samples.push_back({target.family, target.part, store(set_.rendered()), *bound, *value});
  return {};
}

// A histogram's last bucket counts everything: where only its count was given, the bucket follows from it.
void Parser::close_histograms() {
  std::vector<std::unordered_set<std::string_view>> closed(out_.families.size());
  for (const auto& sample : out_.samples) {
    if (out_.view(sample.bound) == "le=\"+Inf\"") closed[sample.family].insert(out_.view(sample.labels));
  }
  std::vector<Exposition::Sample> missing;
  for (const auto& sample : out_.samples) {
    const bool count = sample.part == Part::kCount && out_.families[sample.family].type == MetricType::kHistogram;
    if (count && !closed[sample.family].contains(out_.view(sample.labels))) missing.push_back(sample);
  }
  if (missing.empty()) return;
  const Piece bound = store("le=\"+Inf\"");
  for (auto& sample : missing) {
    sample.part = Part::kPlain;
    sample.bound = bound;
    out_.samples.push_back(sample);
  }
}

// Leaves out those without a sample.
void Parser::sort_families() {
  std::vector<uint32_t> order(out_.families.size());
  std::vector<bool> used(order.size());
  for (const auto& sample : out_.samples) used[sample.family] = true;
  for (uint32_t i = 0; i < order.size(); ++i) order[i] = i;
  std::erase_if(order, [&](uint32_t i) { return !used[i]; });
  std::sort(order.begin(), order.end(),
            [&](uint32_t a, uint32_t b) { return out_.families[a].name < out_.families[b].name; });
  std::vector<uint32_t> place(used.size());
  std::vector<Exposition::Family> sorted;
  sorted.reserve(order.size());
  for (const uint32_t i : order) {
    place[i] = static_cast<uint32_t>(sorted.size());
    sorted.push_back(std::move(out_.families[i]));
  }
  out_.families = std::move(sorted);
  for (auto& sample : out_.samples) sample.family = place[sample.family];
}

void Parser::sort_samples() {
  std::stable_sort(out_.samples.begin(), out_.samples.end(), [](const auto& a, const auto& b) {
    return a.family != b.family ? a.family < b.family : a.part < b.part;
  });
  for (uint32_t i = 0; i < out_.samples.size(); ++i) {
    Exposition::Family& family = out_.families[out_.samples[i].family];
    if (family.last == 0) family.first = i;
    family.last = i + 1;
  }
}

Result<void> Parser::check_series() const {
  std::unordered_set<std::string> series;
  for (const Exposition::Family& family : out_.families) {
    series.clear();
    for (uint32_t i = family.first; i < family.last && family.last - family.first > 1; ++i) {
      const Exposition::Sample& sample = out_.samples[i];
      std::string key(part_suffix(family.type, sample.part));
      key.append("{").append(out_.view(sample.labels)).append("}").append(out_.view(sample.bound));
      const auto [found, fresh] = series.insert(std::move(key));
      if (!fresh) return fail("the same series twice: " + quoted(family.name + *found));
    }
  }
  return {};
}

Result<Exposition> Parser::finish() {
  close_histograms();
  sort_families();
  sort_samples();
  const auto checked = check_series();
  if (!checked) return unexpected(checked.error());
  out_.text.shrink_to_fit();
  out_.samples.shrink_to_fit();
  return std::move(out_);
}

}  // namespace

size_t Exposition::cost() const {
  return text.size() + samples.size() * sizeof(Sample) + families.size() * sizeof(Family);
}

bool has_parts(MetricType type) { return type == MetricType::kHistogram || type == MetricType::kSummary; }

std::string_view part_suffix(MetricType type, Exposition::Part part) {
  if (part == Part::kSum) return "_sum";
  if (part == Part::kCount) return "_count";
  return type == MetricType::kHistogram ? "_bucket" : "";
}

Result<Exposition> parse_exposition(std::string_view text) { return Parser().parse(text); }

}  // namespace plimsoll::collectors::host
