// SPDX-License-Identifier: Apache-2.0
// plimsoll-load NAME ARGUMENT...: a known load, and on stdout one JSON object with its own count of it.
// Static, so that a root file system for it needs no other file.
#include "load.h"

#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <string_view>

#include "base/os.h"
#include "base/text.h"

namespace plimsoll::load {

Result<uint64_t> count_argument(const std::string& text, const char* what) {
  if (const auto value = parse_u64(text)) return *value;
  return fail(std::string(what) + " must be a whole number, not '" + text + "'");
}

Result<uint64_t> size_argument(const std::string& text, const char* what) {
  if (const auto value = parse_size(text)) return *value;
  return fail(std::string(what) + " must be a size such as 1048576 or 1m, not '" + text + "'");
}

Result<double> seconds_argument(const std::string& text, const char* what) {
  const auto value = parse_double(text);
  if (value && *value >= 0 && *value <= 86'400) return *value;
  return fail(std::string(what) + " must be seconds between 0 and 86400, not '" + text + "'");
}

void sleep_for(double seconds) {
  timespec rest{static_cast<time_t>(seconds), static_cast<long>((seconds - static_cast<time_t>(seconds)) * 1e9)};
  while (nanosleep(&rest, &rest) != 0 && errno == EINTR) {
  }
}

namespace {

double process_cpu_seconds() {
  timespec now{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) / 1e9;
}

double seconds_of(const timeval& time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
}

// Burns until the whole process has used `until` seconds of CPU, start-up included.
void burn(double until) {
  volatile uint64_t sink = 0;
  while (process_cpu_seconds() < until) {
    for (int round = 0; round < 10'000; ++round) sink = sink * 6364136223846793005U + 1442695040888963407U;
  }
}

std::string cpu_report() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const double user = seconds_of(usage.ru_utime);
  const double system = seconds_of(usage.ru_stime);
  char text[128];
  std::snprintf(text, sizeof text, R"({"cpu_seconds":%.6f,"user_seconds":%.6f,"system_seconds":%.6f})", user + system,
                user, system);
  return text;
}

Report cpu(const Arguments& arguments) {
  const auto seconds = seconds_argument(arguments[0], "SECONDS");
  if (!seconds) return unexpected(seconds.error());
  burn(*seconds);
  return cpu_report();
}

Report spin(const Arguments& arguments) {
  const auto milliseconds = count_argument(arguments[0], "MILLISECONDS");
  if (!milliseconds) return unexpected(milliseconds.error());
  burn(process_cpu_seconds() + static_cast<double>(*milliseconds) / 1e3);
  return cpu_report();
}

// Bytes of the mapping that are in memory now, by mincore(2).
uint64_t resident_bytes(void* start, size_t length, size_t page) {
  std::vector<unsigned char> pages((length + page - 1) / page);
  if (mincore(start, length, pages.data()) != 0) return 0;
  uint64_t resident = 0;
  for (const unsigned char flags : pages) resident += (flags & 1U) * page;
  return resident;
}

// The report comes while the memory is held, so that a test can look at the container then.
Report memory(const Arguments& arguments) {
  const auto bytes = size_argument(arguments[0], "BYTES");
  if (!bytes) return unexpected(bytes.error());
  const auto seconds = seconds_argument(arguments[1], "SECONDS");
  if (!seconds) return unexpected(seconds.error());
  void* const start = mmap(nullptr, *bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (start == MAP_FAILED) return fail_errno("mmap of " + arguments[0]);
  const size_t page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  madvise(start, *bytes, MADV_NOHUGEPAGE);  // else up to 2 MiB more than asked for
  for (size_t at = 0; at < *bytes; at += page) static_cast<volatile char*>(start)[at] = 1;
  std::printf("{\"resident_bytes\":%llu}\n", static_cast<unsigned long long>(resident_bytes(start, *bytes, page)));
  std::fflush(stdout);
  sleep_for(*seconds);
  return std::string();
}

Report sleep_command(const Arguments& arguments) {
  const auto seconds = seconds_argument(arguments[0], "SECONDS");
  if (!seconds) return unexpected(seconds.error());
  sleep_for(*seconds);
  return R"({"slept_seconds":)" + arguments[0] + "}";
}

Report fork_command(const Arguments& arguments) {
  const auto count = count_argument(arguments[0], "COUNT");
  if (!count) return unexpected(count.error());
  for (uint64_t done = 0; done < *count; ++done) {
    const pid_t child = fork();
    if (child < 0) return fail_errno("fork after " + std::to_string(done) + " children");
    if (child == 0) _exit(0);
    waitpid(child, nullptr, 0);
  }
  return R"({"forked":)" + std::to_string(*count) + "}";
}

// Numbered lines, one write(2) each: a gap or a torn line shows in a log.
Report print_lines(const Arguments& arguments) {
  const auto count = count_argument(arguments[0], "LINES");
  if (!count) return unexpected(count.error());
  const auto pause = seconds_argument(arguments[1], "SECONDS");
  if (!pause) return unexpected(pause.error());
  for (uint64_t line = 1; line <= *count; ++line) {
    const auto written = write_all(STDOUT_FILENO, "line " + std::to_string(line) + "\n");
    if (!written) return unexpected(written.error().within("stdout"));
    sleep_for(*pause);
  }
  return R"({"lines":)" + std::to_string(*count) + "}";
}

Report exit_command(const Arguments& arguments) {
  const auto code = count_argument(arguments[0], "CODE");
  if (!code) return unexpected(code.error());
  _exit(static_cast<int>(*code & 0xffU));
}

struct Load {
  const char* name;
  size_t arguments;
  const char* usage;
  Report (*run)(const Arguments& arguments);
};

constexpr Load kLoads[] = {
    {"cpu", 1, "cpu SECONDS", cpu},
    {"spin", 1, "spin MILLISECONDS", spin},
    {"memory", 2, "memory BYTES SECONDS", memory},
    {"write", 2, "write FILE BYTES", write_direct},
    {"send", 3, "send HOST|gateway PORT BYTES", send_bytes},
    {"receive", 2, "receive ADDRESS PORT", receive_bytes},
    {"sleep", 1, "sleep SECONDS", sleep_command},
    {"fork", 1, "fork COUNT", fork_command},
    {"print", 2, "print LINES SECONDS", print_lines},
    {"exit", 1, "exit CODE", exit_command},
};

int usage(const char* problem) {
  std::fprintf(stderr, "plimsoll-load: %s; the loads are:\n", problem);
  for (const Load& load : kLoads) std::fprintf(stderr, "  %s\n", load.usage);
  return 2;
}

int run(const std::vector<std::string>& words) {
  if (words.empty()) return usage("no load named");
  for (const Load& load : kLoads) {
    if (words[0] != load.name) continue;
    if (words.size() != load.arguments + 1) return usage("wrong number of arguments");
    const Report report = load.run({words.begin() + 1, words.end()});
    if (!report) return std::fprintf(stderr, "plimsoll-load: %s\n", report.error().message().c_str()), 1;
    if (!report->empty()) std::printf("%s\n", report->c_str());
    return 0;
  }
  return usage("unknown load");
}

}  // namespace
}  // namespace plimsoll::load

int main(int argc, char** argv) { return plimsoll::load::run({argv + 1, argv + argc}); }
