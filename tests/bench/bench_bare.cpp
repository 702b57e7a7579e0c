// SPDX-License-Identifier: Apache-2.0
// The limit that a runtime can reach: the system calls of a container's start and end in a straight line, everything
// known beforehand, nothing parsed, recorded, checked or synchronised.
//
//   bench_bare run ROOTFS GROUP plain|filter end|stay CPUS MEMS HIERARCHY...
//   bench_bare exec PID GROUP plain|filter end|stay HIERARCHY...
//
// HIERARCHY is MOUNT_POINT=OPTIONS, with cgroup2 as the options of the unified tree. CPUS and MEMS fill a new group of
// v1's cpuset. namespaces(7), cgroups(7), clone3 in clone(2), pivot_root(2), capabilities(7), seccomp(2)
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "runtime/seccomp/default_filter.h"

namespace {

constexpr int kMost = 16;  // hierarchies
constexpr int kFailed = 125;

struct Hierarchy {
  const char* mount_point;
  const char* options;
  char group[512];
  int tasks = -1;
};

Hierarchy hierarchies[kMost];
int count = 0;
Hierarchy* unified = nullptr;

void must(bool good, const char* what) {
  if (good) return;
  dprintf(2, "bench_bare: %s: %s\n", what, strerror(errno));
  _exit(kFailed);
}

void read_hierarchies(char** words, const char* group) {
  for (; *words != nullptr && count < kMost; ++words) {
    char* equals = strchr(*words, '=');
    must(equals != nullptr, *words);
    *equals = 0;
    Hierarchy& one = hierarchies[count++];
    one.mount_point = *words;
    one.options = equals + 1;
    snprintf(one.group, sizeof(one.group), "%s%s", one.mount_point, group);
    if (strcmp(one.options, "cgroup2") == 0) unified = &one;
  }
}

void write_file(const char* directory, const char* name, const char* text) {
  char path[600];
  snprintf(path, sizeof(path), "%s/%s", directory, name);
  const int fd = open(path, O_WRONLY | O_CLOEXEC);
  must(fd >= 0 && write(fd, text, strlen(text)) > 0, path);
  close(fd);
}

// The descriptors through which the child joins: a child that writes 0 is moved without a grace period.
void open_groups() {
  for (int i = 0; i < count; ++i) {
    Hierarchy& one = hierarchies[i];
    char path[600];
    snprintf(path, sizeof(path), "%s/tasks", one.group);
    one.tasks = &one == unified ? open(one.group, O_PATH | O_DIRECTORY | O_CLOEXEC) : open(path, O_WRONLY | O_CLOEXEC);
    must(one.tasks >= 0, one.group);
  }
}

void make_groups(const char* cpus, const char* mems) {
  for (int i = 0; i < count; ++i) {
    must(mkdir(hierarchies[i].group, 0755) == 0, hierarchies[i].group);
    if (strcmp(hierarchies[i].options, "cpuset") != 0) continue;
    write_file(hierarchies[i].group, "cpuset.cpus", cpus);
    write_file(hierarchies[i].group, "cpuset.mems", mems);
  }
}

pid_t clone_into_group(uint64_t namespaces) {
  clone_args args{};
  args.flags = namespaces;
  args.exit_signal = SIGCHLD;
  if (unified != nullptr) {
    args.flags |= CLONE_INTO_CGROUP;
    args.cgroup = static_cast<uint64_t>(unified->tasks);
  }
  const pid_t pid = static_cast<pid_t>(syscall(SYS_clone3, &args, sizeof(args)));
  must(pid >= 0, "clone3");
  return pid;
}

void join_groups() {
  for (int i = 0; i < count; ++i) {
    if (&hierarchies[i] != unified) must(write(hierarchies[i].tasks, "0", 1) == 1, hierarchies[i].group);
  }
}

struct Mount {
  const char* source;
  const char* target;
  const char* type;
  unsigned long flags;
  const char* data;
};

constexpr unsigned long kQuiet = MS_NOSUID | MS_NOEXEC | MS_NODEV;
constexpr Mount kDevice = {"tmpfs", "dev", "tmpfs", MS_NOSUID | MS_STRICTATIME, "mode=755,size=65536k"};
constexpr Mount kInDevice[] = {
    {"devpts", "dev/pts", "devpts", MS_NOSUID | MS_NOEXEC, "newinstance,ptmxmode=0666,mode=0620,gid=5"},
    {"shm", "dev/shm", "tmpfs", kQuiet, "mode=1777,size=65536k"},
    {"mqueue", "dev/mqueue", "mqueue", kQuiet, nullptr},
};

void mount_one(const Mount& one) {
  must(mount(one.source, one.target, one.type, one.flags, one.data) == 0, one.target);
}

void make_devices() {
  static constexpr struct {
    const char* path;
    unsigned major, minor;
  } kNodes[] = {{"dev/null", 1, 3},   {"dev/zero", 1, 5},    {"dev/full", 1, 7},
                {"dev/random", 1, 8}, {"dev/urandom", 1, 9}, {"dev/tty", 5, 0}};
  static constexpr const char* kLinks[][2] = {{"/proc/self/fd", "dev/fd"},
                                              {"/proc/self/fd/0", "dev/stdin"},
                                              {"/proc/self/fd/1", "dev/stdout"},
                                              {"/proc/self/fd/2", "dev/stderr"},
                                              {"pts/ptmx", "dev/ptmx"}};
  for (const auto& node : kNodes)
    must(mknod(node.path, S_IFCHR | 0666, makedev(node.major, node.minor)) == 0, node.path);
  for (const auto& link : kLinks) must(symlink(link[0], link[1]) == 0, link[1]);
}

// As runtimes do in a cgroup namespace: a tmpfs with each v1 hierarchy, or the unified tree alone.
void mount_cgroups() {
  constexpr const char* kTop = "sys/fs/cgroup";
  if (count == 1 && unified != nullptr) {
    mount_one({"cgroup", kTop, "cgroup2", kQuiet | MS_RELATIME | MS_RDONLY, nullptr});
    return;
  }
  mount_one({"tmpfs", kTop, "tmpfs", kQuiet, "mode=755"});
  for (int i = 0; i < count; ++i) {
    if (&hierarchies[i] == unified) continue;
    char target[300];
    snprintf(target, sizeof(target), "%s%s", kTop, strrchr(hierarchies[i].mount_point, '/'));
    must(mkdir(target, 0755) == 0, target);
    mount_one({"cgroup", target, "cgroup", kQuiet | MS_RELATIME | MS_RDONLY, hierarchies[i].options});
  }
  mount_one({nullptr, kTop, nullptr, MS_REMOUNT | kQuiet | MS_RDONLY, "mode=755"});
}

void mount_all(const char* rootfs) {
  must(mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0, "private mounts");
  must(mount(rootfs, rootfs, nullptr, MS_BIND | MS_REC, nullptr) == 0, rootfs);
  must(chdir(rootfs) == 0, rootfs);
  mount_one({"proc", "proc", "proc", 0, nullptr});
  mount_one(kDevice);
  for (const Mount& one : kInDevice) {
    must(mkdir(one.target, 0755) == 0, one.target);
    mount_one(one);
  }
  mount_one({"sysfs", "sys", "sysfs", kQuiet | MS_RDONLY, nullptr});
  mount_cgroups();
  make_devices();
}

void mask_paths() {
  static constexpr const char* kMasked[] = {
      "proc/acpi",       "proc/asound",      "proc/kcore",       "proc/keys",    "proc/latency_stats",
      "proc/timer_list", "proc/timer_stats", "proc/sched_debug", "sys/firmware", "proc/scsi"};
  static constexpr const char* kReadOnly[] = {"proc/bus", "proc/fs", "proc/irq", "proc/sys", "proc/sysrq-trigger"};
  for (const char* path : kMasked) {
    if (mount("dev/null", path, nullptr, MS_BIND, nullptr) == 0 || errno == ENOENT) continue;
    must(errno == ENOTDIR && mount("tmpfs", path, "tmpfs", MS_RDONLY, nullptr) == 0, path);
  }
  for (const char* path : kReadOnly) {
    if (mount(path, path, nullptr, MS_BIND | MS_REC, nullptr) != 0 && errno == ENOENT) continue;
    must(mount(nullptr, path, nullptr, MS_REMOUNT | MS_BIND | MS_RDONLY, nullptr) == 0, path);
  }
}

void enter_root() {
  must(syscall(SYS_pivot_root, ".", ".") == 0, "pivot_root");
  must(umount2(".", MNT_DETACH) == 0, "umount of the old root");
  must(chdir("/") == 0, "chdir");
  must(mount(nullptr, "/", nullptr, MS_REMOUNT | MS_BIND | MS_RDONLY, nullptr) == 0, "read-only root");
}

void drop_privileges(bool filter) {
  constexpr uint32_t kKept = 1u << CAP_AUDIT_WRITE | 1u << CAP_KILL | 1u << CAP_NET_BIND_SERVICE;
  for (unsigned cap = 0; cap <= CAP_LAST_CAP; ++cap) {
    if (cap >= 32 || (kKept >> cap & 1) == 0) prctl(PR_CAPBSET_DROP, cap, 0, 0, 0);
  }
  __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  const __user_cap_data_struct sets[2] = {{kKept, kKept, 0}, {0, 0, 0}};
  must(syscall(SYS_capset, &header, sets) == 0, "capset");
  must(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0, "no_new_privs");
  if (!filter) return;
  const auto code = plimsoll::seccomp::default_filter();
  const sock_fprog program = {static_cast<unsigned short>(code.size()), const_cast<sock_filter*>(code.data())};
  must(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) == 0, "seccomp");
}

[[noreturn]] void execute(const char* how) {
  const char* program[] = {strcmp(how, "end") == 0 ? "/bin/true" : "/bin/sleeper", nullptr};
  const char* environment[] = {"PATH=/usr/bin:/bin", nullptr};
  execve(program[0], const_cast<char**>(program), const_cast<char**>(environment));
  must(false, program[0]);
  _exit(kFailed);
}

int exit_code_of(pid_t pid) {
  int status = 0;
  must(waitpid(pid, &status, 0) == pid, "waitpid");
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int run(char** words) {
  read_hierarchies(words + 6, words[1]);
  make_groups(words[4], words[5]);
  open_groups();
  const pid_t pid = clone_into_group(CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWNS |
                                     (count == 1 && unified != nullptr ? CLONE_NEWCGROUP : 0));
  if (pid == 0) {
    join_groups();
    if (count > 1 || unified == nullptr) must(unshare(CLONE_NEWCGROUP) == 0, "cgroup namespace");
    umask(0);
    must(sethostname("bench", 5) == 0, "sethostname");
    mount_all(words[0]);
    mask_paths();
    enter_root();
    drop_privileges(strcmp(words[2], "filter") == 0);
    execute(words[3]);
  }
  const int code = exit_code_of(pid);
  for (int i = 0; i < count; ++i) must(rmdir(hierarchies[i].group) == 0, hierarchies[i].group);
  return code;
}

int exec(char** words) {
  read_hierarchies(words + 4, words[1]);
  open_groups();
  const int target = static_cast<int>(syscall(SYS_pidfd_open, atoi(words[0]), 0));
  must(target >= 0, "pidfd_open");
  must(setns(target, CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWNS) == 0, "setns");
  const pid_t pid = clone_into_group(0);
  if (pid == 0) {
    join_groups();
    must(setns(target, CLONE_NEWCGROUP) == 0, "setns");
    drop_privileges(strcmp(words[2], "filter") == 0);
    execute(words[3]);
  }
  return exit_code_of(pid);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc > 8 && strcmp(argv[1], "run") == 0) return run(argv + 2);
  if (argc > 6 && strcmp(argv[1], "exec") == 0) return exec(argv + 2);
  fputs(
      "usage: bench_bare run ROOTFS GROUP plain|filter end|stay CPUS MEMS HIERARCHY...\n"
      "       bench_bare exec PID GROUP plain|filter end|stay HIERARCHY...\n",
      stderr);
  return 2;
}
