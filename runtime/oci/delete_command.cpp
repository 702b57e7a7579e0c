// SPDX-License-Identifier: Apache-2.0
// delete: removes what a stopped container has left, or with --force ends it first. runtime.md "Delete"
#include <regex.h>
#include <unistd.h>

#include <cerrno>

#include "runtime/oci/cgroups.h"
#include "runtime/oci/command.h"
#include "runtime/oci/destroy.h"

namespace plimsoll::oci {
namespace {

constexpr Option kOptions[] = {{'f', "force", "", "End a container that still runs; no error when there is none"},
                               {'r', "regex", "", "ID is an extended regular expression: delete all that match"}};

constexpr int kRetryMs = 10, kLockMs = 10'000, kGoneMs = 2'000;

// `create` was killed before it had written the state: what is there is its directory.
Result<int> delete_missing(Context& context, std::string_view id, bool force, const Error& error) {
  auto removed = remove_aborted(context.root, id, [&context](const std::string& path) {
    Record record;
    record.cgroup_path = path;
    return remove_group(record, context.host, false);
  });
  if (!removed) return unexpected(removed.error());
  if (force) return 0;
  return unexpected(error);
}

// A `create` that was killed takes a moment to be gone, and one that was not, to become a container.
Result<Container> open_for_end(const Context& context, std::string_view id) {
  auto container = Container::open(context.root, id);
  for (int waited_ms = 0; !container && container.error().code == ENOENT && waited_ms < kGoneMs;
       waited_ms += kRetryMs) {
    if (!is_being_created(context.root, id)) break;
    ::usleep(kRetryMs * 1000);
    container = Container::open(context.root, id);
  }
  return container;
}

// A record that nobody can read tells neither the process nor the cgroup.
Result<int> delete_unreadable(Context& context, std::string_view id, const Error& error) {
  if (auto removed = remove_directory(context.root, id); !removed) return unexpected(removed.error());
  context.log.warn(message_of(error) + ": its directory was removed, its processes and its cgroup were not looked for");
  return 0;
}

// `start` holds the lock while it waits for the container, which may never answer: it is killed first. As long as its
// first process lives nobody has deleted it, so its cgroup is its own.
Result<Lock> lock_for_end(const Context& context, const Container& container) {
  for (int waited_ms = 0;; waited_ms += kRetryMs) {
    auto lock = try_lock_container(container.directory(), container.id());
    if (lock || lock.error().code != EWOULDBLOCK || waited_ms > kLockMs) return lock;
    if (container.status(context.host.proc) != Status::kStopped) (void)kill_container(context, container, true);
    ::usleep(kRetryMs * 1000);
  }
}

Result<int> delete_one(Context& context, std::string_view id, bool force) {
  auto container = force ? open_for_end(context, id) : Container::open(context.root, id);
  if (!container && container.error().code == ENOENT) return delete_missing(context, id, force, container.error());
  if (!container && force && check_id(id)) return delete_unreadable(context, id, container.error());
  if (!container) return unexpected(container.error());
  auto lock = force ? lock_for_end(context, *container) : container->lock();
  if (!lock && lock.error().code == ENOENT && force) return 0;
  if (!lock) return unexpected(lock.error());
  PauseReader pauses(context.host);
  const Status status = status_of(*container, pauses, context.host);
  if (!force && status != Status::kStopped && status != Status::kCreated) {
    return fail("cannot delete container \"" + std::string(id) +
                "\" that is not stopped: " + std::string(status_name(status)));
  }
  // What is in its cgroup when nobody of it can be left is not its own.
  const bool over = status == Status::kStopped && container->record().ends_with_first;
  if (!over && (force || status != Status::kStopped)) {
    if (auto killed = kill_container(context, *container, force); !killed) return unexpected(killed.error());
  }
  if (auto done = destroy_container(context, *container, !over); !done) return unexpected(done.error());
  return 0;
}

Result<int> delete_matching(Context& context, const std::string& pattern, bool force) {
  regex_t expression;
  if (::regcomp(&expression, pattern.c_str(), REG_EXTENDED | REG_NOSUB) != 0) {
    return fail("'" + pattern + "' is no extended regular expression");
  }
  auto ids = container_ids(context.root, !context.root_given);
  int code = 0;
  for (const std::string& id : ids ? *ids : std::vector<std::string>()) {
    if (::regexec(&expression, id.c_str(), 0, nullptr, 0) != 0) continue;
    auto done = delete_one(context, id, force);
    if (!done) context.log.error(message_of(done.error()));
    if (!done) code = 1;
  }
  ::regfree(&expression);
  if (!ids) return unexpected(ids.error());
  return code;
}

Result<int> run(Context& context, const Words& words) {
  const bool force = words.flag('f');
  if (words.flag('r')) return delete_matching(context, std::string(words.arguments[0]), force);
  return delete_one(context, words.arguments[0], force);
}

}  // namespace

const Command delete_command = {{"delete", "ID", "Remove a container that has stopped", kOptions, 1, 1}, run};

}  // namespace plimsoll::oci
