// SPDX-License-Identifier: Apache-2.0
// Final records of ended containers, and the totals they end up in. No counter is lost and none is
// counted twice, whatever is killed when:
//
//   monitor   writes RUNROOT/exited/ID (write + rename) BEFORE it removes the cgroup
//   consumer  holds RUNROOT/consumer.lock; adds expired records to ROOT/totals.json, which names the
//             ids it has just added (write + rename), THEN deletes the records. A record whose id is
//             named in totals.json has been counted: it is only deleted. The ids of deleted records
//             are dropped with the next change, but never while the container's state.json says that
//             it has not ended: then its record may be written a second time (see reconcile).
//   readers   totals first, records second, totals again: unchanged generation = consistent.
//
// The consumer is the agent; without one, any plimsoll command that gets the lock.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "base/os.h"
#include "base/result.h"
#include "runtime/container/record.h"

namespace plimsoll::container {

// Sums over every consumed record since ROOT was made.
struct Totals {
  uint64_t generation = 0;                             // grows with every change
  uint64_t containers = 0, oom_kills = 0, failed = 0;  // failed = exit code not 0
  uint64_t cpu_usage_ns = 0, cpu_user_ns = 0, cpu_system_ns = 0, cfs_throttled_ns = 0;
  uint64_t read_bytes = 0, written_bytes = 0, reads = 0, writes = 0;
  uint64_t receive_bytes = 0, transmit_bytes = 0, receive_packets = 0, transmit_packets = 0;
  uint64_t page_faults = 0, major_page_faults = 0;
  std::vector<std::string> counted_ids;  // added, record perhaps not deleted yet

  void add(const ExitRecord& record);
};

// A consistent view: every ended container is in exactly one of the two.
struct SpoolView {
  Totals totals;
  std::vector<ExitRecord> records;  // not yet counted in totals
  std::vector<ExitRecord> folded;   // counted by this very consume(); their cgroup may still be there
  size_t unreadable = 0;            // records skipped: malformed or of a newer format
};

inline constexpr size_t kMaxRecords = 10'000;  // beyond it the oldest are consumed early

// Records are immutable, so each is parsed once and kept while its file exists. One thread at a time.
class Spool {
 public:
  explicit Spool(StateRoots roots) : roots_(std::move(roots)) {}

  // Monitor's side: makes the record visible and durable against everything but a reboot. Doing it
  // again for the same container is harmless.
  Result<void> put(const ExitRecord& record);

  // Reader's side. Missing directories are an empty view.
  Result<SpoolView> read();

  // Consumer's side. try_lock() gives an invalid fd when somebody else is the consumer.
  Result<UniqueFd> try_lock() const;
  // Folds every record for which `expired` says so into the totals and returns the view after that:
  // what is folded is in its totals, what is not is in its records. Needs the lock held.
  Result<SpoolView> consume(const std::function<bool(const ExitRecord&)>& expired);

 private:
  Result<size_t> refresh();
  SpoolView view(Totals totals, size_t unreadable) const;
  Result<void> drop_counted(const std::vector<std::string>& ids, std::vector<ExitRecord>& folded);

  StateRoots roots_;
  std::map<std::string, ExitRecord> parsed_;
};

}  // namespace plimsoll::container
