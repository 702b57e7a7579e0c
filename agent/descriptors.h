// SPDX-License-Identifier: Apache-2.0
// How the open files that the process may have (RLIMIT_NOFILE) are shared out: the server's come first, since
// without them it cannot answer at all; what containers' counters keep open only makes reading them cheaper.
#pragma once

#include <cstddef>

#include "base/result.h"

namespace plimsoll::agent {

// Raises the soft limit to the hard one: kept descriptors of many containers need more than the usual 1024.
void raise_descriptor_limit();

// What a server with so many connections needs, with what its handlers open meanwhile.
size_t reserved_descriptors(size_t connections);

// Error: the limit is too low for so many connections even without any container.
Result<void> check_descriptor_limit(size_t connections);

}  // namespace plimsoll::agent
