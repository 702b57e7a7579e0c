// SPDX-License-Identifier: Apache-2.0
// READY=1 of a container's program for the service manager that has started us (NOTIFY_SOCKET). The program gets a
// socket of its own, in a directory of the container's state that is bound into the container; what it says there is
// not passed on but for READY=1, and whoever lets it start stays until it has said so. sd_notify(3), systemd.service(5)
#pragma once

#include <string>

#include "base/os.h"
#include "base/result.h"
#include "runtime/spec/spec.h"

namespace plimsoll::oci {

class NotifySocket {
 public:
  // What NOTIFY_SOCKET of our own environment says; "": nobody wants to know.
  static std::string manager();

  // Makes the directory in the container's (`directory`, which is `path`) and adds mount and variable to `spec`: it
  // lies where the manager's socket does on the host, which is at /run/notify for one without a path.
  static Result<void> prepare(int directory, const std::string& path, const std::string& manager, spec::Spec& spec);
  // Before the program starts. Invalid where the container was made without a directory for it.
  static Result<NotifySocket> bind(const std::string& proc, int directory, const std::string& manager);

  bool valid() const { return socket_.valid(); }
  int fd() const { return socket_.get(); }
  // Reads what has come; true when the program is ready, and the manager knows: `pid` is the service's main process.
  Result<bool> serve(pid_t pid);
  // Until it is ready or, by its pidfd, at its end.
  Result<void> wait_ready(pid_t pid, int pidfd);

 private:
  std::string manager_;
  UniqueFd socket_;
};

}  // namespace plimsoll::oci
