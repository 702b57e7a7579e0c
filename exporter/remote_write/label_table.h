// SPDX-License-Identifier: Apache-2.0
// The labels of one page as remote write wants them: each encoded as a field `labels` of prometheus.TimeSeries,
// sorted by name, without those that are empty (to Prometheus the same as absent). What stands behind a label
// reference is made when it is first asked for, so that a container's labels are parsed once and not per sample.
//
//   id="/a",image="",name="b"  ->  id, name
#pragma once

#include <cstdint>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/metric.h"

namespace plimsoll::exporter {

// Appends {name, value} as the field `labels` of a TimeSeries.
void add_label(std::string& out, std::string_view name, std::string_view value);

// Not thread-safe.
class LabelTable {
 public:
  struct Label {
    std::string_view name;
    uint32_t offset, length;  // of its encoding in `bytes`
  };

  // `taken`: names that the samples get from us. A page's label of such a name is called exported_NAME, as
  // in a scrape; with one more exported_ while the series has a label of that name, too.
  explicit LabelTable(std::vector<std::string> taken) : taken_(std::move(taken)) {}

  // Starts over. `page` must live until the next call.
  void reset(const MetricPage& page);

  // Sum of the hashes of a reference's labels, whatever their order: two sums added are the sum of both.
  uint64_t hash(LabelRef ref);
  // Sorted; valid until a reference that was not asked for yet is.
  std::span<const Label> labels(LabelRef ref);
  std::string_view encoded(const Label& label) const {
    return std::string_view(bytes_).substr(label.offset, label.length);
  }

 private:
  struct Group {
    bool known = false;
    uint32_t first = 0, count = 0;  // in labels_
    uint64_t hash = 0;
  };
  const Group& group(LabelRef ref);
  Group parse(std::string_view rendered);
  void add(std::string_view name);
  std::string_view final_name(std::string_view name, std::string_view rendered);

  const std::vector<std::string> taken_;
  std::set<std::string> renamed_;  // what labels_ points to where the page has another name
  const MetricPage* page_ = nullptr;
  std::vector<Group> groups_;  // by reference
  std::vector<Label> labels_;
  std::string bytes_;
  std::string value_;  // of the label being parsed
};

}  // namespace plimsoll::exporter
