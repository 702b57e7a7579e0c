// SPDX-License-Identifier: Apache-2.0
// The model of an exposition: families of samples, recorded flat, encoded later.
//
// A collector writes to a MetricWriter; the finished MetricPage is immutable and may be shared by
// several requests, each of which encodes it in its own format (exporter/encoding/text.h). A sample is 16
// bytes: two label references and a value. Labels are escaped once per page, however many samples
// carry them. Writing a sample is no virtual call and, past the first page, no allocation.
//
// Formats: https://prometheus.io/docs/instrumenting/exposition_formats/
#pragma once

#include <bit>
#include <cstdint>
#include <deque>
#include <functional>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/metric_rules.h"

namespace plimsoll {

enum class MetricType : uint8_t { kCounter, kGauge, kUntyped, kHistogram, kSummary };

// What a family is. `name` and `help` must outlive every page that mentions them: descs are
// constexpr tables. `help` ends with a full stop and states the unit.
struct MetricDesc {
  std::string_view name;
  std::string_view help;
  MetricType type;
};

// A sample's value: a double, or an unsigned integer that is written with all its digits.
class Value {
 public:
  constexpr Value(double number) : bits_(std::bit_cast<uint64_t>(number)), integer_(false) {}
  constexpr Value(uint64_t number) : bits_(number), integer_(true) {}
  constexpr Value(int number) : Value(static_cast<double>(number)) {}
  constexpr Value(bool yes) : bits_(yes ? 1 : 0), integer_(true) {}

  constexpr bool is_integer() const { return integer_; }
  constexpr uint64_t integer() const { return bits_; }
  constexpr double number() const { return integer_ ? static_cast<double>(bits_) : std::bit_cast<double>(bits_); }

 private:
  friend struct Sample;
  uint64_t bits_;
  bool integer_;
};

// Label pairs rendered as they stand between the braces: id="/a",name="b". Values may be any
// bytes: quotes, backslashes and line ends are escaped, and bytes that are not UTF-8 (or are NUL)
// become U+FFFD, since Prometheus would refuse the whole scrape for one of them.
class LabelSet {
 public:
  LabelSet() = default;
  LabelSet(std::initializer_list<std::pair<std::string_view, std::string_view>> pairs);

  // `name` must be a valid label name (see label_name_from); it is not checked.
  void add(std::string_view name, std::string_view value);
  void clear() { rendered_.clear(); }
  std::string_view rendered() const { return rendered_; }
  bool empty() const { return rendered_.empty(); }

 private:
  std::string rendered_;
};

// `text` with every character outside [a-zA-Z0-9_] turned into '_' (and one put before a digit).
std::string label_name_from(std::string_view text);

// Reference to labels stored in one page; 0 is "no labels".
using LabelRef = uint32_t;

struct Sample {
  LabelRef base;
  uint32_t extra : 31;
  uint32_t is_integer : 1;
  uint64_t bits;

  static Sample of(LabelRef base, LabelRef extra, Value value) {
    return {base, extra & 0x7fffffffu, value.integer_ ? 1u : 0u, value.bits_};
  }
  Value value() const { return is_integer ? Value(bits) : Value(std::bit_cast<double>(bits)); }
};

// One collection's samples, grouped by family. Thread-safe to read once the writer is done.
class MetricPage {
 public:
  struct Family {
    MetricDesc desc;
    uint32_t first;  // index of its first sample; the family ends where the next one begins
    // What the samples are called: desc.name, but in a histogram or a summary perhaps with _bucket, _sum or
    // _count behind it. Each name is an entry of its own here, of which only the first starts the family.
    std::string_view sample_name;
    bool starts = true;
  };

  const std::vector<Family>& families() const { return families_; }
  // Samples of families()[index], in writing order.
  std::pair<const Sample*, const Sample*> samples(size_t index) const;
  // Rendered labels behind a reference, "" for 0.
  std::string_view labels(LabelRef ref) const;
  size_t sample_count() const { return samples_.size(); }

 private:
  friend class MetricWriter;
  struct Span {
    uint32_t offset;
    uint32_t length;
  };
  std::vector<Family> families_;
  std::vector<Sample> samples_;
  std::vector<Span> spans_{{0, 0}};
  std::string text_;                 // all rendered labels, end to end
  std::deque<std::string> strings_;  // names and helps of families made at run time
};

// Records one page. Single-threaded. A family must be started before its samples and is written
// in one piece; a family without samples does not appear.
class MetricWriter {
 public:
  // `deadline_ns` (CLOCK_MONOTONIC): when whoever asked for the page stops waiting for it. Slow collectors
  // leave out what they would not have in time. `wanted`: whether he wants what goes by this name, such as
  // "cpu" or "container.memory"; an empty one wants everything. `rules`: which samples are left out, in
  // silence; nullptr for none.
  using Wanted = std::function<bool(std::string_view name)>;
  explicit MetricWriter(int64_t deadline_ns = INT64_MAX, Wanted wanted = {}, const PageRules* rules = nullptr)
      : deadline_ns_(deadline_ns), wanted_(std::move(wanted)), rules_(rules) {}
  int64_t deadline_ns() const { return deadline_ns_; }
  bool wants(std::string_view name) const { return !wanted_ || wanted_(name); }
  bool wants_everything() const { return !wanted_; }
  bool has_rules() const { return rules_ != nullptr; }
  // Whether the rules let samples of this family pass.
  bool wants_family(std::string_view name) const { return rules_ == nullptr || rules_->rule(name, name).wanted; }

  // Starts a family described by a constant. False when the rules leave it out, for those who can spare
  // themselves the work: its samples are not kept.
  bool family(const MetricDesc& desc);
  // Starts a family whose name comes from the kernel (meminfo, netstat ...); the strings are copied.
  bool family(std::string_view name, std::string_view help, MetricType type);
  // The samples that follow are called by the family's name and `suffix` ("_bucket", "_sum", "_count", ""):
  // the parts of a histogram or a summary.
  void part(std::string_view suffix);
  // Whether the page has samples of a family of that name.
  bool has_family(std::string_view name) const;

  // Stores labels for use by any number of samples of this page.
  LabelRef labels(const LabelSet& set) { return labels(set.rendered()); }
  LabelRef labels(std::string_view rendered);

  void sample(Value value) { put(0, 0, value); }
  void sample(LabelRef base, Value value) { put(base, 0, value); }
  // Two label groups joined by a comma: a container's own and this sample's.
  void sample(LabelRef base, LabelRef extra, Value value) { put(base, extra, value); }

  // A family of one sample without labels.
  void single(const MetricDesc& desc, Value value) {
    family(desc);
    sample(value);
  }

  // Samples so far, and back to there: takes back samples of the family being written.
  size_t sample_count() const { return page_.sample_count(); }
  void take_back(size_t count) { page_.samples_.resize(count); }
  // The same for samples over a budget, which are counted.
  void take_back_over_budget(size_t count) {
    over_budget_ += page_.samples_.size() - count;
    take_back(count);
  }

  // What was left out of this page by a selector, and for want of budget.
  uint64_t dropped_by_rule() const { return dropped_; }
  uint64_t dropped_over_budget() const { return over_budget_; }

  // Ends the page; the writer is empty afterwards.
  MetricPage finish();

 private:
  void put(LabelRef base, LabelRef extra, Value value) {
    if (guarded_ && leaves_out(base, extra)) return;
    page_.samples_.push_back(Sample::of(base, extra, value));
  }
  void drop_empty_family();
  bool apply_rules(std::string_view family, std::string_view series);
  bool leaves_out(LabelRef base, LabelRef extra);

  MetricPage page_;
  int64_t deadline_ns_;
  Wanted wanted_;
  const PageRules* rules_;
  FamilyRule rule_;                      // of the family that is being written
  bool guarded_ = false;                 // whether it leaves out anything
  std::vector<LabelMatch> matches_{{}};  // of each LabelRef, when there are selectors
  uint64_t dropped_ = 0, over_budget_ = 0;
};

}  // namespace plimsoll
