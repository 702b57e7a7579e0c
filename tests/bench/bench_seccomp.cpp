// SPDX-License-Identifier: Apache-2.0
// What a system call filter costs: compiled by us and by libseccomp from the same configuration, as large as an
// engine's, and how many instructions a decision takes. CPU time, medians.
//
//   bench_seccomp [--rounds 101]
#include <linux/audit.h>
#include <time.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include "runtime/seccomp/compile.h"
#include "runtime/seccomp/default_filter.h"
#include "tests/bench/support.h"
#include "tests/unit/bpf_interpreter.h"
#include "tests/unit/libseccomp_reference.h"
#include "tests/unit/seccomp_profiles.h"

namespace plimsoll::bench {
namespace {

// Of x86_64: read, write, openat, close, newfstatat, mmap, futex, epoll_wait, recvfrom, sendto, clone, execve.
constexpr int kCommonCalls[] = {0, 1, 257, 3, 262, 9, 202, 232, 45, 44, 56, 59};

double microseconds() {
  timespec now = {};
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) * 1e6 + static_cast<double>(now.tv_nsec) / 1e3;
}

template <typename Work>
double median_of(int rounds, const Work& work) {
  std::vector<double> times;
  for (int i = 0; i < rounds; ++i) {
    const double before = microseconds();
    work();
    times.push_back(microseconds() - before);
  }
  return median(std::move(times));
}

double mean_executed(std::span<const sock_filter> program) {
  double sum = 0;
  for (int number : kCommonCalls) {
    seccomp_data data = {};
    data.nr = number;
    data.arch = AUDIT_ARCH_X86_64;
    sum += seccomp::interpret(program, data).value_or(seccomp::Outcome()).executed;
  }
  return sum / std::size(kCommonCalls);
}

void print(const char* name, double time, double first, std::span<const sock_filter> program) {
  std::printf("  %-34s %10.0f %8.1f %12zu %10.1f\n", name, time, time / first, program.size(), mean_executed(program));
}

void compare(const char* title, const spec::Seccomp& config, int rounds) {
  auto ours = seccomp::compile(config);
  const double our_time = median_of(rounds, [&] { ours = seccomp::compile(config); });
  std::vector<sock_filter> theirs;
  const double their_time =
      median_of(std::max(rounds / 10, 3), [&] { theirs = seccomp::LibseccompReference(config).program(); });
  if (!ours) return (void)std::printf("  %s\n", ours.error().message().c_str());
  std::printf("  %-34s %10s %8s %12s %10s\n", title, "us", "ratio", "instructions", "executed");
  print("compile", our_time, our_time, ours->program);
  print("libseccomp, to a memfd", their_time, our_time, theirs);
}

}  // namespace
}  // namespace plimsoll::bench

int main(int argc, char** argv) {
  using namespace plimsoll;
  const int rounds = std::max(3, std::atoi(bench::option(argc, argv, "rounds", "101").c_str()));
  auto config = seccomp::engine_profile();
  bench::compare("x86_64, x86 and x32", config, rounds);
  config.architectures.clear();
  bench::compare("x86_64", config, rounds);
  std::printf("  built-in filter: %zu instructions, %.1f executed\n", seccomp::default_filter().size(),
              bench::mean_executed(seccomp::default_filter()));
  return 0;
}
