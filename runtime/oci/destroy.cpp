// SPDX-License-Identifier: Apache-2.0
#include "runtime/oci/destroy.h"

#include <signal.h>

#include "runtime/container/process.h"
#include "runtime/isolate/hook.h"
#include "runtime/oci/cgroups.h"
#include "runtime/oci/hook_files.h"

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

void run_poststop_hooks(Context& context, const Record& record) {
  if (record.poststop.empty()) return;
  auto files = HookFiles::open(record.annotations);
  if (!files) context.log.warn(message_of(files.error()));
  const isolate::HookStreams streams = files ? files->streams() : isolate::HookStreams();
  // One that fails does not keep the others from running.
  for (size_t at = 0; at < record.poststop.size(); ++at) {
    auto done = isolate::run_hooks("poststop", {record.poststop[at]}, state_json(record, {"stopped"}), streams);
    if (!done) context.log.warn(message_of(done.error()));
  }
}

Result<void> destroy_container(Context& context, const Container& container) {
  if (auto removed = remove_group(container.record(), context.host); !removed) return removed;
  if (auto removed = remove_directory(context.root, container.id()); !removed) return removed;
  run_poststop_hooks(context, container.record());
  return {};
}

Result<void> run_poststart_hooks(Context& context, const Container& container) {
  const Record& record = container.record();
  if (record.poststart.empty()) return {};
  auto files = HookFiles::open(record.annotations);
  Result<void> done = files ? Result<void>() : unexpected(files.error());
  if (done) {
    const std::string state = state_json(record, {"running", record.pid});
    done = isolate::run_hooks("poststart", record.poststart, state, files->streams());
  }
  if (done) return {};
  (void)kill_container(context, container, true);
  if (auto destroyed = destroy_container(context, container); !destroyed) {
    context.log.warn(message_of(destroyed.error()));
  }
  return done;
}

}  // namespace plimsoll::oci
