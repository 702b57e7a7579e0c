// SPDX-License-Identifier: Apache-2.0
#include "exporter/remote_write/write_request.h"

#include <snappy.h>

#include <algorithm>
#include <cmath>

#include "exporter/encoding/wire.h"

namespace plimsoll::exporter {
namespace {

constexpr std::string_view kName = "__name__";

std::vector<std::string> names_of(const TextPairs& pairs) {
  std::vector<std::string> names;
  for (const auto& [name, value] : pairs) {
    if (!value.empty()) names.push_back(name);
  }
  return names;
}

size_t encoded_size(const TextPairs& pairs) {
  size_t size = 0;
  for (const auto& [name, value] : pairs) size += name.size() + value.size() + 32;
  return size;
}

// Every not-a-number of ours is the same one, lest it be taken for a stale marker.
double without_payload(double value) { return std::isnan(value) ? std::bit_cast<double>(0x7ff8000000000001) : value; }

// Of a message with `size` bytes, which are to follow.
void add_head(std::string& out, int field, size_t size) {
  out += wire::tag(field, wire::kBytes);
  wire::append_varint(out, size);
}

// Which of a sorted list have been met.
class Checklist {
 public:
  explicit Checklist(const SeriesIds& ids) : ids_(ids), met_(ids.size()) {}
  bool has(uint64_t id) {
    const auto found = std::lower_bound(ids_.begin(), ids_.end(), id);
    at_ = static_cast<size_t>(found - ids_.begin());
    return found != ids_.end() && *found == id;
  }
  // Of the id that has() has found: whether it is met for the first time.
  bool first_time() {
    const bool first = !met_[at_];
    met_[at_] = true;
    return first;
  }

 private:
  const SeriesIds& ids_;
  std::vector<bool> met_;
  size_t at_ = 0;
};

}  // namespace

WriteRequests::WriteRequests(const Options& options, Sink sink)
    : options_(options), sink_(std::move(sink)), table_(names_of(options.target_labels)) {
  fixed_bytes_.reserve(encoded_size(options_.target_labels) + encoded_size(options_.external_labels));
  for (auto [pairs, list] :
       {std::pair(&options_.target_labels, &target_), std::pair(&options_.external_labels, &external_)}) {
    std::sort(pairs->begin(), pairs->end());
    for (const auto& [name, value] : *pairs) {
      if (value.empty()) continue;
      const size_t first = fixed_bytes_.size();
      add_label(fixed_bytes_, name, value);
      list->emplace_back(name, std::string_view(fixed_bytes_).substr(first));
    }
  }
}

uint64_t WriteRequests::id(const MetricPage& page, size_t family, const Sample& sample) {
  const uint64_t name = std::hash<std::string_view>{}(page.families()[family].sample_name);
  return name * 0x9e3779b97f4a7c15 + table_.hash(sample.base) + table_.hash(sample.extra);
}

SeriesIds WriteRequests::identify(const MetricPage& page, SeriesIds& twice) {
  in_order_.clear();
  for (size_t family = 0; family < page.families().size(); ++family) {
    const auto [first, last] = page.samples(family);
    for (const Sample* sample = first; sample != last; ++sample) in_order_.push_back(id(page, family, *sample));
  }
  SeriesIds all = in_order_;
  std::sort(all.begin(), all.end());
  for (size_t at = 1; at < all.size(); ++at) {
    if (all[at] == all[at - 1] && (twice.empty() || twice.back() != all[at])) twice.push_back(all[at]);
  }
  all.erase(std::unique(all.begin(), all.end()), all.end());
  return all;
}

SeriesIds WriteRequests::add(const MetricPage& page, int64_t timestamp_ms) {
  table_.reset(page);
  SeriesIds twice;
  SeriesIds all = identify(page, twice);
  Checklist doubled(twice);
  size_t at = 0;
  for (size_t family = 0; family < page.families().size(); ++family) {
    set_name(page.families()[family].sample_name);
    const auto [first, last] = page.samples(family);
    for (const Sample* sample = first; sample != last; ++sample) {
      if (doubled.has(in_order_[at++]) && !doubled.first_time()) continue;
      add_series(*sample, without_payload(sample->value().number()), timestamp_ms);
    }
  }
  return all;
}

void WriteRequests::add_ended(const MetricPage& page, const SeriesIds& ended, int64_t timestamp_ms) {
  if (ended.empty()) return;
  table_.reset(page);
  Checklist list(ended);
  for (size_t family = 0; family < page.families().size(); ++family) {
    set_name(page.families()[family].sample_name);
    const auto [first, last] = page.samples(family);
    for (const Sample* sample = first; sample != last; ++sample) {
      if (list.has(id(page, family, *sample)) && list.first_time())
        add_series(*sample, std::bit_cast<double>(kStaleBits), timestamp_ms);
    }
  }
}

void WriteRequests::set_name(std::string_view name) {
  name_bytes_.clear();
  add_label(name_bytes_, kName, name);
}

// Merges labels into gathered_; of two with one name the one that is there already stays.
void WriteRequests::merge(std::span<const LabelTable::Label> labels) {
  if (labels.empty()) return;
  merged_.clear();
  auto here = gathered_.begin();
  for (const LabelTable::Label& label : labels) {
    while (here != gathered_.end() && here->first < label.name) merged_.push_back(*here++);
    if (here == gathered_.end() || here->first != label.name) merged_.emplace_back(label.name, table_.encoded(label));
  }
  merged_.insert(merged_.end(), here, gathered_.end());
  gathered_.swap(merged_);
}

// All labels of a series whose id has been asked for, sorted, into gathered_. Returns the size of their fields.
size_t WriteRequests::gather(const Sample& sample) {
  gathered_.assign(target_.begin(), target_.end());
  const auto before_name = [](const Encoded& label) { return label.first < kName; };
  gathered_.insert(std::find_if_not(gathered_.begin(), gathered_.end(), before_name), Encoded(kName, name_bytes_));
  merge(table_.labels(sample.base));
  merge(table_.labels(sample.extra));
  for (const Encoded& label : external_) {
    const auto place = std::lower_bound(gathered_.begin(), gathered_.end(), label,
                                        [](const Encoded& a, const Encoded& b) { return a.first < b.first; });
    if (place == gathered_.end() || place->first != label.first) gathered_.insert(place, label);
  }
  size_t size = 0;
  for (const Encoded& label : gathered_) size += label.second.size();
  return size;
}

void WriteRequests::add_series(const Sample& sample, double value, int64_t timestamp_ms) {
  const auto time = static_cast<uint64_t>(timestamp_ms);
  const size_t sample_size = wire::kDoubleField + 1 + wire::varint_size(time);
  const size_t size = gather(sample) + wire::bytes_field(sample_size);
  if (samples_ > 0 && request_.size() + wire::bytes_field(size) > options_.max_bytes) finish();
  add_head(request_, 1, size);
  for (const Encoded& label : gathered_) request_ += label.second;
  add_head(request_, 2, sample_size);
  wire::append_double(request_, 1, value);
  wire::append_number(request_, 2, time);
  if (++samples_ >= options_.max_samples) finish();
}

void WriteRequests::finish() {
  if (samples_ == 0) return;
  WriteBatch batch;
  snappy::Compress(request_.data(), request_.size(), &batch.body);
  batch.samples = samples_;
  request_.clear();
  samples_ = 0;
  sink_(std::move(batch));
}

}  // namespace plimsoll::exporter
