// SPDX-License-Identifier: Apache-2.0
// The flags of `plimsoll agent` about how it locks itself in.
#pragma once

#include <string>
#include <vector>

#include "agent/confine/confine.h"
#include "base/result.h"

namespace CLI {
class App;
}

namespace plimsoll::agent {

// The words as they were given. CLI11 keeps pointers to the members.
struct SecurityWords {
  std::vector<std::string> keep;  // comma-separated lists
  bool filter = true;
};

void declare_security_flags(CLI::App& app, SecurityWords& words);

// After parsing. Error: flag, what is wrong, remedy.
Result<SecurityOptions> security_options(const SecurityWords& words);

}  // namespace plimsoll::agent
