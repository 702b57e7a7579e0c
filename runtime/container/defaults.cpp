// SPDX-License-Identifier: Apache-2.0
#include "runtime/container/defaults.h"

#include <linux/capability.h>
#include <sched.h>

#include <algorithm>
#include <utility>

namespace plimsoll::container {
namespace {

constexpr int kCapabilities[] = {
    CAP_CHOWN,   CAP_DAC_OVERRIDE,     CAP_FOWNER,  CAP_FSETID,     CAP_KILL,  CAP_SETGID,      CAP_SETUID,
    CAP_SETPCAP, CAP_NET_BIND_SERVICE, CAP_NET_RAW, CAP_SYS_CHROOT, CAP_MKNOD, CAP_AUDIT_WRITE, CAP_SETFCAP,
};

constexpr uint64_t capability_mask() {
  uint64_t mask = 0;
  for (int capability : kCapabilities) mask |= uint64_t{1} << capability;
  return mask;
}

// In this order: the later ones lie in the earlier ones. gid 5 is the group tty wherever there is one.
std::vector<spec::Mount> default_mounts() {
  const auto mount = [](const char* destination, const char* type, std::vector<std::string> options) {
    spec::Mount one;
    one.destination = destination;
    one.type = one.source = type;
    one.options = std::move(options);
    return one;
  };
  return {
      mount("/proc", "proc", {"nosuid", "noexec", "nodev"}),
      mount("/sys", "sysfs", {"nosuid", "noexec", "nodev", "ro"}),
      mount("/dev", "tmpfs", {"nosuid", "mode=755", "size=65536k"}),
      mount("/dev/pts", "devpts", {"nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"}),
      mount("/dev/shm", "tmpfs", {"nosuid", "noexec", "nodev", "mode=1777", "size=65536k"}),
      mount("/dev/mqueue", "mqueue", {"nosuid", "noexec", "nodev"}),
      mount("/sys/fs/cgroup", "cgroup", {"nosuid", "noexec", "nodev", "ro"}),
  };
}

// Shown empty: they tell about or reach into the host.
std::vector<std::string> masked_paths() {
  return {"/proc/acpi",
          "/proc/asound",
          "/proc/kcore",
          "/proc/keys",
          "/proc/latency_stats",
          "/proc/timer_list",
          "/proc/timer_stats",
          "/proc/sched_debug",
          "/proc/scsi",
          "/sys/firmware",
          "/sys/devices/virtual/powercap"};
}

spec::Process default_process() {
  spec::Process process;
  constexpr uint64_t kMask = capability_mask();
  // Neither inheritable nor ambient: a program without file capabilities loses all on setuid.
  process.capabilities = spec::Capabilities{kMask, kMask, 0, kMask, 0};
  process.no_new_privileges = true;
  process.cwd = "/";
  return process;
}

}  // namespace

spec::Spec default_spec() {
  using Type = spec::NamespaceType;
  spec::Spec spec;
  spec.process = default_process();
  for (const Type type : {Type::kPid, Type::kNetwork, Type::kIpc, Type::kUts, Type::kMount, Type::kCgroup}) {
    spec.namespaces.push_back({type, ""});
  }
  spec.mounts = default_mounts();
  spec.masked_paths = masked_paths();
  spec.readonly_paths = {"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"};
  return spec;
}

spec::Mount bind_mount(const BindMount& bind) {
  spec::Mount mount;
  mount.destination = bind.target;
  mount.type = "bind";
  mount.source = bind.source;
  mount.options = {"rbind"};
  if (bind.read_only) mount.options.push_back("rro");
  return mount;
}

spec::Spec container_spec(const Config& config) {
  spec::Spec spec = default_spec();
  spec.process->args = config.argv;
  spec.process->env = config.env;
  spec.process->cwd = config.cwd;
  spec.hostname = config.hostname;
  for (const BindMount& bind : config.binds) spec.mounts.push_back(bind_mount(bind));
  if (config.network == Network::kHost) {
    std::erase_if(spec.namespaces,
                  [](const spec::Namespace& one) { return one.type == spec::NamespaceType::kNetwork; });
  }
  spec.resources = container_resources(config);
  return spec;
}

spec::Process exec_process(std::vector<std::string> args, std::vector<std::string> env, std::string cwd) {
  spec::Process process = default_process();
  process.args = std::move(args);
  process.env = std::move(env);
  process.cwd = std::move(cwd);
  return process;
}

// With the host's network its network namespace is the caller's own: entering that changes nothing.
uint64_t entered_namespaces() {
  return CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWNET | CLONE_NEWCGROUP;
}

// The swap that may be used beside the memory is the same amount again.
spec::Resources container_resources(const Config& config) {
  spec::Resources resources;
  if (config.memory_bytes != 0) {
    constexpr uint64_t kMost = INT64_MAX / 2;
    const auto limit = static_cast<int64_t>(std::min(config.memory_bytes, kMost));
    resources.memory.emplace();
    resources.memory->limit = limit;
    resources.memory->swap = 2 * limit;
  }
  if (config.cpu_quota_us != 0) {
    resources.cpu.emplace();
    resources.cpu->quota = static_cast<int64_t>(config.cpu_quota_us);
    resources.cpu->period = 100'000;
  }
  if (config.pids != 0) resources.pids_limit = static_cast<int64_t>(config.pids);
  return resources;
}

}  // namespace plimsoll::container
