// SPDX-License-Identifier: Apache-2.0
#include "runtime/spec/names.h"

#include <signal.h>
#include <sys/resource.h>

#include "base/text.h"
#include "runtime/spec/read.h"

namespace plimsoll::spec {
namespace {

// <linux/capability.h>: the place in the list is the number.
constexpr std::array<std::string_view, 41> kCapabilities = {
    "CAP_CHOWN",
    "CAP_DAC_OVERRIDE",
    "CAP_DAC_READ_SEARCH",
    "CAP_FOWNER",
    "CAP_FSETID",
    "CAP_KILL",
    "CAP_SETGID",
    "CAP_SETUID",
    "CAP_SETPCAP",
    "CAP_LINUX_IMMUTABLE",
    "CAP_NET_BIND_SERVICE",
    "CAP_NET_BROADCAST",
    "CAP_NET_ADMIN",
    "CAP_NET_RAW",
    "CAP_IPC_LOCK",
    "CAP_IPC_OWNER",
    "CAP_SYS_MODULE",
    "CAP_SYS_RAWIO",
    "CAP_SYS_CHROOT",
    "CAP_SYS_PTRACE",
    "CAP_SYS_PACCT",
    "CAP_SYS_ADMIN",
    "CAP_SYS_BOOT",
    "CAP_SYS_NICE",
    "CAP_SYS_RESOURCE",
    "CAP_SYS_TIME",
    "CAP_SYS_TTY_CONFIG",
    "CAP_MKNOD",
    "CAP_LEASE",
    "CAP_AUDIT_WRITE",
    "CAP_AUDIT_CONTROL",
    "CAP_SETFCAP",
    "CAP_MAC_OVERRIDE",
    "CAP_MAC_ADMIN",
    "CAP_SYSLOG",
    "CAP_WAKE_ALARM",
    "CAP_BLOCK_SUSPEND",
    "CAP_AUDIT_READ",
    "CAP_PERFMON",
    "CAP_BPF",
    "CAP_CHECKPOINT_RESTORE",
};

constexpr Names<int, 16> kRlimits = {{
    {"RLIMIT_AS", RLIMIT_AS},
    {"RLIMIT_CORE", RLIMIT_CORE},
    {"RLIMIT_CPU", RLIMIT_CPU},
    {"RLIMIT_DATA", RLIMIT_DATA},
    {"RLIMIT_FSIZE", RLIMIT_FSIZE},
    {"RLIMIT_LOCKS", RLIMIT_LOCKS},
    {"RLIMIT_MEMLOCK", RLIMIT_MEMLOCK},
    {"RLIMIT_MSGQUEUE", RLIMIT_MSGQUEUE},
    {"RLIMIT_NICE", RLIMIT_NICE},
    {"RLIMIT_NOFILE", RLIMIT_NOFILE},
    {"RLIMIT_NPROC", RLIMIT_NPROC},
    {"RLIMIT_RSS", RLIMIT_RSS},
    {"RLIMIT_RTPRIO", RLIMIT_RTPRIO},
    {"RLIMIT_RTTIME", RLIMIT_RTTIME},
    {"RLIMIT_SIGPENDING", RLIMIT_SIGPENDING},
    {"RLIMIT_STACK", RLIMIT_STACK},
}};

const Names<int, 35> kSignals = {{
    {"HUP", SIGHUP},     {"INT", SIGINT},   {"QUIT", SIGQUIT},     {"ILL", SIGILL},     {"TRAP", SIGTRAP},
    {"ABRT", SIGABRT},   {"IOT", SIGIOT},   {"BUS", SIGBUS},       {"FPE", SIGFPE},     {"KILL", SIGKILL},
    {"USR1", SIGUSR1},   {"SEGV", SIGSEGV}, {"USR2", SIGUSR2},     {"PIPE", SIGPIPE},   {"ALRM", SIGALRM},
    {"TERM", SIGTERM},   {"CHLD", SIGCHLD}, {"CLD", SIGCHLD},      {"CONT", SIGCONT},   {"STOP", SIGSTOP},
    {"TSTP", SIGTSTP},   {"TTIN", SIGTTIN}, {"TTOU", SIGTTOU},     {"URG", SIGURG},     {"XCPU", SIGXCPU},
    {"XFSZ", SIGXFSZ},   {"PROF", SIGPROF}, {"VTALRM", SIGVTALRM}, {"IO", SIGIO},       {"POLL", SIGPOLL},
    {"WINCH", SIGWINCH}, {"PWR", SIGPWR},   {"SYS", SIGSYS},       {"RTMIN", SIGRTMIN}, {"RTMAX", SIGRTMAX},
}};

std::string upper(std::string_view text) {
  std::string result(text);
  for (char& c : result)
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  return result;
}

// "RTMIN+3", "RTMAX-1"
std::optional<int> realtime_signal(std::string_view name) {
  const bool from_least = name.starts_with("RTMIN+");
  if (!from_least && !name.starts_with("RTMAX-")) return std::nullopt;
  const auto offset = parse_u64(name.substr(6));
  if (!offset || *offset > static_cast<uint64_t>(SIGRTMAX - SIGRTMIN)) return std::nullopt;
  return from_least ? SIGRTMIN + static_cast<int>(*offset) : SIGRTMAX - static_cast<int>(*offset);
}

}  // namespace

std::string join_names(const std::vector<std::string_view>& names) {
  std::string all;
  for (const std::string_view name : names) {
    if (!all.empty()) all += ", ";
    all += name;
  }
  return all;
}

std::optional<int> capability_number(std::string_view name) {
  for (size_t number = 0; number < kCapabilities.size(); ++number)
    if (kCapabilities[number] == name) return static_cast<int>(number);
  const std::string other = upper(name);
  if (other == name && name.starts_with("CAP_")) return std::nullopt;
  return capability_number(other.starts_with("CAP_") ? other : "CAP_" + other);
}

std::string capability_name(int number) {
  if (number >= 0 && static_cast<size_t>(number) < kCapabilities.size()) return std::string(kCapabilities[number]);
  return "CAP_" + std::to_string(number);
}

std::vector<std::string_view> known_capabilities() { return {kCapabilities.begin(), kCapabilities.end()}; }
std::vector<std::string_view> known_rlimits() { return all_names(kRlimits); }

std::optional<int> rlimit_number(std::string_view name) { return find_name(kRlimits, name); }
std::string_view rlimit_name(int resource) { return name_of(kRlimits, resource); }

std::optional<int> signal_number(std::string_view name) {
  if (const auto number = parse_u64(name)) {
    if (*number > static_cast<uint64_t>(SIGRTMAX)) return std::nullopt;
    return static_cast<int>(*number);
  }
  const std::string word = upper(name);
  const std::string_view bare = word.starts_with("SIG") ? std::string_view(word).substr(3) : std::string_view(word);
  if (const auto found = find_name(kSignals, bare)) return found;
  return realtime_signal(bare);
}

}  // namespace plimsoll::spec
