// SPDX-License-Identifier: Apache-2.0
// What one command of a runtime costs, seen from outside. bench_meter starts and reaps the command, because
// ru_maxrss is inherited over fork and vfork: started by a large benchmark every command would look as large.
// getrusage(2), wait4(2), PR_SET_CHILD_SUBREAPER(2const)
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "tests/bench/support.h"

namespace plimsoll::bench {

// As bench_meter writes it to its descriptor 3.
struct Cost {
  int64_t wall_ns = 0;         // until the command itself was reaped
  int64_t cpu_ns = 0;          // user + system of all that was reaped
  int64_t peak_rss_bytes = 0;  // of the command and what it reaped
  int32_t status = 0;          // of wait4
  int32_t errno_of_start = 0;  // not 0: it could not be started
};

// What becomes of processes that outlive the command that started them.
enum class Orphans {
  kAwaited,  // reaped by the meter and counted: `run`, `exec`
  kLeft,     // they become the caller's children: `create`, whose container lives on
};

// Makes this process the parent of all orphans of what it starts.
void adopt_orphans();
// CPU time of at least `count` orphans that have ended or do so within `timeout`; all are reaped.
Result<int64_t> reap_orphans(int count, milliseconds timeout);

// Runs `argv` with the program `meter` in between. Output goes to the end of the file `log`. An error says what
// the command said when it did not exit with 0.
Result<Cost> measure(const std::string& meter, Orphans orphans, const std::vector<std::string>& argv,
                     const std::string& log);

}  // namespace plimsoll::bench
