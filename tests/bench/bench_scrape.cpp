// SPDX-License-Identifier: Apache-2.0
// What one scrape costs the agent, beside bare reads of the same kernel files in the same run.
//
//   bench_scrape --plimsoll PATH --sleeper PATH [--containers 100] [--rounds 9] [--pause-ms 1000] [--kind ours|foreign]
//                [--cadvisor PATH] [--periods 3]
//
// Starts containers that sleep (of our runtime, or groups and files as Docker would leave them) and an
// agent; then goes round: the agent answers GET and HEAD of /metrics/cadvisor, /metrics/node and /metrics;
// this process reads every kernel file that the agent keeps open on descriptors of its own; this process
// opens, reads and closes the standard set. Each is preceded by the same pause, because caches that have
// gone cold are half of the cost. With cAdvisor the rounds are in two halves, and it runs after each, so
// that the machine's mood is the same for both. Prints medians of CPU time; never judges.
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/os.h"
#include "base/text.h"
#include "tests/bench/fleet.h"
#include "tests/bench/kernel_files.h"
#include "tests/bench/support.h"

namespace plimsoll::bench {
namespace {

struct Settings {
  FleetSettings fleet;
  std::string cadvisor;
  int rounds = 0, periods = 0;
  milliseconds pause{1000};
};

// One kind of work; its CPU times in ns, one per round.
struct Series {
  std::vector<double> cpu_ns;
  size_t bytes = 0;
  double micros() const { return median(cpu_ns) / 1e3; }
};

template <typename Ask>
Result<void> asked(const Fleet& fleet, Series& series, Ask&& ask) {
  const auto before = process_cpu_ns(fleet.agent());
  if (auto answered = ask(); !answered) return answered;
  usleep(20'000);  // the answering thread goes back to sleep: its time is booked when it is switched out
  const auto after = process_cpu_ns(fleet.agent());
  if (!before || !after) return fail("the agent is gone");
  series.cpu_ns.push_back(static_cast<double>(*after - *before));
  return {};
}

Result<void> scrape(const Fleet& fleet, const char* path, Series& series, std::string& body) {
  return asked(fleet, series, [&]() -> Result<void> {
    auto answer = http_get(fleet.port(), path);
    if (!answer) return unexpected(answer.error());
    series.bytes = answer->size();
    body = std::move(*answer);
    return {};
  });
}

Result<void> collect_only(const Fleet& fleet, const char* path, Series& series) {
  return asked(fleet, series, [&] { return http_head(fleet.port(), path); });
}

template <typename Work>
void timed(Series& series, Work&& work) {
  const int64_t before = own_cpu_ns();
  series.bytes = work();
  series.cpu_ns.push_back(static_cast<double>(own_cpu_ns() - before));
}

// What is in a body: samples, those of the benchmark's containers, and how many of these are known by name.
struct Samples {
  size_t all = 0, of_containers = 0, groups = 0, named = 0;
};

Samples count_samples(std::string_view body) {
  const std::string mark = "id=\"" + std::string(kParent) + "/";
  Samples samples;
  while (!body.empty()) {
    const std::string_view line = take(body, '\n');
    if (line.empty() || line[0] == '#') continue;
    ++samples.all;
    const bool of_container = line.find(mark) != std::string_view::npos;
    const bool seen = line.starts_with("container_last_seen{");
    samples.of_containers += of_container;
    samples.groups += seen;
    samples.named += seen && of_container && line.find("name=\"bench-") != std::string_view::npos;
  }
  return samples;
}

struct Memory {
  uint64_t anonymous = 0, proportional = 0;
  static Memory of(pid_t pid) { return {anonymous_bytes(pid).value_or(0), proportional_bytes(pid).value_or(0)}; }
};

struct Measured {
  Series containers, collection, host, both, kept, standard, cadvisor;
  Samples samples, cadvisor_samples;
  size_t kept_files = 0, standard_files = 0, groups = 0;
  int cadvisor_empty = 0;
  Memory agent, cadvisor_memory;
};

struct Floor {
  std::vector<std::string> standard;
  KeptFiles kept;
};

Result<Floor> make_floor(const Settings& settings, pid_t agent, Measured& measured) {
  const auto groups = find_groups(settings.fleet.cgroup_root, kParent);
  if (!groups) return unexpected(groups.error());
  const auto kept = kept_files(agent, settings.fleet.cgroup_root);
  if (!kept) return unexpected(kept.error());
  std::vector<std::string> standard;
  for (const Group& group : *groups) {
    const auto set = standard_set(settings.fleet.cgroup_root, group);
    standard.insert(standard.end(), set.begin(), set.end());
  }
  Floor floor{std::move(standard), KeptFiles(*kept)};
  floor.kept.read_all();  // the first read of a file allocates its buffer; the agent's are long past it
  measured.groups = groups->size();
  measured.kept_files = floor.kept.count();
  measured.standard_files = floor.standard.size();
  return floor;
}

Result<void> one_round(const Settings& settings, const Fleet& fleet, Interrupts& interrupts, Floor& floor,
                       Measured& measured) {
  std::string body;
  const auto paused = [&](auto&& work) -> Result<void> {
    if (interrupts.pause(settings.pause)) return fail("interrupted");
    return work();
  };
  const auto scraped = [&](const char* path, Series& series) {
    return paused([&] { return scrape(fleet, path, series, body); });
  };
  const auto bare = [&](Series& series, auto&& work) {
    (void)interrupts.pause(settings.pause);
    timed(series, work);
  };
  if (auto done = scraped("/metrics/cadvisor", measured.containers); !done) return done;
  measured.samples = count_samples(body);
  bare(measured.kept, [&] { return floor.kept.read_all(); });
  bare(measured.standard, [&] { return open_read_close(floor.standard); });
  if (auto done = paused([&] { return collect_only(fleet, "/metrics/cadvisor", measured.collection); }); !done)
    return done;
  if (auto done = scraped("/metrics/node", measured.host); !done) return done;
  return scraped("/metrics", measured.both);
}

Result<void> cadvisors_turn(Cadvisor& cadvisor, int periods, Interrupts& interrupts, Measured& measured) {
  const auto share = cadvisor.measure(periods, interrupts);
  if (!share) return unexpected(share.error());
  measured.cadvisor.cpu_ns.push_back(share->cpu_ns);
  measured.cadvisor_empty += share->empty;
  if (measured.cadvisor_samples.all < count_samples(share->body).all) {
    measured.cadvisor.bytes = share->body.size();
    measured.cadvisor_samples = count_samples(share->body);
  }
  measured.cadvisor_memory = Memory::of(cadvisor.pid());
  return {};
}

// A cAdvisor that does not start costs its lines of the table only.
std::unique_ptr<Cadvisor> start_cadvisor(const Settings& settings, const Fleet& fleet) {
  if (settings.cadvisor.empty()) return nullptr;
  auto cadvisor = Cadvisor::start(settings.cadvisor, fleet.directory() + "/cadvisor.log");
  if (cadvisor) return std::move(*cadvisor);
  std::fprintf(stderr, "bench_scrape: without cAdvisor: %s\n", cadvisor.error().message().c_str());
  return nullptr;
}

Result<Measured> measure(const Settings& settings) {
  Interrupts interrupts;
  auto directory = TempDirectory::make();
  if (!directory) return unexpected(directory.error());
  Fleet fleet(settings.fleet, std::move(*directory));
  if (auto started = fleet.start_containers(interrupts); !started) return unexpected(started.error());
  if (auto started = fleet.start_agent(); !started) return unexpected(started.error());
  const auto cadvisor = start_cadvisor(settings, fleet);
  Measured measured;
  auto floor = make_floor(settings, fleet.agent(), measured);
  if (!floor) return unexpected(floor.error());
  for (int round = 0; round < settings.rounds; ++round) {
    if (auto done = one_round(settings, fleet, interrupts, *floor, measured); !done) return unexpected(done.error());
    const bool half = round + 1 == (settings.rounds + 1) / 2, end = round + 1 == settings.rounds;
    if (!cadvisor || (!half && !end)) continue;
    if (auto done = cadvisors_turn(*cadvisor, settings.periods, interrupts, measured); !done)
      return unexpected(done.error());
  }
  measured.agent = Memory::of(fleet.agent());
  return measured;
}

void print_row(const char* what, double micros, size_t groups, const std::string& note) {
  std::printf("  %-46s %10.0f %9.1f  %s\n", what, micros, micros / static_cast<double>(std::max<size_t>(groups, 1)),
              note.c_str());
}

void print_ratio(const char* what, double ratio, const char* note = "") {
  std::printf("  %-46s %10.2f  %s\n", what, ratio, note);
}

std::string sample_note(const Samples& samples, size_t bytes, size_t groups) {
  char note[160];
  std::snprintf(note, sizeof(note), "%zu samples, %zu bytes, %.1f samples a container", samples.all, bytes,
                static_cast<double>(samples.of_containers) / static_cast<double>(std::max<size_t>(groups, 1)));
  return note;
}

void print_memory(const char* who, const Memory& memory) {
  std::printf("  %-46s %10.2f MB anonymous, %.2f MB proportional\n", who, static_cast<double>(memory.anonymous) / 1e6,
              static_cast<double>(memory.proportional) / 1e6);
}

void print_cadvisor(const Settings& settings, const Measured& m) {
  char what[80];
  std::snprintf(what, sizeof(what), "cAdvisor, %lld s of housekeeping and a scrape",
                static_cast<long long>(Cadvisor::kPeriod.count() / 1000));
  print_row(what, m.cadvisor.micros(), m.groups, sample_note(m.cadvisor_samples, m.cadvisor.bytes, m.groups));
  print_ratio("cAdvisor / agent", m.cadvisor.micros() / m.containers.micros(),
              ("mean of " + std::to_string(settings.periods) + " periods, median of the turns").c_str());
  print_memory("cAdvisor's memory", m.cadvisor_memory);
  if (m.cadvisor_empty > 0)
    std::printf("  %d of its %zu scrapes failed and had no container (container_scrape_error 1)\n", m.cadvisor_empty,
                m.cadvisor.cpu_ns.size() * static_cast<size_t>(settings.periods));
}

void print(const Settings& settings, const Measured& m) {
  std::printf("%zu %s containers, %zu shown by name, %zu control groups in all, median of %zu rounds\n", m.groups,
              settings.fleet.foreign ? "foreign" : "own", m.samples.named, m.samples.groups, m.both.cpu_ns.size());
  std::printf("  %-46s %10s %9s\n", "CPU time", "us/scrape", "us/cont.");
  print_row("agent, /metrics/cadvisor", m.containers.micros(), m.groups,
            sample_note(m.samples, m.containers.bytes, m.groups));
  print_row("  of it collecting (HEAD)", m.collection.micros(), m.groups, "");
  print_row("agent, /metrics/node", m.host.micros(), m.groups, std::to_string(m.host.bytes) + " bytes");
  print_row("agent, /metrics", m.both.micros(), m.groups, std::to_string(m.both.bytes) + " bytes");
  print_row("bare pread of the agent's kept files", m.kept.micros(), m.groups, std::to_string(m.kept_files) + " files");
  print_row("bare open, read, close of the standard set", m.standard.micros(), m.groups,
            std::to_string(m.standard_files) + " files");
  print_ratio("agent / kept preads", m.containers.micros() / m.kept.micros(), "(aim: at most 1.5)");
  print_ratio("agent / open-read-close", m.containers.micros() / m.standard.micros());
  print_ratio("agent, collecting / kept preads", m.collection.micros() / m.kept.micros());
  print_ratio("text and sending, ns a sample", (m.containers.micros() - m.collection.micros()) * 1e3 /
                                                   static_cast<double>(std::max<size_t>(m.samples.all, 1)));
  print_memory("agent's memory", m.agent);
  if (!m.cadvisor.cpu_ns.empty()) print_cadvisor(settings, m);
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
  const auto number = [&](const char* name, const char* otherwise) { return std::atoi(text(name, otherwise).c_str()); };
  const char* const cadvisor = std::getenv("PLIMSOLL_CADVISOR");
  Settings settings{{text("plimsoll", "plimsoll"), text("sleeper", ""), text("cgroup-root", "/sys/fs/cgroup"),
                     text("kind", "ours") == "foreign", static_cast<size_t>(std::max(0, number("containers", "100")))},
                    text("cadvisor", cadvisor == nullptr ? "" : cadvisor),
                    std::max(1, number("rounds", "9")),
                    std::max(1, number("periods", "3")),
                    milliseconds(number("pause-ms", "1000"))};
  if (settings.fleet.sleeper.empty() || settings.fleet.containers == 0) {
    std::fputs(
        "usage: bench_scrape --plimsoll PATH --sleeper PATH [--containers N] [--rounds N] [--pause-ms N] [--kind "
        "ours|foreign] [--cadvisor PATH] [--periods N]\n",
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
