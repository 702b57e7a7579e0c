// SPDX-License-Identifier: Apache-2.0
// The monitor of one container (container/monitor.h), started by `plimsoll run`; not for use by hand.
#pragma once

namespace plimsoll::oci {

// The exit code. `words` are those after "monitor".
int run_monitor_command(char** words);

}  // namespace plimsoll::oci
