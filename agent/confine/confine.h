// SPDX-License-Identifier: Apache-2.0
// How the agent locks itself in: which capabilities are needed by what is turned on, what a person is to be told when
// one is missing, and the moment at which the rest goes. docs/SECURITY.md has the table for people.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "agent/confine/capabilities.h"
#include "agent/confine/filter.h"
#include "base/result.h"
#include "collectors/container/collector.h"
#include "collectors/container/kinds.h"

namespace plimsoll::agent {

struct SecurityOptions {
  CapabilityMask keep = 0;  // beside those that are needed
  bool keep_all = false;    // gives no capability up
  bool filter = true;
};

// What decides about needs, out of all that the agent was told.
struct Wishes {
  collectors::container::KindSet kinds;
  bool performance_counters = false;  // the host collector perf
  bool low_port = false;              // a port below 1024 is to be served
};

// A capability that is used as long as the agent runs.
struct Need {
  int capability;
  std::string_view without;  // what is not to be seen without it
};
std::vector<Need> needs_of(const Wishes& wishes);

// The mask of capabilities that stay, of those in `permitted`.
CapabilityMask kept_capabilities(const Wishes& wishes, const SecurityOptions& security, CapabilityMask permitted);

// A line for each capability that is needed and not in `permitted`.
std::vector<std::string> missing_lines(const Wishes& wishes, CapabilityMask permitted);
// A line for each thing that could not be opened.
std::vector<std::string> unopened_lines(const collectors::container::Options& containers,
                                        const collectors::container::Privileged& opened);
// A line when ended containers of `plimsoll run` cannot be read from `directory`; a missing one is fine.
std::vector<std::string> unreadable_lines(const std::string& directory);

// Gives up all other capabilities, for good, and installs the filter. To be called when everything that takes
// more has been opened and before a thread is started. The lines are for the log. Error: capabilities cannot be given
// up; a filter that the kernel cannot have is a line.
Result<std::vector<std::string>> confine(const Wishes& wishes, const SecurityOptions& security, FilterNeeds needs);

// As process 1 it is the parent of whoever loses his own: the kernel is told to take their ends by itself. Does nothing
// as any other process.
void reap_as_init();

}  // namespace plimsoll::agent
