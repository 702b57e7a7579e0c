// SPDX-License-Identifier: Apache-2.0
// Containers of ours that have ended: shown with their last counters until their retention is over,
// then part of the totals. In every scrape a container is exactly one of live, frozen and counted;
// the spool keeps the last two apart (runtime/container/spool.h), this class the first two.
//
// The monitor writes a container's record before it removes the cgroup. So groups are listed and read
// first and the spool afterwards: a container that ends in between is seen twice, never not at all,
// and its record wins.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/metric.h"
#include "collectors/container/ends.h"
#include "collectors/container/families.h"
#include "collectors/container/inventory.h"
#include "collectors/container/labels.h"
#include "runtime/container/spool.h"

namespace plimsoll::collectors::container {

class Exited {
 public:
  Exited(plimsoll::container::StateRoots roots, std::chrono::nanoseconds retention, LabelPolicy labels)
      : spool_(std::move(roots)), retention_(retention), labels_(std::move(labels)) {}

  // Reads the spool (and, as its consumer, moves expired records to the totals) at unix time `now_ns`,
  // and takes `live` from each group of `inventory` that has in truth ended. Error: the spool cannot be
  // read; nothing is shown as frozen or counted then.
  Result<void> update(const Inventory& inventory, int64_t now_ns);

  // Adds what is to be shown frozen. Valid until the next update().
  void add_subjects(MetricWriter& writer, std::vector<Subject>& subjects, std::vector<End>& ends);
  void set_labels(const LabelPolicy& policy) { labels_ = policy; }
  // plimsoll_exited_*.
  void write(MetricWriter& writer) const;

 private:
  using Record = plimsoll::container::ExitRecord;
  Result<plimsoll::container::SpoolView> take_view(const Inventory& inventory, int64_t now_ns);
  void settle(const Inventory& inventory);
  void drop_repeated();

  plimsoll::container::Spool spool_;
  std::chrono::nanoseconds retention_;
  LabelPolicy labels_;
  UniqueFd lock_;  // held from when we are the consumer until the agent ends
  plimsoll::container::SpoolView view_;
  std::vector<engine::Identity> identities_;  // of view_.records
  bool readable_ = false;
  // Counted containers whose directory may still stand: path -> inode.
  std::map<std::string, uint64_t> counted_;
};

}  // namespace plimsoll::collectors::container
