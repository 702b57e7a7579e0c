// SPDX-License-Identifier: Apache-2.0
// state: the state of a container as JSON. runtime.md "Query State"
#include <unistd.h>

#include "runtime/oci/cgroups.h"
#include "runtime/oci/command.h"

namespace plimsoll::oci {
namespace {

Result<int> run(Context& context, const Words& words) {
  auto container = Container::open(context.root, words.arguments[0]);
  if (!container) return unexpected(container.error());
  PauseReader pauses(context.host);
  const Status status = status_of(*container, pauses, context.host);
  const std::string passwd = read_file(context.host.rootfs + "/etc/passwd").value_or("");
  const pid_t pid = status == Status::kStopped ? 0 : container->record().pid;
  const std::string text =
      state_json(container->record(), {status_name(status), pid, owner_name(passwd, container->owner()), 2});
  if (auto written = write_all(STDOUT_FILENO, text + "\n"); !written) return unexpected(written.error());
  return 0;
}

}  // namespace

const Command state_command = {{"state", "ID", "Show the state of a container", {}, 1, 1}, run};

}  // namespace plimsoll::oci
