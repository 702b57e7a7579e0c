// SPDX-License-Identifier: Apache-2.0
// What every container gets: mounts, devices, hidden paths, capabilities. The same as Docker's
// defaults, in tables.
#pragma once

#include <linux/capability.h>
#include <linux/mount.h>

#include <array>
#include <cstdint>

namespace plimsoll::isolate {

// `value` nullptr: a flag. `key` nullptr: the end.
struct MountOption {
  const char* key = nullptr;
  const char* value = nullptr;
};

struct StandardMount {
  const char* shown;  // absolute path in the container
  const char* type;
  std::array<MountOption, 4> options;
  uint64_t attributes;  // MOUNT_ATTR_*
};

inline constexpr uint64_t kNoExecution = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC;

// In this order: the later ones lie in the earlier ones. gid 5 is the group tty wherever there is one.
inline constexpr std::array<StandardMount, 6> kStandardMounts = {{
    {"/proc", "proc", {}, kNoExecution},
    {"/sys", "sysfs", {}, kNoExecution | MOUNT_ATTR_RDONLY},
    {"/dev", "tmpfs", {{{"mode", "755"}, {"size", "65536k"}}}, MOUNT_ATTR_NOSUID},
    {"/dev/pts",
     "devpts",
     {{{"newinstance", nullptr}, {"ptmxmode", "0666"}, {"mode", "0620"}, {"gid", "5"}}},
     MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC},
    {"/dev/shm", "tmpfs", {{{"mode", "1777"}, {"size", "65536k"}}}, kNoExecution},
    {"/dev/mqueue", "mqueue", {}, kNoExecution},
}};

struct Device {
  const char* name;
  unsigned major, minor;
};
inline constexpr std::array<Device, 6> kDevices = {
    {{"null", 1, 3}, {"zero", 1, 5}, {"full", 1, 7}, {"random", 1, 8}, {"urandom", 1, 9}, {"tty", 5, 0}}};

struct Link {
  const char* name;
  const char* target;
};
inline constexpr std::array<Link, 5> kDeviceLinks = {{{"fd", "/proc/self/fd"},
                                                      {"stdin", "/proc/self/fd/0"},
                                                      {"stdout", "/proc/self/fd/1"},
                                                      {"stderr", "/proc/self/fd/2"},
                                                      {"ptmx", "pts/ptmx"}}};

// Shown empty: they tell about or reach into the host.
inline constexpr std::array kMaskedPaths = {
    "/proc/acpi",
    "/proc/asound",
    "/proc/kcore",
    "/proc/keys",
    "/proc/latency_stats",
    "/proc/timer_list",
    "/proc/timer_stats",
    "/proc/sched_debug",
    "/proc/scsi",
    "/sys/firmware",
    "/sys/devices/virtual/powercap",
};
inline constexpr std::array kReadOnlyPaths = {"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"};

inline constexpr std::array kCapabilities = {
    CAP_CHOWN,   CAP_DAC_OVERRIDE,     CAP_FOWNER,  CAP_FSETID,     CAP_KILL,  CAP_SETGID,      CAP_SETUID,
    CAP_SETPCAP, CAP_NET_BIND_SERVICE, CAP_NET_RAW, CAP_SYS_CHROOT, CAP_MKNOD, CAP_AUDIT_WRITE, CAP_SETFCAP,
};

constexpr uint64_t capability_mask() {
  uint64_t mask = 0;
  for (int capability : kCapabilities) mask |= uint64_t{1} << capability;
  return mask;
}

}  // namespace plimsoll::isolate
