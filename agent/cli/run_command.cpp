// SPDX-License-Identifier: Apache-2.0
// plimsoll run: checks, reserves, starts a monitor (runtime/container/monitor.h) and, unless detached,
// stays until the container has ended.
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <climits>
#include <cstdio>
#include <cstdlib>

#include "agent/cli/attach.h"
#include "agent/cli/run_options.h"
#include "agent/cli/session.h"
#include "agent/cli/usage.h"
#include "agent/command.h"
#include "runtime/container/process.h"
#include "runtime/container/spawn.h"

namespace plimsoll::agent {
namespace {

constexpr int kRunFailed = 125;
constexpr int kOutputGone = 128 + SIGPIPE;

bool is_executable(const std::string& path) { return ::access(path.c_str(), X_OK) == 0; }

// Beside this executable, wherever that was installed.
Result<std::string> find_oci(const std::string& proc) {
  if (const char* chosen = std::getenv("PLIMSOLL_OCI")) return std::string(chosen);
  char self[PATH_MAX];
  const ssize_t length = ::readlink((proc + "/self/exe").c_str(), self, sizeof self);
  const std::string path(self, length > 0 ? static_cast<size_t>(length) : 0);
  const std::string beside = path.substr(0, path.rfind('/') + 1) + "plimsoll-oci";
  if (is_executable(beside)) return beside;
  return fail("there is no " + beside + ": install plimsoll completely");
}

Result<UniqueFd> reserve(const container::Engine& engine, container::Config& config) {
  auto lock = config.name.empty() ? engine.store.create_named(config) : engine.store.create(config);
  if (lock || lock.error().code != EEXIST) return lock;
  const std::string holder = lock.error().context.substr(0, container::kShortIdLength);
  return fail("the name " + config.name + " is in use by container " + holder + ": choose another, or 'plimsoll rm " +
              config.name + "' first");
}

// The container's input: a pipe that our own input is relayed into.
struct Input {
  UniqueFd for_container;
  std::optional<Relay> relay;
};

Result<Input> make_input(bool interactive) {
  Input input;
  if (!interactive) return input;
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return fail_errno("pipe");
  input.for_container = UniqueFd(ends[0]);
  ::fcntl(ends[1], F_SETFL, O_NONBLOCK);
  input.relay.emplace(UniqueFd(::fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3)), UniqueFd(ends[1]));
  return input;
}

std::string read_all(const UniqueFd& fd) {
  std::string text;
  char bytes[4096];
  while (true) {
    const ssize_t length = ::read(fd.get(), bytes, sizeof bytes);
    if (length < 0 && errno == EINTR) continue;
    if (length <= 0) return text;
    text.append(bytes, static_cast<size_t>(length));
  }
}

// What ended container `config` says about itself when its monitor cannot.
Result<container::ExitRecord> orphaned_record(const container::Engine& engine, const container::Config& config) {
  auto record = container::wait_exited(engine, config.id, -1);
  if (!record) return unexpected(record.error());
  return std::move(**record);
}

int leave_running(const container::Config& config) {
  return complain(kOutputGone, "nobody reads the output any more; container " + config.name +
                                   " goes on: end it by 'plimsoll stop " + config.name + "'");
}

// Stays with the container until it has ended.
int stay(const container::Engine& engine, const container::Config& config, const RunWords& words,
         const container::Spawned& monitor, const UniqueFd& signals, Input& input) {
  UniqueFd init;
  if (auto state = engine.store.state(config.id)) {
    auto process = container::open_process(engine.host.proc, state->pid, state->pid_start_ticks);
    if (process) init = std::move(*process);
  }
  Attachment attachment;
  attachment.signals = &signals;
  attachment.pass_on = [&](int signal) { (void)container::send_signal(init, signal).has_value(); };
  attachment.insist = [&] { (void)container::send_signal(init, SIGKILL).has_value(); };
  if (input.relay) attachment.relays.push_back(&*input.relay);
  if (attend(attachment, monitor.status.get(), STDOUT_FILENO) == Attended::kOutputGone) {
    if (!config.auto_remove) return leave_running(config);
    // As the program itself would end: `plimsoll run --rm ... yes | head -1`.
    attachment.insist();
    (void)attend(attachment, monitor.status.get(), -1);
    return kOutputGone;
  }
  auto record = container::parse_exited(read_all(monitor.status));
  if (!record) {
    give_back_signals();  // from here on they are for us
    record = orphaned_record(engine, config);
  }
  if (!record) return complain(kRunFailed, record.error().message());
  if (words.stats_on_exit) std::fputs(format_usage(usage_of(*record)).c_str(), stderr);
  if (record->exit_code < 0)
    return complain(kRunFailed, "the monitor of " + config.name + " was killed: nobody saw the exit code");
  return record->exit_code;
}

int start(const container::Engine& engine, container::Config& config, const RunWords& words) {
  auto oci = find_oci(engine.host.proc);
  auto signals = take_signals();
  auto input = make_input(words.interactive);
  if (!oci || !signals || !input) {
    return complain(kRunFailed, (!oci ? oci.error() : !signals ? signals.error() : input.error()).message());
  }
  auto lock = reserve(engine, config);
  if (!lock) return complain(kRunFailed, lock.error().message());
  container::SpawnSpec spec;
  spec.program = *oci;
  spec.cgroup_parent = config.cgroup_path.substr(0, config.cgroup_path.rfind('/'));
  spec.options = {config.id, !words.detach, words.interactive};
  spec.stdin_fd = input->for_container.get();
  spec.lock_fd = lock->get();
  auto monitor = container::spawn_monitor(engine, spec);
  lock->reset();
  input->for_container.reset();
  if (!monitor) {
    container::discard(engine, config);
    return complain(kRunFailed, monitor.error().message());
  }
  const auto report = container::read_start(monitor->status);
  if (!report.started) {
    (void)container::load(engine, config.id).has_value();  // takes back what a dead monitor left
    return complain(report.exit_code, report.message);
  }
  if (!words.detach) return stay(engine, config, words, *monitor, *signals, *input);
  std::puts(config.id.c_str());
  return 0;
}

}  // namespace

int run_command(const GlobalOptions& globals, const std::vector<std::string>& arguments) {
  RunWords words;
  if (auto code = parse_run_words(arguments, words, globals.describe)) return *code;
  auto config = make_config(words);
  if (!config) return complain(kRunFailed, config.error().message());
  if (::geteuid() != 0) return complain(kRunFailed, "run needs root: try 'sudo plimsoll run ...'");
  auto engine = open_engine(globals);
  if (!engine) return complain(kRunFailed, engine.error().message());
  const int exit_code = start(*engine, *config, words);
  tidy_up(*engine);
  return exit_code;
}

}  // namespace plimsoll::agent
