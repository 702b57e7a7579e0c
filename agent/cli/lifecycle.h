// SPDX-License-Identifier: Apache-2.0
// Ending containers, for stop, kill and rm.
#pragma once

#include <string>

#include "base/result.h"
#include "runtime/container/reconcile.h"

namespace plimsoll::agent {

// SIGTERM, then after `patience_ms` (-1 = never) SIGKILL; returns once the monitor is done as well.
// Fine when it has ended already.
Result<void> stop_container(const container::Engine& engine, const container::Container& container, int patience_ms);

// Removes an ended container; error when it runs and `force` is false.
Result<void> remove_container(const container::Engine& engine, const container::Container& container, bool force);

}  // namespace plimsoll::agent
