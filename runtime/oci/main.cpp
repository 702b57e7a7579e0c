// SPDX-License-Identifier: Apache-2.0
// plimsoll-oci: the runtime on its own, with runc's command line, and the monitor of the containers of `plimsoll run`.
// Static, so that it starts in a fraction of a millisecond and its text is shared by all monitors.
#include <fcntl.h>
#include <unistd.h>

#include <cstring>

#include "runtime/oci/command_line.h"
#include "runtime/oci/monitor_command.h"

namespace {

// A caller may have closed its standard streams. What is opened next would take their numbers, and the container would
// be given it as a stream: the state directory of the host, for example, from which "openat(1, "..")" leads anywhere.
bool fill_standard_streams() {
  for (int stream = 0; stream <= 2; ++stream) {
    if (::fcntl(stream, F_GETFD) >= 0) continue;
    if (::open("/dev/null", O_RDWR) != stream) return false;  // the lowest free number
  }
  return true;
}

}  // namespace

int main(int argc, char** argv) {
  if (!fill_standard_streams()) return 1;
  if (argc > 1 && std::strcmp(argv[1], "monitor") == 0) return plimsoll::oci::run_monitor_command(argv + 2);
  return plimsoll::oci::run_command_line(argc > 0 ? argv + 1 : argv);
}
