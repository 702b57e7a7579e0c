// SPDX-License-Identifier: Apache-2.0
// The directories of record.h: made, found, changed and removed. Nothing here starts or stops anything.
//
// A directory is made, and removed, under the hidden name containers/.ID and renamed: what is visible
// is complete. It is there before its name is taken, and its name is given back before it goes: a
// name always leads somewhere. Whoever makes the directory holds its lock and hands it to the
// monitor, so a lock that is free means that nobody looks after the container (see reconcile.h).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/os.h"
#include "base/result.h"
#include "runtime/container/record.h"

namespace plimsoll::container {

// Whether `text` may be a container's name: [a-zA-Z0-9][a-zA-Z0-9_.-]*, at most 128 characters.
bool is_name(std::string_view text);
// 64 lower-case hexadecimal digits from getrandom(2).
Result<std::string> random_id();
// Two words and, to make collisions rare, two digits of `id` (at least 18 digits): "brave_heron_4f".
std::string name_from_id(std::string_view id);
inline constexpr size_t kShortIdLength = 12;

class Store {
 public:
  explicit Store(StateRoots roots) : roots_(std::move(roots)) {}

  // Makes the directory with config.json and state.json ("created") and takes the name. The returned
  // lock is held. Error EEXIST: the name is taken, the context says by whom. On error nothing is left.
  Result<UniqueFd> create(const Config& config) const;
  // The same under a made-up name, which becomes config.name; one that is taken is made up again.
  Result<UniqueFd> create_named(Config& config) const;
  // Removes name and directory; fine when they are gone already.
  Result<void> remove(const std::string& id, const std::string& name) const;

  // Removes what killed processes left in the middle of create() or remove().
  Result<void> remove_leftovers() const;

  // Every container's id, in no order. No directory = none.
  Result<std::vector<std::string>> ids() const;
  // The id behind a name, an id, or the beginning of exactly one id. Error "no such container: X".
  Result<std::string> resolve(const std::string& reference) const;

  Result<Config> config(const std::string& id) const;
  Result<State> state(const std::string& id) const;
  // Atomic; survives the death of any process, a power loss only if the disk was quick enough.
  Result<void> set_state(const std::string& id, const State& state) const;

  // The open, not yet locked lock file; it stays usable after the container's removal.
  Result<UniqueFd> open_lock(const std::string& id) const;

  const StateRoots& roots() const { return roots_; }

 private:
  std::string hidden_dir(const std::string& id) const { return roots_.root + "/containers/." + id; }
  std::string name_path(const std::string& name) const { return roots_.root + "/names/" + name; }
  Result<UniqueFd> make_directory(const Config& config) const;
  Result<void> take_name(const Config& config) const;

  StateRoots roots_;
};

// flock(2). try_lock: false when somebody else holds it. wait_unlocked: until nobody holds it
// exclusively; the lock is not kept.
Result<bool> try_lock(const UniqueFd& lock);
Result<void> wait_unlocked(const UniqueFd& lock);

}  // namespace plimsoll::container
