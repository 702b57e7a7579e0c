// SPDX-License-Identifier: Apache-2.0
// Plays systemd's manager on a bus: takes units and says how their jobs ended. sd-bus reads what it is told, so that
// the code under test has a reader that it did not bring along.
#pragma once

#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "tests/unit/fake_bus.h"

namespace plimsoll::test {

struct SdBusMore {
#define PLIMSOLL_SD_BUS(name) \
  decltype(&sd_bus_##name) name = find_in_libsystemd<decltype(&sd_bus_##name)>("sd_bus_" #name)
  PLIMSOLL_SD_BUS(message_append);
  PLIMSOLL_SD_BUS(message_enter_container);
  PLIMSOLL_SD_BUS(message_exit_container);
  PLIMSOLL_SD_BUS(message_get_sender);
  PLIMSOLL_SD_BUS(message_new_signal);
  PLIMSOLL_SD_BUS(message_peek_type);
  PLIMSOLL_SD_BUS(message_set_destination);
  PLIMSOLL_SD_BUS(message_skip);
#undef PLIMSOLL_SD_BUS
};

inline const SdBusMore& more() {
  static const SdBusMore functions;
  return functions;
}

class FakeSystemd {
 public:
  struct Manners {
    std::vector<std::string> errors;  // names, for the first calls that make jobs; "" is none
    std::string result = "done";      // of the jobs
    std::string version = "252.39-1";
    bool end_before_answer = false;
    bool forged_end = false;  // somebody else on the bus says "done", to the caller alone
    bool silent = false;      // jobs never end
  };
  struct Call {
    std::string member, unit, mode;
    std::vector<std::string> properties;  // their names
  };

  FakeSystemd(const std::string& address, Manners manners) : manners_(std::move(manners)) {
    connect(&bus_, address);
    connect(&other_, address);
    EXPECT_GE(sd().request_name(bus_, "org.freedesktop.systemd1", 0), 0);
    start();
  }
  // As the other end of a connection without a bus.
  FakeSystemd(int connection, Manners manners) : manners_(std::move(manners)) {
    EXPECT_GE(sd().create(&bus_), 0);
    EXPECT_GE(sd().set_fd(bus_, connection, connection), 0);
    EXPECT_GE(sd().set_server(bus_, 1, sd_id128_t{.qwords = {1, 2}}), 0);
    EXPECT_GE(sd().start(bus_), 0);
    start();
  }
  ~FakeSystemd() {
    stop_ = true;
    thread_.join();
    sd().close_unref(bus_);
    if (other_ != nullptr) sd().close_unref(other_);
  }
  FakeSystemd(const FakeSystemd&) = delete;
  FakeSystemd& operator=(const FakeSystemd&) = delete;

  std::vector<Call> calls() {
    const std::lock_guard lock(mutex_);
    return calls_;
  }
  std::vector<std::string> members() {
    std::vector<std::string> out;
    for (const Call& call : calls()) out.push_back(call.member);
    return out;
  }

 private:
  static constexpr const char* kJob = "/org/freedesktop/systemd1/job/7";

  static void connect(sd_bus** bus, const std::string& address) {
    EXPECT_GE(sd().create(bus), 0);
    EXPECT_GE(sd().set_address(*bus, address.c_str()), 0);
    EXPECT_GE(sd().set_bus_client(*bus, 1), 0);
    EXPECT_GE(sd().start(*bus), 0);
  }
  void start() {
    thread_ = std::thread([this] { serve(); });
  }

  void serve() {
    while (!stop_) {
      if (other_ != nullptr)
        while (sd().process(other_, nullptr) > 0) continue;
      sd_bus_message* message = nullptr;
      const int r = sd().process(bus_, &message);
      if (r < 0) return;
      if (message != nullptr) answer(message);
      sd().message_unref(message);
      if (r == 0) sd().wait(bus_, 10'000);
    }
  }

  void answer(sd_bus_message* question) {
    if (sd().message_is_method_call(question, nullptr, nullptr) <= 0) return;
    const Call call = read(question);
    {
      const std::lock_guard lock(mutex_);
      calls_.push_back(call);
    }
    const bool makes_job = call.member == "StartTransientUnit" || call.member == "StopUnit";
    if (makes_job || call.member == "SetUnitProperties") {
      const std::string name = errors_said_ < manners_.errors.size() ? manners_.errors[errors_said_++] : "";
      if (!name.empty()) {
        const sd_bus_error error = {name.c_str(), "so it is", 0};
        sd().reply_method_error(question, &error);
        return;
      }
    }
    const char* sender = more().message_get_sender(question);
    if (makes_job && manners_.forged_end) say_end(other_, sender, call.unit, "done");
    if (makes_job && manners_.end_before_answer && !manners_.silent) say_end(bus_, nullptr, call.unit, manners_.result);
    reply(question, call, makes_job);
    if (makes_job && !manners_.end_before_answer && !manners_.silent)
      say_end(bus_, nullptr, call.unit, manners_.result);
  }

  void reply(sd_bus_message* question, const Call& call, bool makes_job) {
    sd_bus_message* reply = nullptr;
    sd().message_new_method_return(question, &reply);
    if (makes_job) more().message_append(reply, "o", kJob);
    if (call.member == "Get") more().message_append(reply, "v", "s", manners_.version.c_str());
    sd().send(bus_, reply, nullptr);
    sd().message_unref(reply);
  }

  void say_end(sd_bus* from, const char* to, const std::string& unit, const std::string& result) {
    sd_bus_message* signal = nullptr;
    more().message_new_signal(from, &signal, "/org/freedesktop/systemd1", "org.freedesktop.systemd1.Manager",
                              "JobRemoved");
    more().message_append(signal, "uoss", 7u, kJob, unit.c_str(), result.c_str());
    if (to != nullptr) more().message_set_destination(signal, to);
    EXPECT_GE(sd().send(from, signal, nullptr), 0);
    sd().message_unref(signal);
    while (from == other_ && sd().process(from, nullptr) > 0) continue;
  }

  static std::string text(sd_bus_message* message) {
    const char* value = nullptr;
    return sd().message_read_basic(message, 's', &value) > 0 ? value : "?";
  }

  // Reads all there is of a call, so that a body that is malformed anywhere shows as "?".
  static Call read(sd_bus_message* message) {
    Call call;
    call.member = sd().message_get_member(message);
    call.unit = text(message);
    if (call.member == "StartTransientUnit" || call.member == "StopUnit") call.mode = text(message);
    if (call.member == "SetUnitProperties") more().message_skip(message, "b");
    if (call.member != "StartTransientUnit" && call.member != "SetUnitProperties") return call;
    EXPECT_GT(more().message_enter_container(message, 'a', "(sv)"), 0);
    while (more().message_enter_container(message, 'r', "sv") > 0) {
      call.properties.push_back(text(message));
      if (more().message_skip(message, "v") <= 0) call.properties.push_back("?");
      more().message_exit_container(message);
    }
    EXPECT_GE(more().message_exit_container(message), 0);
    const bool starts = call.member == "StartTransientUnit";
    EXPECT_TRUE(!starts || more().message_skip(message, "a(sa(sv))") > 0);
    return call;
  }

  Manners manners_;
  size_t errors_said_ = 0;
  std::mutex mutex_;
  std::vector<Call> calls_;
  sd_bus* bus_ = nullptr;
  sd_bus* other_ = nullptr;
  std::atomic<bool> stop_ = false;
  std::thread thread_;
};

}  // namespace plimsoll::test
