// SPDX-License-Identifier: Apache-2.0
// The statistics of a container as `events` prints them: the members that runc's clients know. What the kernel does
// not tell is left out; members that clients expect in any case are 0. runc: types/events.go
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/cgroup/reader.h"
#include "runtime/oci/record.h"

namespace plimsoll::oci {

// `network` is the text of the container's /proc/PID/net/dev; `raw` that of memory.stat.
std::string stats_line(std::string_view id, const cgroup::Stats& stats, std::string_view network, std::string_view raw);
std::string oom_line(std::string_view id);

class StatsReader {
 public:
  static Result<StatsReader> open(const Record& record, const HostRoots& host);
  Result<std::string> line();
  // Whether processes were killed for want of memory since the last question.
  bool new_oom_kills();

 private:
  StatsReader(const Record& record, const HostRoots& host) : record_(record), host_(host) {}

  Record record_;
  HostRoots host_;
  std::unique_ptr<cgroup::FdBudget> budget_;
  std::unique_ptr<cgroup::CgroupReader> reader_;
  std::string memory_stat_;  // path
  ReadBuffer buffer_;
  cgroup::Stats stats_;
  cgroup::Count oom_kills_;
};

}  // namespace plimsoll::oci
