// SPDX-License-Identifier: Apache-2.0
// What a container's program gets from the caller besides its configuration: a terminal, descriptors, sockets that
// systemd has opened (sd_listen_fds(3)); and what the caller gets of it: its pid.
#pragma once

#include <string>
#include <vector>

#include "base/os.h"
#include "base/result.h"
#include "runtime/spec/spec.h"

namespace plimsoll::oci {

struct IoOptions {
  std::string console_socket;
  bool detach = false;  // the caller does not stay with the program
};

class ProgramIo {
 public:
  // Checks that options and process go together, adds LISTEN_FDS to the environment.
  static Result<ProgramIo> open(const IoOptions& options, spec::Process& process, const std::string& proc);

  // For the side that makes the terminal; -1 without one.
  int console_socket() const { return console_.get(); }
  // We relay the terminal ourselves. The caller's own terminal makes "\r\n" of "\n", and a file should not get it.
  bool relays() const { return own_side_.valid(); }
  // After the start: the terminal, where we relay it.
  Result<void> receive_terminal();
  UniqueFd take_terminal() { return std::move(terminal_); }

 private:
  UniqueFd console_, own_side_, terminal_;
};

// Replaces `path` by a file with the pid. Readers see the whole of it or nothing.
Result<void> write_pid_file(const std::string& path, pid_t pid);

// Of the descriptors that the program is to get (LISTEN_FDS' and `preserve` more, from 3 on) those that are open; the
// others are nothing to complain about, since callers give a round number. What is close-on-exec is ours, not the
// caller's. All above are marked so: what the caller has left open by mistake is neither for hooks nor for the program.
std::vector<int> preserved_descriptors(int preserve);

// "3" of --preserve-fds 3.
Result<int> parse_descriptor_count(std::string_view text);

}  // namespace plimsoll::oci
