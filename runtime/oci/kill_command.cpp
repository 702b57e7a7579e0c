// SPDX-License-Identifier: Apache-2.0
// kill: a signal to the first process of a container, or to all. runtime.md "Kill"
#include <sched.h>
#include <signal.h>

#include "runtime/container/process.h"
#include "runtime/limits/freezer.h"
#include "runtime/oci/cgroups.h"
#include "runtime/oci/command.h"
#include "runtime/spec/read.h"

namespace plimsoll::oci {
namespace {

constexpr Option kOptions[] = {{'a', "all", "", "Signal every process of the container"}};

Result<int> signal_of(std::string_view text) {
  if (text == "0") return 0;
  const auto number = spec::signal_number(text);
  if (!number) return fail("unknown signal \"" + std::string(text) + "\": give a name such as TERM or a number");
  return *number;
}

Error not_running(const Container& container) { return invalid("container not running: \"" + container.id() + "\""); }

// A frozen process ends only when it is let go (v1).
Result<void> thaw_for_end(Context& context, const Container& container) {
  PauseReader pauses(context.host);
  if (!pauses.frozen(container.record())) return {};
  auto group = open_group(container.record(), context.host);
  if (!group) return unexpected(group.error());
  return *group ? limits::thaw(**group) : Result<void>();
}

Result<int> signal_first(Context& context, const Container& container, int signal) {
  const Record& record = container.record();
  if (container.status(context.host.proc) == Status::kStopped) return unexpected(not_running(container));
  auto process = container::open_process(context.host.proc, record.pid, record.start_ticks);
  if (!process && process.error().code == ESRCH) return unexpected(not_running(container));
  if (!process) return unexpected(process.error());
  auto sent = container::send_signal(*process, signal);
  if (!sent && sent.error().code == ESRCH) return unexpected(not_running(container));
  if (!sent) return unexpected(sent.error());
  if (signal != SIGKILL) return 0;
  if (auto thawed = thaw_for_end(context, container); !thawed) return unexpected(thawed.error());
  return 0;
}

// Also when the first process is gone: without a pid namespace of their own others may have outlived it.
Result<int> signal_all(const limits::OwnCgroup& group, int signal) {
  auto sent = group.signal_all(signal);
  if (!sent) return unexpected(sent.error());
  return 0;
}

Result<int> run(Context& context, const Words& words) {
  auto container = Container::open(context.root, words.arguments[0]);
  if (!container) return unexpected(container.error());
  if (auto own = container->check_owner(); !own) return unexpected(own.error());
  auto signal = signal_of(words.arguments.size() > 1 ? words.arguments[1] : "SIGTERM");
  if (!signal) return unexpected(signal.error());
  const bool all = words.flag('a');
  const bool shares_pids = (container->record().namespaces & CLONE_NEWPID) == 0;
  if (!all && !(shares_pids && *signal == SIGKILL)) return signal_first(context, *container, *signal);
  auto group = open_group(container->record(), context.host);
  if (!group) return unexpected(group.error());
  if (*group) return signal_all(**group, *signal);
  if (all && container->status(context.host.proc) == Status::kStopped) return 0;
  return signal_first(context, *container, *signal);
}

}  // namespace

const Command kill_command = {
    {"kill", "ID [SIGNAL]", "Send a signal to a container (TERM)", kOptions, 1, 2, Order::kMixed}, run};

}  // namespace plimsoll::oci
