// SPDX-License-Identifier: Apache-2.0
// plimsoll ps: one line per container, newest first.
#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "agent/cli/format.h"
#include "agent/cli/options.h"
#include "agent/cli/session.h"
#include "agent/command.h"
#include "runtime/container/log.h"

namespace plimsoll::agent {
namespace {

constexpr size_t kCommandWidth = 20;
constexpr size_t kImageWidth = 40;

struct PsWords {
  bool all = false, quiet = false, whole = false;
  std::string format;
};

std::string status_of(const container::Container& container, int64_t now_ns) {
  const container::State& state = container.state;
  switch (state.status) {
    case container::Status::kCreated:
      return "Created";
    case container::Status::kRunning:
      return "Up " + format_age(now_ns - state.started_ns) + (container.monitored ? "" : " (unmonitored)");
    case container::Status::kExited:
      break;
  }
  return "Exited (" + std::to_string(state.exit.exit_code) + ") " + format_age(now_ns - state.exit.finished_ns) +
         " ago";
}

std::string command_of(const container::Config& config) {
  std::string command;
  for (const auto& word : config.argv) command += (command.empty() ? "" : " ") + word;
  return command;
}

std::string display_id(const container::Config& config, bool whole) {
  return whole ? config.id : config.id.substr(0, container::kShortIdLength);
}

std::vector<std::string> table_row(const container::Container& container, bool whole, int64_t now_ns) {
  const container::Config& config = container.config;
  const std::string command =
      whole ? shorten(command_of(config), SIZE_MAX) : shorten(command_of(config), kCommandWidth);
  return {display_id(config, whole),    shorten(config.image, whole ? SIZE_MAX : kImageWidth),
          "\"" + command + "\"",        format_age(now_ns - config.created_ns) + " ago",
          status_of(container, now_ns), config.name};
}

// Docker's member names, one object a line.
std::string json_line(const container::Container& container, bool whole, int64_t now_ns) {
  const container::Config& config = container.config;
  std::string labels;
  for (const auto& [name, value] : config.labels) labels += (labels.empty() ? "" : ",") + name + "=" + value;
  const nlohmann::json object = {{"ID", display_id(config, whole)},
                                 {"Image", config.image},
                                 {"Command", command_of(config)},
                                 {"CreatedAt", container::format_time(config.created_ns)},
                                 {"RunningFor", format_age(now_ns - config.created_ns) + " ago"},
                                 {"State", container::to_string(container.state.status)},
                                 {"Status", status_of(container, now_ns)},
                                 {"Names", config.name},
                                 {"Labels", labels},
                                 {"Networks", container::to_string(config.network)}};
  return object.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

// What can be listed; a container that cannot be read is complained about, not fatal.
std::vector<container::Container> load_all(const container::Engine& engine, bool all, int& exit_code) {
  std::vector<container::Container> containers;
  auto ids = engine.store.ids();
  if (!ids) {
    exit_code = complain(1, ids.error().message());
    return containers;
  }
  for (const std::string& id : *ids) {
    auto container = container::load(engine, id);
    if (!container) exit_code = complain(1, container.error().message());
    if (!container || !*container) continue;
    if (all || (*container)->state.status == container::Status::kRunning) containers.push_back(std::move(**container));
  }
  std::sort(containers.begin(), containers.end(),
            [](const auto& a, const auto& b) { return a.config.created_ns > b.config.created_ns; });
  return containers;
}

void print(const std::vector<container::Container>& containers, const PsWords& words) {
  const int64_t now_ns = wall_clock_ns();
  std::string text;
  std::vector<std::vector<std::string>> rows = {{"CONTAINER ID", "IMAGE", "COMMAND", "CREATED", "STATUS", "NAMES"}};
  for (const auto& container : containers) {
    if (words.quiet) {
      text += display_id(container.config, words.whole) + "\n";
    } else if (words.format == "json") {
      text += json_line(container, words.whole, now_ns) + "\n";
    } else {
      rows.push_back(table_row(container, words.whole, now_ns));
    }
  }
  if (!words.quiet && words.format != "json") text = format_table(rows);
  std::fputs(text.c_str(), stdout);
}

}  // namespace

int ps_command(const GlobalOptions& globals, const std::vector<std::string>& arguments) {
  PsWords words;
  Options options("ps", "[OPTIONS]", "Lists containers.");
  options.flag("-a,--all", words.all, "Those that have ended, too");
  options.flag("-q,--quiet", words.quiet, "Ids only");
  options.flag("--no-trunc", words.whole, "Nothing shortened");
  options.value("--format", words.format, "table|json", "table is the default; json: one object a line");
  if (auto code = options.parse(arguments, globals.describe)) return *code;
  if (!words.format.empty() && words.format != "json" && words.format != "table") {
    return complain(2, "ps: --format '" + words.format + "' is unknown: choose table or json");
  }
  auto engine = open_engine(globals);
  if (!engine) return complain(1, engine.error().message());
  int exit_code = 0;
  print(load_all(*engine, words.all, exit_code), words);
  tidy_up(*engine);
  return exit_code;
}

}  // namespace plimsoll::agent
