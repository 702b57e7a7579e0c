// SPDX-License-Identifier: Apache-2.0
#include "runtime/oci/command_line.h"

#include <linux/close_range.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdlib>

#include "runtime/oci/command.h"

namespace plimsoll::oci {
namespace {

enum Global { kRoot = 256, kLog, kLogFormat, kLogLevel, kDebug, kSystemd, kManager, kRootless, kCriu };

constexpr Option kGlobals[] = {
    {kRoot, "root", "DIR", "Where the state of containers is (/run/plimsoll-oci)"},
    {kLog, "log", "FILE", "Write the log there instead of to standard error"},
    {kLogFormat, "log-format", "FORMAT", "text or json"},
    {kLogLevel, "log-level", "LEVEL", "error, warning, info or debug"},
    {kDebug, "debug", "", "Log what is done, too"},
    {kSystemd, "systemd-cgroup", "", "Let systemd make the cgroups; cgroupsPath is slice:prefix:name"},
    {kManager, "cgroup-manager", "NAME", "cgroupfs, systemd or disabled"},
    {kRootless, "rootless", "VALUE", "true, false or auto: whether cgroups may be out of reach"},
    {kCriu, "criu", "PATH", ""},
    {'v', "version", "", "Show the version"},
};

constexpr const Command* kCommands[] = {
    &checkpoint_command, &create_command, &delete_command, &events_command, &exec_command,    &features_command,
    &kill_command,       &list_command,   &pause_command,  &ps_command,     &restore_command, &resume_command,
    &run_command,        &spec_command,   &start_command,  &state_command,  &update_command};

std::string global_help() {
  std::string text =
      "NAME:\n   plimsoll-oci - Open Container Initiative runtime\n\n"
      "USAGE:\n   plimsoll-oci [GLOBAL OPTION...] COMMAND [OPTION...] [ARGUMENT...]\n\nCOMMANDS:\n";
  for (const Command* command : kCommands) {
    std::string line = "  " + std::string(command->syntax.name);
    line.resize(14, ' ');
    text += line + std::string(command->syntax.summary) + "\n";
  }
  return text + "\nGLOBAL OPTIONS:\n" + option_lines(kGlobals);
}

int print(const std::string& text) { return write_all(STDOUT_FILENO, text) ? 0 : 1; }

int fail_with(Context& context, const Error& error, int code = 1) {
  context.log.error(message_of(error));
  return code;
}

// Whether root here is root of the machine only inside a user namespace.
bool in_user_namespace(const HostRoots& host) {
  const auto map = read_file(host.proc + "/self/uid_map");
  return map && map->find("4294967295") == std::string::npos;
}

Result<bool> read_rootless(std::string_view value, const HostRoots& host) {
  if (value == "true") return true;
  if (value == "false") return false;
  if (value != "auto") return fail("--rootless " + std::string(value) + ": must be true, false or auto");
  return ::geteuid() != 0 || in_user_namespace(host);
}

Result<std::string> default_root(bool rootless) {
  const char* runtime = std::getenv("XDG_RUNTIME_DIR");
  const bool own = ::geteuid() != 0 || (rootless && runtime != nullptr);
  if (!own) return std::string("/run/plimsoll-oci");
  if (runtime == nullptr || *runtime == '\0') return fail("XDG_RUNTIME_DIR is not set: say by --root where state goes");
  return std::string(runtime) + "/plimsoll-oci";
}

Result<LogLevel> read_level(std::string_view value) {
  if (value == "error") return LogLevel::kError;
  if (value == "warning") return LogLevel::kWarning;
  if (value == "info") return LogLevel::kInfo;
  if (value == "debug") return LogLevel::kDebug;
  return fail("--log-level " + std::string(value) + ": must be error, warning, info or debug");
}

// First of all, so that further errors go where they are wanted.
Result<void> set_up_log(const Words& words, Log& log) {
  log.set_path(std::string(words.value(kLog)));
  const std::string_view format = words.value(kLogFormat, "text");
  if (format != "text" && format != "json")
    return fail("--log-format " + std::string(format) + ": must be text or json");
  log.set_format(format == "json" ? LogFormat::kJson : LogFormat::kText);
  auto level = read_level(words.flag(kDebug) ? "debug" : words.value(kLogLevel, "info"));
  if (!level) return unexpected(level.error());
  log.set_least(*level);
  return log.open();
}

Result<void> set_up(const Words& words, Context& context) {
  if (auto log = set_up_log(words, context.log); !log) return log;
  const auto manager = manager_of(words.value(kManager, "cgroupfs"));
  if (!manager) return fail("--cgroup-manager must be cgroupfs, systemd or disabled");
  context.manager = words.flag(kSystemd) ? CgroupManager::kSystemd : *manager;
  auto rootless = read_rootless(words.value(kRootless, "auto"), context.host);
  if (!rootless) return unexpected(rootless.error());
  context.rootless = *rootless;
  context.root = words.value(kRoot);
  context.root_given = words.has(kRoot);
  if (context.root_given) return context.root.empty() ? fail("--root must not be empty") : Result<void>();
  auto root = default_root(context.rootless);
  if (!root) return unexpected(root.error());
  context.root = *std::move(root);
  return {};
}

const Command* find_command(std::string_view name) {
  for (const Command* command : kCommands) {
    if (command->syntax.name == name) return command;
  }
  return nullptr;
}

Error unknown_command(std::string_view name) {
  std::vector<std::string_view> names = {"help"};
  for (const Command* command : kCommands) names.push_back(command->syntax.name);
  std::string text = "command '" + std::string(name) + "' is not known";
  const std::string_view close = nearest(name, names);
  text += close.empty() ? ": see --help" : ": did you mean " + std::string(close) + "?";
  return invalid(text);
}

int run(Context& context, const Command& command, char** words) {
  auto parsed = parse_words(command.syntax, words);
  const std::string name(command.syntax.name);
  if (!parsed) return fail_with(context, parsed.error().within(name), command.failure);
  if (parsed->help) return print(help_text(command.syntax));
  auto done = command.run(context, *parsed);
  return done ? *done : fail_with(context, done.error(), command.failure);
}

int help(Context& context, const char* topic) {
  if (topic == nullptr) return print(global_help());
  const Command* command = find_command(topic);
  if (command != nullptr) return print(help_text(command->syntax));
  return fail_with(context, invalid("No help topic for '" + std::string(topic) + "'"));
}

}  // namespace

std::string version_text() {
  return std::string("plimsoll-oci version ") + PLIMSOLL_VERSION + "\ncommit: v" + PLIMSOLL_VERSION +
         "\nspec: " + kSpecVersion + "\n+SYSTEMD +SELINUX +APPARMOR +CAP +SECCOMP +EBPF\n";
}

std::span<const Option> global_options() { return kGlobals; }

std::span<const Command* const> commands() { return kCommands; }

int run_command_line(char** words) {
  Context context;
  char** rest = nullptr;
  auto globals = parse_leading_options(kGlobals, words, rest);
  if (!globals) return fail_with(context, globals.error());
  if (globals->help) return print(global_help());
  if (globals->flag('v')) return print(version_text());
  if (*rest == nullptr) return fail_with(context, invalid("a command is missing: see --help"));
  const std::string_view name = *rest;
  if (name == "help" || name == "h") return help(context, rest[1]);
  if (auto ready = set_up(*globals, context); !ready) return fail_with(context, ready.error());
  const Command* command = find_command(name);
  if (command == nullptr && rest[1] != nullptr && is_help(rest[1])) return help(context, *rest);
  if (command == nullptr) return fail_with(context, unknown_command(name));
  return run(context, *command, rest + 1);
}

}  // namespace plimsoll::oci
