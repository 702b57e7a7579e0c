// SPDX-License-Identifier: Apache-2.0
#include "runtime/container/spawn.h"

#include <fcntl.h>
#include <linux/sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <csignal>
#include <cstring>
#include <vector>

#include "base/text.h"
#include "runtime/limits/own_cgroup.h"
#include "runtime/isolate/launch.h"
#include "runtime/isolate/protected_program.h"

namespace plimsoll::container {
namespace {

using isolate::kExitEngineFailed;
constexpr int kAboveStandard = 10;  // no descriptor here collides with those that the monitor expects

// Everything the child needs, made before it exists: it shares nothing but must not allocate late.
struct Prepared {
  std::vector<std::string> words;
  std::vector<char*> argv;
  UniqueFd program, stdin_fd, lock, status_writing;
};

std::vector<std::string> command_line(const Engine& engine, const SpawnSpec& spec) {
  const StateRoots& roots = engine.store.roots();
  std::vector<std::string> words = {spec.program, "monitor",     "--root",        roots.root,
                                    "--runroot",  roots.runroot, "--cgroup-root", engine.host.cgroup};
  if (spec.options.attached) words.emplace_back("--attached");
  if (spec.options.interactive) words.emplace_back("--interactive");
  words.push_back(spec.options.id);
  return words;
}

UniqueFd copy_above(int fd) { return UniqueFd(::fcntl(fd, F_DUPFD_CLOEXEC, kAboveStandard)); }

// clone3(2) into the group: joining the v2 tree afterwards costs a grace period (7 ms).
pid_t clone_into(int cgroup_fd) {
  clone_args arguments{};
  arguments.exit_signal = SIGCHLD;
  if (cgroup_fd >= 0) {
    arguments.flags = CLONE_INTO_CGROUP;
    arguments.cgroup = static_cast<uint64_t>(cgroup_fd);
  }
  return static_cast<pid_t>(::syscall(SYS_clone3, &arguments, sizeof arguments));
}

[[noreturn]] void report_and_exit(int status, const char* what) {
  const char* reason = ::strerror(errno);
  (void)!::write(status, "failed 125 ", 11);
  (void)!::write(status, what, ::strlen(what));
  (void)!::write(status, ": ", 2);
  (void)!::write(status, reason, ::strlen(reason));
  (void)!::write(status, "\n", 1);
  ::_exit(125);
}

[[noreturn]] void become_monitor(const Prepared& prepared, const limits::OwnCgroup& group) {
  const int status = prepared.status_writing.get();
  for (const auto& tasks : group.join_fds()) {
    if (::write(tasks.get(), "0", 1) != 1) report_and_exit(status, "join the cgroup of the monitors");
  }
  ::dup2(prepared.stdin_fd.get(), STDIN_FILENO);
  ::dup2(prepared.lock.get(), kLockFd);
  ::dup2(status, kStatusFd);
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  ::syscall(SYS_execveat, prepared.program.get(), "", prepared.argv.data(), environ, AT_EMPTY_PATH);
  report_and_exit(status, prepared.argv[0]);
}

}  // namespace

std::string monitors_cgroup(const std::string& cgroup_parent) { return cgroup_parent + "-monitors"; }

Result<Spawned> spawn_monitor(const Engine& engine, const SpawnSpec& spec) {
  auto group = limits::OwnCgroup::create(engine.layout, monitors_cgroup(spec.cgroup_parent));
  if (!group) return unexpected(group.error());
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return fail_errno("pipe");
  UniqueFd reading(ends[0]), writing(ends[1]);
  Prepared prepared;
  prepared.words = command_line(engine, spec);
  for (auto& word : prepared.words) prepared.argv.push_back(word.data());
  prepared.argv.push_back(nullptr);
  // The container's init is a child of the monitor and can name its executable: see protected_program.h.
  auto program = isolate::open_protected(spec.program);
  if (!program) return unexpected(program.error());
  prepared.program = copy_above(program->get());
  const UniqueFd null(::open("/dev/null", O_RDWR | O_CLOEXEC));
  prepared.stdin_fd = copy_above(spec.stdin_fd >= 0 ? spec.stdin_fd : null.get());
  prepared.lock = copy_above(spec.lock_fd);
  prepared.status_writing = copy_above(writing.get());
  if (!prepared.program || !prepared.stdin_fd || !prepared.lock || !prepared.status_writing)
    return fail_errno("duplicate a descriptor");
  const pid_t pid = clone_into(group->clone_into_fd());
  if (pid < 0) return fail_errno("clone the monitor");
  if (pid == 0) become_monitor(prepared, *group);
  return Spawned{pid, std::move(reading)};
}

StartReport read_start(const UniqueFd& status) {
  std::string line;
  char c = 0;
  while (true) {
    const ssize_t length = ::read(status.get(), &c, 1);
    if (length < 0 && errno == EINTR) continue;
    if (length != 1 || c == '\n') break;
    line += c;
  }
  if (line == "started") return {true, 0, ""};
  std::string_view rest = line;
  if (take(rest, ' ') != "failed")
    return {false, kExitEngineFailed, "the monitor died before it could start the container"};
  const auto code = parse_u64(take(rest, ' '));
  return {false, code ? static_cast<int>(*code) : kExitEngineFailed, std::string(rest)};
}

Result<ExitRecord> parse_exited(std::string_view text) {
  if (take(text, '\n') != "exited") return fail("the container's monitor died before its container");
  return parse_exit_record(text);
}

}  // namespace plimsoll::container
