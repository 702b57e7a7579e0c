// SPDX-License-Identifier: Apache-2.0
// run: create and start, and unless --detach stay until the program's end.
#include <sys/prctl.h>

#include "runtime/oci/command.h"
#include "runtime/oci/create_options.h"
#include "runtime/oci/destroy.h"
#include "runtime/oci/foreground.h"

namespace plimsoll::oci {
namespace {

enum Key { kKeep = kFirstOwnKey, kNoSubreaper };
constexpr Option kOptions[] = {kBundleOption,
                               kConfigOption,
                               kConsoleSocketOption,
                               {'d', "detach", "", "Return as soon as the program runs"},
                               {kKeep, "keep", "", "Do not delete the container at its end"},
                               {kNoSubreaper, "no-subreaper", "", "Leave orphans of the container to somebody else"},
                               kPidFileOption,
                               kPidfdSocketOption,
                               kPreserveFdsOption,
                               kNoPivotOption,
                               kNoNewKeyringOption};

// What `run` ends with when there is no program to wait for.
Result<int> failed_start(Context& context, const isolate::LaunchError& failure) {
  if (failure.exit_code == isolate::kExitEngineFailed) return unexpected(failure.error);
  context.log.error(message_of(failure.error));
  return failure.exit_code;
}

Result<int> stay(Creation& creation, const isolate::Launched& launched, Foreground& foreground) {
  UniqueFd terminal = creation.take_terminal();
  std::optional<ConsoleRelay> console;
  if (terminal) console.emplace(std::move(terminal), 0, 1);
  return foreground.wait(launched.pid, launched.pidfd.get(), console ? &*console : nullptr, &creation.notify());
}

Result<void> run_poststart(Context& context, std::string_view id, const Creation& creation) {
  if (!creation.has_poststart_hooks()) return {};
  auto container = Container::open(context.root, id);
  if (!container) return unexpected(container.error());
  return run_poststart_hooks(context, *container);
}

Result<int> run_and_stay(Context& context, std::string_view id, const CreationOptions& options, bool keep) {
  Foreground foreground;
  Creation creation(context, id, options);
  auto result = creation.run();
  if (const auto* failed = std::get_if<isolate::LaunchError>(&result)) return failed_start(context, *failed);
  if (auto done = run_poststart(context, id, creation); !done) return unexpected(done.error());
  auto code = stay(creation, std::get<isolate::Launched>(result), foreground);
  if (keep) return code;
  if (auto destroyed = creation.destroy(); !destroyed) context.log.warn(message_of(destroyed.error()));
  return code;
}

Result<int> run_detached(Context& context, std::string_view id, const CreationOptions& options) {
  Creation creation(context, id, options);
  const auto result = creation.run();
  if (const auto* failed = std::get_if<isolate::LaunchError>(&result)) return failed_start(context, *failed);
  if (creation.notify().valid()) {
    const auto& launched = std::get<isolate::Launched>(result);
    auto ready = creation.notify().wait_ready(launched.pid, launched.pidfd.get());
    if (!ready) context.log.warn(message_of(ready.error()));
  }
  if (auto done = run_poststart(context, id, creation); !done) return unexpected(done.error());
  return 0;
}

Result<int> run(Context& context, const Words& words) {
  auto options = creation_options(words);
  if (!options) return unexpected(options.error());
  options->io.detach = words.flag('d');
  if (options->io.detach) return run_detached(context, words.arguments[0], *options);
  if (!words.flag(kNoSubreaper)) ::prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
  return run_and_stay(context, words.arguments[0], *options, words.flag(kKeep));
}

}  // namespace

const Command run_command = {{"run", "ID", "Make a container and start it", kOptions, 1, 1}, run};

}  // namespace plimsoll::oci
