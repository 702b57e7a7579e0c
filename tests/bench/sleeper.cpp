// SPDX-License-Identifier: Apache-2.0
// The program inside a benchmark's containers: static, idle, ends at once on SIGTERM. As process 1
// of a pid namespace it gets no default actions, hence the handler.
#include <unistd.h>

#include <csignal>

int main(int argc, char**) {
  if (argc > 1) return 0;  // with an argument it is /bin/true
  std::signal(SIGTERM, [](int) { _exit(0); });
  for (;;) pause();
}
