// SPDX-License-Identifier: Apache-2.0
#include <cstdio>

#include "agent/cli/lifecycle.h"
#include "agent/cli/options.h"
#include "agent/cli/session.h"
#include "agent/command.h"

namespace plimsoll::agent {

int rm_command(const GlobalOptions& globals, const std::vector<std::string>& arguments) {
  bool force = false;
  std::vector<std::string> references;
  Options options("rm", "[OPTIONS] CONTAINER...", "Removes containers that have ended.");
  options.flag("-f,--force", force, "Kill running ones first");
  options.words(references, 1);
  if (auto code = options.parse(arguments, globals.describe)) return *code;
  auto engine = open_engine(globals);
  if (!engine) return complain(1, engine.error().message());
  const int exit_code = for_each(*engine, references, [&](auto& container, const auto& reference) -> Result<void> {
    if (auto removed = remove_container(*engine, container, force); !removed) return removed;
    std::puts(reference.c_str());
    return {};
  });
  tidy_up(*engine);
  return exit_code;
}

}  // namespace plimsoll::agent
