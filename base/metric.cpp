// SPDX-License-Identifier: Apache-2.0
#include "base/metric.h"

#include <algorithm>

#include "base/text.h"

namespace plimsoll {
namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";  // U+FFFD

void append_escaped(std::string& out, std::string_view value) {
  while (!value.empty()) {
    const size_t length = utf8_length(value);
    if (length == 0) {
      out += kReplacement;
    } else if (value[0] == '\n') {
      out += "\\n";
    } else {
      if (value[0] == '"' || value[0] == '\\') out += '\\';
      out += value.substr(0, length);
    }
    value.remove_prefix(length == 0 ? 1 : length);
  }
}

}  // namespace

LabelSet::LabelSet(std::initializer_list<std::pair<std::string_view, std::string_view>> pairs) {
  for (const auto& [name, value] : pairs) add(name, value);
}

void LabelSet::add(std::string_view name, std::string_view value) {
  if (!rendered_.empty()) rendered_ += ',';
  rendered_ += name;
  rendered_ += "=\"";
  append_escaped(rendered_, value);
  rendered_ += '"';
}

std::string label_name_from(std::string_view text) {
  std::string name;
  name.reserve(text.size() + 1);
  for (char c : text) {
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
    const bool digit = c >= '0' && c <= '9';
    if (digit && name.empty()) name += '_';
    name += letter || digit ? c : '_';
  }
  return name.empty() ? "_" : name;
}

std::pair<const Sample*, const Sample*> MetricPage::samples(size_t index) const {
  const size_t first = families_[index].first;
  const size_t last = index + 1 < families_.size() ? families_[index + 1].first : samples_.size();
  return {samples_.data() + first, samples_.data() + last};
}

std::string_view MetricPage::labels(LabelRef ref) const {
  const Span span = spans_[ref];
  return std::string_view(text_).substr(span.offset, span.length);
}

void MetricWriter::drop_empty_family() {
  auto& families = page_.families_;
  if (!families.empty() && families.back().first == page_.samples_.size()) families.pop_back();
}

bool MetricWriter::family(const MetricDesc& desc) {
  drop_empty_family();
  page_.families_.push_back({desc, static_cast<uint32_t>(page_.samples_.size()), desc.name});
  return rules_ == nullptr || apply_rules(desc.name, desc.name);
}

bool MetricWriter::apply_rules(std::string_view family, std::string_view series) {
  rule_ = rules_->rule(family, series);
  guarded_ = !rule_.wanted || rule_.selectors != 0;
  return rule_.wanted;
}

bool MetricWriter::leaves_out(LabelRef base, LabelRef extra) {
  if (!rule_.wanted) return true;
  const LabelMatch &first = matches_[base], &second = matches_[extra];
  const uint64_t holding = first.holds | second.holds | (rules_->holding_for_nothing() & ~(first.fails | second.fails));
  const auto selectors = rules_->selectors();
  for (uint64_t left = rule_.selectors; left != 0; left &= left - 1) {
    const uint64_t matchers = selectors[static_cast<size_t>(std::countr_zero(left))];
    if ((holding & matchers) != matchers) continue;
    ++dropped_;
    return true;
  }
  return false;
}

void MetricWriter::part(std::string_view suffix) {
  MetricPage::Family next = page_.families_.back();
  next.sample_name = page_.strings_.emplace_back(std::string(next.desc.name) + std::string(suffix));
  next.starts = next.starts && next.first == page_.samples_.size();
  next.first = static_cast<uint32_t>(page_.samples_.size());
  drop_empty_family();
  page_.families_.push_back(next);
  if (rules_ != nullptr) apply_rules(next.desc.name, next.sample_name);
}

bool MetricWriter::has_family(std::string_view name) const {
  const auto& families = page_.families_;
  return std::any_of(families.begin(), families.end(), [&](const auto& family) {
    return family.desc.name == name && family.first < page_.samples_.size();
  });
}

bool MetricWriter::family(std::string_view name, std::string_view help, MetricType type) {
  const std::string& kept_name = page_.strings_.emplace_back(name);
  const std::string& kept_help = page_.strings_.emplace_back(help);
  return family(MetricDesc{kept_name, kept_help, type});
}

LabelRef MetricWriter::labels(std::string_view rendered) {
  if (rendered.empty()) return 0;
  page_.spans_.push_back({static_cast<uint32_t>(page_.text_.size()), static_cast<uint32_t>(rendered.size())});
  page_.text_ += rendered;
  if (rules_ != nullptr && !rules_->selectors().empty()) matches_.push_back(rules_->match(rendered));
  return static_cast<LabelRef>(page_.spans_.size() - 1);
}

MetricPage MetricWriter::finish() {
  drop_empty_family();
  matches_.resize(1);
  guarded_ = false;
  return std::exchange(page_, MetricPage{});
}

}  // namespace plimsoll
