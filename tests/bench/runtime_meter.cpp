// SPDX-License-Identifier: Apache-2.0
#include "tests/bench/runtime_meter.h"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

#include "base/os.h"

namespace plimsoll::bench {
namespace {

constexpr int kAnswer = 3;
constexpr int kLongestMs = 20'000;
constexpr size_t kLongestComplaint = 240;

struct Pipe {
  UniqueFd read, write;
};

Result<Pipe> make_pipe() {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return fail_errno("pipe");
  return Pipe{UniqueFd(ends[0]), UniqueFd(ends[1])};
}

// Like spawn(), with `answer` as descriptor 3 and nothing looked up in PATH.
Result<pid_t> spawn_meter(const std::vector<std::string>& argv, const std::string& log, int answer) {
  std::vector<char*> words;
  for (const std::string& word : argv) words.push_back(const_cast<char*>(word.c_str()));
  words.push_back(nullptr);
  posix_spawn_file_actions_t files;
  posix_spawn_file_actions_init(&files);
  posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&files, 1, log.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
  posix_spawn_file_actions_adddup2(&files, 1, 2);
  posix_spawn_file_actions_adddup2(&files, answer, kAnswer);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  sigset_t none;
  sigemptyset(&none);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
  pid_t pid = 0;
  const int failure = posix_spawn(&pid, words[0], &files, &attributes, words.data(), environ);
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&files);
  if (failure != 0) return unexpected({failure, argv[0]});
  return pid;
}

Result<Cost> read_answer(int fd) {
  pollfd ready = {fd, POLLIN, 0};
  if (poll(&ready, 1, kLongestMs) <= 0) return fail("did not end within " + std::to_string(kLongestMs / 1000) + " s");
  Cost cost;
  if (read(fd, &cost, sizeof(cost)) != sizeof(cost)) return fail("was ended from outside");
  return cost;
}

std::string last_words(const std::string& log) {
  const auto text = read_file(log);
  if (!text) return {};
  const size_t end = text->find_last_not_of(" \n");
  if (end == std::string::npos) return {};
  const size_t line = text->rfind('\n', end);
  const size_t begin = line == std::string::npos ? 0 : line + 1;
  return text->substr(begin, std::min(end + 1 - begin, kLongestComplaint));
}

Result<Cost> judged(const Cost& cost, const std::string& log) {
  if (cost.errno_of_start != 0) return unexpected({cost.errno_of_start, "start"});
  if (cost.status == 0) return cost;
  const std::string how = WIFEXITED(cost.status) ? "exit code " + std::to_string(WEXITSTATUS(cost.status))
                                                 : "signal " + std::to_string(WTERMSIG(cost.status));
  return fail(how + ": " + last_words(log));
}

}  // namespace

void adopt_orphans() { prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); }

Result<int64_t> reap_orphans(int count, milliseconds timeout) {
  int64_t cpu_ns = 0;
  const int64_t end = monotonic_ns() + timeout.count() * 1'000'000;
  for (;;) {
    rusage usage{};
    const pid_t pid = wait4(-1, nullptr, WNOHANG, &usage);
    if (pid > 0) {
      cpu_ns += (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * int64_t{1'000'000'000};
      cpu_ns += (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) * int64_t{1'000};
      --count;
      continue;
    }
    if (count <= 0) return cpu_ns;
    if (monotonic_ns() > end) return fail("a container's process has not ended or has not come to its adopter");
    usleep(500);
  }
}

Result<Cost> measure(const std::string& meter, Orphans orphans, const std::vector<std::string>& argv,
                     const std::string& log) {
  std::vector<std::string> words = {meter, orphans == Orphans::kAwaited ? "awaited" : "left"};
  words.insert(words.end(), argv.begin(), argv.end());
  auto answer = make_pipe();
  if (!answer) return unexpected(answer.error());
  const auto pid = spawn_meter(words, log, answer->write.get());
  if (!pid) return unexpected(pid.error());
  answer->write.reset();
  const auto cost = read_answer(answer->read.get());
  if (!cost) kill(*pid, SIGKILL);
  waitpid(*pid, nullptr, 0);
  if (!cost) return cost;
  return judged(*cost, log);
}

}  // namespace plimsoll::bench
