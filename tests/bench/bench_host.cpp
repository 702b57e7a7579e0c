// SPDX-License-Identifier: Apache-2.0
// What the host half costs, beside node_exporter with the same collectors in the same run.
//
//   bench_host --plimsoll PATH [--node-exporter PATH] [--scrapes 100] [--pause-ms 100] [--each 20]
//
// Both run on this machine with the collectors that both have (asked of each first). Then they are scraped in turn,
// each after the same pause, without compression. Then each collector of ours alone, by ?collect[]=. Prints CPU
// seconds of 100 scrapes, memory and their ratios; never judges.
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <set>
#include <string>
#include <vector>

#include "base/os.h"
#include "base/text.h"
#include "tests/bench/support.h"

namespace plimsoll::bench {
namespace {

struct Settings {
  std::string plimsoll, node_exporter;
  int scrapes = 0, each = 0;
  milliseconds pause{100};
};

using Names = std::set<std::string>;

// A program that serves metrics on a port of 127.0.0.1 while this lives.
class Exporter {
 public:
  static Result<Exporter> start(std::vector<std::string> command, std::string path, const std::string& output) {
    const auto port = free_port();
    if (!port) return unexpected(port.error());
    command.push_back("--web.listen-address=127.0.0.1:" + std::to_string(*port));
    const auto pid = spawn(command, output);
    if (!pid) return unexpected(pid.error());
    Exporter exporter(*pid, *port, std::move(path));
    const auto answers = wait_for_http(*port, exporter.path_, milliseconds(15'000));
    if (!answers) return unexpected(answers.error().within(command[0] + " (" + output + ")"));
    return exporter;
  }
  Exporter(Exporter&& other) noexcept
      : pid_(std::exchange(other.pid_, 0)), port_(other.port_), path_(std::move(other.path_)) {}
  ~Exporter() {
    if (pid_ != 0) stop(pid_);
  }

  pid_t pid() const { return pid_; }
  Result<std::string> scrape(const std::string& query = {}) const { return http_get(port_, path_ + query); }
  // CPU time of one scrape, in ns.
  Result<double> cost(const std::string& query = {}) const {
    const auto before = process_cpu_ns(pid_);
    auto body = scrape(query);
    if (!body) return unexpected(body.error());
    usleep(20'000);  // the answering threads go back to sleep: their time is booked when they are switched out
    const auto after = process_cpu_ns(pid_);
    if (!before || !after) return fail("the exporter is gone");
    return static_cast<double>(*after - *before);
  }

 private:
  Exporter(pid_t pid, uint16_t port, std::string path) : pid_(pid), port_(port), path_(std::move(path)) {}

  pid_t pid_;
  uint16_t port_;
  std::string path_;
};

// The collectors that answered, whatever they answered.
Result<Names> collectors_of(const Exporter& exporter) {
  constexpr std::string_view kMark = "node_scrape_collector_success{collector=\"";
  const auto body = exporter.scrape();
  if (!body) return unexpected(body.error());
  Names names;
  for (std::string_view rest = *body; !rest.empty();) {
    std::string_view line = take(rest, '\n');
    if (!line.starts_with(kMark)) continue;
    line.remove_prefix(kMark.size());
    names.emplace(take(line, '"'));
  }
  return names;
}

std::vector<std::string> with_only(std::vector<std::string> command, const Names& names) {
  command.push_back("--collector.disable-defaults");
  for (const std::string& name : names) command.push_back("--collector." + name);
  return command;
}

struct Sums {
  double cpu_ns = 0;
  size_t bytes = 0, samples = 0;
  uint64_t anonymous = 0, proportional = 0;
};

void finish(const Exporter& exporter, Sums& sums) {
  const auto body = exporter.scrape();
  sums.bytes = body ? body->size() : 0;
  for (std::string_view rest = body ? std::string_view(*body) : std::string_view(); !rest.empty();) {
    const std::string_view line = take(rest, '\n');
    sums.samples += !line.empty() && line[0] != '#';
  }
  sums.anonymous = anonymous_bytes(exporter.pid()).value_or(0);
  sums.proportional = proportional_bytes(exporter.pid()).value_or(0);
}

Result<void> in_turn(const Settings& settings, Interrupts& interrupts, const Exporter& ours, const Exporter& theirs,
                     Sums& our_sums, Sums& their_sums) {
  for (int i = 0; i < settings.scrapes; ++i) {
    for (const bool own : {true, false}) {
      if (interrupts.pause(settings.pause)) return fail("interrupted");
      const auto cost = (own ? ours : theirs).cost();
      if (!cost) return unexpected(cost.error());
      (own ? our_sums : their_sums).cpu_ns += *cost;
    }
  }
  finish(ours, our_sums);
  finish(theirs, their_sums);
  return {};
}

void print_side(const char* who, const Sums& sums, int scrapes) {
  std::printf(
      "  %-20s %8.3f s CPU a 100 scrapes  %7.2f MB anonymous  %7.2f MB proportional  %5zu samples  %7zu bytes\n", who,
      sums.cpu_ns / 1e9 * 100 / scrapes, static_cast<double>(sums.anonymous) / 1e6,
      static_cast<double>(sums.proportional) / 1e6, sums.samples, sums.bytes);
}

Result<void> print_each(const Settings& settings, Interrupts& interrupts, const Exporter& ours, const Names& names) {
  std::printf("\n%-24s %12s\n", "one collector alone", "us a scrape");
  std::vector<std::pair<double, std::string>> rows;
  for (const std::string& name : names) {
    std::vector<double> costs;
    for (int i = 0; i < settings.each; ++i) {
      if (interrupts.pause(settings.pause / 10)) return fail("interrupted");
      const auto cost = ours.cost("?collect[]=" + name);
      if (!cost) return unexpected(cost.error());
      costs.push_back(*cost);
    }
    rows.emplace_back(median(costs) / 1e3, name);
  }
  std::sort(rows.rbegin(), rows.rend());
  for (const auto& [micros, name] : rows) std::printf("  %-22s %12.0f\n", name.c_str(), micros);
  std::printf("  (each with the request itself; the least of them is nearly nothing but that)\n");
  return {};
}

Result<void> compare(const Settings& settings, Interrupts& interrupts, const TempDirectory& directory,
                     const std::vector<std::string>& agent) {
  const std::vector<std::string> peer = {settings.node_exporter, "--web.disable-exporter-metrics"};
  const std::string log = directory.path() + "/node_exporter.log";
  Names shared;
  {
    auto ours = Exporter::start(agent, "/metrics/node", directory.path() + "/probe.log");
    auto theirs = Exporter::start(peer, "/metrics", log);
    if (!ours || !theirs) return unexpected((ours ? theirs : ours).error());
    const auto have = collectors_of(*ours), others = collectors_of(*theirs);
    if (!have || !others) return unexpected((have ? others : have).error());
    std::set_intersection(have->begin(), have->end(), others->begin(), others->end(),
                          std::inserter(shared, shared.end()));
  }
  auto ours = Exporter::start(with_only(agent, shared), "/metrics/node", directory.path() + "/agent.log");
  auto theirs = Exporter::start(with_only(peer, shared), "/metrics", log);
  if (!ours || !theirs) return unexpected((ours ? theirs : ours).error());
  Sums own, other;
  if (auto done = in_turn(settings, interrupts, *ours, *theirs, own, other); !done) return done;
  std::printf("%zu collectors that both have, %d scrapes of each in turn\n", shared.size(), settings.scrapes);
  print_side("plimsoll", own, settings.scrapes);
  print_side("node_exporter", other, settings.scrapes);
  std::printf("  CPU of plimsoll / node_exporter      1/%.1f  (aim: at most 1/8)\n", other.cpu_ns / own.cpu_ns);
  std::printf("  CPU a sample                         1/%.1f\n",
              other.cpu_ns / static_cast<double>(other.samples) / (own.cpu_ns / static_cast<double>(own.samples)));
  std::printf("  anonymous memory                     1/%.1f  (aim: at most 1/3)\n",
              static_cast<double>(other.anonymous) / static_cast<double>(own.anonymous));
  std::printf("  proportional memory                  1/%.1f\n",
              static_cast<double>(other.proportional) / static_cast<double>(own.proportional));
  return {};
}

Result<void> measure(const Settings& settings) {
  Interrupts interrupts;
  auto directory = TempDirectory::make();
  if (!directory) return unexpected(directory.error());
  const std::string state = directory->path();
  const std::vector<std::string> agent = {settings.plimsoll, "--root", state + "/state",   "--runroot",
                                          state + "/run",    "agent",  "--log.level=error"};
  if (settings.node_exporter.empty()) {
    std::printf("(no node_exporter to compare with: --node-exporter PATH)\n");
  } else if (auto done = compare(settings, interrupts, *directory, agent); !done) {
    return done;
  }
  auto ours = Exporter::start(agent, "/metrics/node", state + "/agent.log");
  if (!ours) return unexpected(ours.error());
  const auto names = collectors_of(*ours);
  if (!names) return unexpected(names.error());
  return print_each(settings, interrupts, *ours, *names);
}

}  // namespace
}  // namespace plimsoll::bench

int main(int argc, char** argv) {
  using namespace plimsoll::bench;
  const auto text = [&](const char* name, const char* otherwise) { return option(argc, argv, name, otherwise); };
  const auto number = [&](const char* name, const char* otherwise) {
    return std::max(1, std::atoi(text(name, otherwise).c_str()));
  };
  const Settings settings{text("plimsoll", "plimsoll"), text("node-exporter", ""), number("scrapes", "100"),
                          number("each", "20"), milliseconds(number("pause-ms", "100"))};
  const auto measured = measure(settings);
  if (measured) return 0;
  std::fprintf(stderr, "bench_host: %s\n", measured.error().message().c_str());
  return 1;
}
