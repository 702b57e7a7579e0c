// SPDX-License-Identifier: Apache-2.0
// What a container really is, also when its monitor was killed or the machine was restarted: then
// state.json still says "created" or "running", but nobody holds the lock.
#pragma once

#include <optional>
#include <string>

#include "base/result.h"
#include "runtime/container/finish.h"
#include "runtime/container/record.h"

namespace plimsoll::container {

struct Container {
  Config config;
  State state;
  bool monitored = true;  // false: it runs, but its output is lost and nobody sees its exit code
};

// Loads a container. When its monitor is gone and its init too, it is finished on the monitor's
// behalf first, with exit code -1 (nobody saw it) and what counters are left; when it had not
// started yet, it is removed. nullopt when there is no such container (any more).
Result<std::optional<Container>> load(const Engine& engine, const std::string& id);

// Waits until the container has ended and its monitor is done with it (up to `timeout_ms`, -1 = for ever), then
// returns its final record, also when it was removed meanwhile. nullopt when the time is over.
Result<std::optional<ExitRecord>> wait_exited(const Engine& engine, const std::string& id, int timeout_ms);

}  // namespace plimsoll::container
