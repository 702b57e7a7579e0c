// SPDX-License-Identifier: Apache-2.0
#include "collectors/container/families.h"

#include <algorithm>

#include "collectors/container/rows.h"

namespace plimsoll::collectors::container {
namespace {

std::vector<const Row*> sorted_rows() {
  std::vector<const Row*> rows;
  for (const auto& area : {cpu_rows(), memory_rows(), io_rows(), network_rows(), process_rows(), life_rows()}) {
    for (const Row& row : area) rows.push_back(&row);
  }
  std::sort(rows.begin(), rows.end(), [](const Row* a, const Row* b) { return a->desc.name < b->desc.name; });
  return rows;
}

bool applies(const Row& row, const Subject& subject) {
  return subject.live() || row.desc.type == kCounter || row.of_ended;
}

// One row within the budget. A subject whose samples do not fit in is left out of the family as a whole: half of a
// container's devices would be taken for all of them.
class Bounded {
 public:
  Bounded(PageContext& page, size_t subjects) : page_(page), used_(page.budget.per_container > 0 ? subjects : 0) {}

  void start_family() { family_ = 0; }

  void write(const Row& row, const Subject& subject, size_t index) {
    const size_t before = page_.writer.sample_count();
    row.write(page_, subject);
    const size_t added = page_.writer.sample_count() - before;
    const SeriesBudget& budget = page_.budget;
    const bool over = (budget.per_family > 0 && family_ + added > budget.per_family) ||
                      (budget.per_container > 0 && used_[index] + added > budget.per_container);
    if (over) {
      page_.writer.take_back_over_budget(before);
      return;
    }
    family_ += added;
    if (!used_.empty()) used_[index] += added;
  }

 private:
  PageContext& page_;
  std::vector<size_t> used_;  // samples of each subject so far
  size_t family_ = 0;
};

}  // namespace

const std::vector<const Row*>& all_rows() {
  static const std::vector<const Row*> rows = sorted_rows();
  return rows;
}

void write_families(PageContext& page, std::span<const Subject> subjects) {
  const bool bounded = page.budget.per_container > 0 || page.budget.per_family > 0;
  Bounded budget(page, subjects.size());
  for (const Row* row : all_rows()) {
    if (!page.kinds.has(row->kind)) continue;
    if (!page.writer.family(row->desc)) continue;
    budget.start_family();
    for (size_t i = 0; i < subjects.size(); ++i) {
      if (!applies(*row, subjects[i])) continue;
      bounded ? budget.write(*row, subjects[i], i) : row->write(page, subjects[i]);
    }
  }
}

bool wants_families(const MetricWriter& writer, Kind kind) {
  if (!writer.has_rules()) return true;
  bool any = false;
  for (const Row* row : all_rows()) {
    if (row->kind != kind) continue;
    if (writer.wants_family(row->desc.name)) return true;
    any = true;
  }
  return !any;
}

std::vector<MetricDesc> family_descriptions() {
  std::vector<MetricDesc> descriptions;
  for (const Row* row : all_rows()) descriptions.push_back(row->desc);
  return descriptions;
}

}  // namespace plimsoll::collectors::container
