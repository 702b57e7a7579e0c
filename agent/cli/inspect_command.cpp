// SPDX-License-Identifier: Apache-2.0
// plimsoll inspect: a JSON array with one object per container: the configuration and the state as they
// are kept on disk (runtime/container/record.h), and of an ended one the sums of `--stats-on-exit`.
#include <cstdio>
#include <nlohmann/json.hpp>

#include "agent/cli/options.h"
#include "agent/cli/session.h"
#include "agent/cli/usage.h"
#include "agent/command.h"

namespace plimsoll::agent {
namespace {

using nlohmann::json;

json usage_to_json(const Usage& usage) {
  json object = {{"exit_code", usage.exit_code}};
  const auto put = [&](const char* name, const cgroup::Count& count) {
    if (count) object[name] = *count;
  };
  put("wall_ns", usage.wall_ns);
  put("cpu_user_ns", usage.cpu_user_ns);
  put("cpu_system_ns", usage.cpu_system_ns);
  put("cpu_throttled_ns", usage.throttled_ns);
  put("memory_peak_bytes", usage.memory_peak_bytes);
  put("oom_kills", usage.oom_kills);
  put("read_bytes", usage.read_bytes);
  put("written_bytes", usage.written_bytes);
  put("receive_bytes", usage.receive_bytes);
  put("transmit_bytes", usage.transmit_bytes);
  return object;
}

json container_to_json(const container::Engine& engine, const container::Container& container) {
  json object = {{"id", container.config.id},
                 {"name", container.config.name},
                 {"status", container::to_string(container.state.status)},
                 {"monitored", container.monitored},
                 {"directory", engine.store.roots().container_dir(container.config.id)},
                 {"config", json::parse(container::to_json(container.config), nullptr, false)},
                 {"state", json::parse(container::to_json(container.state), nullptr, false)}};
  if (container.state.status == container::Status::kExited)
    object["usage"] = usage_to_json(usage_of(container.state.exit));
  return object;
}

}  // namespace

int inspect_command(const GlobalOptions& globals, const std::vector<std::string>& arguments) {
  std::vector<std::string> references;
  Options options("inspect", "CONTAINER...", "Prints everything known about containers as a JSON array.");
  options.words(references, 1);
  if (auto code = options.parse(arguments, globals.describe)) return *code;
  auto engine = open_engine(globals);
  if (!engine) return complain(1, engine.error().message());
  json array = json::array();
  const int exit_code = for_each(*engine, references, [&](auto& container, const auto&) -> Result<void> {
    array.push_back(container_to_json(*engine, container));
    return {};
  });
  std::printf("%s\n", array.dump(2, ' ', false, json::error_handler_t::replace).c_str());
  tidy_up(*engine);
  return exit_code;
}

}  // namespace plimsoll::agent
