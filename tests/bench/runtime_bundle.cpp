// SPDX-License-Identifier: Apache-2.0
#include "tests/bench/runtime_bundle.h"

#include <span>

#include "base/os.h"
#include "runtime/seccomp/default_profile.h"

namespace plimsoll::bench {
namespace {

namespace profile = seccomp::profile;

// What is in braces of capitals is replaced.
constexpr const char* kConfig = R"({
  "ociVersion": "1.0.2",
  "process": {
    "terminal": false, "user": {"uid": 0, "gid": 0}, "args": [{ARGS}], "cwd": "/",
    "env": ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "TERM=xterm"],
    "noNewPrivileges": true,
    "capabilities": {
      "bounding": ["CAP_AUDIT_WRITE", "CAP_KILL", "CAP_NET_BIND_SERVICE"],
      "effective": ["CAP_AUDIT_WRITE", "CAP_KILL", "CAP_NET_BIND_SERVICE"],
      "permitted": ["CAP_AUDIT_WRITE", "CAP_KILL", "CAP_NET_BIND_SERVICE"]
    }
  },
  "root": {"path": "{ROOTFS}", "readonly": true}, "hostname": "bench",
  "mounts": [
    {"destination": "/proc", "type": "proc", "source": "proc"},
    {"destination": "/dev", "type": "tmpfs", "source": "tmpfs",
     "options": ["nosuid", "strictatime", "mode=755", "size=65536k"]},
    {"destination": "/dev/pts", "type": "devpts", "source": "devpts",
     "options": ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"]},
    {"destination": "/dev/shm", "type": "tmpfs", "source": "shm",
     "options": ["nosuid", "noexec", "nodev", "mode=1777", "size=65536k"]},
    {"destination": "/dev/mqueue", "type": "mqueue", "source": "mqueue", "options": ["nosuid", "noexec", "nodev"]},
    {"destination": "/sys", "type": "sysfs", "source": "sysfs", "options": ["nosuid", "noexec", "nodev", "ro"]},
    {"destination": "/sys/fs/cgroup", "type": "cgroup", "source": "cgroup",
     "options": ["nosuid", "noexec", "nodev", "relatime", "ro"]}
  ],
  "linux": {
    "cgroupsPath": "{CGROUP}",
    "resources": {"devices": [{"allow": false, "access": "rwm"}]},
    "namespaces": [{"type": "pid"}, {"type": "network"}, {"type": "ipc"}, {"type": "uts"}, {"type": "mount"},
                   {"type": "cgroup"}],
    {SECCOMP}
    "maskedPaths": ["/proc/acpi", "/proc/asound", "/proc/kcore", "/proc/keys", "/proc/latency_stats",
                    "/proc/timer_list", "/proc/timer_stats", "/proc/sched_debug", "/sys/firmware", "/proc/scsi"],
    "readonlyPaths": ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"]
  }
}
)";

// Besides the names: address families but ALG and VSOCK, Linux' personalities, clone without new namespaces,
// and clone3 as if it did not exist.
constexpr const char* kSeccomp = R"({
  "defaultAction": "SCMP_ACT_ERRNO", "defaultErrnoRet": 1,
  "architectures": ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"],
  "syscalls": [
    {"names": [{NAMES}], "action": "SCMP_ACT_ALLOW"},
    {"names": ["socket"], "action": "SCMP_ACT_ALLOW", "args": [{"index": 0, "value": 38, "op": "SCMP_CMP_LT"}]},
    {"names": ["socket"], "action": "SCMP_ACT_ALLOW", "args": [{"index": 0, "value": 39, "op": "SCMP_CMP_EQ"}]},
    {"names": ["socket"], "action": "SCMP_ACT_ALLOW", "args": [{"index": 0, "value": 40, "op": "SCMP_CMP_GT"}]},
    {PERSONALITIES}
    {"names": ["clone"], "action": "SCMP_ACT_ALLOW",
     "args": [{"index": 0, "value": {FLAGS}, "valueTwo": 0, "op": "SCMP_CMP_MASKED_EQ"}]},
    {"names": ["clone3"], "action": "SCMP_ACT_ERRNO", "errnoRet": 38}
  ]
})";

using Names = std::span<const char* const>;
constexpr Names kGroups[] = {profile::kFiles,      profile::kDirectoriesAndAttributes,
                             profile::kMemory,     profile::kProcesses,
                             profile::kScheduling, profile::kSignals,
                             profile::kTime,       profile::kIdentity,
                             profile::kSockets,    profile::kInterProcess,
                             profile::kEvents,     profile::kSystem,
                             profile::kX86};

void replace(std::string& text, std::string_view what, std::string_view with) {
  const size_t at = text.find(what);
  if (at != std::string::npos) text.replace(at, what.size(), with);
}

std::string quoted_names() {
  std::string all;
  for (const Names names : kGroups) {
    for (const char* name : names) all += (all.empty() ? "\"" : ", \"") + std::string(name) + "\"";
  }
  return all;
}

std::string personality_rules() {
  std::string all;
  for (const uint32_t value : profile::kPersonalities) {
    all += R"({"names": ["personality"], "action": "SCMP_ACT_ALLOW", "args": [{"index": 0, "value": )" +
           std::to_string(value) + R"(, "op": "SCMP_CMP_EQ"}]},)";
  }
  return all;
}

}  // namespace

size_t allowed_names() {
  size_t count = 0;
  for (const Names names : kGroups) count += names.size();
  return count;
}

std::string seccomp_config() {
  std::string text = kSeccomp;
  replace(text, "{NAMES}", quoted_names());
  replace(text, "{PERSONALITIES}", personality_rules());
  replace(text, "{FLAGS}", std::to_string(profile::kNamespaceFlags));
  return text;
}

std::string bundle_config(const BundleOptions& options) {
  std::string text = kConfig;
  replace(text, "{ARGS}", options.ends ? "\"/bin/true\"" : "\"/bin/sleeper\"");
  replace(text, "{ROOTFS}", options.rootfs);
  replace(text, "{CGROUP}", options.cgroup);
  replace(text, "{SECCOMP}", options.filter ? "\"seccomp\": " + seccomp_config() + "," : "");
  return text;
}

Result<void> write_bundle(const std::string& directory, const BundleOptions& options) {
  if (auto made = make_directories(directory); !made) return made;
  return replace_file_unsynced(directory + "/config.json", bundle_config(options));
}

}  // namespace plimsoll::bench
