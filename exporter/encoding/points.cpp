// SPDX-License-Identifier: Apache-2.0
#include "exporter/encoding/points.h"

#include <algorithm>
#include <cmath>
#include <unordered_map>

#include "base/text.h"
#include "exporter/encoding/rendered_labels.h"

namespace plimsoll::exporter {
namespace {

enum class Role : uint8_t { kPart, kSum, kCount, kOther };

Role role_of(const MetricPage::Family& family) {
  const std::string_view suffix = family.sample_name.substr(family.desc.name.size());
  if (suffix == "_sum") return Role::kSum;
  if (suffix == "_count") return Role::kCount;
  return suffix == (family.desc.type == MetricType::kHistogram ? "_bucket" : "") ? Role::kPart : Role::kOther;
}

// The labels but for the one named `bound_name`, whose whole text goes to `bound`.
std::string split_labels(std::string_view base, std::string_view extra, std::string_view bound_name,
                         RenderedLabel& bound) {
  std::string others;
  RenderedLabel label;
  for (std::string_view rest : {base, extra}) {
    while (take_label(rest, label)) {
      if (label.name == bound_name) {
        bound = label;
        continue;
      }
      if (!others.empty()) others += ',';
      others += label.whole;
    }
  }
  return others;
}

class Assembly {
 public:
  explicit Assembly(const MetricPage& page) : page_(page) {}

  bool add(const MetricPage::Family& family, const Sample& sample);
  std::optional<std::vector<Point>> finish(MetricType type);

 private:
  const MetricPage& page_;
  std::vector<Point> points_;
  std::unordered_map<std::string, size_t> places_;  // by labels
};

bool Assembly::add(const MetricPage::Family& family, const Sample& sample) {
  const Role role = role_of(family);
  RenderedLabel bound;
  const std::string_view bound_name = role != Role::kPart                          ? ""
                                      : family.desc.type == MetricType::kHistogram ? "le"
                                                                                   : "quantile";
  std::string labels = split_labels(page_.labels(sample.base), page_.labels(sample.extra), bound_name, bound);
  const auto [place, fresh] = places_.try_emplace(std::move(labels), points_.size());
  if (fresh) points_.push_back({.labels = place->first, .start_ns = page_.start_ns(sample.base)});
  Point& point = points_[place->second];
  if (role == Role::kPart) {
    const auto number = parse_double(bound.value.substr(bound.value.starts_with('+') ? 1 : 0));
    if (!number || std::isnan(*number)) return false;
    point.parts.push_back({*number, bound.whole, sample.value()});
    return true;
  }
  if (role == Role::kOther) return false;
  std::optional<Value>& total = role == Role::kSum ? point.sum : point.count;
  if (total) return false;
  total = sample.value();
  return true;
}

bool is_count(Value value) {
  constexpr double kLargest = 9007199254740992.0;  // beyond it a double is not every whole number
  const double number = value.number();
  return value.is_integer() || (number >= 0 && number <= kLargest && number == std::floor(number));
}

bool is_histogram(const Point& point) {
  double previous = 0;
  for (const Point::Part& part : point.parts) {
    if (!is_count(part.value) || part.value.number() < previous) return false;
    previous = part.value.number();
  }
  // A sum of what may be negative is no counter: OpenMetrics has none then.
  return !point.parts.empty() && point.parts.front().bound >= 0 && std::isinf(point.parts.back().bound) &&
         previous == point.count->number();
}

bool is_summary(const Point& point) {
  return std::all_of(point.parts.begin(), point.parts.end(), [](const Point::Part& part) {
    return part.bound >= 0 && part.bound <= 1 && !(part.value.number() < 0);
  });
}

bool is_complete(const Point& point, MetricType type) {
  if (!point.sum || !point.count || !is_count(*point.count) || !(point.sum->number() >= 0)) return false;
  const auto same = [](const Point::Part& a, const Point::Part& b) { return a.bound == b.bound; };
  if (std::adjacent_find(point.parts.begin(), point.parts.end(), same) != point.parts.end()) return false;
  return type == MetricType::kHistogram ? is_histogram(point) : is_summary(point);
}

std::optional<std::vector<Point>> Assembly::finish(MetricType type) {
  for (Point& point : points_) {
    std::sort(point.parts.begin(), point.parts.end(), [](const auto& a, const auto& b) { return a.bound < b.bound; });
    if (!is_complete(point, type)) return std::nullopt;
  }
  return std::move(points_);
}

}  // namespace

std::optional<std::vector<Point>> assemble(const MetricPage& page, size_t first, size_t last) {
  Assembly assembly(page);
  for (size_t entry = first; entry < last; ++entry) {
    const MetricPage::Family& family = page.families()[entry];
    const auto [begin, end] = page.samples(entry);
    for (const Sample* sample = begin; sample != end; ++sample) {
      if (!assembly.add(family, *sample)) return std::nullopt;
    }
  }
  return assembly.finish(page.families()[first].desc.type);
}

}  // namespace plimsoll::exporter
