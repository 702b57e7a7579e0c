// SPDX-License-Identifier: Apache-2.0
// What an OCI runtime's `run` and `exec` of a program that ends at once cost, beside other runtimes and beside a bare
// program that only makes the system calls (bench_bare); then the same with many containers alive (runtime_alive.h).
// In shuffled order in every round, each after the same pause: without pauses the kernel's grace periods
// are hidden and caches stay warm.
//
//   bench_runtime --runtime NAME=PATH ... [--layout own|v1|v2] [--rounds 50] [--pause-ms 100] [--alive 200]
//                 [--each 20] [--seed 1]
//
// --layout v1 hides the unified tree of a hybrid machine from everyone, v2 shows nothing else. --alive 0 leaves the
// second part out.
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "base/os.h"
#include "tests/bench/runtime_alive.h"
#include "tests/bench/runtime_bundle.h"
#include "tests/bench/runtime_contender.h"
#include "tests/bench/support.h"

namespace plimsoll::bench {
namespace {

constexpr const char* kCgroups = "/sys/fs/cgroup";

struct Runtime {
  std::string name, path;
};

struct Options {
  std::vector<Runtime> runtimes;
  View view = View::kOwn;
  int rounds = 50;
  milliseconds pause{100};
  AliveOptions alive;
  unsigned seed = 1;
};

// A line of one table: what one contender's command cost.
struct Job {
  const Contender* contender;
  size_t table;
  Words words;
  std::vector<Cost> costs;
};

struct Table {
  const char* title;
  bool exec, filter;
};
constexpr Table kTables[] = {
    {"run", false, false}, {"exec", true, false}, {"run with filter", false, true}, {"exec with filter", true, true}};

Result<Cost> measure_one(Setting& setting, const Job& job) {
  return measure(setting.meter, Orphans::kAwaited, job.words, job.contender->log());
}

// One measurement that does not count: it fills caches, and shows who does not work here.
Result<Job> prepare(Setting& setting, const Contender& contender, size_t table) {
  const Table& what = kTables[table];
  auto words = what.exec ? contender.exec(setting, what.filter) : contender.run(setting, what.filter);
  if (!words) return unexpected(words.error());
  Job job{&contender, table, std::move(*words), {}};
  if (const auto first = measure_one(setting, job); !first) return unexpected(first.error());
  return job;
}

void print_left_out(const Contender& contender, const std::vector<std::string>& failures) {
  const bool all = failures.size() == std::size(kTables);
  for (const std::string& failure : failures) {
    std::printf("  %-16s left out%s\n", contender.name().c_str(), failure.substr(all ? failure.find(':') : 0).c_str());
    if (all) return;
  }
}

std::vector<Job> prepare_all(Setting& setting, const std::vector<Contender>& contenders) {
  std::vector<Job> jobs;
  for (const Contender& contender : contenders) {
    std::vector<std::string> failures;
    for (size_t table = 0; table < std::size(kTables) && !setting.interrupts.pause(milliseconds(0)); ++table) {
      auto job = prepare(setting, contender, table);
      if (job) jobs.push_back(std::move(*job));
      if (!job) failures.push_back(std::string(" of ") + kTables[table].title + ": " + job.error().message());
    }
    print_left_out(contender, failures);
  }
  return jobs;
}

// A job that fails is over, the others go on.
Result<void> one_round(Setting& setting, std::vector<Job>& jobs) {
  std::vector<Job*> order;
  for (Job& job : jobs) order.push_back(&job);
  std::shuffle(order.begin(), order.end(), setting.random);
  for (Job* job : order) {
    if (setting.interrupts.pause(setting.pause)) return fail("interrupted");
    const auto cost = measure_one(setting, *job);
    if (cost) job->costs.push_back(*cost);
    if (cost || setting.interrupts.pause(milliseconds(0))) continue;
    std::printf("  %-16s left out of %s after %zu: %s\n", job->contender->name().c_str(), kTables[job->table].title,
                job->costs.size(), cost.error().message().c_str());
    job->contender = nullptr;
  }
  std::erase_if(jobs, [](const Job& job) { return job.contender == nullptr; });
  return {};
}

const Job* find(const std::vector<Job>& jobs, size_t table, std::string_view name) {
  for (const Job& job : jobs) {
    if (job.table == table && job.contender->name() == name) return &job;
  }
  return nullptr;
}

double most_mib(const std::vector<Cost>& costs) {
  int64_t most = 0;
  for (const Cost& cost : costs) most = std::max(most, cost.peak_rss_bytes);
  return static_cast<double>(most) / 1048576;
}

void print(const std::vector<Job>& jobs, size_t table) {
  const Job* const bare = find(jobs, table, "bare");
  const Job* const crun = find(jobs, table, "crun");
  const auto wall = [](const Job* job) { return job == nullptr ? 0 : wall_ms(job->costs); };
  const auto cpu = [](const Job* job) { return job == nullptr ? 0 : cpu_ms(job->costs); };
  std::printf("\n%-18s %9s %9s %10s %10s %10s %10s %8s %8s\n", kTables[table].title, "wall ms", "CPU ms", "wall/bare",
              "CPU/bare", "wall/crun", "CPU/crun", "RSS MiB", "most");
  for (const Job& job : jobs) {
    if (job.table != table) continue;
    std::printf("  %-16s %9.2f %9.2f %10s %10s %10s %10s %8.2f %8.2f\n", job.contender->name().c_str(), wall(&job),
                cpu(&job), ratio_text(wall(&job), wall(bare)).c_str(), ratio_text(cpu(&job), cpu(bare)).c_str(),
                ratio_text(wall(&job), wall(crun)).c_str(), ratio_text(cpu(&job), cpu(crun)).c_str(),
                peak_mib(job.costs), most_mib(job.costs));
  }
}

// run and exec of each contender, in every variant. Gives the names of those that worked.
Result<std::vector<std::string>> compare_starts(Setting& setting, const std::vector<Contender>& contenders,
                                                int rounds) {
  auto jobs = prepare_all(setting, contenders);
  for (int round = 0; round < rounds; ++round) {
    if (auto done = one_round(setting, jobs); !done) return unexpected(done.error());
  }
  for (size_t table = 0; table < std::size(kTables); ++table) print(jobs, table);
  setting.groups.clear();
  std::vector<std::string> names;
  for (const Job& job : jobs) names.push_back(job.contender->name());
  return names;
}

Result<void> compare_all(Setting& setting, const Options& options) {
  std::vector<Contender> contenders;
  std::vector<Runtime> all = {{"bare", ""}};
  all.insert(all.end(), options.runtimes.begin(), options.runtimes.end());
  for (const Runtime& runtime : all) {
    auto contender = Contender::make(setting, runtime.name, runtime.path);
    if (!contender) return unexpected(contender.error());
    contenders.push_back(std::move(*contender));
  }
  const auto worked = compare_starts(setting, contenders, options.rounds);
  if (!worked) return unexpected(worked.error());
  if (options.alive.containers < 4) return {};
  const Contender bare = contenders.front();
  std::erase_if(contenders, [&](const Contender& one) {
    return one.bare() || std::find(worked->begin(), worked->end(), one.name()) == worked->end();
  });
  return compare_alive(setting, bare, contenders, options.alive);
}

// The directory in which this program is: bench_meter and bench_bare are beside it.
std::string own_directory() {
  char path[4096];
  const ssize_t length = readlink("/proc/self/exe", path, sizeof(path));
  const std::string_view all(path, length > 0 ? static_cast<size_t>(length) : 0);
  return std::string(all.substr(0, all.rfind('/')));
}

// With /bin/true and /bin/sleeper.
Result<std::string> make_programs(const std::string& directory, const std::string& programs) {
  auto rootfs = make_rootfs(directory, programs + "/bench_sleeper");
  if (!rootfs) return rootfs;
  const auto program = read_file(programs + "/bench_true");
  if (!program) return unexpected(program.error());
  if (auto written = replace_file(*rootfs + "/bin/true", *program, 0755); !written) return unexpected(written.error());
  return rootfs;
}

Result<void> measure_all(const Options& options) {
  Interrupts interrupts;
  adopt_orphans();
  if (auto done = private_mounts(kCgroups, options.view); !done) return done;
  auto directory = TempDirectory::make();
  if (!directory) return unexpected(directory.error());
  const std::string programs = own_directory();
  const auto rootfs = make_programs(directory->path(), programs);
  if (!rootfs) return unexpected(rootfs.error());
  const auto groups = Groups::make(kCgroups, "/plimsoll-bench/runtime-" + std::to_string(getpid()));
  if (!groups) return unexpected(groups.error());
  std::printf("Cgroups: %s. Medians of %d, seed %u, pauses of %d ms. Filter: %zu names, three architectures\n",
              groups->layout_text().c_str(), options.rounds, options.seed, static_cast<int>(options.pause.count()),
              allowed_names());
  Setting setting{programs + "/bench_meter",
                  programs + "/bench_bare",
                  directory->path(),
                  *rootfs,
                  *groups,
                  interrupts,
                  options.pause,
                  std::mt19937(options.seed)};
  return compare_all(setting, options);
}

Options parse(int argc, char** argv) {
  Options options;
  for (int at = 1; at + 1 < argc; ++at) {
    if (std::string_view(argv[at]) != "--runtime") continue;
    const std::string_view value = argv[at + 1];
    const size_t equals = value.find('=');
    if (equals == std::string_view::npos) continue;
    options.runtimes.push_back({std::string(value.substr(0, equals)), std::string(value.substr(equals + 1))});
  }
  const auto number = [&](const char* name, const char* otherwise) {
    return std::max(0, std::atoi(option(argc, argv, name, otherwise).c_str()));
  };
  const std::string layout = option(argc, argv, "layout", "own");
  options.view = layout == "v1" ? View::kV1 : layout == "v2" ? View::kV2 : View::kOwn;
  options.rounds = std::max(1, number("rounds", "50"));
  options.pause = milliseconds(number("pause-ms", "100"));
  options.alive = {number("alive", "200"), std::max(1, number("each", "20"))};
  options.seed = static_cast<unsigned>(number("seed", "1"));
  return options;
}

}  // namespace
}  // namespace plimsoll::bench

int main(int argc, char** argv) {
  const auto options = plimsoll::bench::parse(argc, argv);
  if (argc < 2) {
    std::fputs(
        "usage: bench_runtime --runtime NAME=PATH ... [--layout own|v1|v2] [--rounds N] [--pause-ms N]\n"
        "                     [--alive N] [--each N] [--seed N]\n",
        stderr);
    return 2;
  }
  std::setvbuf(stdout, nullptr, _IOLBF, 0);
  const auto done = plimsoll::bench::measure_all(options);
  if (!done) std::fprintf(stderr, "bench_runtime: %s\n", done.error().message().c_str());
  return done ? 0 : 1;
}
