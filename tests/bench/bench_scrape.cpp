// SPDX-License-Identifier: Apache-2.0
// What one scrape costs the agent, beside bare reads of the same kernel files in the same run.
//
//   bench_scrape --plimsoll PATH --sleeper PATH [--containers 100] [--rounds 9] [--pause-ms 1000] [--kind ours|foreign]
//
// Starts containers that sleep (of our runtime, or bare groups as another runtime would make them),
// and an agent; then goes round: the agent answers /metrics/cadvisor,
// /metrics/node and /metrics; this process reads every kernel file that the agent keeps open (and
// each container's net/dev) on kept descriptors; this process opens, reads and closes the standard
// set. Each is preceded by the same pause, because caches that have gone cold are half of the cost.
// Prints medians of CPU time; never judges.
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "base/text.h"
#include "tests/bench/foreign_groups.h"
#include "tests/bench/kernel_files.h"
#include "tests/bench/support.h"

namespace plimsoll::bench {
namespace {

constexpr const char* kParent = "/plimsoll-bench";

struct Settings {
  std::string plimsoll, sleeper, cgroup_root;
  bool foreign = false;
  size_t containers = 0;
  int rounds = 0;
  milliseconds pause{1000};
};

// Containers and an agent on a state directory of their own; all gone at the end.
class Fleet {
 public:
  Fleet(const Settings& settings, TempDirectory directory)
      : settings_(settings),
        directory_(std::move(directory)),
        foreign_(std::make_unique<ForeignGroups>(settings.cgroup_root, kParent)) {}
  Fleet(const Fleet&) = delete;
  Fleet& operator=(const Fleet&) = delete;
  ~Fleet();

  Result<void> start_containers(Interrupts& interrupts);
  Result<void> start_agent();
  pid_t agent() const { return agent_; }
  uint16_t port() const { return port_; }

 private:
  Result<void> start_one(const std::string& rootfs);
  std::vector<std::string> command(std::vector<std::string> words) const;
  std::string last_words() const;

  const Settings& settings_;
  TempDirectory directory_;
  std::unique_ptr<ForeignGroups> foreign_;
  std::vector<std::string> names_;
  pid_t agent_ = 0;
  uint16_t port_ = 0;
};

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

Result<void> Fleet::start_one(const std::string& rootfs) {
  if (settings_.foreign) return foreign_->add();
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
    if (auto started = start_one(*rootfs); !started) return started;
  }
  return {};
}

Result<void> Fleet::start_agent() {
  const auto port = free_port();
  if (!port) return unexpected(port.error());
  port_ = *port;
  const auto pid = spawn(command({"agent", "--web.listen-address", "127.0.0.1:" + std::to_string(port_)}),
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

// One kind of work; its CPU times in ns, one per round.
struct Series {
  std::vector<double> cpu_ns;
  size_t bytes = 0;
  double micros() const { return median(cpu_ns) / 1e3; }
};

Result<void> scrape(const Fleet& fleet, const char* path, Series& series, std::string& body) {
  const auto before = process_cpu_ns(fleet.agent());
  auto answer = http_get(fleet.port(), path);
  if (!answer) return unexpected(answer.error());
  usleep(20'000);  // the answering thread goes back to sleep: its time is booked when it is switched out
  const auto after = process_cpu_ns(fleet.agent());
  if (!before || !after) return fail("the agent is gone");
  series.cpu_ns.push_back(static_cast<double>(*after - *before));
  series.bytes = answer->size();
  body = std::move(*answer);
  return {};
}

template <typename Work>
void timed(Series& series, Work&& work) {
  const int64_t before = own_cpu_ns();
  series.bytes = work();
  series.cpu_ns.push_back(static_cast<double>(own_cpu_ns() - before));
}

struct Measured {
  Series containers, host, both, kept, network, standard;
  size_t samples = 0, shown_groups = 0, kept_files = 0, standard_files = 0, groups = 0;
  uint64_t anonymous_bytes = 0;
};

struct Floor {
  std::vector<std::string> standard;
  KeptFiles kept, network;
};

Result<Floor> make_floor(const Settings& settings, pid_t agent, Measured& measured) {
  const auto groups = find_groups(settings.cgroup_root, kParent);
  if (!groups) return unexpected(groups.error());
  const auto kept = kept_files(agent, settings.cgroup_root);
  if (!kept) return unexpected(kept.error());
  std::vector<std::string> standard, network;
  for (const Group& group : *groups) {
    const auto set = standard_set(settings.cgroup_root, group);
    standard.insert(standard.end(), set.begin(), set.end());
    network.push_back("/proc/" + std::to_string(group.pid) + "/net/dev");
  }
  Floor floor{std::move(standard), KeptFiles(*kept), KeptFiles(network)};
  measured.groups = groups->size();
  measured.kept_files = floor.kept.count();
  measured.standard_files = floor.standard.size();
  return floor;
}

void count_samples(const std::string& body, Measured& measured) {
  measured.samples = measured.shown_groups = 0;
  std::string_view rest = body;
  while (!rest.empty()) {
    const std::string_view line = take(rest, '\n');
    measured.samples += !line.empty() && line[0] != '#';
    measured.shown_groups += line.starts_with("container_last_seen{");
  }
}

Result<void> one_round(const Settings& settings, const Fleet& fleet, Interrupts& interrupts, Floor& floor,
                       Measured& measured) {
  std::string body;
  const auto scraped = [&](const char* path, Series& series) -> Result<void> {
    if (interrupts.pause(settings.pause)) return fail("interrupted");
    return scrape(fleet, path, series, body);
  };
  const auto bare = [&](Series& series, auto&& work) {
    (void)interrupts.pause(settings.pause);
    timed(series, work);
  };
  if (auto done = scraped("/metrics/cadvisor", measured.containers); !done) return done;
  count_samples(body, measured);
  bare(measured.kept, [&] { return floor.kept.read_all(); });
  bare(measured.network, [&] { return floor.network.read_all(); });
  bare(measured.standard, [&] { return open_read_close(floor.standard); });
  if (auto done = scraped("/metrics/node", measured.host); !done) return done;
  return scraped("/metrics", measured.both);
}

Result<Measured> measure(const Settings& settings) {
  Interrupts interrupts;
  auto directory = TempDirectory::make();
  if (!directory) return unexpected(directory.error());
  Fleet fleet(settings, std::move(*directory));
  if (auto started = fleet.start_containers(interrupts); !started) return unexpected(started.error());
  if (auto started = fleet.start_agent(); !started) return unexpected(started.error());
  Measured measured;
  auto floor = make_floor(settings, fleet.agent(), measured);
  if (!floor) return unexpected(floor.error());
  for (int round = 0; round < settings.rounds; ++round) {
    if (auto done = one_round(settings, fleet, interrupts, *floor, measured); !done) return unexpected(done.error());
  }
  measured.anonymous_bytes = anonymous_bytes(fleet.agent()).value_or(0);
  return measured;
}

void print_row(const char* what, double micros, size_t groups, const std::string& note) {
  std::printf("  %-44s %10.0f %9.1f  %s\n", what, micros, micros / static_cast<double>(std::max<size_t>(groups, 1)),
              note.c_str());
}

// net/dev counts into the floor where the agent reads it: not for groups that are nobody's containers.
void print(const Settings& settings, const Measured& m) {
  const double kept = m.kept.micros() + (settings.foreign ? 0 : m.network.micros());
  char note[160];
  std::printf("%zu %s containers, %zu control groups in all, median of %zu rounds\n  %-44s %10s %9s\n", m.groups,
              settings.foreign ? "foreign" : "own", m.shown_groups, m.both.cpu_ns.size(), "CPU time", "us/scrape",
              "us/cont.");
  std::snprintf(note, sizeof(note), "%zu samples, %zu bytes", m.samples, m.containers.bytes);
  print_row("agent, /metrics/cadvisor", m.containers.micros(), m.groups, note);
  print_row("agent, /metrics/node", m.host.micros(), m.groups, std::to_string(m.host.bytes) + " bytes");
  print_row("agent, /metrics", m.both.micros(), m.groups, std::to_string(m.both.bytes) + " bytes");
  print_row("bare pread of the agent's kept files", m.kept.micros(), m.groups, std::to_string(m.kept_files) + " files");
  print_row("bare pread of net/dev, kept", m.network.micros(), m.groups, std::to_string(m.groups) + " files");
  print_row("bare open, read, close of the standard set", m.standard.micros(), m.groups,
            std::to_string(m.standard_files) + " files");
  std::printf("  %-44s %10.2f  (aim: at most 2.5)\n", "agent / kept preads", m.containers.micros() / kept);
  std::printf("  %-44s %10.2f\n", "agent / open-read-close", m.containers.micros() / m.standard.micros());
  std::printf("  %-44s %10.2f\n", "agent, /metrics / kept preads", m.both.micros() / kept);
  std::printf("  %-44s %10.2f MB\n", "agent's RssAnon", static_cast<double>(m.anonymous_bytes) / 1e6);
}

// Twice 500 containers' files are more than the usual soft limit.
void raise_file_limit() {
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

}  // namespace
}  // namespace plimsoll::bench

int main(int argc, char** argv) {
  using namespace plimsoll::bench;
  const auto text = [&](const char* name, const char* otherwise) { return option(argc, argv, name, otherwise); };
  Settings settings{text("plimsoll", "plimsoll"),
                    text("sleeper", ""),
                    text("cgroup-root", "/sys/fs/cgroup"),
                    text("kind", "ours") == "foreign",
                    static_cast<size_t>(std::atoi(text("containers", "100").c_str())),
                    std::max(1, std::atoi(text("rounds", "9").c_str())),
                    milliseconds(std::atoi(text("pause-ms", "1000").c_str()))};
  if (settings.sleeper.empty() || settings.containers == 0) {
    std::fputs(
        "usage: bench_scrape --plimsoll PATH --sleeper PATH [--containers N] [--rounds N] [--pause-ms N] [--kind "
        "ours|foreign]\n",
        stderr);
    return 2;
  }
  raise_file_limit();
  const auto measured = measure(settings);
  if (!measured) {
    std::fprintf(stderr, "bench_scrape: %s\n", measured.error().message().c_str());
    return 1;
  }
  print(settings, *measured);
  return 0;
}
