// SPDX-License-Identifier: Apache-2.0
#include "tests/bench/runtime_contender.h"

#include <unistd.h>

#include <cstdio>

#include "base/os.h"
#include "tests/bench/runtime_bundle.h"

namespace plimsoll::bench {
namespace {

const char* variant(bool filter) { return filter ? "filter" : "plain"; }

template <typename Value>
double median_of(const std::vector<Cost>& costs, Value value) {
  std::vector<double> all;
  for (const Cost& cost : costs) all.push_back(value(cost));
  return median(std::move(all));
}

Result<void> wait_for_program(const Groups& groups, const std::string& group) {
  Result<void> last;
  for (int tries = 0; tries < 200; ++tries) {
    const auto pid = groups.process_of(group);
    const auto command = pid ? read_file("/proc/" + *pid + "/comm") : Result<std::string>(unexpected(pid.error()));
    if (command && *command == "sleeper\n") return {};
    last = command ? Result<void>(fail(group + ": still " + *command)) : unexpected(command.error());
    usleep(10'000);
  }
  return last;
}

}  // namespace

Result<Contender> Contender::make(const Setting& setting, const std::string& name, const std::string& program) {
  Contender one(name, program);
  one.directory_ = setting.directory + "/" + name;
  one.log_ = one.directory_ + "/log";
  if (auto made = make_directories(one.directory_); !made) return unexpected(made.error());
  for (const bool filter : {false, true}) {
    for (const char* purpose : {"run", "hold"}) {
      const std::string id = std::string(purpose) + "-" + variant(filter);
      const BundleOptions options = {setting.rootfs, setting.groups.parent() + "/" + name + "-" + id,
                                     id.starts_with("run"), filter};
      if (auto written = write_bundle(one.directory_ + "/" + id, options); !written) return unexpected(written.error());
    }
  }
  return one;
}

Words Contender::command(const Words& words) const {
  Words all = {program_, "--root", directory_ + "/state"};
  all.insert(all.end(), words.begin(), words.end());
  return all;
}

Words Contender::bare_run(const Setting& setting, const std::string& group, bool filter, const char* how) const {
  const Groups& groups = setting.groups;
  Words words = {setting.bare,    "run", setting.rootfs, groups.parent() + "/" + group,
                 variant(filter), how,   groups.cpus(),  groups.mems()};
  for (const std::string& hierarchy : groups.hierarchies()) words.push_back(hierarchy);
  return words;
}

Words Contender::run(const Setting& setting, bool filter) const {
  const std::string id = std::string("run-") + variant(filter);
  if (bare()) return bare_run(setting, name_ + "-" + id, filter, "end");
  return command({"run", "--bundle", directory_ + "/" + id, id});
}

Result<void> Contender::hold_bare(const Setting& setting, const std::string& group, bool filter) const {
  const auto pid = spawn(bare_run(setting, group, filter, "stay"), log_);
  if (!pid) return unexpected(pid.error());
  return wait_for_program(setting.groups, group);
}

Result<void> Contender::hold(const Setting& setting, const std::string& id, bool filter) const {
  const std::string group = name_ + "-" + id;
  if (bare()) return hold_bare(setting, group, filter);
  for (const Words& words : {command({"create", "--bundle", directory_ + "/" + id, id}), command({"start", id})}) {
    const auto cost = measure(setting.meter, Orphans::kLeft, words, log_);
    if (!cost) return unexpected(cost.error().within(words[3]));
  }
  return wait_for_program(setting.groups, group);
}

Result<Words> Contender::exec(const Setting& setting, bool filter) const {
  const std::string id = std::string("hold-") + variant(filter);
  if (auto held = hold(setting, id, filter); !held) return unexpected(held.error());
  if (!bare()) return command({"exec", id, "/bin/true"});
  const auto pid = setting.groups.process_of(name_ + "-" + id);
  if (!pid) return unexpected(pid.error());
  const std::string group = setting.groups.parent() + "/" + name_ + "-" + id;
  Words words = {setting.bare, "exec", *pid, group, variant(filter), "end"};
  for (const std::string& hierarchy : setting.groups.hierarchies()) words.push_back(hierarchy);
  return words;
}

Result<std::string> Contender::bundle_of(const Setting& setting, const std::string& id) const {
  const std::string bundle = directory_ + "/" + id;
  const std::string group = setting.groups.parent() + "/" + name_ + "-" + id;
  if (auto written = write_bundle(bundle, {setting.rootfs, group, false, false}); !written) {
    return unexpected(written.error());
  }
  return bundle;
}

double wall_ms(const std::vector<Cost>& costs) {
  return median_of(costs, [](const Cost& cost) { return static_cast<double>(cost.wall_ns) / 1e6; });
}

double cpu_ms(const std::vector<Cost>& costs) {
  return median_of(costs, [](const Cost& cost) { return static_cast<double>(cost.cpu_ns) / 1e6; });
}

double peak_mib(const std::vector<Cost>& costs) {
  return median_of(costs, [](const Cost& cost) { return static_cast<double>(cost.peak_rss_bytes) / 1048576; });
}

std::string ratio_text(double value, double by) {
  if (by <= 0) return "-";
  char text[32];
  std::snprintf(text, sizeof(text), "%.2f", value / by);
  return text;
}

}  // namespace plimsoll::bench
