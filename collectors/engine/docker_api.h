// SPDX-License-Identifier: Apache-2.0
// Asks dockerd about containers, when --docker names its socket: for machines where its files cannot be read.
// Everything is asked on a thread of its own; whoever wants to know takes what has been learnt so far, so a
// daemon that hangs makes answers old and nothing slow.
//
//   GET /_ping                       -> Api-Version: 1.41, the newest that the daemon speaks
//   GET /v1.41/containers/ID/json    -> see docker_state.h
//
// The version asked for is the older one of the daemon's and kVersion. Docker 29.0 to 29.2 refuse anything
// below 1.44 (400), which the ping does not tell: then the daemon's own is asked for.
//
// Docker Engine API reference, "Versioned API and SDK"
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "base/os.h"
#include "collectors/engine/docker_http.h"
#include "collectors/engine/identity.h"

namespace plimsoll::engine {

struct DockerApiOptions {
  std::string socket;                            // path of a unix socket
  std::vector<std::string> env;                  // as SourceOptions::env
  std::chrono::milliseconds interval{10'000};    // how often one container may be asked about
  std::chrono::milliseconds first_pause{1'000};  // after a failure, doubled up to
  std::chrono::milliseconds longest_pause{60'000};
  HttpOptions http;
  size_t max_containers = 10'000;  // remembered; those not wanted for long are forgotten first
};

struct DockerAnswer {
  uint64_t serial = 0;               // another one for each answer that differs from the one before
  int64_t asked_ns = 0;              // unix time: it is at least as new as this
  std::optional<Identity> identity;  // empty: the daemon knows no such container
};

// Thread-safe. Owns one thread, which sleeps unless something was asked for.
class DockerApi {
 public:
  static constexpr int kVersion = 43;  // of 1.43

  explicit DockerApi(DockerApiOptions options);
  // Ends the thread; an exchange that is under way is given up.
  ~DockerApi();
  DockerApi(const DockerApi&) = delete;
  DockerApi& operator=(const DockerApi&) = delete;

  // Wants to know about `id`: it is asked for soon unless that was done within the interval. Serial and time
  // of what is known so far; serial 0 while nothing is.
  struct Known {
    uint64_t serial = 0;
    int64_t asked_ns = 0;
  };
  Known want(const std::string& id);
  // The answer itself; nullopt while there is none.
  std::optional<DockerAnswer> answer(const std::string& id) const;

 private:
  struct Entry {
    DockerAnswer answer;
    uint64_t hash = 0;                   // of the answer's text
    int64_t next_ns = 0, wanted_ns = 0;  // CLOCK_MONOTONIC
    bool queued = false;
  };
  void work();
  bool wait_for_work(std::string& id);
  Result<HttpAnswer> ask(const std::string& id);
  Result<HttpAnswer> ask_once(const std::string& id);
  Result<void> negotiate();
  void keep(const std::string& id, const HttpAnswer& answer, int64_t asked_ns);
  void put_off();
  Entry* entry_for(const std::string& id, int64_t now_ns);

  const DockerApiOptions options_;
  UniqueFd stop_event_;
  mutable std::mutex mutex_;
  std::condition_variable wake_;
  bool stopping_ = false;
  std::map<std::string, Entry> entries_;
  std::deque<std::string> queue_;
  uint64_t last_serial_ = 0;
  int64_t paused_until_ns_ = 0, pause_ns_ = 0;
  int64_t next_sweep_ns_ = 0;
  // The thread's own.
  std::string server_version_, version_;  // "1.41"; "" before the ping
  std::thread thread_;
};

}  // namespace plimsoll::engine
