// SPDX-License-Identifier: Apache-2.0
#include "exporter/remote_write/label_table.h"

#include <algorithm>
#include <functional>

#include "exporter/encoding/rendered_labels.h"
#include "exporter/encoding/wire.h"

namespace plimsoll::exporter {
namespace {

bool has_label(std::string_view rendered, std::string_view wanted) {
  for (RenderedLabel label; take_label(rendered, label);) {
    if (label.name == wanted && !label.value.empty()) return true;
  }
  return false;
}

}  // namespace

void add_label(std::string& out, std::string_view name, std::string_view value) {
  out += wire::tag(1, wire::kBytes);
  wire::append_varint(out, wire::bytes_field(name.size()) + wire::bytes_field(value.size()));
  wire::append_bytes(out, 1, name);
  wire::append_bytes(out, 2, value);
}

void LabelTable::reset(const MetricPage& page) {
  page_ = &page;
  groups_.clear();
  labels_.clear();
  bytes_.clear();
}

uint64_t LabelTable::hash(LabelRef ref) { return group(ref).hash; }

std::span<const LabelTable::Label> LabelTable::labels(LabelRef ref) {
  const Group& found = group(ref);
  return std::span<const Label>(labels_).subspan(found.first, found.count);
}

const LabelTable::Group& LabelTable::group(LabelRef ref) {
  if (ref >= groups_.size()) groups_.resize(ref + size_t{1});
  if (!groups_[ref].known) groups_[ref] = parse(page_->labels(ref));
  return groups_[ref];
}

std::string_view LabelTable::final_name(std::string_view name, std::string_view rendered) {
  if (std::find(taken_.begin(), taken_.end(), name) == taken_.end()) return name;
  std::string other(name);
  do {
    other.insert(0, "exported_");
  } while (has_label(rendered, other));
  return *renamed_.insert(std::move(other)).first;
}

void LabelTable::add(std::string_view name) {
  const auto offset = static_cast<uint32_t>(bytes_.size());
  add_label(bytes_, name, value_);
  labels_.push_back({name, offset, static_cast<uint32_t>(bytes_.size() - offset)});
}

LabelTable::Group LabelTable::parse(std::string_view rendered) {
  const size_t first = labels_.size();
  std::string_view rest = rendered;
  for (RenderedLabel label; take_label(rest, label);) {
    if (label.value.empty()) continue;
    value_.clear();
    append_unescaped(value_, label.value);
    add(final_name(label.name, rendered));
  }
  const auto begin = labels_.begin() + static_cast<ptrdiff_t>(first);
  std::stable_sort(begin, labels_.end(), [](const Label& a, const Label& b) { return a.name < b.name; });
  // A name twice is refused by receivers, with all the samples beside it.
  labels_.erase(std::unique(begin, labels_.end(), [](const Label& a, const Label& b) { return a.name == b.name; }),
                labels_.end());
  Group group = {true, static_cast<uint32_t>(first), static_cast<uint32_t>(labels_.size() - first), 0};
  for (size_t at = first; at < labels_.size(); ++at) group.hash += std::hash<std::string_view>{}(encoded(labels_[at]));
  return group;
}

}  // namespace plimsoll::exporter
