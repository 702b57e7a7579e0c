// SPDX-License-Identifier: Apache-2.0
// A small static program that starts another one (vfork, execve, wait4) and writes its cost (runtime_meter.h) to
// descriptor 3. The other's peak RSS starts at this program's own, which is therefore the least that can be seen.
//
//   bench_meter awaited|left PROGRAM [ARGUMENTS...]
//
// With "awaited" it also reaps what the program leaves behind, and counts it.
#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <ctime>

#include "tests/bench/runtime_meter.h"

namespace {

constexpr int kAnswer = 3;

int64_t now_ns() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1'000'000'000 + now.tv_nsec;
}

int64_t ns_of(const timeval& time) { return time.tv_sec * 1'000'000'000 + time.tv_usec * 1'000; }

// wait4 of one: what a process has reaped itself is in its own figures.
pid_t reap(pid_t which, plimsoll::bench::Cost& cost, int& status, rusage& usage) {
  pid_t pid = -1;
  do {
    pid = wait4(which, &status, 0, &usage);
  } while (pid < 0 && errno == EINTR);
  if (pid > 0) cost.cpu_ns += ns_of(usage.ru_utime) + ns_of(usage.ru_stime);
  return pid;
}

void wait_for(pid_t child, bool all, int64_t start, plimsoll::bench::Cost& cost) {
  int status = 0;
  rusage usage{};
  for (;;) {
    const pid_t pid = reap(all ? -1 : child, cost, status, usage);
    if (pid < 0) return;
    if (pid != child) continue;
    cost.wall_ns = now_ns() - start;
    cost.status = status;
    cost.peak_rss_bytes = usage.ru_maxrss * 1024;
    if (!all) return;
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) return 2;
  const bool all = std::strcmp(argv[1], "awaited") == 0;
  if (all) prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
  fcntl(kAnswer, F_SETFD, FD_CLOEXEC);
  plimsoll::bench::Cost cost;
  volatile int failure = 0;  // written by the child, which has this memory until it executes
  const int64_t start = now_ns();
  const pid_t child = vfork();
  if (child == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);  // for when the benchmark has had enough of waiting
    execve(argv[2], argv + 2, environ);
    failure = errno;
    _exit(127);
  }
  if (child < 0) failure = errno;
  if (child > 0) wait_for(child, all, start, cost);
  cost.errno_of_start = failure;
  return write(kAnswer, &cost, sizeof(cost)) == sizeof(cost) ? 0 : 1;
}
