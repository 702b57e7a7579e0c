// SPDX-License-Identifier: Apache-2.0
// ps: the processes of a container, as `ps -ef` shows them or as a JSON array of process ids. proc(5)
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <ctime>

#include "base/text.h"
#include "runtime/oci/cgroups.h"
#include "runtime/oci/command.h"
#include "runtime/oci/process_stat.h"

namespace plimsoll::oci {
namespace {

constexpr Option kOptions[] = {{'f', "format", "FORMAT", "table or json"}};

// What all lines have in common.
struct Machine {
  std::string proc, passwd;
  int64_t now = 0, boot = 0;  // seconds since 1970
  int64_t ticks = 100;        // per second
};

int64_t boot_time(const std::string& proc) {
  const auto text = read_file(proc + "/stat");
  return text ? static_cast<int64_t>(find_u64(*text, "btime").value_or(0)) : 0;
}

std::string terminal_name(int device) {
  if (device == 0) return "?";
  const unsigned number = minor(static_cast<dev_t>(device)), kind = major(static_cast<dev_t>(device));
  if (kind >= 136 && kind <= 143) return "pts/" + std::to_string(number + (kind - 136) * 256);
  return kind == 4 ? "tty" + std::to_string(number) : "?";
}

std::string command_of(const std::string& proc, pid_t pid, const std::string& name) {
  std::string text = read_file(proc + "/" + std::to_string(pid) + "/cmdline").value_or("");
  while (!text.empty() && text.back() == '\0') text.pop_back();
  if (text.empty()) return "[" + name + "]";
  // A container's words must not play with the caller's terminal.
  std::replace_if(
      text.begin(), text.end(), [](char c) { return c == '\0'; }, ' ');
  std::replace_if(
      text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < ' ' || c == 127; }, '?');
  return text;
}

// The hour on the day itself, else the day.
std::string start_time(int64_t started, int64_t now) {
  const time_t at = started;
  tm parts;
  ::localtime_r(&at, &parts);
  char text[16];
  std::strftime(text, sizeof text, now - started < 86'400 ? "%H:%M" : "%b%d", &parts);
  return text;
}

std::string line_of(const Machine& machine, pid_t pid) {
  const auto stat = read_process_stat(machine.proc, pid);
  struct stat owner;
  if (!stat || ::stat((machine.proc + "/" + std::to_string(pid)).c_str(), &owner) != 0) return "";
  const int64_t started = machine.boot + static_cast<int64_t>(stat->start_ticks) / machine.ticks;
  const int64_t used = static_cast<int64_t>(stat->ticks_used) / machine.ticks;
  const int64_t percent = std::clamp<int64_t>(used * 100 / std::max<int64_t>(machine.now - started, 1), 0, 99);
  char text[160];
  std::snprintf(text, sizeof text, "%-8s %7d %7d %2d %5s %-8s %02d:%02d:%02d ",
                owner_name(machine.passwd, owner.st_uid).substr(0, 32).c_str(), pid, stat->parent,
                static_cast<int>(percent), start_time(started, machine.now).c_str(),
                terminal_name(stat->terminal).c_str(), static_cast<int>(used / 3600), static_cast<int>(used / 60 % 60),
                static_cast<int>(used % 60));
  return text + command_of(machine.proc, pid, stat->name) + "\n";
}

std::string as_table(const Context& context, const std::vector<pid_t>& pids) {
  const Machine machine = {context.host.proc, read_file(context.host.rootfs + "/etc/passwd").value_or(""),
                           wall_clock_ns() / 1'000'000'000, boot_time(context.host.proc), ::sysconf(_SC_CLK_TCK)};
  std::string text = "UID          PID    PPID  C STIME TTY          TIME CMD\n";
  for (const pid_t pid : pids) text += line_of(machine, pid);
  return text;
}

std::string as_json(const std::vector<pid_t>& pids) {
  std::string text = "[";
  for (const pid_t pid : pids) text += (text.size() > 1 ? "," : "") + std::to_string(pid);
  return text + "]\n";
}

// Without a cgroup of its own only the first process is known to be the container's.
Result<std::vector<pid_t>> processes_of(const Context& context, const Container& container) {
  auto group = open_group(container.record(), context.host);
  if (!group) return unexpected(group.error());
  std::vector<pid_t> pids;
  if (!*group && container.status(context.host.proc) != Status::kStopped) pids.push_back(container.record().pid);
  if (!*group) return pids;
  auto found = (*group)->processes();
  if (!found) return unexpected(found.error());
  std::sort(found->begin(), found->end());
  return found;
}

Result<int> run(Context& context, const Words& words) {
  const std::string_view format = words.value('f', "table");
  if (format != "table" && format != "json") return fail("--format " + std::string(format) + ": must be table or json");
  auto container = Container::open(context.root, words.arguments[0]);
  if (!container) return unexpected(container.error());
  if (format == "table" && words.arguments.size() > 1 && words.arguments[1] != "-ef") {
    context.log.warn("options of ps are not known here: the table is that of ps -ef");
  }
  auto pids = processes_of(context, *container);
  if (!pids) return unexpected(pids.error());
  const std::string text = format == "json" ? as_json(*pids) : as_table(context, *pids);
  if (auto written = write_all(STDOUT_FILENO, text); !written) return unexpected(written.error());
  return 0;
}

}  // namespace

const Command ps_command = {
    {"ps", "ID [-ef]", "Show the processes of a container", kOptions, 1, SIZE_MAX, Order::kOptionsFirst}, run};

}  // namespace plimsoll::oci
