// SPDX-License-Identifier: Apache-2.0
// plimsoll-oci: the runtime on its own, with runc's command line, and the monitor of the containers of `plimsoll run`.
// Static, so that it starts in a fraction of a millisecond and its text is shared by all monitors.
#include <cstring>

#include "runtime/oci/command_line.h"
#include "runtime/oci/monitor_command.h"

int main(int argc, char** argv) {
  if (argc > 1 && std::strcmp(argv[1], "monitor") == 0) return plimsoll::oci::run_monitor_command(argv + 2);
  return plimsoll::oci::run_command_line(argc > 0 ? argv + 1 : argv);
}
