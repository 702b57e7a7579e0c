// SPDX-License-Identifier: Apache-2.0
#include "agent/confine/filter.h"

#include <linux/btrfs.h>
#include <linux/fs.h>
#include <linux/ioprio.h>
#include <linux/netlink.h>
#include <linux/quota.h>
#include <linux/sockios.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <initializer_list>
#include <memory>
#include <span>

#include "agent/confine/filter_calls.h"

namespace plimsoll::agent {
namespace {

#if defined(__s390__)
constexpr unsigned kCloneFlags = 1;
#else
constexpr unsigned kCloneFlags = 0;
#endif
constexpr uint64_t kWord = 0xffffffff;  // the kernel looks at no more of an int
constexpr uint64_t kSocketType = 0xf;
constexpr uint64_t kNamespaces =
    CLONE_NEWCGROUP | CLONE_NEWIPC | CLONE_NEWNET | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWUSER | CLONE_NEWUTS;
constexpr uint64_t kThread = CLONE_THREAD | CLONE_VM | CLONE_SIGHAND;
constexpr uint64_t kGetProjectQuota = QCMD(Q_GETQUOTA, PRJQUOTA);
// From here on all architectures number alike; 511 leaves room for years.
constexpr int kFirstCommonNumber = 424, kLastGuarded = 511;

// Requests of collectors, of isatty(3), and what libraries do to sockets of their own. Not TIOCSTI, by which a
// process types into the terminal that it was started from.
constexpr uint64_t kDeviceRequests[] = {BTRFS_IOC_DEV_INFO,
                                        BTRFS_IOC_FS_INFO,
                                        BTRFS_IOC_GET_DEV_STATS,
                                        FIOCLEX,
                                        FIONBIO,
                                        FIONREAD,
                                        FS_IOC_FSGETXATTR,
                                        SIOCETHTOOL,
                                        SIOCGIFINDEX,
                                        SIOCGIFNAME,
                                        TCGETS};

using Condition = scmp_arg_cmp;

Condition equals(unsigned argument, uint64_t value, uint64_t mask = kWord) {
  return {argument, SCMP_CMP_MASKED_EQ, mask, value};
}
// Of a pointer, whose upper half counts.
Condition is_null(unsigned argument) { return {argument, SCMP_CMP_EQ, 0, 0}; }

// Keeps the first error, so that rules can stand below each other.
class Filter {
 public:
  Filter() : context_(::seccomp_init(SCMP_ACT_ERRNO(EPERM))) {
    if (context_ == nullptr) note(-ENOMEM);
    set(SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_ERRNO(EPERM));  // x32, i386
    set(SCMP_FLTATR_CTL_TSYNC, 1);
    set(SCMP_FLTATR_CTL_OPTIMIZE, 2);  // a tree, not a list
    set(SCMP_FLTATR_CTL_SSB, 1);       // nobody else's code runs in here, so no dear mitigation of it
  }
  ~Filter() {
    if (context_ != nullptr) ::seccomp_release(context_);
  }
  Filter(const Filter&) = delete;
  Filter& operator=(const Filter&) = delete;

  void allow(std::span<const char* const> names) {
    for (const char* name : names) allow(name, {});
  }
  void allow(const char* name, std::initializer_list<Condition> conditions) {
    const int number = ::seccomp_syscall_resolve_name(name);
    if (number == __NR_SCMP_ERROR || context_ == nullptr) return;  // this libseccomp is older than the call
    note(::seccomp_rule_add_array(context_, SCMP_ACT_ALLOW, number, static_cast<unsigned>(conditions.size()),
                                  conditions.begin()));
  }
  void deny_as_unknown(int number) {
    if (context_ != nullptr) note(::seccomp_rule_add_array(context_, SCMP_ACT_ERRNO(ENOSYS), number, 0, nullptr));
  }
  Result<void> load() {
    if (error_ == 0) note(::seccomp_load(context_));
    if (error_ != 0) return unexpected(Error{error_, "seccomp"});
    return {};
  }

 private:
  void set(scmp_filter_attr attribute, uint32_t value) {
    if (context_ != nullptr) note(::seccomp_attr_set(context_, attribute, value));
  }
  void note(int result) {
    if (result < 0 && error_ == 0) error_ = -result;
  }

  scmp_filter_ctx context_;
  int error_ = 0;
};

// A library that is newer than libseccomp takes its way for an older kernel, as it could not after EPERM.
void answer_newer_calls(Filter& filter) {
  for (int number = kFirstCommonNumber; number <= kLastGuarded; ++number) {
    char* const name = ::seccomp_syscall_resolve_num_arch(SCMP_ARCH_NATIVE, number);
    const std::unique_ptr<char, decltype(&::free)> owned(name, &::free);
    if (!owned) filter.deny_as_unknown(number);
  }
}

// Threads, but no processes. The flags of clone3 are in memory, where no filter can look: the C library then asks by
// clone.
void allow_threads(Filter& filter) {
  filter.allow(calls::kThreads);
  filter.allow("clone", {equals(kCloneFlags, kThread, kThread | kNamespaces)});
  filter.deny_as_unknown(::seccomp_syscall_resolve_name("clone3"));
  filter.allow("tgkill", {equals(0, static_cast<uint64_t>(::getpid()))});
  filter.allow("setpriority", {equals(0, PRIO_PROCESS), equals(1, 0)});
  filter.allow("ioprio_set", {equals(0, IOPRIO_WHO_PROCESS), equals(1, 0)});
  filter.allow("prctl", {equals(0, PR_SET_NAME)});
  filter.allow("prctl", {equals(0, PR_CAPBSET_READ)});  // libcap, as it is loaded
  filter.allow("prlimit64", {equals(0, 0), is_null(2)});
}

// Libraries are mapped, and nothing that was written becomes code.
void allow_memory(Filter& filter) {
  constexpr uint64_t kBoth = PROT_WRITE | PROT_EXEC;
  filter.allow(calls::kMemory);
  for (const char* name : {"mmap", "mmap2"}) {
    for (const uint64_t protection : {uint64_t{0}, uint64_t{PROT_WRITE}, uint64_t{PROT_EXEC}})
      filter.allow(name, {equals(2, protection, kBoth)});
  }
  filter.allow("mprotect", {equals(2, 0, PROT_EXEC)});
}

void allow_sockets(Filter& filter, const FilterNeeds& needs) {
  filter.allow(calls::kSockets);
  filter.allow("socket", {equals(0, AF_UNIX)});
  filter.allow("socketpair", {equals(0, AF_UNIX)});
  for (const uint64_t family : {AF_INET, AF_INET6}) {
    for (const uint64_t type : {SOCK_STREAM, SOCK_DGRAM})
      filter.allow("socket", {equals(0, family), equals(1, type, kSocketType)});
  }
  filter.allow("socket", {equals(0, AF_NETLINK), equals(2, NETLINK_ROUTE)});
  filter.allow("socket", {equals(0, AF_NETLINK), equals(2, NETLINK_SOCK_DIAG)});
  if (needs.generic_netlink) filter.allow("socket", {equals(0, AF_NETLINK), equals(2, NETLINK_GENERIC)});
}

void allow_devices(Filter& filter) {
  for (const uint64_t request : kDeviceRequests) filter.allow("ioctl", {equals(1, request)});
  filter.allow("quotactl", {equals(0, kGetProjectQuota)});
  filter.allow("quotactl_fd", {equals(1, kGetProjectQuota)});
}

}  // namespace

Result<void> install_filter(const FilterNeeds& needs) {
  Filter filter;
  filter.allow(calls::kFiles);
  filter.allow(calls::kChangesOfFiles);
  filter.allow(calls::kSignals);
  filter.allow(calls::kTime);
  filter.allow(calls::kAboutItself);
  filter.allow(calls::kEvents);
  allow_threads(filter);
  allow_memory(filter);
  allow_sockets(filter, needs);
  allow_devices(filter);
  if (needs.file_handles) filter.allow("open_by_handle_at", {});
  if (needs.performance_counters) filter.allow("perf_event_open", {});
  answer_newer_calls(filter);
  return filter.load();
}

std::string_view why_no_filter() {
#ifdef PLIMSOLL_SANITIZED
  return "a sanitizer's build has none: the check for leaks at the end traces the process";
#else
  return {};
#endif
}

}  // namespace plimsoll::agent
