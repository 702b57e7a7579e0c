// SPDX-License-Identifier: Apache-2.0
#include "runtime/container/monitor.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <optional>
#include <variant>

#include "runtime/container/block_accounting.h"
#include "runtime/container/defaults.h"
#include "runtime/container/footprint.h"
#include "runtime/container/log.h"
#include "runtime/container/output.h"
#include "runtime/container/process.h"
#include "runtime/isolate/exec_stub.h"
#include "runtime/isolate/launch.h"
#include "runtime/limits/device_filter.h"
#include "runtime/limits/own_cgroup.h"
#include "runtime/limits/resources.h"
#include "runtime/network/veth.h"
#include "runtime/seccomp/default_filter.h"

namespace plimsoll::container {
namespace {

constexpr int kEngineFailed = isolate::kExitEngineFailed;

isolate::LaunchError engine_failure(Error error) { return {std::move(error), kEngineFailed}; }

void ignore_signal(int) {}

// A handler that does nothing instead of SIG_IGN: the container's program must not inherit it.
void outlive_signals() {
  struct sigaction action {};
  action.sa_handler = ignore_signal;
  action.sa_flags = SA_RESTART;
  for (const int signal :
       {SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGPIPE, SIGUSR1, SIGUSR2, SIGALRM, SIGTSTP, SIGTTIN, SIGTTOU}) {
    ::sigaction(signal, &action, nullptr);
  }
  ::signal(SIGCHLD, SIG_DFL);
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
}

struct Pipe {
  UniqueFd reading, writing;
};

Result<Pipe> make_pipe() {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return fail_errno("pipe");
  return Pipe{UniqueFd(ends[0]), UniqueFd(ends[1])};
}

class Monitor {
 public:
  Monitor(const Engine& engine, const MonitorOptions& options) : engine_(engine), options_(options) {}

  int run() {
    take_descriptors();
    auto config = engine_.store.config(options_.id);
    if (!config) return report_failure(engine_failure(config.error()));
    config_ = std::move(*config);
    if (auto started = start(); std::holds_alternative<isolate::LaunchError>(started)) {
      discard(engine_, config_);
      return report_failure(std::get<isolate::LaunchError>(started));
    }
    report("started\n");
    if (!options_.attached) status_.reset();
    shrink_footprint();
    watch();
    end();
    return 0;
  }

 private:
  using Started = std::variant<std::monostate, isolate::LaunchError>;

  // Puts every inherited descriptor into an owner's hands and /dev/null in place of 0, 1 and 2.
  void take_descriptors() {
    lock_ = UniqueFd(kLockFd);
    status_ = UniqueFd(kStatusFd);
    for (const int fd : {kLockFd, kStatusFd}) ::fcntl(fd, F_SETFD, FD_CLOEXEC);
    ::close_range(kStatusFd + 1, ~0U, 0);
    const auto keep = [](int fd, bool wanted) {
      return UniqueFd(wanted ? ::fcntl(fd, F_DUPFD_CLOEXEC, kStatusFd + 1) : -1);
    };
    stdin_ = keep(STDIN_FILENO, options_.interactive);
    copies_[0] = keep(STDOUT_FILENO, options_.attached);
    copies_[1] = keep(STDERR_FILENO, options_.attached);
    const UniqueFd null(::open("/dev/null", O_RDWR | O_CLOEXEC));
    for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) ::dup2(null.get(), fd);
  }

  Started start() {
    auto group = limits::OwnCgroup::create(engine_.layout, config_.cgroup_path);
    if (!group) return engine_failure(group.error());
    auto limited = limits::apply(*group, container_resources(config_));
    if (limited) limited = limits::restrict_devices(*group, limits::default_device_rules());
    if (!limited) return engine_failure(limited.error());
    enable_block_accounting(*group, engine_.host.sys, config_);
    auto log = LogWriter::open(engine_.store.roots().container_dir(config_.id), config_.log_limit_bytes);
    if (!log) return engine_failure(log.error());
    log_.emplace(std::move(*log));
    return launch_into(*group);
  }

  Started launch_into(const limits::OwnCgroup& group) {
    auto out = make_pipe(), err = make_pipe();
    if (!out || !err) return engine_failure((out ? err : out).error());
    const spec::Spec container = container_spec(config_);
    isolate::LaunchSpec spec;
    spec.spec = &container;
    spec.rootfs = config_.rootfs;
    spec.group = &group;
    spec.filter.program = seccomp::default_filter();
    auto stub = isolate::secure_executable(spec.filter, engine_.host.proc);
    if (!stub) return engine_failure(stub.error());
    spec.exec_stub = stub->get();
    spec.stdio[0] = stdin_.get();
    spec.stdio[1] = out->writing.get();
    spec.stdio[2] = err->writing.get();
    spec.keep_network_counters = true;
    spec.proc = engine_.host.proc;
    spec.hooks.configure = [this](pid_t pid) { return connect(pid); };
    state_.started_ns = wall_clock_ns();
    auto launched = isolate::launch(spec);
    if (auto* failure = std::get_if<isolate::LaunchError>(&launched)) return std::move(*failure);
    launched_ = std::move(std::get<isolate::Launched>(launched));
    stdin_.reset();
    outputs_[0].emplace(Stream::kStdout, std::move(out->reading), std::move(copies_[0]));
    outputs_[1].emplace(Stream::kStderr, std::move(err->reading), std::move(copies_[1]));
    return record_running();
  }

  Result<void> connect(pid_t pid) {
    if (config_.network != Network::kVeth) return {};
    auto link = network::connect(engine_.store.roots().runroot, config_.id, pid);
    if (!link) return unexpected(link.error());
    state_.address = link->address;
    return {};
  }

  Started record_running() {
    auto ticks = start_ticks(engine_.host.proc, launched_.pid);
    if (!ticks) return engine_failure(ticks.error());
    state_.status = Status::kRunning;
    state_.pid = launched_.pid;
    state_.pid_start_ticks = *ticks;
    state_.monitor_pid = ::getpid();
    if (auto written = engine_.store.set_state(config_.id, state_); !written) return engine_failure(written.error());
    return {};
  }

  // Until the init has ended.
  void watch() {
    while (true) {
      // An empty request for the status pipe: poll(2) reports POLLERR once its reader is gone.
      std::array<pollfd, 4> polled{
          {{launched_.pidfd.get(), POLLIN, 0}, {status_.get(), 0, 0}, outputs_[0]->wanted(), outputs_[1]->wanted()}};
      if (::poll(polled.data(), polled.size(), -1) < 0) continue;  // EINTR
      if (polled[1].revents != 0) detach();
      if (!polled[1].revents) {
        outputs_[0]->serve(polled[2], *log_);
        outputs_[1]->serve(polled[3], *log_);
      }
      if (polled[0].revents != 0) return;
    }
  }

  void detach() {
    status_.reset();
    for (auto& output : outputs_) output->stop_copying();
  }

  void end() {
    int status = 0;
    while (::waitpid(launched_.pid, &status, 0) < 0 && errno == EINTR) {
    }
    empty_cgroup();
    for (auto& output : outputs_) output->drain(*log_);
    log_->finish();
    ReadBuffer buffer(4096);
    auto net_dev = buffer.read(launched_.net_dev.get(), ReadBuffer::Until::kEnd);
    const std::string traffic(net_dev ? *net_dev : std::string_view());
    const ExitRecord record = final_record(engine_, config_, state_, exit_code_of(status), traffic);
    launched_.net_dev.reset();
    // Its error is in state.json, for who inspects the container; there is nobody else to tell.
    (void)finish(engine_, config_, state_, record).has_value();
    flush_copies();
    // With the end of the status pipe the command goes on; what it does next must find the lock free.
    lock_.reset();
    report("exited\n" + to_json(record));
  }

  // Processes that entered by `exec` end with the pid namespace, but perhaps a moment later.
  void empty_cgroup() {
    auto group = limits::OwnCgroup::open(engine_.layout, config_.cgroup_path);
    if (!group) return;
    (void)group->kill_all().has_value();
    (void)group->wait_empty(5000).has_value();
  }

  // Waits for the attached command to read the rest, as long as it is there.
  void flush_copies() {
    while (status_ && (outputs_[0]->copy_pending() || outputs_[1]->copy_pending())) {
      std::array<pollfd, 3> polled{{{status_.get(), 0, 0}, {-1, 0, 0}, {-1, 0, 0}}};
      for (size_t at = 0; at < outputs_.size(); ++at) {
        if (outputs_[at]->copy_pending()) polled[at + 1] = outputs_[at]->wanted();
      }
      if (::poll(polled.data(), polled.size(), -1) < 0) continue;
      if (polled[0].revents != 0) return detach();
      for (size_t at = 0; at < outputs_.size(); ++at) outputs_[at]->serve(polled[at + 1], *log_);
    }
  }

  void report(const std::string& text) {
    if (status_) (void)write_all(status_.get(), text).has_value();
  }

  int report_failure(const isolate::LaunchError& failure) {
    std::string message = failure.error.message();
    for (char& c : message) c = c == '\n' ? ' ' : c;
    report("failed " + std::to_string(failure.exit_code) + " " + message + "\n");
    return 1;
  }

  const Engine& engine_;
  const MonitorOptions& options_;
  Config config_;
  State state_;
  UniqueFd lock_, status_, stdin_;
  std::array<UniqueFd, 2> copies_;
  std::optional<LogWriter> log_;
  isolate::Launched launched_;
  std::array<std::optional<Output>, 2> outputs_;
};

}  // namespace

int run_monitor(const Engine& engine, const MonitorOptions& options) {
  outlive_signals();
  ::setsid();
  ::umask(022);
  if (::chdir("/") != 0) return 1;
  return Monitor(engine, options).run();
}

}  // namespace plimsoll::container
