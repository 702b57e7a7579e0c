// SPDX-License-Identifier: Apache-2.0
// Flags of cAdvisor that mean nothing here. They are taken, so that a command line written for cAdvisor
// starts the agent, and the log says of each why it has no effect. Those that would protect something
// are refused instead: who asks for a password must not go without one unawares.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"

namespace CLI {
class App;
}

namespace plimsoll::agent {

// Makes `app` accept them; they are in no list of --help.
void declare_cadvisor_flags(CLI::App& app);

// One line for each that was given, in the table's order. Error for one that is refused.
Result<std::vector<std::string>> cadvisor_notices(const CLI::App& app);

// The text of --help-cadvisor: which of cAdvisor's flags are heeded, and why the others are not.
std::string cadvisor_help();

// The names of all flags of that text, without dashes.
std::vector<std::string> cadvisor_flag_names();

// Those that do nothing, with dashes: those that are refused too, which say nothing when they start the agent.
std::vector<std::string> cadvisor_flags_without_effect();

}  // namespace plimsoll::agent
