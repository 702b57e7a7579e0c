// SPDX-License-Identifier: Apache-2.0
#include "tests/bench/fleet.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>

#include "base/os.h"

namespace plimsoll::bench {
namespace {

// What Docker leaves on disk about a running container, as far as it says who it is.
std::string docker_config(const ForeignGroups::Group& group, size_t number) {
  const std::string n = std::to_string(number);
  return R"({"StreamConfig":{},"State":{"Running":true,"Paused":false,"Restarting":false,"OOMKilled":false,"Dead":false,"Pid":)" +
         std::to_string(group.pid) +
         R"(,"ExitCode":0,"Error":"","StartedAt":"2026-01-01T00:00:01.5Z","FinishedAt":"0001-01-01T00:00:00Z"},"ID":")" +
         group.name +
         R"(","Created":"2026-01-01T00:00:00.5Z","Path":"sleeper","Args":[],"Config":{"Hostname":"h","Env":["PATH=/bin","VERSION=1"],"Image":"bench/sleeper:1","Labels":{"com.docker.compose.project":"bench","com.docker.compose.service":"s)" +
         n + R"("}},"Image":"sha256:0","Name":"/bench-)" + n +
         R"(","RestartCount":0,"Driver":"overlay2"})"
         "\n";
}

Result<void> write_docker_files(const std::string& root, const ForeignGroups::Group& group, size_t number) {
  const std::string directory = root + "/containers/" + group.name;
  if (auto made = make_directories(directory, 0700); !made) return made;
  if (auto written = replace_file(directory + "/hostconfig.json", R"({"NetworkMode":"bridge"})", 0600); !written)
    return written;
  return replace_file(directory + "/config.v2.json", docker_config(group, number), 0600);
}

}  // namespace

Fleet::Fleet(FleetSettings settings, TempDirectory directory)
    : settings_(std::move(settings)),
      directory_(std::move(directory)),
      foreign_(std::make_unique<ForeignGroups>(settings_.cgroup_root, kParent)) {}

std::vector<std::string> Fleet::command(std::vector<std::string> words) const {
  std::vector<std::string> all = {settings_.plimsoll, "--root", directory_.path() + "/root", "--runroot",
                                  directory_.path() + "/run"};
  all.insert(all.end(), words.begin(), words.end());
  return all;
}

std::string Fleet::last_words() const {
  const auto text = read_file(directory_.path() + "/output");
  return text ? *text : text.error().message();
}

Result<void> Fleet::start_foreign() {
  const auto group = foreign_->add();
  if (!group) return unexpected(group.error());
  return write_docker_files(docker_root(), *group, foreign_->size());
}

Result<void> Fleet::start_ours(const std::string& rootfs) {
  const std::string name = "bench-" + std::to_string(names_.size());
  names_.push_back(name);
  const auto code = run(command({"run", "-d", "--cgroup-parent", kParent, "--name", name, "--image", "bench/sleeper:1",
                                 "--network", "none", "--rootfs", rootfs, "/bin/sleeper"}),
                        directory_.path() + "/output");
  if (!code) return unexpected(code.error());
  if (*code != 0) return fail("plimsoll run: exit code " + std::to_string(*code) + ": " + last_words());
  return {};
}

Result<void> Fleet::start_containers(Interrupts& interrupts) {
  const auto rootfs = make_rootfs(directory_.path(), settings_.sleeper);
  if (!rootfs) return unexpected(rootfs.error());
  for (size_t at = 0; at < settings_.containers; ++at) {
    if (interrupts.pause(milliseconds(0))) return fail("interrupted");
    auto started = settings_.foreign ? start_foreign() : start_ours(*rootfs);
    if (!started) return started;
  }
  return {};
}

Result<void> Fleet::start_agent() {
  const auto port = free_port();
  if (!port) return unexpected(port.error());
  port_ = *port;
  const auto pid = spawn(
      command({"agent", "--web.listen-address", "127.0.0.1:" + std::to_string(port_), "--docker_root", docker_root()}),
      directory_.path() + "/output");
  if (!pid) return unexpected(pid.error());
  agent_ = *pid;
  const auto ready = wait_for_http(port_, "/metrics", milliseconds(10'000));
  if (!ready) return fail("plimsoll agent: " + ready.error().message() + ": " + last_words());
  return {};
}

Fleet::~Fleet() {
  if (agent_ > 0) stop(agent_);
  constexpr size_t kAtOnce = 50;
  for (size_t first = 0; first < names_.size(); first += kAtOnce) {
    std::vector<std::string> words = {"rm", "-f"};
    const size_t end = std::min(names_.size(), first + kAtOnce);
    words.insert(words.end(), names_.begin() + static_cast<std::ptrdiff_t>(first),
                 names_.begin() + static_cast<std::ptrdiff_t>(end));
    if (const auto code = run(command(words), directory_.path() + "/output"); !code || *code != 0) {
      std::fprintf(stderr, "plimsoll rm failed: %s\n", last_words().c_str());
    }
  }
  foreign_.reset();
  remove_parent_groups(settings_.cgroup_root, kParent);
}

Result<std::unique_ptr<Cadvisor>> Cadvisor::start(const std::string& program, const std::string& output) {
  const auto port = free_port();
  if (!port) return unexpected(port.error());
  const auto pid = spawn({program, "-listen_ip=127.0.0.1", "-port=" + std::to_string(*port), "-docker_only=false",
                          "-housekeeping_interval=" + std::to_string(kPeriod.count()) + "ms",
                          "-allow_dynamic_housekeeping=false", "-logtostderr"},
                         output);
  if (!pid) return unexpected(pid.error());
  std::unique_ptr<Cadvisor> cadvisor(new Cadvisor(*pid, *port));
  if (auto ready = wait_for_http(*port, "/metrics", milliseconds(120'000)); !ready)
    return unexpected(ready.error().within(program));
  kill(*pid, SIGSTOP);
  return cadvisor;
}

Cadvisor::~Cadvisor() {
  kill(pid_, SIGCONT);
  stop(pid_);
}

Result<Cadvisor::Share> Cadvisor::measure(int periods, Interrupts& interrupts) {
  kill(pid_, SIGCONT);
  Share share;
  int64_t before = 0;
  for (int period = 0; period <= periods; ++period) {
    if (period == 1) before = process_cpu_ns(pid_).value_or(0);
    if (interrupts.pause(kPeriod)) return fail("interrupted");
    auto body = http_get(port_, "/metrics");
    if (!body) return unexpected(body.error().within("cAdvisor"));
    const bool empty = body->find("\ncontainer_scrape_error 1\n") != std::string::npos;
    share.empty += empty && period > 0;
    if (!empty || share.body.empty()) share.body = std::move(*body);
  }
  usleep(20'000);
  const auto after = process_cpu_ns(pid_);
  kill(pid_, SIGSTOP);
  if (!after) return fail("cAdvisor is gone");
  share.cpu_ns = static_cast<double>(*after - before) / periods;
  return share;
}

}  // namespace plimsoll::bench
