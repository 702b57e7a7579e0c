// SPDX-License-Identifier: Apache-2.0
#include "runtime/oci/program_io.h"

#include <fcntl.h>
#include <linux/close_range.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include "base/text.h"
#include "runtime/oci/console_relay.h"
#include "runtime/oci/start_socket.h"

namespace plimsoll::oci {
namespace {

constexpr int kFirst = 3, kMost = 4096;

std::optional<uint64_t> number_of(const char* variable) {
  const char* text = std::getenv(variable);
  return text == nullptr ? std::nullopt : parse_u64(text);
}

// Sockets that were meant for us; those of a process above us are not.
int listen_fds() {
  const auto count = number_of("LISTEN_FDS");
  const auto pid = number_of("LISTEN_PID");
  const bool ours = !pid || *pid == static_cast<uint64_t>(::getpid());
  return count && ours && *count <= static_cast<uint64_t>(kMost) ? static_cast<int>(*count) : 0;
}

void set_variable(std::vector<std::string>& env, const std::string& name, const std::string& value) {
  std::erase_if(env, [&](const std::string& one) { return one.starts_with(name + "="); });
  env.push_back(name + "=" + value);
}

Result<void> check_terminal(const IoOptions& options, bool terminal) {
  if (terminal && options.detach && options.console_socket.empty()) {
    return fail("process.terminal, and nobody stays to relay the terminal: use --console-socket");
  }
  if (!terminal && !options.console_socket.empty())
    return fail("--console-socket is of no use without process.terminal");
  return {};
}

}  // namespace

std::vector<int> preserved_descriptors(int preserve) {
  const int count = preserve + listen_fds();
  std::vector<int> open;
  for (int fd = kFirst; fd < kFirst + count; ++fd) {
    const int flags = ::fcntl(fd, F_GETFD);
    if (flags >= 0 && (flags & FD_CLOEXEC) == 0) open.push_back(fd);
  }
  ::syscall(SYS_close_range, kFirst + count, ~0U, CLOSE_RANGE_CLOEXEC);
  return open;
}

Result<ProgramIo> ProgramIo::open(const IoOptions& options, spec::Process& process, const std::string& proc) {
  if (auto good = check_terminal(options, process.terminal); !good) return unexpected(good.error());
  ProgramIo io;
  const int listening = listen_fds();
  if (listening > 0) {
    set_variable(process.env, "LISTEN_FDS", std::to_string(listening));
    set_variable(process.env, "LISTEN_PID", "1");
  }
  if (!process.terminal) return io;
  if (!options.console_socket.empty()) {
    auto socket = connect_path(proc, options.console_socket);
    if (!socket) return unexpected(socket.error().within("--console-socket"));
    io.console_ = *std::move(socket);
    return io;
  }
  if (const auto size = size_of_caller(); size && !process.console_size) {
    process.console_size.emplace(spec::ConsoleSize{size->ws_row, size->ws_col});
  }
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) return fail_errno("socketpair");
  io.console_.reset(ends[0]);
  io.own_side_.reset(ends[1]);
  return io;
}

Result<void> ProgramIo::receive_terminal() {
  console_.reset();
  if (!own_side_) return {};
  auto terminal = receive_descriptor(own_side_.get());
  if (!terminal) return unexpected(terminal.error().within("terminal"));
  terminal_ = *std::move(terminal);
  own_side_.reset();
  return {};
}

Result<void> write_pid_file(const std::string& path, pid_t pid) {
  if (path.empty()) return {};
  const size_t slash = path.rfind('/') + 1;  // npos + 1 is 0
  const std::string temporary = path.substr(0, slash) + "." + path.substr(slash) + "." + std::to_string(::getpid());
  const UniqueFd file(::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644));
  if (!file) return fail_errno("--pid-file " + path);
  auto written = write_all(file.get(), std::to_string(pid));
  if (written && ::rename(temporary.c_str(), path.c_str()) == 0) return {};
  const Error error = written ? errno_error(path) : written.error();
  ::unlink(temporary.c_str());
  return unexpected(error.within("--pid-file"));
}

Result<int> parse_descriptor_count(std::string_view text) {
  const auto count = parse_u64(text);
  if (count && *count <= static_cast<uint64_t>(kMost)) return static_cast<int>(*count);
  return fail("--preserve-fds " + std::string(text) + ": must be a number up to " + std::to_string(kMost));
}

}  // namespace plimsoll::oci
