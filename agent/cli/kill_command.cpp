// SPDX-License-Identifier: Apache-2.0
#include <cstdio>

#include "agent/cli/options.h"
#include "agent/cli/session.h"
#include "agent/command.h"
#include "runtime/container/process.h"

namespace plimsoll::agent {

int kill_command(const GlobalOptions& globals, const std::vector<std::string>& arguments) {
  std::string name = "KILL";
  std::vector<std::string> references;
  Options options("kill", "[OPTIONS] CONTAINER...", "Sends a signal to the first process of containers.");
  options.value("-s,--signal", name, "SIGNAL", "Name or number; default KILL");
  options.words(references, 1);
  if (auto code = options.parse(arguments, globals.describe)) return *code;
  const auto signal = container::parse_signal(name);
  if (!signal) return complain(2, "kill: " + signal.error().message());
  auto engine = open_engine(globals);
  if (!engine) return complain(1, engine.error().message());
  const int exit_code = for_each(*engine, references, [&](auto& container, const auto& reference) -> Result<void> {
    auto init = open_init(*engine, container);
    if (!init) return unexpected(init.error());
    if (auto sent = container::send_signal(*init, *signal); !sent) return sent;
    std::puts(reference.c_str());
    return {};
  });
  tidy_up(*engine);
  return exit_code;
}

}  // namespace plimsoll::agent
