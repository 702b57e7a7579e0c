// SPDX-License-Identifier: Apache-2.0
// start: the program of a container that was created. runtime.md "Start"
#include <unistd.h>

#include "runtime/container/process.h"
#include "runtime/isolate/launch.h"
#include "runtime/oci/command.h"
#include "runtime/oci/destroy.h"
#include "runtime/oci/start_socket.h"
#include "runtime/seccomp/notify.h"

namespace plimsoll::oci {
namespace {

Result<void> let_go(const Context& context, const Container& container) {
  const Record& record = container.record();
  const Status status = container.status(context.host.proc);
  if (status != Status::kCreated) {
    return fail("cannot start container \"" + container.id() +
                "\" that is not created: " + std::string(status_name(status)));
  }
  auto connection = connect_at(context.host.proc, container.directory(), kStartSocket);
  if (!connection) return unexpected(connection.error().within("container \"" + container.id() + "\""));
  auto process = container::open_process(context.host.proc, record.pid, record.start_ticks);
  if (!process) return unexpected(process.error());
  const auto started = isolate::start(connection->get(), process->get(), [&record](UniqueFd listener) {
    return seccomp::send_listener(record.listener_path, process_state_json(record, "created", record.pid),
                                  listener.get());
  });
  if (const auto* failed = std::get_if<isolate::LaunchError>(&started)) return unexpected(failed->error);
  if (::unlinkat(container.directory(), kStartSocket, 0) != 0) return fail_errno(kStartSocket);
  return {};
}

Result<int> run(Context& context, const Words& words) {
  auto container = Container::open(context.root, words.arguments[0]);
  if (!container) return unexpected(container.error());
  {
    // Not while hooks run: they may want to change the container.
    auto lock = container->lock();
    if (!lock) return unexpected(lock.error());
    if (auto started = let_go(context, *container); !started) return unexpected(started.error());
  }
  if (auto done = run_poststart_hooks(context, *container); !done) return unexpected(done.error());
  return 0;
}

}  // namespace

const Command start_command = {{"start", "ID", "Start the program of a created container", {}, 1, 1}, run};

}  // namespace plimsoll::oci
