// SPDX-License-Identifier: Apache-2.0
#include "runtime/container/process.h"

#include <poll.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstring>

#include "base/text.h"

namespace plimsoll::container {

Result<uint64_t> parse_start_ticks(std::string_view stat) {
  const size_t name_end = stat.rfind(')');
  if (name_end == std::string_view::npos) return fail("stat: no name in it");
  std::string_view rest = stat.substr(name_end + 1);
  for (int field = 3; field < 22; ++field) take_field(rest);
  const auto ticks = parse_u64(trim(take_field(rest)));
  if (!ticks) return fail("stat: no start time in it");
  return *ticks;
}

Result<uint64_t> start_ticks(const std::string& proc, pid_t pid) {
  const std::string path = proc + "/" + std::to_string(pid) + "/stat";
  auto text = read_file(path);
  if (!text) return unexpected(text.error());
  auto ticks = parse_start_ticks(*text);
  if (!ticks) return unexpected(ticks.error().within(path));
  return ticks;
}

Result<UniqueFd> open_process(const std::string& proc, pid_t pid, uint64_t expected_ticks) {
  const std::string what = "process " + std::to_string(pid);
  if (pid <= 0) return unexpected(Error{ESRCH, what});
  UniqueFd fd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  if (!fd) return fail_errno(what);
  // Read after opening: from here on the descriptor and /proc mean the same process.
  auto ticks = start_ticks(proc, pid);
  if (!ticks || *ticks != expected_ticks) return unexpected(Error{ESRCH, what});
  return fd;
}

Result<void> send_signal(const UniqueFd& process, int signal) {
  if (::syscall(SYS_pidfd_send_signal, process.get(), signal, nullptr, 0) != 0) return fail_errno("send signal");
  return {};
}

Result<bool> wait_end(const UniqueFd& process, int timeout_ms) {
  const int64_t deadline = monotonic_ns() + int64_t{timeout_ms} * 1'000'000;
  while (true) {
    const int64_t left_ms = (deadline - monotonic_ns() + 999'999) / 1'000'000;
    pollfd poll{process.get(), POLLIN, 0};
    const int ready = ::poll(&poll, 1, timeout_ms < 0 ? -1 : static_cast<int>(std::max<int64_t>(left_ms, 0)));
    if (ready >= 0) return ready > 0;
    if (errno != EINTR) return fail_errno("poll");
  }
}

Result<int> parse_signal(std::string_view text) {
  if (const auto number = parse_u64(text)) {
    if (*number >= 1 && *number <= 64) return static_cast<int>(*number);
    return fail("'" + std::string(text) + "' is no signal: give a name such as TERM or a number from 1 to 64");
  }
  std::string name(text);
  std::transform(name.begin(), name.end(), name.begin(),
                 [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c; });
  if (name.starts_with("SIG")) name.erase(0, 3);
  for (int signal = 1; signal < 32; ++signal) {
    const char* known = ::sigabbrev_np(signal);
    if (known != nullptr && name == known) return signal;
  }
  return fail("'" + std::string(text) + "' is no signal: give a name such as TERM or a number from 1 to 64");
}

int exit_code_of(int status) { return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status); }

}  // namespace plimsoll::container
