// SPDX-License-Identifier: Apache-2.0
// The command line as the stand-in of a program that runs in a container: signals go in, standard
// input goes in, the exit code comes out.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "agent/cli/relay.h"
#include "base/os.h"
#include "base/result.h"

namespace plimsoll::agent {

// Blocks the signals that are passed on and gives a signalfd(2) for them. Before the first child
// is started, which must unblock them for itself.
Result<UniqueFd> take_signals();
// Lets them do to this process what they usually do.
void give_back_signals();

struct Attachment {
  const UniqueFd* signals = nullptr;        // of take_signals()
  std::function<void(int signal)> pass_on;  // called for each signal
  std::function<void()> insist;             // called at the third INT or TERM, and each after it
  std::vector<Relay*> relays;
};

enum class Attended {
  kDone,        // `awaited` is readable or closed at its other end
  kOutputGone,  // nobody reads `output` any more
};

// Runs the poll loop until one of the two. `output`: a descriptor whose reader matters, or -1.
Attended attend(const Attachment& attachment, int awaited, int output);

}  // namespace plimsoll::agent
