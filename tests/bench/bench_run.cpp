// SPDX-License-Identifier: Apache-2.0
// How long a container that does nothing takes from command to exit code: plimsoll run beside runc
// and crun (when installed), one after the other in each round, each after the same pause. A loop
// without pauses would hide the kernel's grace periods.
//
//   bench_run --plimsoll PATH --sleeper PATH [--rounds 21] [--pause-ms 200]
//
// The others get an OCI bundle with the same namespaces, mounts and masked paths; they install no
// system call filter here, plimsoll does.
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "base/os.h"
#include "tests/bench/support.h"

namespace plimsoll::bench {
namespace {

constexpr const char* kCgroup = "/plimsoll-bench";

// {ROOTFS} and {CGROUP} are replaced.
constexpr const char* kBundle = R"({
  "ociVersion": "1.0.2",
  "process": {
    "terminal": false, "user": {"uid": 0, "gid": 0}, "args": ["/bin/sleeper", "end"], "cwd": "/",
    "env": ["PATH=/usr/bin:/bin"], "noNewPrivileges": true,
    "capabilities": {
      "bounding": ["CAP_CHOWN", "CAP_KILL", "CAP_SETUID", "CAP_SETGID"],
      "effective": ["CAP_CHOWN", "CAP_KILL", "CAP_SETUID", "CAP_SETGID"],
      "permitted": ["CAP_CHOWN", "CAP_KILL", "CAP_SETUID", "CAP_SETGID"]
    }
  },
  "root": {"path": "{ROOTFS}"}, "hostname": "bench",
  "mounts": [
    {"destination": "/proc", "type": "proc", "source": "proc"},
    {"destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "strictatime", "mode=755"]},
    {"destination": "/dev/pts", "type": "devpts", "source": "devpts", "options": ["nosuid", "noexec", "newinstance"]},
    {"destination": "/dev/shm", "type": "tmpfs", "source": "shm", "options": ["nosuid", "noexec", "nodev"]},
    {"destination": "/sys", "type": "sysfs", "source": "sysfs", "options": ["nosuid", "noexec", "nodev", "ro"]}
  ],
  "linux": {
    "cgroupsPath": "{CGROUP}",
    "namespaces": [{"type": "pid"}, {"type": "network"}, {"type": "ipc"}, {"type": "uts"}, {"type": "mount"}],
    "maskedPaths": ["/proc/kcore", "/proc/keys", "/proc/timer_list", "/sys/firmware"],
    "readonlyPaths": ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"]
  }
}
)";

struct Contender {
  std::string name;
  std::vector<std::string> argv;
  std::vector<double> milliseconds_;
  std::string output;
};

std::string replaced(std::string text, const std::string& what, const std::string& with) {
  const size_t at = text.find(what);
  return at == std::string::npos ? text : text.replace(at, what.size(), with);
}

std::vector<Contender> make_contenders(const std::string& plimsoll, const std::string& directory,
                                       const std::string& rootfs) {
  std::vector<Contender> all;
  all.push_back({"plimsoll run --rm",
                 {plimsoll, "--root", directory + "/root", "--runroot", directory + "/run", "run", "--rm",
                  "--cgroup-parent", kCgroup, "--network", "none", "--rootfs", rootfs, "/bin/sleeper", "end"},
                 {},
                 directory + "/plimsoll.log"});
  for (const std::string name : {"crun", "runc"}) {
    all.push_back({name + " run",
                   {name, "--root", directory + "/" + name, "run", "--bundle", directory, "bench-" + name},
                   {},
                   directory + "/" + name + ".log"});
  }
  return all;
}

// One run before the measurement: leaves out what is not installed or does not work here, and says so.
void keep_working(std::vector<Contender>& contenders) {
  std::erase_if(contenders, [](const Contender& one) {
    const auto code = run(one.argv, one.output);
    if (code && *code == 0) return false;
    const auto said = read_file(one.output);
    std::printf("  %-24s left out: %s %s\n", one.name.c_str(),
                code ? ("exit code " + std::to_string(*code)).c_str() : code.error().message().c_str(),
                said ? said->substr(0, 200).c_str() : "");
    return true;
  });
}

Result<void> one_round(std::vector<Contender>& contenders, Interrupts& interrupts, milliseconds pause) {
  for (Contender& one : contenders) {
    if (interrupts.pause(pause)) return fail("interrupted");
    const int64_t before = monotonic_ns();
    const auto code = run(one.argv, one.output);
    const int64_t after = monotonic_ns();
    if (!code) return unexpected(code.error());
    if (*code != 0) return fail(one.name + ": exit code " + std::to_string(*code));
    one.milliseconds_.push_back(static_cast<double>(after - before) / 1e6);
  }
  return {};
}

void print(const std::vector<Contender>& contenders) {
  if (contenders.empty()) return;
  const double first = median(contenders[0].milliseconds_);
  std::printf("  %-24s %10s %10s %10s %8s\n", "wall time, ms", "median", "least", "most", "ratio");
  for (const Contender& one : contenders) {
    const auto [least, most] = std::minmax_element(one.milliseconds_.begin(), one.milliseconds_.end());
    const double middle = median(one.milliseconds_);
    std::printf("  %-24s %10.2f %10.2f %10.2f %8.2f\n", one.name.c_str(), middle, *least, *most, middle / first);
  }
}

Result<void> measure(const std::string& plimsoll, const std::string& sleeper, int rounds, milliseconds pause) {
  Interrupts interrupts;
  auto directory = TempDirectory::make();
  if (!directory) return unexpected(directory.error());
  const auto rootfs = make_rootfs(directory->path(), sleeper);
  if (!rootfs) return unexpected(rootfs.error());
  const std::string group = std::string(kCgroup) + "/run";
  const auto bundle = replaced(replaced(kBundle, "{ROOTFS}", *rootfs), "{CGROUP}", group);
  if (auto written = replace_file(directory->path() + "/config.json", bundle); !written) return written;
  auto contenders = make_contenders(plimsoll, directory->path(), *rootfs);
  keep_working(contenders);
  Result<void> done;
  for (int round = 0; round < rounds && done; ++round) done = one_round(contenders, interrupts, pause);
  remove_parent_groups("/sys/fs/cgroup", kCgroup);
  if (done) print(contenders);
  return done;
}

}  // namespace
}  // namespace plimsoll::bench

int main(int argc, char** argv) {
  using namespace plimsoll::bench;
  const std::string plimsoll = option(argc, argv, "plimsoll", "plimsoll"), sleeper = option(argc, argv, "sleeper", "");
  const int rounds = std::max(1, std::atoi(option(argc, argv, "rounds", "21").c_str()));
  const milliseconds pause(std::atoi(option(argc, argv, "pause-ms", "200").c_str()));
  if (sleeper.empty()) {
    std::fputs("usage: bench_run --plimsoll PATH --sleeper PATH [--rounds N] [--pause-ms N]\n", stderr);
    return 2;
  }
  const auto done = measure(plimsoll, sleeper, rounds, pause);
  if (!done) std::fprintf(stderr, "bench_run: %s\n", done.error().message().c_str());
  return done ? 0 : 1;
}
