// SPDX-License-Identifier: Apache-2.0
// What a scrape benchmark measures: containers that sleep, an agent, and cAdvisor where there is one.
// Everything is on a state directory of its own and gone at the end.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "tests/bench/foreign_groups.h"
#include "tests/bench/support.h"

namespace plimsoll::bench {

constexpr const char* kParent = "/plimsoll-bench";

struct FleetSettings {
  std::string plimsoll, sleeper, cgroup_root;
  bool foreign = false;  // groups and files as Docker would leave them, instead of containers of our runtime
  size_t containers = 0;
};

class Fleet {
 public:
  Fleet(FleetSettings settings, TempDirectory directory);
  Fleet(const Fleet&) = delete;
  Fleet& operator=(const Fleet&) = delete;
  ~Fleet();

  Result<void> start_containers(Interrupts& interrupts);
  Result<void> start_agent();
  pid_t agent() const { return agent_; }
  uint16_t port() const { return port_; }
  const std::string& directory() const { return directory_.path(); }

 private:
  Result<void> start_ours(const std::string& rootfs);
  Result<void> start_foreign();
  std::vector<std::string> command(std::vector<std::string> words) const;
  std::string docker_root() const { return directory_.path() + "/docker"; }
  std::string last_words() const;

  FleetSettings settings_;
  TempDirectory directory_;
  std::unique_ptr<ForeignGroups> foreign_;
  std::vector<std::string> names_;
  pid_t agent_ = 0;
  uint16_t port_ = 0;
};

// cAdvisor beside the agent. It collects by itself, so it is halted whenever it is not measured.
class Cadvisor {
 public:
  // One collection of each container every `kPeriod`, as kubelets set it, and no longer when they are idle.
  static constexpr milliseconds kPeriod{10'000};

  // `program` serves on a free port of 127.0.0.1 until this is destroyed; its log goes to `output`.
  static Result<std::unique_ptr<Cadvisor>> start(const std::string& program, const std::string& output);
  Cadvisor(const Cadvisor&) = delete;
  Cadvisor& operator=(const Cadvisor&) = delete;
  ~Cadvisor();

  struct Share {
    double cpu_ns = 0;  // of one period: its collections and one scrape
    std::string body;   // of the last good scrape
    int empty = 0;      // scrapes that had no containers at all, by container_scrape_error
  };
  // Lets it run for `periods` after one that does not count. Error when it is gone or somebody wants to end.
  Result<Share> measure(int periods, Interrupts& interrupts);
  pid_t pid() const { return pid_; }

 private:
  Cadvisor(pid_t pid, uint16_t port) : pid_(pid), port_(port) {}

  pid_t pid_;
  uint16_t port_;
};

}  // namespace plimsoll::bench
