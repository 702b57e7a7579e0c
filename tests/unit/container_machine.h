// SPDX-License-Identifier: Apache-2.0
// A whole recorded machine for the container collector's tests: cgroup tree, /proc and /sys, and the
// state directory of our runtime.
#pragma once

#include <map>
#include <memory>
#include <ostream>
#include <string>

#include "collectors/container/collector.h"
#include "runtime/container/spool.h"
#include "tests/unit/cgroup_trees.h"
#include "tests/unit/page_text.h"

namespace plimsoll::test {

inline const std::string kId(64, 'a');
inline const std::string kPath = "/plimsoll/" + kId;

// Lines of `text` that contain `part`.
inline std::string lines_with(std::string_view text, std::string_view part) {
  std::string found;
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n') + 1);
    if (line.find(part) != std::string_view::npos) found += line;
    text.remove_prefix(line.size());
  }
  return found;
}

class Machine {
 public:
  enum class Cgroups { kV1, kHybrid, kV2 };

  explicit Machine(Cgroups cgroups) : cgroups_(cgroups) {
    group("", 1);
    group("/system.slice", 2);
    group("/system.slice/run.mount", 9);
    group("/plimsoll", 3);
    tree.write("proc/1/net/dev", net_dev({"lo", "eth0", "veth1", "docker0", "plaaaaaaaaaaaa", "plip0"}));
    tree.write("proc/diskstats",
               "   7       0 loop0 9 9 9 9 9 9 9 9 0 9 9\n"
               " 254       0 vda 100 0 200 20 300 0 400 6 0 12 27 0 0 0 0 2 1\n"
               " 254       1 vda1 90 0 180 20 290 0 390 6 0 12 27 0 0 0 0 2 1\n");
    tree.write("sys/class/block/vda/size", "1\n");
    tree.write("sys/class/block/vda1/partition", "1\n");
    tree.write("sys/devices/system/cpu/online", "0-2\n");
  }

  void group(const std::string& path, uint64_t seed) const {
    if (cgroups_ == Cgroups::kV2) return write_v2_group(tree, "cgroup", path, seed);
    write_v1_group(tree, "cgroup", path, seed);
    if (cgroups_ == Cgroups::kHybrid) write_hybrid_group(tree, "cgroup", path, seed);
  }

  void remove_group(const std::string& path) const {
    for (const char* dir : {"", "/memory", "/cpu", "/cpuacct", "/pids", "/blkio", "/unified"})
      EXPECT_TRUE(remove_tree(tree.at("cgroup" + std::string(dir) + path)));
  }

  uint64_t inode(const std::string& path) const {
    struct stat st {};
    const std::string dir = cgroups_ == Cgroups::kV2 ? "cgroup" : "cgroup/memory";
    EXPECT_EQ(::stat(tree.at(dir + path).c_str(), &st), 0);
    return st.st_ino;
  }

  // A container of ours, running in a group made with `seed`; its first process is 1000 + seed.
  void container(uint64_t seed, plimsoll::container::Network network = plimsoll::container::Network::kVeth) const {
    group(kPath, seed);
    plimsoll::container::Config config;
    config.id = kId;
    config.name = "web";
    config.image = "rootfs:busybox";
    config.rootfs = "/srv/busybox";
    config.argv = {"sleep", "9"};
    config.network = network;
    config.cgroup_path = kPath;
    config.created_ns = 1'700'000'000'000'000'000;
    tree.write("root/containers/" + kId + "/config.json", to_json(config));
    plimsoll::container::State state;
    state.status = plimsoll::container::Status::kRunning;
    state.pid = static_cast<pid_t>(1000 + seed);
    state.started_ns = 1'700'000'001'500'000'000;
    tree.write("root/containers/" + kId + "/state.json", to_json(state));
    tree.write("proc/" + num(1000 + seed) + "/net/dev", net_dev({"lo", "eth0"}));
  }

  // The final record of that container.
  plimsoll::container::ExitRecord record(uint64_t inode, int64_t finished_ns = wall_clock_ns()) const {
    plimsoll::container::ExitRecord record;
    record.id = kId;
    record.name = "web";
    record.image = "rootfs:busybox";
    record.cgroup_path = kPath;
    record.cgroup_inode = inode;
    record.created_ns = 1'700'000'000'000'000'000;
    record.started_ns = 1'700'000'001'500'000'000;
    record.finished_ns = finished_ns;
    record.exit_code = 137;
    record.oom_killed = true;
    record.counters.cpu_usage_ns = 7'500'000'000;
    if (cgroups_ != Cgroups::kV2) record.counters.cpu_usage_percpu_ns = {7'500'000'000, 0, 0, 0};
    record.counters.cpu_user_ns = 5'000'000'000;
    record.counters.oom_kills = 1;
    record.counters.page_faults = 77;
    record.counters.io = {{254, 0, 4096, 8192, 1, 2}};
    record.counters.network = {{.name = "eth0", .receive_bytes = 11, .transmit_bytes = 22}};
    return record;
  }
  void put(const plimsoll::container::ExitRecord& record) const {
    EXPECT_TRUE(plimsoll::container::Spool(state_roots()).put(record));
  }

  plimsoll::container::StateRoots state_roots() const { return {tree.at("root"), tree.at("run")}; }
  collectors::container::Options options() const {
    return {.roots = {tree.at("proc"), tree.at("sys"), tree.at("cgroup"), tree.path()},
            .engines = {.paths = {.own = state_roots()}},
            .events = false};
  }

  TempTree tree;

 private:
  static std::string net_dev(const std::vector<std::string>& names) {
    std::string text =
        "Inter-|   Receive  |  Transmit\n face |bytes packets errs drop fifo frame compressed "
        "multicast|bytes packets errs drop fifo colls carrier compressed\n";
    uint64_t base = 0;
    for (const std::string& name : names) {
      text += name + ":";
      for (uint64_t column = 1; column <= 16; ++column) text += " " + num(base + column);
      text += "\n";
      base += 100;
    }
    return text;
  }

  Cgroups cgroups_;
};

inline void PrintTo(Machine::Cgroups cgroups, std::ostream* out) {
  *out << (cgroups == Machine::Cgroups::kV1 ? "v1" : cgroups == Machine::Cgroups::kV2 ? "v2" : "hybrid");
}

// A collector together with the text of its pages.
// MetricPage::start_ns of the samples of a family, by their rendered labels.
inline std::map<std::string, int64_t> starts_of(const MetricPage& page, std::string_view family) {
  std::map<std::string, int64_t> starts;
  for (size_t i = 0; i < page.families().size(); ++i) {
    if (page.families()[i].desc.name != family) continue;
    const auto [first, last] = page.samples(i);
    for (const Sample* sample = first; sample != last; ++sample)
      starts[std::string(page.labels(sample->base))] = page.start_ns(sample->base);
  }
  return starts;
}

class Scraper {
 public:
  explicit Scraper(collectors::container::Options options) {
    auto made = make_container_collector(std::move(options));
    EXPECT_TRUE(made);
    if (made) collector_ = std::move(*made);
  }
  MetricPage page() {
    MetricWriter writer;
    last_ = collector_->collect(writer);
    return writer.finish();
  }
  std::string scrape(std::string_view prefix = {}) { return page_text(page(), prefix); }
  const Result<void>& last() const { return last_; }

 private:
  std::unique_ptr<collectors::Collector> collector_;
  Result<void> last_;
};

}  // namespace plimsoll::test
