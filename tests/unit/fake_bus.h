// SPDX-License-Identifier: Apache-2.0
// A D-Bus of a test's own: a dbus-daemon below its tree, and a thread that plays a service on it.
#pragma once

#include <dlfcn.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <systemd/sd-bus.h>
#include <unistd.h>

#include <atomic>
#include <map>
#include <string>
#include <thread>
#include <variant>
#include <vector>

#include "base/os.h"
#include "tests/unit/temp_tree.h"

namespace plimsoll::test {

// libsystemd is not linked: nor is it by the code under test.
template <typename Function>
Function find_in_libsystemd(const char* name) {
  static void* const library = ::dlopen("libsystemd.so.0", RTLD_NOW);
  return library == nullptr ? nullptr : reinterpret_cast<Function>(::dlsym(library, name));
}

struct SdBus {
  decltype(&sd_bus_close_unref) close_unref = find_in_libsystemd<decltype(&sd_bus_close_unref)>("sd_bus_close_unref");
  decltype(&sd_bus_message_append_basic) message_append_basic =
      find_in_libsystemd<decltype(&sd_bus_message_append_basic)>("sd_bus_message_append_basic");
  decltype(&sd_bus_message_close_container) message_close_container =
      find_in_libsystemd<decltype(&sd_bus_message_close_container)>("sd_bus_message_close_container");
  decltype(&sd_bus_message_get_member) message_get_member =
      find_in_libsystemd<decltype(&sd_bus_message_get_member)>("sd_bus_message_get_member");
  decltype(&sd_bus_message_get_path) message_get_path =
      find_in_libsystemd<decltype(&sd_bus_message_get_path)>("sd_bus_message_get_path");
  decltype(&sd_bus_message_is_method_call) message_is_method_call =
      find_in_libsystemd<decltype(&sd_bus_message_is_method_call)>("sd_bus_message_is_method_call");
  decltype(&sd_bus_message_new_method_return) message_new_method_return =
      find_in_libsystemd<decltype(&sd_bus_message_new_method_return)>("sd_bus_message_new_method_return");
  decltype(&sd_bus_message_open_container) message_open_container =
      find_in_libsystemd<decltype(&sd_bus_message_open_container)>("sd_bus_message_open_container");
  decltype(&sd_bus_message_read_basic) message_read_basic =
      find_in_libsystemd<decltype(&sd_bus_message_read_basic)>("sd_bus_message_read_basic");
  decltype(&sd_bus_message_unref) message_unref =
      find_in_libsystemd<decltype(&sd_bus_message_unref)>("sd_bus_message_unref");
  decltype(&sd_bus_new) create = find_in_libsystemd<decltype(&sd_bus_new)>("sd_bus_new");
  decltype(&sd_bus_process) process = find_in_libsystemd<decltype(&sd_bus_process)>("sd_bus_process");
  decltype(&sd_bus_reply_method_error) reply_method_error =
      find_in_libsystemd<decltype(&sd_bus_reply_method_error)>("sd_bus_reply_method_error");
  decltype(&sd_bus_request_name) request_name =
      find_in_libsystemd<decltype(&sd_bus_request_name)>("sd_bus_request_name");
  decltype(&sd_bus_send) send = find_in_libsystemd<decltype(&sd_bus_send)>("sd_bus_send");
  decltype(&sd_bus_set_address) set_address = find_in_libsystemd<decltype(&sd_bus_set_address)>("sd_bus_set_address");
  decltype(&sd_bus_set_bus_client) set_bus_client =
      find_in_libsystemd<decltype(&sd_bus_set_bus_client)>("sd_bus_set_bus_client");
  decltype(&sd_bus_set_fd) set_fd = find_in_libsystemd<decltype(&sd_bus_set_fd)>("sd_bus_set_fd");
  decltype(&sd_bus_set_server) set_server = find_in_libsystemd<decltype(&sd_bus_set_server)>("sd_bus_set_server");
  decltype(&sd_bus_start) start = find_in_libsystemd<decltype(&sd_bus_start)>("sd_bus_start");
  decltype(&sd_bus_wait) wait = find_in_libsystemd<decltype(&sd_bus_wait)>("sd_bus_wait");
};

inline const SdBus& sd() {
  static const SdBus functions;
  return functions;
}

using FakeValue = std::variant<std::string, uint32_t, uint64_t, bool>;

// What a service answers.
struct FakeAnswers {
  std::map<std::string, std::vector<std::vector<FakeValue>>> rows;  // by method
  std::map<std::string, std::string> row_types;                     // by method: "(so)"
  std::map<std::string, FakeValue> properties;                      // by "path interface name"
  std::atomic<bool> silent = false;
};

// Plays a service on a connection until it is destroyed.
class FakeService {
 public:
  // On a bus, under a name.
  FakeService(const std::string& address, const char* name, FakeAnswers& answers) : answers_(answers) {
    EXPECT_GE(sd().create(&bus_), 0);
    EXPECT_GE(sd().set_address(bus_, address.c_str()), 0);
    EXPECT_GE(sd().set_bus_client(bus_, 1), 0);
    EXPECT_GE(sd().start(bus_), 0);
    EXPECT_GE(sd().request_name(bus_, name, 0), 0);
    thread_ = std::thread([this] { serve(); });
  }
  // As the other end of a connection without a bus.
  FakeService(int connection, FakeAnswers& answers) : answers_(answers) {
    EXPECT_GE(sd().create(&bus_), 0);
    EXPECT_GE(sd().set_fd(bus_, connection, connection), 0);
    EXPECT_GE(sd().set_server(bus_, 1, sd_id128_t{.qwords = {1, 2}}), 0);
    EXPECT_GE(sd().start(bus_), 0);
    thread_ = std::thread([this] { serve(); });
  }
  ~FakeService() {
    stop_ = true;
    thread_.join();
    sd().close_unref(bus_);
  }
  FakeService(const FakeService&) = delete;
  FakeService& operator=(const FakeService&) = delete;

 private:
  void serve() {
    while (!stop_) {
      sd_bus_message* message = nullptr;
      const int r = sd().process(bus_, &message);
      if (r < 0) return;
      if (message != nullptr && !answers_.silent) answer(message);
      sd().message_unref(message);
      if (r == 0) sd().wait(bus_, 10'000);
    }
  }

  void answer(sd_bus_message* question) {
    if (sd().message_is_method_call(question, nullptr, nullptr) <= 0) return;
    const std::string member = sd().message_get_member(question);
    sd_bus_message* reply = nullptr;
    sd().message_new_method_return(question, &reply);
    const bool known = member == "Get" ? append_property(question, reply) : append_rows(member, reply);
    if (known) {
      sd().send(bus_, reply, nullptr);
    } else {
      const sd_bus_error error = {"org.freedesktop.DBus.Error.UnknownProperty", "no such thing", 0};
      sd().reply_method_error(question, &error);
    }
    sd().message_unref(reply);
  }

  bool append_property(sd_bus_message* question, sd_bus_message* reply) {
    const char *interface = nullptr, *name = nullptr;
    sd().message_read_basic(question, 's', &interface);
    sd().message_read_basic(question, 's', &name);
    const std::string key = std::string(sd().message_get_path(question)) + " " + interface + " " + name;
    const auto found = answers_.properties.find(key);
    if (found == answers_.properties.end()) return false;
    constexpr const char* kTypes[] = {"s", "u", "t", "b"};
    const char* type = kTypes[found->second.index()];
    sd().message_open_container(reply, 'v', type);
    append(reply, *type, found->second);
    sd().message_close_container(reply);
    return true;
  }

  bool append_rows(const std::string& method, sd_bus_message* reply) {
    const auto found = answers_.rows.find(method);
    if (found == answers_.rows.end()) return false;
    const std::string row_type = answers_.row_types[method];
    const std::string members = row_type.substr(1, row_type.size() - 2);
    sd().message_open_container(reply, 'a', row_type.c_str());
    for (const auto& row : found->second) {
      sd().message_open_container(reply, 'r', members.c_str());
      for (size_t i = 0; i < row.size(); ++i) append(reply, members[i], row[i]);
      sd().message_close_container(reply);
    }
    sd().message_close_container(reply);
    return true;
  }

  static void append(sd_bus_message* reply, char type, const FakeValue& value) {
    const auto append_basic = sd().message_append_basic;
    if (const auto* text = std::get_if<std::string>(&value)) {
      EXPECT_GE(append_basic(reply, type, text->c_str()), 0);
    } else if (const auto* yes = std::get_if<bool>(&value)) {
      const int number = *yes ? 1 : 0;
      EXPECT_GE(append_basic(reply, type, &number), 0);
    } else if (const auto* small = std::get_if<uint32_t>(&value)) {
      EXPECT_GE(append_basic(reply, type, small), 0);
    } else {
      EXPECT_GE(append_basic(reply, type, &std::get<uint64_t>(value)), 0);
    }
  }

  FakeAnswers& answers_;
  sd_bus* bus_ = nullptr;
  std::atomic<bool> stop_ = false;
  std::thread thread_;
};

inline sockaddr_un unix_address(const std::string& path) {
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  return address;
}

inline UniqueFd listen_at(const std::string& path) {
  UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const sockaddr_un address = unix_address(path);
  EXPECT_EQ(::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  EXPECT_EQ(::listen(fd.get(), 1), 0);
  return fd;
}

// A dbus-daemon on the socket of a tree's root, ended with the object.
class PrivateBus {
 public:
  explicit PrivateBus(const TempTree& tree) : socket_(tree.at("root/run/dbus/system_bus_socket")) {
    tree.make_dir("root/run/dbus");
    tree.write("bus.conf",
               "<busconfig><listen>" + address() +
                   "</listen><auth>EXTERNAL</auth><policy context=\"default\"><allow send_destination=\"*\" "
                   "eavesdrop=\"true\"/><allow eavesdrop=\"true\"/><allow own=\"*\"/><allow user=\"*\"/>"
                   "</policy></busconfig>");
    const std::string config = "--config-file=" + tree.at("bus.conf");
    pid_ = ::fork();
    if (pid_ == 0) {
      ::execlp("dbus-daemon", "dbus-daemon", config.c_str(), "--nofork", "--nopidfile", nullptr);
      ::_exit(127);
    }
    for (int i = 0; i < 500 && !accepts() && ::waitpid(pid_, nullptr, WNOHANG) == 0; ++i) ::usleep(10'000);
  }
  ~PrivateBus() {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  PrivateBus(const PrivateBus&) = delete;
  PrivateBus& operator=(const PrivateBus&) = delete;

  std::string address() const { return "unix:path=" + socket_; }

 private:
  bool accepts() const {
    const UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const sockaddr_un address = unix_address(socket_);
    return ::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  }

  std::string socket_;
  pid_t pid_;
};

}  // namespace plimsoll::test
