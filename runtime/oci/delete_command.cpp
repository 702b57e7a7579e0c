// SPDX-License-Identifier: Apache-2.0
// delete: removes what a stopped container has left, or with --force ends it first. runtime.md "Delete"
#include <regex.h>

#include "runtime/oci/cgroups.h"
#include "runtime/oci/command.h"
#include "runtime/oci/destroy.h"

namespace plimsoll::oci {
namespace {

constexpr Option kOptions[] = {{'f', "force", "", "End a container that still runs; no error when there is none"},
                               {'r', "regex", "", "ID is an extended regular expression: delete all that match"}};

// `create` was killed before it had written the state: what is there is its directory.
Result<int> delete_missing(Context& context, std::string_view id, bool force, const Error& error) {
  auto removed = remove_aborted(context.root, id);
  if (!removed) return unexpected(removed.error());
  if (force) return 0;
  return unexpected(error);
}

Result<int> delete_one(Context& context, std::string_view id, bool force) {
  auto container = Container::open(context.root, id);
  if (!container && container.error().code == ENOENT) return delete_missing(context, id, force, container.error());
  if (!container) return unexpected(container.error());
  auto lock = container->lock();
  if (!lock && lock.error().code == ENOENT && force) return 0;
  if (!lock) return unexpected(lock.error());
  PauseReader pauses(context.host);
  const Status status = status_of(*container, pauses, context.host);
  if (!force && status != Status::kStopped && status != Status::kCreated) {
    return fail("cannot delete container \"" + std::string(id) +
                "\" that is not stopped: " + std::string(status_name(status)));
  }
  if (force || status != Status::kStopped) {
    if (auto killed = kill_container(context, *container, force); !killed) return unexpected(killed.error());
  }
  if (auto done = destroy_container(context, *container); !done) return unexpected(done.error());
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
