// SPDX-License-Identifier: Apache-2.0
#include <cstdio>

#include "agent/cli/options.h"
#include "agent/cli/session.h"
#include "agent/command.h"

namespace plimsoll::agent {

int wait_command(const GlobalOptions& globals, const std::vector<std::string>& arguments) {
  std::vector<std::string> references;
  Options options("wait", "CONTAINER...", "Waits for containers to end and prints their exit codes.");
  options.words(references, 1);
  if (auto code = options.parse(arguments, globals.describe)) return *code;
  auto engine = open_engine(globals);
  if (!engine) return complain(1, engine.error().message());
  const int exit_code = for_each(*engine, references, [&](auto& container, const auto&) -> Result<void> {
    auto record = container::wait_exited(*engine, container.config.id, -1);
    if (!record) return unexpected(record.error());
    std::printf("%d\n", (*record)->exit_code);
    std::fflush(stdout);
    return {};
  });
  tidy_up(*engine);
  return exit_code;
}

}  // namespace plimsoll::agent
