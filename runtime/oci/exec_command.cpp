// SPDX-License-Identifier: Apache-2.0
// exec: a further program in a running container.
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "runtime/container/process.h"
#include "runtime/isolate/exec_stub.h"
#include "runtime/isolate/launch.h"
#include "runtime/oci/annotations.h"
#include "runtime/oci/cgroups.h"
#include "runtime/oci/command.h"
#include "runtime/oci/exec_process.h"
#include "runtime/oci/foreground.h"
#include "runtime/oci/program_io.h"
#include "runtime/oci/start_socket.h"
#include "runtime/seccomp/notify.h"
#include "runtime/system_calls.h"

namespace plimsoll::oci {
namespace {

constexpr Option kOptions[] = {
    {kExecConsoleSocket, "console-socket", "PATH", "Unix socket that gets the terminal's main side"},
    {kExecCwd, "cwd", "DIR", "Working directory in the container"},
    {'e', "env", "NAME=VALUE", "Set a variable; may be given again"},
    {'t', "tty", "", "On a terminal"},
    {'u', "user", "UID[:GID]", "As this user: numbers, or names of the container's own passwd and group"},
    {'g', "additional-gids", "GID", "Further groups; may be given again"},
    {'p', "process", "FILE", "All of this from a JSON file, - for standard input"},
    {'d', "detach", "", "Return as soon as the program runs"},
    {kExecPidFile, "pid-file", "FILE", "Write the process id there"},
    {kExecPidfdSocket, "pidfd-socket", "PATH", "Unix socket that gets a pidfd"},
    {kExecLabel, "process-label", "LABEL", "SELinux label"},
    {kExecApparmor, "apparmor", "PROFILE", "AppArmor profile"},
    {kExecNoNewPrivileges, "no-new-privs", "", "No more privileges by execve(2)"},
    {'c', "cap", "CAP", "A further capability; may be given again"},
    {kExecPreserveFds, "preserve-fds", "N", "Leave N descriptors open for the program, from 3 on"},
    {kExecIgnorePaused, "ignore-paused", "", "Also in a paused container: it starts when that goes on"},
    {kExecCgroup, "cgroup", "PATH", "In this group below the container's"},
};

constexpr size_t kLargestFilter = 4096 * sizeof(sock_filter) * 16;

class Exec {
 public:
  Exec(Context& context, const Words& words) : context_(context), words_(words) {}
  Result<int> run();

 private:
  Result<void> check_status();
  Result<void> open_process();
  Result<void> read_filter();
  Result<void> open_group();
  isolate::LoadedFilter loaded_filter() const;
  isolate::JoinSpec join_spec();
  Result<void> hand_over(const isolate::Launched& launched);
  Result<int> stay(const isolate::Launched& launched, Foreground& foreground);

  Context& context_;
  const Words& words_;
  std::optional<Container> container_;
  UniqueFd pidfd_, pidfd_socket_, exec_stub_;
  spec::Process process_;
  std::optional<ProgramIo> io_;
  std::optional<limits::OwnCgroup> group_;
  std::vector<sock_filter> filter_;
  std::vector<int> preserved_fds_;
};

Result<void> Exec::check_status() {
  auto container = Container::open(context_.root, words_.arguments[0]);
  if (!container) return unexpected(container.error());
  container_.emplace(*std::move(container));
  if (auto own = container_->check_owner(); !own) return own;
  PauseReader pauses(context_.host);
  const Status status = status_of(*container_, pauses, context_.host);
  if (status == Status::kStopped) return fail("cannot exec in a stopped container: container not running");
  if (status == Status::kCreating) return fail("cannot exec in a container that is being created");
  if (status == Status::kPaused && !words_.flag(kExecIgnorePaused)) {
    return fail("cannot exec in a paused container (use --ignore-paused to override)");
  }
  return {};
}

Result<void> Exec::open_process() {
  const Record& record = container_->record();
  auto pidfd = container::open_process(context_.host.proc, record.pid, record.start_ticks);
  if (!pidfd) return unexpected(pidfd.error());
  pidfd_ = *std::move(pidfd);
  const std::string path = context_.host.proc + "/" + std::to_string(record.pid) + "/root";
  const UniqueFd root(::open(path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!root) return fail_errno(path);
  spec::Warnings warnings;
  auto process = exec_process(*container_, words_, root.get(), warnings);
  for (const std::string& warning : warnings) context_.log.warn(warning);
  if (!process) return unexpected(process.error());
  process_ = *std::move(process);
  return {};
}

Result<void> Exec::read_filter() {
  if (!container_->record().has_filter) return {};
  auto bytes = container_->read(kFilterFile, kLargestFilter);
  if (!bytes) return unexpected(bytes.error());
  if (bytes->empty() || bytes->size() % sizeof(sock_filter) != 0)
    return fail(std::string(kFilterFile) + ": is damaged");
  filter_.resize(bytes->size() / sizeof(sock_filter));
  std::memcpy(filter_.data(), bytes->data(), bytes->size());
  return {};
}

// One that the container has none of is the container's own group. "CONTROLLERS:PATH" of v1: the same place everywhere.
Result<void> Exec::open_group() {
  const std::string_view below = words_.value(kExecCgroup);
  if (!below.empty() && below != "/") {
    auto group = open_subgroup(container_->record(), below, context_.host);
    if (!group) return unexpected(group.error());
    group_.emplace(*std::move(group));
    return {};
  }
  auto group = oci::open_group(container_->record(), context_.host);
  if (!group) return unexpected(group.error());
  group_ = *std::move(group);
  return group_ ? group_->follow(container_->record().pid, context_.host.proc) : Result<void>();
}

isolate::LoadedFilter Exec::loaded_filter() const {
  const Record& record = container_->record();
  return {filter_, record.filter_flags, !record.listener_path.empty()};
}

isolate::JoinSpec Exec::join_spec() {
  const Record& record = container_->record();
  isolate::JoinSpec spec;
  spec.process = &process_;
  spec.pid = record.pid;
  spec.pidfd = pidfd_.get();
  spec.namespaces = record.namespaces;
  spec.group = group_ ? &*group_ : nullptr;
  if (!record.unit.empty() && !words_.has(kExecCgroup)) {
    spec.place = [&record](pid_t pid) { return attach_to_unit(record, pid); };
  }
  spec.filter = loaded_filter();
  spec.exec_stub = exec_stub_.get();
  spec.personality = record.personality.value_or(UINT64_MAX);
  spec.console_socket = io_->console_socket();
  spec.plain_line_ends = io_->relays();
  spec.preserved_fds = preserved_fds_;
  spec.keep_groups = record.annotations.contains(kKeepGroups);
  spec.proc = context_.host.proc;
  spec.listener = [this](pid_t pid, UniqueFd fd) {
    const Record& of = container_->record();
    return seccomp::send_listener(of.listener_path, process_state_json(of, "running", pid), fd.get());
  };
  return spec;
}

Result<void> Exec::hand_over(const isolate::Launched& launched) {
  if (auto received = io_->receive_terminal(); !received) return received;
  if (pidfd_socket_) {
    if (auto sent = send_descriptor(pidfd_socket_.get(), launched.pidfd.get()); !sent) return sent;
  }
  return write_pid_file(std::string(words_.value(kExecPidFile)), launched.pid);
}

Result<int> Exec::stay(const isolate::Launched& launched, Foreground& foreground) {
  UniqueFd terminal = io_->take_terminal();
  std::optional<ConsoleRelay> console;
  if (terminal) console.emplace(std::move(terminal), 0, 1);
  return foreground.wait(launched.pid, launched.pidfd.get(), console ? &*console : nullptr);
}

Result<int> Exec::run() {
  const bool detach = words_.flag('d');
  auto count = parse_descriptor_count(words_.value(kExecPreserveFds, "0"));
  if (!count) return unexpected(count.error());
  // Before anything is opened here: which of the caller's descriptors there are.
  preserved_fds_ = preserved_descriptors(*count);
  if (auto good = check_status(); !good) return unexpected(good.error());
  if (auto opened = open_process(); !opened) return unexpected(opened.error());
  if (auto read = read_filter(); !read) return unexpected(read.error());
  auto stub = isolate::secure_executable(loaded_filter(), context_.host.proc, &process_);
  if (!stub) return unexpected(stub.error());
  exec_stub_ = *std::move(stub);
  if (auto opened = open_group(); !opened) return unexpected(opened.error());
  const std::string console(words_.value(kExecConsoleSocket)), pidfd(words_.value(kExecPidfdSocket));
  auto io = ProgramIo::open({console, detach}, process_, context_.host.proc);
  if (!io) return unexpected(io.error());
  io_ = *std::move(io);
  if (!pidfd.empty()) {
    auto socket = connect_path(context_.host.proc, pidfd);
    if (!socket) return unexpected(socket.error().within("--pidfd-socket"));
    pidfd_socket_ = *std::move(socket);
  }
  std::optional<Foreground> foreground;
  if (!detach) foreground.emplace();
  const auto result = isolate::join(join_spec());
  if (const auto* failed = std::get_if<isolate::LaunchError>(&result)) return unexpected(failed->error);
  const auto& launched = std::get<isolate::Launched>(result);
  for (const std::string& warning : launched.warnings) context_.log.warn(warning);
  if (auto done = hand_over(launched); !done) {
    pidfd_send_signal(launched.pidfd.get(), SIGKILL);
    while (::waitpid(launched.pid, nullptr, 0) < 0 && errno == EINTR) {
    }
    return unexpected(done.error());
  }
  return detach ? Result<int>(0) : stay(launched, *foreground);
}

Result<int> run(Context& context, const Words& words) { return Exec(context, words).run(); }

}  // namespace

const Command exec_command = {{"exec", "ID COMMAND [ARGUMENT...]", "Start a further program in a running container",
                               kOptions, 1, SIZE_MAX, Order::kOptionsFirst},
                              run,
                              255};

}  // namespace plimsoll::oci
