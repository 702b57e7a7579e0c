// SPDX-License-Identifier: Apache-2.0
// What the agent tells the service manager that has started it (systemd, Type=notify): sd_notify(3)'s protocol, datagrams
// of lines NAME=VALUE to the socket that NOTIFY_SOCKET names. Without libsystemd, which costs a start more than this does.
#pragma once

#include <string>

#include "base/result.h"

namespace plimsoll::agent {

class ServiceManager {
 public:
  // `address`: what NOTIFY_SOCKET holds, a path or "@NAME" of an abstract socket; "": nobody is told anything.
  explicit ServiceManager(std::string address) : address_(std::move(address)) {}

  // Serving, or done with a reload. `status` is one line for `systemctl status`.
  // Errors of all three: nobody listens there. They are for the log; there is nothing else to do about them.
  Result<void> ready(const std::string& status) const;
  Result<void> reloading() const;
  Result<void> stopping() const;

 private:
  Result<void> tell(const std::string& lines) const;

  std::string address_;
};

}  // namespace plimsoll::agent
