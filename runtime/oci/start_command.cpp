// SPDX-License-Identifier: Apache-2.0
// start: the program of a container that was created. runtime.md "Start"
#include <unistd.h>

#include "runtime/container/process.h"
#include "runtime/isolate/launch.h"
#include "runtime/oci/cgroups.h"
#include "runtime/oci/command.h"
#include "runtime/oci/destroy.h"
#include "runtime/oci/notify_socket.h"
#include "runtime/oci/start_socket.h"
#include "runtime/seccomp/notify.h"

namespace plimsoll::oci {
namespace {

Result<void> let_go(const Context& context, const Container& container) {
  const Record& record = container.record();
  // One that stands still would never answer, and nobody could resume it while we wait.
  PauseReader pauses(context.host);
  const Status status = status_of(container, pauses, context.host);
  if (status == Status::kCreating) return fail("container \"" + container.id() + "\" is still being created");
  if (status == Status::kPaused) return fail("cannot start container \"" + container.id() + "\": paused: resume it");
  if (status != Status::kCreated) {
    return fail("cannot start container \"" + container.id() +
                "\" that is not created: " + std::string(status_name(status)));
  }
  // First: a program that does little has ended, and is gone, soon after the connection.
  auto process = container::open_process(context.host.proc, record.pid, record.start_ticks);
  if (!process) return unexpected(process.error());
  auto connection = connect_at(context.host.proc, container.directory(), kStartSocket);
  if (!connection) return unexpected(connection.error().within("container \"" + container.id() + "\""));
  // Should we be killed: it goes on without us, and is not created any more.
  if (::renameat(container.directory(), kStartSocket, container.directory(), kStartingSocket) != 0) {
    return fail_errno(kStartSocket);
  }
  const auto started = isolate::start(connection->get(), process->get(), [&record](UniqueFd listener) {
    return seccomp::send_listener(record.listener_path, process_state_json(record, "created", record.pid),
                                  listener.get());
  });
  if (const auto* failed = std::get_if<isolate::LaunchError>(&started)) return unexpected(failed->error);
  if (::unlinkat(container.directory(), kStartingSocket, 0) != 0) return fail_errno(kStartingSocket);
  return {};
}

// The container stays ours to wait for even when it is deleted meanwhile: hence the pidfd from before the start.
struct Service {
  NotifySocket socket;
  UniqueFd pidfd;
};

Result<Service> listen_for_ready(const Context& context, const Container& container) {
  Service service;
  const std::string manager = NotifySocket::manager();
  if (manager.empty() || container.status(context.host.proc) != Status::kCreated) return service;
  auto socket = NotifySocket::bind(context.host.proc, container.directory(), manager);
  if (!socket) return unexpected(socket.error());
  service.socket = *std::move(socket);
  const Record& record = container.record();
  auto pidfd = container::open_process(context.host.proc, record.pid, record.start_ticks);
  if (!pidfd) return unexpected(pidfd.error());
  service.pidfd = *std::move(pidfd);
  return service;
}

Result<int> run(Context& context, const Words& words) {
  auto container = Container::open(context.root, words.arguments[0]);
  if (!container) return unexpected(container.error());
  Result<Service> service = Service();
  {
    // Not while hooks run: they may want to change the container.
    auto lock = container->lock();
    if (!lock) return unexpected(lock.error());
    service = listen_for_ready(context, *container);
    if (!service) return unexpected(service.error());
    if (auto started = let_go(context, *container); !started) return unexpected(started.error());
  }
  if (service->socket.valid()) {
    auto ready = service->socket.wait_ready(container->record().pid, service->pidfd.get());
    if (!ready) context.log.warn(message_of(ready.error()));
  }
  if (auto done = run_poststart_hooks(context, *container); !done) return unexpected(done.error());
  return 0;
}

}  // namespace

const Command start_command = {{"start", "ID", "Start the program of a created container", {}, 1, 1}, run};

}  // namespace plimsoll::oci
