// SPDX-License-Identifier: Apache-2.0
// plimsoll stats: what running containers use now. CPU is a rate, so it takes two readings.
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <map>

#include "agent/cli/format.h"
#include "agent/cli/options.h"
#include "agent/cli/session.h"
#include "agent/cli/usage.h"
#include "agent/command.h"
#include "base/cgroup/reader.h"
#include "base/text.h"

namespace plimsoll::agent {
namespace {

constexpr useconds_t kIntervalUs = 1'000'000;

struct Reading {
  container::Config config;
  cgroup::Stats stats;
  int64_t at_ns = 0;
};
using Readings = std::map<std::string, Reading>;  // by id

Result<Reading> read_one(const container::Engine& engine, const container::Container& container) {
  cgroup::FdBudget budget(0);
  Reading reading;
  reading.config = container.config;
  auto reader = cgroup::CgroupReader::open(engine.layout, container.config.cgroup_path, budget);
  if (!reader) return unexpected(reader.error());
  ReadBuffer buffer(4096);
  reading.at_ns = monotonic_ns();
  if (auto read = reader->read(buffer, reading.stats); !read) return unexpected(read.error());
  const std::string net_dev = engine.host.proc + "/" + std::to_string(container.state.pid) + "/net/dev";
  reading.stats.counters.network = container::own_traffic(container.config, read_file(net_dev).value_or(""));
  return reading;
}

// The containers asked for (all running ones when none is named) that run.
Result<Readings> read_all(const container::Engine& engine, const std::vector<std::string>& references) {
  Readings readings;
  std::vector<std::string> wanted = references;
  if (wanted.empty()) {
    auto ids = engine.store.ids();
    if (!ids) return unexpected(ids.error());
    wanted = std::move(*ids);
  }
  for (const std::string& reference : wanted) {
    auto container = find(engine, reference);
    if (!container && !references.empty()) return unexpected(container.error());
    if (!container || container->state.status != container::Status::kRunning) continue;
    auto reading = read_one(engine, *container);
    if (reading) readings.emplace(container->config.id, std::move(*reading));
  }
  return readings;
}

cgroup::Count total_memory(const std::string& proc) {
  const auto kib = find_u64(read_file(proc + "/meminfo").value_or(""), "MemTotal");
  return kib ? cgroup::Count(*kib * 1024) : cgroup::Count();
}

std::string percent(double part, double whole) {
  char text[32];
  std::snprintf(text, sizeof text, "%.2f%%", whole > 0 ? 100 * part / whole : 0);
  return text;
}

std::string cpu_percent(const Reading& before, const Reading& now) {
  const auto &first = before.stats.counters.cpu_usage_ns, &second = now.stats.counters.cpu_usage_ns;
  if (!first || !second || *second < *first) return "-";
  return percent(static_cast<double>(*second - *first), static_cast<double>(now.at_ns - before.at_ns));
}

// The smaller of the container's limit and what the machine has.
cgroup::Count memory_limit(const Reading& reading, const cgroup::Count& machine) {
  const cgroup::Count& own = reading.stats.limits.memory_bytes;
  return own && (!machine || *own < *machine) ? own : machine;
}

std::vector<std::string> row(const Reading& before, const Reading& now, const cgroup::Count& machine) {
  const auto& [counters, gauges, limits] = now.stats;
  const cgroup::Count limit = memory_limit(now, machine);
  const cgroup::Count& used = gauges.memory_working_set_bytes;
  return {now.config.id.substr(0, container::kShortIdLength),
          now.config.name,
          cpu_percent(before, now),
          format_bytes(used) + " / " + format_bytes(limit),
          used && limit ? percent(static_cast<double>(*used), static_cast<double>(*limit)) : "-",
          format_traffic(sum_network(counters, &cgroup::NetworkInterface::receive_bytes)) + " / " +
              format_traffic(sum_network(counters, &cgroup::NetworkInterface::transmit_bytes)),
          format_traffic(sum_io(counters, &cgroup::IoDevice::read_bytes)) + " / " +
              format_traffic(sum_io(counters, &cgroup::IoDevice::written_bytes)),
          gauges.processes ? std::to_string(gauges.threads ? *gauges.threads : *gauges.processes) : "-"};
}

std::string table(const Readings& before, const Readings& now, const cgroup::Count& machine) {
  std::vector<std::vector<std::string>> rows = {
      {"CONTAINER ID", "NAME", "CPU %", "MEM USAGE / LIMIT", "MEM %", "NET I/O", "BLOCK I/O", "PIDS"}};
  for (const auto& [id, reading] : now) {
    const auto known = before.find(id);
    rows.push_back(row(known == before.end() ? reading : known->second, reading, machine));
  }
  return format_table(rows);
}

Result<void> show(const container::Engine& engine, const std::vector<std::string>& references, bool once) {
  const cgroup::Count machine = total_memory(engine.host.proc);
  const bool terminal = ::isatty(STDOUT_FILENO) != 0;
  auto before = read_all(engine, references);
  if (!before) return unexpected(before.error());
  while (true) {
    ::usleep(kIntervalUs);
    auto now = read_all(engine, references);
    if (!now) return unexpected(now.error());
    const char* clear = terminal && !once ? "\x1b[H\x1b[2J" : "";
    if (!write_all(STDOUT_FILENO, clear + table(*before, *now, machine)) || once) return {};
    before = std::move(now);
  }
}

}  // namespace

int stats_command(const GlobalOptions& globals, const std::vector<std::string>& arguments) {
  bool once = false;
  std::vector<std::string> references;
  Options options("stats", "[OPTIONS] [CONTAINER...]", "Shows what running containers use, every second.");
  options.flag("--no-stream", once, "Once, then end");
  options.words(references, 0);
  if (auto code = options.parse(arguments, globals.describe)) return *code;
  auto engine = open_engine(globals);
  if (!engine) return complain(1, engine.error().message());
  auto shown = show(*engine, references, once);
  tidy_up(*engine);
  return shown ? 0 : complain(1, shown.error().message());
}

}  // namespace plimsoll::agent
