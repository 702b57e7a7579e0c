// SPDX-License-Identifier: Apache-2.0
// plimsoll: global options, then one command.
#include "agent/program.h"

#include <unistd.h>

#include <algorithm>
#include <climits>
#include <cstdio>
#include <cstdlib>
#include <string_view>

#include "agent/command.h"

namespace plimsoll::agent {
namespace {

constexpr Command kCommands[] = {
    {"agent", "Serve host and container metrics to Prometheus", agent_command},
    {"run", "Run a program in a new container", run_command},
    {"ps", "List containers", ps_command},
    {"logs", "Print the output of a container", logs_command},
    {"exec", "Run a further program in a running container", exec_command},
    {"stop", "Stop containers: SIGTERM, then SIGKILL", stop_command},
    {"kill", "Send a signal to containers", kill_command},
    {"rm", "Remove containers", rm_command},
    {"inspect", "Print everything known about containers as JSON", inspect_command},
    {"stats", "Show what containers use", stats_command},
    {"wait", "Wait for containers to end and print their exit codes", wait_command},
    {"healthcheck", "Ask an agent whether it serves", healthcheck_command},
    {"completion", "Print what makes a shell complete plimsoll's words", completion_command},
    {"version", "Print the version", version_command},
};

std::vector<OptionText> global_options() {
  return {{{"--root"}, "DIR", "/var/lib/plimsoll", "Where containers are kept", "", false},
          {{"--runroot"}, "DIR", "/run/plimsoll", "Where what a reboot may forget is kept", "", false},
          {{"-h", "--help"}, "", "", "Print this help", "", false},
          {{"-v", "--version"}, "", "", "Print the version", "", false}};
}

std::string usage_line(const OptionText& option) {
  std::string left = "  ";
  for (const std::string& name : option.names) left += (left.size() > 2 ? ", " : "") + name;
  if (!option.value.empty()) left += " " + option.value;
  left.resize(std::max<size_t>(left.size() + 1, 21), ' ');
  return left + option.help + (option.fallback.empty() ? "" : " (default " + option.fallback + ")") + "\n";
}

void print_usage(std::FILE* out) {
  std::string text =
      "Usage: plimsoll [OPTIONS] COMMAND [ARG...]\n\n"
      "Runs containers, and measures them and their host for Prometheus.\n\nCommands:\n";
  for (const Command& command : kCommands) {
    std::string line = "  " + std::string(command.name);
    line.resize(15, ' ');
    text += line + command.summary + "\n";
  }
  text += "\nOptions:\n";
  for (const OptionText& option : global_options()) text += usage_line(option);
  text += "\n'plimsoll COMMAND --help' explains a command.\n";
  std::fputs(text.c_str(), out);
}

struct Invocation {
  GlobalOptions globals;
  const Command* command = nullptr;
  std::vector<std::string> arguments;
  int exit_code = 0;  // when there is no command
};

int usage_error(const std::string& what) {
  std::fprintf(stderr, "plimsoll: %s\nSee 'plimsoll --help'.\n", what.c_str());
  return 2;
}

// Takes "--name VALUE" or "--name=VALUE" at `arguments[at]`; moves `at` to the last word used.
bool take_option(const std::vector<std::string>& arguments, size_t& at, std::string_view name, std::string& value) {
  const std::string& word = arguments[at];
  if (word == name && at + 1 < arguments.size()) {
    value = arguments[++at];
    return true;
  }
  if (!word.starts_with(name) || word.size() <= name.size() || word[name.size()] != '=') return false;
  value = word.substr(name.size() + 1);
  return true;
}

// Others work on it from another directory.
void make_absolute(std::string& path) {
  char here[PATH_MAX];
  if (!path.starts_with('/') && ::getcwd(here, sizeof here) != nullptr) path = std::string(here) + "/" + path;
}

Invocation parse(const std::vector<std::string>& arguments) {
  Invocation result;
  for (size_t at = 0; at < arguments.size(); ++at) {
    const std::string& word = arguments[at];
    if (word == "-h" || word == "--help" || word == "help") {
      print_usage(stdout);
      return result;
    }
    if (take_option(arguments, at, "--root", result.globals.roots.root)) continue;
    if (take_option(arguments, at, "--runroot", result.globals.roots.runroot)) continue;
    std::string_view name = word;
    if (word == "-v" || word == "--version") name = "version";
    const auto* found =
        std::find_if(std::begin(kCommands), std::end(kCommands), [&](const Command& c) { return c.name == name; });
    if (found == std::end(kCommands)) {
      result.exit_code = usage_error(word.starts_with('-') ? "unknown option '" + word + "'"
                                                           : "'" + word + "' is not a plimsoll command");
      return result;
    }
    make_absolute(result.globals.roots.root);
    make_absolute(result.globals.roots.runroot);
    result.command = found;
    result.arguments.assign(arguments.begin() + static_cast<std::ptrdiff_t>(at) + 1, arguments.end());
    return result;
  }
  print_usage(stderr);
  result.exit_code = 2;
  return result;
}

}  // namespace

ProgramText program_text() {
  ProgramText program;
  program.name = "plimsoll";
  program.summary = "container monitoring agent and container runtime";
  program.options = global_options();
  program.list_containers =
      R"sh(plimsoll ps --all --format json 2>/dev/null | sed -n 's/.*"Names":"\([^"]*\)".*/\1/p')sh";
  for (const Command& command : kCommands) {
    CommandText text;
    GlobalOptions globals;
    globals.describe = &text;
    (void)command.run(globals, {});
    text.name = command.name;
    text.summary = command.summary;
    program.commands.push_back(std::move(text));
  }
  return program;
}

int version_command(const GlobalOptions& globals, const std::vector<std::string>&) {
  if (globals.describe != nullptr) {
    globals.describe->description = "Prints the version.";
    return 0;
  }
  std::puts("plimsoll version " PLIMSOLL_VERSION);
  return 0;
}

int run_program(const std::vector<std::string>& words) {
  const Invocation invocation = parse(words);
  if (invocation.command == nullptr) return invocation.exit_code;
  return invocation.command->run(invocation.globals, invocation.arguments);
}

}  // namespace plimsoll::agent
