// SPDX-License-Identifier: Apache-2.0
#include "tests/bench/runtime_alive.h"

#include <cstdio>
#include <optional>

#include "base/os.h"

namespace plimsoll::bench {
namespace {

constexpr milliseconds kEndOfContainer(5000);
constexpr const char* kInterrupted = "interrupted";

struct Level {
  int alive;
  std::vector<Cost> cycle;  // create + start + delete of one more
  std::vector<Cost> bare;   // a run of the bare program at the same time
};

struct Findings {
  std::string name;
  std::vector<Level> levels;
  std::vector<Cost> list, state, remove;
};

void add(Cost& sum, const Cost& cost) {
  sum.wall_ns += cost.wall_ns;
  sum.cpu_ns += cost.cpu_ns;
  sum.peak_rss_bytes = std::max(sum.peak_rss_bytes, cost.peak_rss_bytes);
}

class Alive {
 public:
  Alive(Setting& setting, const Contender& bare, const Contender& runtime, const AliveOptions& options)
      : setting_(setting), bare_(bare), runtime_(runtime), options_(options) {}

  Result<Findings> measure_all();

 private:
  std::string id(int number) const { return "alive-" + std::to_string(number); }
  Result<Cost> create(const std::string& id);
  Result<Cost> remove(const std::string& id);
  Result<Cost> cycle(const std::string& id);
  Result<Cost> call(const Words& words);
  Result<void> level(Level& level);
  Result<void> fill(int from, int to);
  Result<void> check_list();
  Result<void> commands(Findings& findings);
  Result<void> pause();

  Setting& setting_;
  const Contender& bare_;
  const Contender& runtime_;
  const AliveOptions& options_;
};

Result<void> Alive::pause() {
  if (setting_.interrupts.pause(setting_.pause)) return fail(kInterrupted);
  return {};
}

Result<Cost> Alive::call(const Words& words) {
  auto cost = measure(setting_.meter, Orphans::kLeft, runtime_.command(words), runtime_.log());
  if (!cost) return unexpected(cost.error().within(words.front()));
  return cost;
}

Result<Cost> Alive::create(const std::string& id) {
  const auto bundle = runtime_.bundle_of(setting_, id);
  if (!bundle) return unexpected(bundle.error());
  auto sum = call({"create", "--bundle", *bundle, id});
  if (!sum) return sum;
  const auto started = call({"start", id});
  if (!started) return started;
  add(*sum, *started);
  return sum;
}

// The container's own process is counted here: as its adopter we see what it cost when it has ended.
Result<Cost> Alive::remove(const std::string& id) {
  auto sum = call({"delete", "--force", id});
  if (!sum) return sum;
  const auto own = reap_orphans(1, kEndOfContainer);
  if (!own) return unexpected(own.error().within(id));
  sum->cpu_ns += *own;
  return sum;
}

Result<Cost> Alive::cycle(const std::string& id) {
  auto sum = create(id);
  if (!sum) return sum;
  const auto removed = remove(id);
  if (!removed) return removed;
  add(*sum, *removed);
  return sum;
}

Result<void> Alive::level(Level& level) {
  for (int round = 0; round < options_.each; ++round) {
    const bool bare_first = (setting_.random() & 1) != 0;
    for (const bool bare : {bare_first, !bare_first}) {
      if (auto paused = pause(); !paused) return paused;
      const auto cost = bare ? measure(setting_.meter, Orphans::kAwaited, bare_.run(setting_, false), bare_.log())
                             : cycle("one-more");
      if (!cost) return unexpected(cost.error().within(std::to_string(level.alive) + " alive"));
      (bare ? level.bare : level.cycle).push_back(*cost);
    }
  }
  return {};
}

Result<void> Alive::fill(int from, int to) {
  for (int number = from; number < to; ++number) {
    if (setting_.interrupts.pause(milliseconds(1))) return fail(kInterrupted);
    if (const auto made = create(id(number)); !made) return unexpected(made.error().within(id(number)));
  }
  return {};
}

// A list that leaves some out would be quick for nothing.
Result<void> Alive::check_list() {
  const std::string output = runtime_.log() + "-list";
  const auto listed = measure(setting_.meter, Orphans::kLeft, runtime_.command({"list"}), output);
  if (!listed) return unexpected(listed.error().within("list"));
  const auto text = read_file(output);
  if (!text) return unexpected(text.error());
  int found = 0;
  for (size_t at = text->find("\nalive-"); at != std::string::npos; at = text->find("\nalive-", at + 1)) ++found;
  if (found >= options_.containers) return {};
  return fail("list shows " + std::to_string(found) + " of " + std::to_string(options_.containers));
}

Result<void> Alive::commands(Findings& findings) {
  if (auto checked = check_list(); !checked) return checked;
  for (int round = 0; round < options_.each; ++round) {
    const std::string some = id(static_cast<int>(setting_.random() % static_cast<unsigned>(options_.containers)));
    for (const bool list : {true, false}) {
      if (auto paused = pause(); !paused) return paused;
      const auto cost = list ? call({"list"}) : call({"state", some});
      if (!cost) return unexpected(cost.error());
      (list ? findings.list : findings.state).push_back(*cost);
    }
  }
  for (int number = 0; number < std::min(options_.each, options_.containers); ++number) {
    if (auto paused = pause(); !paused) return paused;
    const auto cost = remove(id(number));
    if (!cost) return unexpected(cost.error());
    findings.remove.push_back(*cost);
  }
  return {};
}

Result<Findings> Alive::measure_all() {
  Findings findings{runtime_.name(), {}, {}, {}, {}};
  if (const auto first = cycle("one-more"); !first) return unexpected(first.error());  // warms up; not counted
  int made = 0;
  for (const int part : {0, 1, 2, 4}) {
    Level next{options_.containers * part / 4, {}, {}};
    if (auto filled = fill(made, next.alive); !filled) return unexpected(filled.error());
    made = next.alive;
    if (auto measured = level(next); !measured) return unexpected(measured.error());
    findings.levels.push_back(std::move(next));
  }
  if (auto measured = commands(findings); !measured) return unexpected(measured.error());
  return findings;
}

void print_growth(const std::vector<Findings>& all) {
  std::printf("\ncreate + start + delete --force of one more, CPU; in brackets the bare program's run beside it,\n");
  std::printf("by which the last ratio is corrected\n");
  std::printf("  %-16s %9s", "alive:", "0, ms");
  for (size_t at = 1; at < all.front().levels.size(); ++at)
    std::printf(" %9s %3d / 0", "", all.front().levels[at].alive);
  std::printf(" %9s\n", "corrected");
  for (const Findings& one : all) {
    const Level& first = one.levels.front();
    std::printf("  %-16s %9.2f", one.name.c_str(), cpu_ms(first.cycle));
    for (size_t at = 1; at < one.levels.size(); ++at) {
      const Level& level = one.levels[at];
      std::printf(" %8s (%s)", ratio_text(cpu_ms(level.cycle), cpu_ms(first.cycle)).c_str(),
                  ratio_text(cpu_ms(level.bare), cpu_ms(first.bare)).c_str());
    }
    const double kernel = cpu_ms(one.levels.back().bare) / cpu_ms(first.bare);
    std::printf(" %9s\n", ratio_text(cpu_ms(one.levels.back().cycle), cpu_ms(first.cycle) * kernel).c_str());
  }
}

void print_command(const char* title, const std::vector<Findings>& all, std::vector<Cost> Findings::*costs) {
  const Findings* crun = nullptr;
  for (const Findings& one : all) {
    if (one.name == "crun") crun = &one;
  }
  std::printf("\n%-18s %9s %9s %10s %10s %9s\n", title, "wall ms", "CPU ms", "wall/crun", "CPU/crun", "RSS MiB");
  for (const Findings& one : all) {
    const auto& mine = one.*costs;
    std::printf("  %-16s %9.2f %9.2f %10s %10s %9.2f\n", one.name.c_str(), wall_ms(mine), cpu_ms(mine),
                ratio_text(wall_ms(mine), crun == nullptr ? 0 : wall_ms(crun->*costs)).c_str(),
                ratio_text(cpu_ms(mine), crun == nullptr ? 0 : cpu_ms(crun->*costs)).c_str(), peak_mib(mine));
  }
}

}  // namespace

Result<void> compare_alive(Setting& setting, const Contender& bare, const std::vector<Contender>& runtimes,
                           const AliveOptions& options) {
  std::printf("\nWith up to %d containers alive, medians of %d\n", options.containers, options.each);
  std::vector<Findings> all;
  for (const Contender& runtime : runtimes) {
    auto findings = Alive(setting, bare, runtime, options).measure_all();
    if (setting.interrupts.pause(milliseconds(0))) return fail(kInterrupted);
    setting.groups.clear();
    if (findings) all.push_back(std::move(*findings));
    if (!findings) std::printf("  %-16s left out: %s\n", runtime.name().c_str(), findings.error().message().c_str());
  }
  if (all.empty()) return {};
  print_growth(all);
  print_command("list of all", all, &Findings::list);
  print_command("state", all, &Findings::state);
  print_command("delete --force", all, &Findings::remove);
  return {};
}

}  // namespace plimsoll::bench
