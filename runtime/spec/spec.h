// SPDX-License-Identifier: Apache-2.0
// The OCI runtime specification's config.json for Linux, as plain structs: what a container is to be.
// opencontainers/runtime-spec 1.3: config.md, config-linux.md
//
// Members are named as there, in our spelling. A member that may be left out, and whose absence differs from
// its zero, is an optional. Names with a fixed vocabulary are turned into the kernel's numbers when the file is read
// (read.h), so that a wrong one is found before anything is made. Members of other platforms are not kept.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace plimsoll::spec {

struct IdMapping {
  uint32_t container_id = 0, host_id = 0, size = 0;
};
using IdMappings = std::vector<IdMapping>;

struct ConsoleSize {
  uint16_t height = 0, width = 0;
};

struct User {
  uint32_t uid = 0, gid = 0;
  std::optional<uint32_t> umask;
  std::vector<uint32_t> additional_gids;
};

// Sets of capabilities(7): bit n is capability number n.
struct Capabilities {
  uint64_t bounding = 0, effective = 0, inheritable = 0, permitted = 0, ambient = 0;
};

struct Rlimit {
  int resource = 0;             // RLIMIT_*
  uint64_t soft = 0, hard = 0;  // RLIM_INFINITY for none
};

// sched_setattr(2)
struct Scheduler {
  uint32_t policy = 0;  // SCHED_*
  int32_t nice = 0;
  uint32_t priority = 0;
  uint64_t flags = 0;                              // SCHED_FLAG_*
  uint64_t runtime = 0, deadline = 0, period = 0;  // nanoseconds
};

// ioprio_set(2)
struct IoPriority {
  int io_class = 0;  // IOPRIO_CLASS_*
  int priority = 0;
};

// Lists of CPUs as in "0-3,7"; only `exec` uses them.
struct CpuAffinity {
  std::string initial, final;
};

struct Process {
  bool terminal = false;
  std::optional<ConsoleSize> console_size;
  User user;
  std::vector<std::string> args, env;
  std::string cwd;
  std::optional<Capabilities> capabilities;  // absent: none at all
  std::vector<Rlimit> rlimits;
  bool no_new_privileges = false;
  std::string apparmor_profile, selinux_label;
  std::optional<int> oom_score_adj;
  std::optional<Scheduler> scheduler;
  std::optional<IoPriority> io_priority;
  std::optional<CpuAffinity> exec_cpu_affinity;
};

// The root file system.
struct Root {
  std::string path;  // relative to the bundle, or absolute
  bool readonly = false;
};

struct Mount {
  std::string destination;  // absolute, in the container; a relative one counts from "/"
  std::string type, source;
  std::vector<std::string> options;  // as they stand in the file; mount_options.h takes them apart
  IdMappings uid_mappings, gid_mappings;
};

struct Hook {
  std::string path;
  std::vector<std::string> args, env;
  std::optional<int> timeout;  // seconds
};

struct Hooks {
  std::vector<Hook> prestart, create_runtime, create_container, start_container, poststart, poststop;
};

enum class NamespaceType { kPid, kNetwork, kMount, kIpc, kUts, kUser, kCgroup, kTime };

struct Namespace {
  NamespaceType type = NamespaceType::kPid;
  std::string path;  // "": a new one
};

// time_namespaces(7)
struct TimeOffset {
  std::string clock;  // "monotonic", "boottime"
  int64_t secs = 0;
  uint32_t nanosecs = 0;
};

struct Device {
  std::string path;
  char type = 'c';  // b, c, u (as c), p
  uint32_t major = 0, minor = 0;
  std::optional<uint32_t> file_mode, uid, gid;
};

// A rule for the devices controller.
struct DeviceRule {
  bool allow = false;
  char type = 'a';                       // a, b, c
  std::optional<uint32_t> major, minor;  // absent: every one
  std::string access;                    // of "rwm"; "": all of them
};

struct Memory {
  std::optional<int64_t> limit, reservation, swap, kernel, kernel_tcp;  // bytes; -1: unlimited
  std::optional<uint64_t> swappiness;
  std::optional<bool> disable_oom_killer, use_hierarchy, check_before_update;
};

struct Cpu {
  std::optional<uint64_t> shares, burst, period, realtime_period;  // microseconds but for shares
  std::optional<int64_t> quota, realtime_runtime, idle;
  std::string cpus, mems;
};

struct BlockDevice {
  uint32_t major = 0, minor = 0;
};
struct WeightDevice {
  BlockDevice device;
  std::optional<uint16_t> weight, leaf_weight;
};
struct ThrottleDevice {
  BlockDevice device;
  uint64_t rate = 0;
};
struct BlockIo {
  std::optional<uint16_t> weight, leaf_weight;
  std::vector<WeightDevice> weight_devices;
  std::vector<ThrottleDevice> read_bps, write_bps, read_iops, write_iops;
};

struct HugepageLimit {
  std::string page_size;  // "2MB"
  uint64_t limit = 0;     // bytes
};

struct InterfacePriority {
  std::string name;
  uint32_t priority = 0;
};

struct Rdma {
  std::string device;
  std::optional<uint32_t> hca_handles, hca_objects;
};

struct Resources {
  std::vector<DeviceRule> devices;  // in order; the last one that matches counts
  std::optional<Memory> memory;
  std::optional<Cpu> cpu;
  std::optional<int64_t> pids_limit;  // -1: unlimited; 0 is a limit (runc: unlimited too)
  std::optional<BlockIo> block_io;
  std::vector<HugepageLimit> hugepage_limits;
  std::optional<uint32_t> network_class_id;
  std::vector<InterfacePriority> network_priorities;
  std::vector<Rdma> rdma;
  std::vector<std::pair<std::string, std::string>> unified;  // file of the v2 group, value
};

// An interface of the host that moves into the container.
struct NetDevice {
  std::string host_name;
  std::string name;  // in the container; "": the same
};

enum class SeccompAction { kKillThread, kKillProcess, kTrap, kErrno, kTrace, kLog, kAllow, kNotify };
enum class SeccompOperator { kNotEqual, kLess, kLessOrEqual, kEqual, kGreaterOrEqual, kGreater, kMaskedEqual };

struct SeccompArgument {
  uint32_t index = 0;  // 0 to 5
  uint64_t value = 0;
  uint64_t value_two = 0;  // kMaskedEqual: the comparand; `value` is the mask
  SeccompOperator op = SeccompOperator::kEqual;
};

struct SeccompRule {
  std::vector<std::string> names;  // of system calls; unknown ones are ignored
  SeccompAction action = SeccompAction::kAllow;
  std::optional<uint32_t> errno_ret;
  std::vector<SeccompArgument> args;  // all must hold
};

struct Seccomp {
  SeccompAction default_action = SeccompAction::kAllow;
  std::optional<uint32_t> default_errno_ret;
  std::vector<std::string> architectures;  // "SCMP_ARCH_X86_64"
  // "SECCOMP_FILTER_FLAG_LOG"; absent: SECCOMP_FILTER_FLAG_SPEC_ALLOW
  std::optional<std::vector<std::string>> flags;
  std::string listener_path, listener_metadata;
  std::vector<SeccompRule> rules;  // "syscalls"
};

// set_mempolicy(2)
struct MemoryPolicy {
  int mode = 0;        // MPOL_*
  uint32_t flags = 0;  // MPOL_F_*
  std::string nodes;   // "0-1,3"
};

// resctrl. Documentation/arch/x86/resctrl.rst
struct IntelRdt {
  std::string clos_id, l3_cache_schema, mem_bw_schema;
  std::vector<std::string> schemata;
  bool enable_monitoring = false;
};

struct Spec {
  std::string version;  // ociVersion
  std::optional<Process> process;
  std::string process_text;  // the same as it stands in config.json
  Root root;
  std::string hostname, domainname;
  std::vector<Mount> mounts;
  Hooks hooks;
  std::map<std::string, std::string> annotations;

  // linux
  std::vector<Namespace> namespaces;  // each type at most once
  IdMappings uid_mappings, gid_mappings;
  std::vector<TimeOffset> time_offsets;
  std::vector<Device> devices;
  std::vector<NetDevice> net_devices;
  std::string cgroups_path;
  Resources resources;
  std::optional<IntelRdt> intel_rdt;
  std::optional<MemoryPolicy> memory_policy;
  // Path below /proc/sys, value: "net/ipv4/ip_forward". Every one belongs to a namespace that the container has.
  std::vector<std::pair<std::string, std::string>> sysctl;
  std::optional<Seccomp> seccomp;
  std::string rootfs_propagation;  // "", private, slave, shared, unbindable and their r-forms
  std::vector<std::string> masked_paths, readonly_paths;
  std::string mount_label;
  std::optional<uint64_t> personality;  // of personality(2)
};

// The namespace of that type, nullptr when the container shares the caller's.
const Namespace* find_namespace(const Spec& spec, NamespaceType type);
// Whether a new one of that type is made.
bool makes_namespace(const Spec& spec, NamespaceType type);

}  // namespace plimsoll::spec
