// SPDX-License-Identifier: Apache-2.0
// Questions to a service on D-Bus: systemd's manager, logind. sd-bus does the talking; its library is loaded when
// the first question is asked, so that a program that asks none neither needs it nor starts slower for it.
//
//   ListUnits() -> a(ssssssouso)       rows of strings
//   Properties.Get("ss") -> v          one value
//
// https://dbus.freedesktop.org/doc/dbus-specification.html, sd-bus(3)
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/os.h"
#include "base/result.h"

namespace plimsoll::collectors::host {

// Where a socket is, and whether a broker is behind it or the service itself.
struct BusAddress {
  std::string address;  // in D-Bus' notation: unix:path=/run/dbus/system_bus_socket
  std::string socket;   // what must exist for that; "" when the address was given from outside
  bool broker;
};

// The machine's bus: the environment's DBUS_SYSTEM_BUS_ADDRESS, or the socket below the host's root.
BusAddress system_bus(const HostRoots& roots);
// systemd's own socket, for root only.
BusAddress systemd_socket(const HostRoots& roots);

struct BusObject {
  std::string service;  // org.freedesktop.systemd1
  std::string path;     // /org/freedesktop/systemd1
};

struct BusValue {
  std::string text;     // strings and object paths
  uint64_t number = 0;  // unsigned numbers and booleans
};

using BusRow = std::vector<std::string>;  // a structure's members as text, numbers in decimal

// Whether the error means that no more questions make sense: out of time, or the connection broke.
bool ends_talk(const Error& error);

// A connection that stays open from scrape to scrape. Not thread-safe.
class Bus {
 public:
  explicit Bus(BusAddress address);
  ~Bus();
  Bus(const Bus&) = delete;
  Bus& operator=(const Bus&) = delete;

  // Connects, unless it is connected. Until the next begin() all questions together take half the time there is up
  // to `deadline_ns` (CLOCK_MONOTONIC) at most, and never more than five seconds. not_present() without the
  // library, the socket, or anybody behind it.
  Result<void> begin(int64_t deadline_ns);

  // Calls a method without arguments that answers with an array of structures. not_present() when nobody on the bus
  // has the service's name; services are not started by the question.
  Result<std::vector<BusRow>> rows(const BusObject& object, const char* interface, const char* method);
  // A property that is a string, an object path, an unsigned number or a boolean.
  Result<BusValue> property(const BusObject& object, const std::string& interface, const char* name);

 private:
  struct Connection;
  BusAddress address_;
  std::unique_ptr<Connection> connection_;
  int64_t stop_ns_ = 0;
};

}  // namespace plimsoll::collectors::host
