// SPDX-License-Identifier: Apache-2.0
#include <climits>
#include <cstdio>

#include "agent/cli/lifecycle.h"
#include "agent/cli/options.h"
#include "agent/cli/session.h"
#include "agent/command.h"
#include "base/text.h"

namespace plimsoll::agent {

int stop_command(const GlobalOptions& globals, const std::vector<std::string>& arguments) {
  std::string time = "10";
  std::vector<std::string> references;
  Options options("stop", "[OPTIONS] CONTAINER...", "Stops containers: SIGTERM first, SIGKILL after a while.");
  options.value("-t,--time", time, "SECONDS", "How long to wait before SIGKILL (10); -1 = for ever");
  options.words(references, 1);
  if (auto code = options.parse(arguments, globals.describe)) return *code;
  const auto seconds = parse_i64(time);
  if (!seconds || *seconds < -1 || *seconds > INT_MAX / 1000) {
    return complain(2, "stop: --time '" + time + "' is no number of seconds: give one such as 10, or -1");
  }
  auto engine = open_engine(globals);
  if (!engine) return complain(1, engine.error().message());
  const int patience_ms = *seconds < 0 ? -1 : static_cast<int>(*seconds * 1000);
  const int exit_code = for_each(*engine, references, [&](auto& container, const auto& reference) -> Result<void> {
    if (auto stopped = stop_container(*engine, container, patience_ms); !stopped) return stopped;
    std::puts(reference.c_str());
    return {};
  });
  tidy_up(*engine);
  return exit_code;
}

}  // namespace plimsoll::agent
