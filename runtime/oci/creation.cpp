// SPDX-License-Identifier: Apache-2.0
#include "runtime/oci/creation.h"

#include <sched.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>

#include "runtime/isolate/exec_stub.h"
#include "runtime/isolate/hook.h"
#include "runtime/network/move.h"
#include "runtime/oci/annotations.h"
#include "runtime/oci/console_relay.h"
#include "runtime/oci/destroy.h"
#include "runtime/oci/id_mappings.h"
#include "runtime/oci/process_stat.h"
#include "runtime/oci/start_socket.h"
#include "runtime/seccomp/notify.h"
#include "runtime/system_calls.h"

namespace plimsoll::oci {
namespace {

constexpr uint64_t kFlags[] = {CLONE_NEWPID, CLONE_NEWNET,  CLONE_NEWNS,     CLONE_NEWIPC,
                               CLONE_NEWUTS, CLONE_NEWUSER, CLONE_NEWCGROUP, CLONE_NEWTIME};

bool is_own_mount_namespace(const spec::Namespace& one, const std::string& proc) {
  if (one.type != spec::NamespaceType::kMount || one.path.empty()) return false;
  struct stat given, own;
  return ::stat(one.path.c_str(), &given) == 0 && ::stat((proc + "/self/ns/mnt").c_str(), &own) == 0 &&
         given.st_ino == own.st_ino && given.st_dev == own.st_dev;
}

uint64_t namespace_flags(const spec::Spec& spec, const std::string& proc) {
  uint64_t flags = 0;
  for (const spec::Namespace& one : spec.namespaces) {
    if (!is_own_mount_namespace(one, proc)) flags |= kFlags[static_cast<int>(one.type)];
  }
  return flags;
}

// A pid namespace of its own, not one that it joins: then the kernel ends everybody in it with the first process.
bool has_own_pids(const spec::Spec& spec) {
  for (const spec::Namespace& one : spec.namespaces) {
    if (one.type == spec::NamespaceType::kPid) return one.path.empty();
  }
  return false;
}

isolate::LaunchError engine_error(const Error& error) { return {error, isolate::kExitEngineFailed}; }

}  // namespace

std::variant<isolate::Launched, isolate::LaunchError> Creation::run() {
  auto checked = check();
  if (checked) checked = prepare();
  if (!checked) return undo(engine_error(checked.error()));
  launched_ = true;
  auto result = isolate::launch(launch_spec());
  if (auto* failed = std::get_if<isolate::LaunchError>(&result)) return undo(std::move(*failed));
  auto& launched = std::get<isolate::Launched>(result);
  for (const std::string& warning : launched.warnings) context_.log.warn(warning);
  if (auto finished = finish(launched); !finished) {
    pidfd_send_signal(launched.pidfd.get(), SIGKILL);
    while (::waitpid(launched.pid, nullptr, 0) < 0 && errno == EINTR) {
    }
    unmount_container(record_);
    return undo(engine_error(finished.error()));
  }
  return result;
}

Result<void> Creation::check() {
  preserved_fds_ = preserved_descriptors(options_.preserve_fds);
  if (auto able = isolate::check_kernel(); !able) return able;
  if (auto good = check_id(id_); !good) return good;
  auto bundle = open_bundle(options_.bundle, options_.config);
  if (!bundle) return unexpected(bundle.error());
  bundle_ = *std::move(bundle);
  if (auto mapped = complete_id_mappings(bundle_.spec, context_.host); !mapped) return mapped;
  for (const std::string& warning : bundle_.warnings) context_.log.warn(warning);
  // Ignoring it would leave the container without the share that it was promised.
  if (bundle_.spec.intel_rdt) return fail("linux.intelRdt: resctrl is not supported by this runtime: leave it out");
  with_program_ = bundle_.spec.process.has_value();
  if (!with_program_ && !options_.waits_for_start) {
    return fail(options_.config + ": process is missing: there is nothing to run");
  }
  if (!with_program_) bundle_.spec.process.emplace().cwd = "/";  // `start` needs it, `create` does not
  if (auto ready = prepare_filter(); !ready) return ready;
  auto io = ProgramIo::open(options_.io, *bundle_.spec.process, context_.host.proc);
  if (!io) return unexpected(io.error());
  io_ = *std::move(io);
  return connect_sockets();
}

Result<void> Creation::connect_sockets() {
  if (options_.pidfd_socket.empty()) return {};
  auto socket = connect_path(context_.host.proc, options_.pidfd_socket);
  if (!socket) return unexpected(socket.error().within("--pidfd-socket"));
  pidfd_socket_ = *std::move(socket);
  return {};
}

Result<void> Creation::prepare() {
  auto directory = NewDirectory::make(context_.root, id_);
  if (!directory) return unexpected(directory.error());
  directory_.emplace(*std::move(directory));
  const std::string group = NewCgroup::path({context_.manager, context_.rootless, id_, &bundle_.spec});
  if (auto marked = directory_->mark(group, bundle_.spec.process_text); !marked) return marked;
  if (auto written = write_filter(); !written) return written;
  auto cgroup = NewCgroup::make({context_.manager, context_.rootless, id_, &bundle_.spec}, context_.host);
  if (!cgroup) return unexpected(cgroup.error());
  cgroup_.emplace(*std::move(cgroup));
  fill_record();
  if (auto prepared = prepare_notification(); !prepared) return prepared;
  return prepare_socket();
}

// Only of the first program: what `exec` starts is not the service.
Result<void> Creation::prepare_notification() {
  const std::string manager = NotifySocket::manager();
  if (manager.empty()) return {};
  auto prepared = NotifySocket::prepare(directory_->fd(), directory_->path(), manager, bundle_.spec);
  if (!prepared || options_.waits_for_start) return prepared;
  auto bound = NotifySocket::bind(context_.host.proc, directory_->fd(), manager);
  if (!bound) return unexpected(bound.error());
  notify_ = *std::move(bound);
  return {};
}

// Before anything is made: the program may have to start again.
Result<void> Creation::prepare_filter() {
  if (bundle_.spec.seccomp) {
    if (bundle_.spec.annotations.contains(kFailUnknownCall)) {
      if (auto known = seccomp::check_names(*bundle_.spec.seccomp); !known) return known;
    }
    auto filter = seccomp::compile(*bundle_.spec.seccomp);
    if (!filter) return unexpected(filter.error().within("linux.seccomp"));
    filter_ = *std::move(filter);
  }
  const spec::Process* const process = bundle_.spec.process ? &*bundle_.spec.process : nullptr;
  auto stub = isolate::secure_executable(loaded_filter(), context_.host.proc, process);
  if (!stub) return unexpected(stub.error());
  exec_stub_ = *std::move(stub);
  return {};
}

Result<void> Creation::write_filter() {
  if (filter_.program.empty()) return {};
  return directory_->write(kFilterFile, {reinterpret_cast<const char*>(filter_.program.data()),
                                         filter_.program.size() * sizeof(sock_filter)});
}

isolate::LoadedFilter Creation::loaded_filter() const {
  return {filter_.program, filter_.flags, filter_.wants_listener};
}

Result<void> Creation::prepare_socket() {
  if (!options_.waits_for_start) return {};
  auto socket = listen_at(context_.host.proc, directory_->fd(), kStartSocket);
  if (!socket) return unexpected(socket.error());
  start_socket_ = *std::move(socket);
  return {};
}

void Creation::fill_record() {
  const spec::Spec& spec = bundle_.spec;
  record_.version = spec.version;
  record_.id = id_;
  record_.bundle = bundle_.path;
  record_.rootfs = bundle_.rootfs;
  record_.created = rfc3339(wall_clock_ns());
  record_.annotations = spec.annotations;
  record_.namespaces = namespace_flags(spec, context_.host.proc);
  record_.ends_with_first = has_own_pids(spec);
  record_.personality = spec.personality;
  record_.has_filter = !filter_.program.empty();
  record_.filter_flags = filter_.flags;
  if (filter_.wants_listener) {
    record_.listener_path = spec.seccomp->listener_path;
    record_.listener_metadata = spec.seccomp->listener_metadata;
  }
  record_.poststart = spec.hooks.poststart;
  record_.poststop = spec.hooks.poststop;
}

isolate::LaunchSpec Creation::launch_spec() {
  isolate::LaunchSpec spec;
  spec.spec = &bundle_.spec;
  spec.rootfs = bundle_.rootfs;
  spec.group = cgroup_->group();
  spec.places = cgroup_->places();
  spec.enter_group = !cgroup_->enters_later();
  spec.filter = loaded_filter();
  spec.exec_stub = exec_stub_.get();
  spec.console_socket = io_->console_socket();
  spec.plain_line_ends = io_->relays();
  spec.start_socket = start_socket_.get();
  spec.with_program = with_program_;
  spec.preserved_fds = preserved_fds_;
  spec.pivot = !options_.no_pivot;
  spec.new_keyring = !options_.no_new_keyring;
  spec.keep_groups = bundle_.spec.annotations.contains(kKeepGroups);
  spec.proc = context_.host.proc;
  spec.hooks = hooks();
  return spec;
}

isolate::LaunchHooks Creation::hooks() {
  const spec::Hooks& wanted = bundle_.spec.hooks;
  isolate::LaunchHooks hooks;
  hooks.configure = [this](pid_t pid) { return configure(pid); };
  if (!wanted.prestart.empty() || !wanted.create_runtime.empty()) {
    hooks.before_pivot = [this](pid_t pid) { return run_early_hooks(pid); };
  }
  hooks.state_json = [this](pid_t pid, std::string_view status) { return state_json(record_, {status, pid}); };
  hooks.listener = [this](pid_t pid, UniqueFd fd) {
    return seccomp::send_listener(record_.listener_path, process_state_json(record_, "creating", pid), fd.get());
  };
  return hooks;
}

// From here on the container can be found by its name, since hooks may ask for it, and since its process will not die
// with us once it is created: at any moment later we may be killed.
Result<void> Creation::configure(pid_t pid) {
  if (auto done = cgroup_->configure(pid); !done) return done;
  for (const spec::NetDevice& device : bundle_.spec.net_devices) {
    if (auto moved = network::move_interface(pid, device.host_name, device.name); !moved) return moved;
  }
  cgroup_->describe(record_);
  const auto stat = read_process_stat(context_.host.proc, pid);
  if (!stat) return unexpected(Error{ESRCH, "process " + std::to_string(pid) + " of the container"});
  record_.pid = pid;
  record_.start_ticks = stat->start_ticks;
  auto written = directory_->write(kRecordFile, write_record(record_));
  recorded_ = written.has_value();
  return written;
}

Result<void> Creation::run_early_hooks(pid_t pid) {
  // Of old the first ones run in a container that is created and about to start: what they are told stays that.
  const std::string created = state_json(record_, {"created", pid}), creating = state_json(record_, {"creating", pid});
  if (auto done = isolate::run_hooks("prestart", bundle_.spec.hooks.prestart, created); !done) return done;
  return isolate::run_hooks("createRuntime", bundle_.spec.hooks.create_runtime, creating);
}

Result<void> Creation::finish(isolate::Launched& launched) {
  if (auto received = io_->receive_terminal(); !received) return received;
  if (pidfd_socket_) {
    if (auto sent = send_descriptor(pidfd_socket_.get(), launched.pidfd.get()); !sent) return sent;
  }
  if (auto written = write_pid_file(options_.pid_file, launched.pid); !written) return written;
  if (auto finished = directory_->finish(); !finished) return finished;
  cgroup_->keep();
  return {};
}

Result<void> Creation::destroy() {
  auto lock = lock_container(directory_->fd(), id_);
  if (!lock && lock.error().code == ENOENT) return {};
  if (!lock) return unexpected(lock.error());
  if (auto ended = cgroup_->end(); !ended) return ended;
  unmount_container(record_);
  if (auto removed = directory_->remove(); !removed) return removed;
  run_poststop_hooks(context_, record_);
  return {};
}

// What a hook in the container has written to the terminal that nobody relays yet.
void Creation::show_output() {
  if (!io_->relays() || !io_->receive_terminal()) return;
  ConsoleRelay(io_->take_terminal(), -1, STDOUT_FILENO).finish();
}

isolate::LaunchError Creation::undo(isolate::LaunchError error) {
  const bool had_hooks = launched_;
  if (launched_) show_output();
  // Once others know it one of them may have deleted it, and another one of its name may be there.
  Result<Lock> lock = Lock();
  if (recorded_) lock = lock_container(directory_->fd(), id_);
  if (!lock) {
    cgroup_->keep();
    directory_->keep();
    return error;
  }
  cgroup_.reset();
  directory_.reset();
  if (had_hooks) run_poststop_hooks(context_, record_);
  return error;
}

}  // namespace plimsoll::oci
