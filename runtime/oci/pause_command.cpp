// SPDX-License-Identifier: Apache-2.0
// pause, resume: all processes of a container stand still, and go on.
#include "runtime/limits/freezer.h"
#include "runtime/oci/cgroups.h"
#include "runtime/oci/command.h"

namespace plimsoll::oci {
namespace {

Result<int> change(Context& context, std::string_view id, bool pause) {
  auto container = Container::open(context.root, id);
  if (!container) return unexpected(container.error());
  auto lock = container->lock();
  if (!lock) return unexpected(lock.error());
  PauseReader pauses(context.host);
  const Status status = status_of(*container, pauses, context.host);
  const std::string name = ": \"" + std::string(id) + "\" is " + std::string(status_name(status));
  if (pause && status != Status::kRunning && status != Status::kCreated) return fail("container not running" + name);
  if (!pause && status != Status::kPaused) return fail("container not paused" + name);
  auto group = need_group(container->record(), context.host);
  if (!group) return unexpected(group.error());
  auto changed = pause ? limits::freeze(*group) : limits::thaw(*group);
  if (!changed) return unexpected(changed.error());
  return 0;
}

Result<int> run_pause(Context& context, const Words& words) { return change(context, words.arguments[0], true); }
Result<int> run_resume(Context& context, const Words& words) { return change(context, words.arguments[0], false); }

}  // namespace

const Command pause_command = {{"pause", "ID", "Stop all processes of a container for a while", {}, 1, 1}, run_pause};
const Command resume_command = {{"resume", "ID", "Let a paused container go on", {}, 1, 1}, run_resume};

}  // namespace plimsoll::oci
