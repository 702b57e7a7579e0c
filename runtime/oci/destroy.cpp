// SPDX-License-Identifier: Apache-2.0
#include "runtime/oci/destroy.h"

#include <sched.h>
#include <signal.h>

#include "runtime/container/process.h"
#include "runtime/isolate/hook.h"
#include "runtime/isolate/launch.h"
#include "runtime/oci/cgroups.h"

namespace plimsoll::oci {
namespace {

constexpr int kEndMs = 10'000;

}  // namespace

Result<void> kill_container(const Context& context, const Container& container, bool everything) {
  const Record& record = container.record();
  auto process = container::open_process(context.host.proc, record.pid, record.start_ticks);
  if (process) (void)container::send_signal(*process, SIGKILL);
  if (everything) {
    // Also lets a frozen one go on to its end.
    auto group = open_group(record, context.host);
    if (group && *group) {
      if (auto killed = (*group)->kill_all(); !killed) return killed;
    }
  }
  if (!process) return {};
  auto ended = container::wait_end(*process, kEndMs);
  if (!ended) return unexpected(ended.error());
  return *ended ? Result<void>() : fail("container \"" + record.id + "\": its first process does not end");
}

void unmount_container(const Record& record) {
  if ((record.namespaces & CLONE_NEWNS) == 0) isolate::unmount_root(record.rootfs);
}

void run_poststop_hooks(Context& context, const Record& record) {
  if (record.poststop.empty()) return;
  // One that fails does not keep the others from running.
  for (size_t at = 0; at < record.poststop.size(); ++at) {
    auto done = isolate::run_hooks("poststop", {record.poststop[at]}, state_json(record, {"stopped"}));
    if (!done) context.log.warn(message_of(done.error()));
  }
}

Result<void> destroy_container(Context& context, const Container& container, bool kill) {
  if (auto removed = remove_group(container.record(), context.host, kill); !removed) return removed;
  unmount_container(container.record());
  if (auto removed = remove_directory(context.root, container.id()); !removed) return removed;
  run_poststop_hooks(context, container.record());
  return {};
}

Result<void> run_poststart_hooks(Context& context, const Container& container) {
  const Record& record = container.record();
  if (record.poststart.empty()) return {};
  auto done = isolate::run_hooks("poststart", record.poststart, state_json(record, {"running", record.pid}));
  if (done) return {};
  (void)kill_container(context, container, true);
  if (auto destroyed = destroy_container(context, container); !destroyed) {
    context.log.warn(message_of(destroyed.error()));
  }
  return done;
}

}  // namespace plimsoll::oci
