// SPDX-License-Identifier: Apache-2.0
// What a runtime's commands cost beside containers that are alive: does creating one more cost more the more there are,
// and what do list, state and delete cost with all of them?
#pragma once

#include <vector>

#include "tests/bench/runtime_contender.h"

namespace plimsoll::bench {

struct AliveOptions {
  int containers = 200;
  int each = 20;  // measurements of each kind at each level
};

// One runtime after the other: containers of another one would be in the way. Runtimes that fail are named.
// The error is only for being interrupted.
Result<void> compare_alive(Setting& setting, const Contender& bare, const std::vector<Contender>& runtimes,
                           const AliveOptions& options);

}  // namespace plimsoll::bench
