// SPDX-License-Identifier: Apache-2.0
#include "runtime/isolate/child.h"

#include <fcntl.h>
#include <linux/sched.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstring>

#include "runtime/system_calls.h"

namespace plimsoll::isolate {
namespace {

int join_cgroups(Child& child) {
  for (size_t i = 0; i < child.plan->join_fds.size(); ++i) {
    child.place = child.plan->join_names[i].c_str();
    if (::write(child.plan->join_fds[i], "0", 1) != 1) return errno;
  }
  return 0;
}

// On v1 the new namespace's root is the group of the moment, so this comes after joining.
int unshare_cgroups(Child& child) {
  return child.plan->unshare_cgroup ? result_of(::syscall(SYS_unshare, CLONE_NEWCGROUP)) : 0;
}

int set_hostname(Child& child) {
  const std::string& name = child.plan->hostname;
  child.place = name.c_str();
  return name.empty() ? 0 : result_of(::sethostname(name.data(), name.size()));
}

int raise_loopback(Child& child) {
  if (child.plan->host_network) return 0;
  const int fd = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return errno;
  ifreq request = {};
  std::memcpy(request.ifr_name, "lo", 3);
  int outcome = result_of(::ioctl(fd, SIOCGIFFLAGS, &request));
  request.ifr_flags = static_cast<short>(request.ifr_flags | IFF_UP);
  if (outcome == 0) outcome = result_of(::ioctl(fd, SIOCSIFFLAGS, &request));
  ::close(fd);
  return outcome;
}

// End of file instead of the byte: the parent has given up, or is gone.
int wait_for_go(Child& child) {
  char byte;
  ssize_t size;
  do {
    size = ::read(child.go_fd, &byte, 1);
  } while (size < 0 && errno == EINTR);
  if (size == 1) return 0;
  return size == 0 ? ECANCELED : errno;
}

constexpr std::array<Step, 23> kLaunchSteps = {{
    {"reset signals", reset_signals},
    {"join cgroup", join_cgroups},
    {"new cgroup namespace", unshare_cgroups},
    {"new session", new_session},
    {"set host name", set_hostname},
    {"raise loopback interface", raise_loopback},
    {"make mounts private", make_mounts_private},
    {"attach root file system", attach_root},
    {"mount", mount_standard},
    {"make device", fill_dev},
    {"mount cgroup", mount_cgroups},
    {"bind", bind_volumes},
    {"mask", mask_paths},
    {"make read-only", protect_paths},
    {"make working directory", make_working_directory},
    {"enter root file system", enter_root},
    {"enter working directory", enter_working_directory},
    {"connect standard streams", connect_stdio},
    {"wait for the network", wait_for_go},
    {"drop capabilities", drop_capabilities},
    {"forbid new privileges", forbid_new_privileges},
    {"filter system calls", filter_system_calls},
    {"close descriptors", close_descriptors},
}};

// In the namespaces of the container already; launch.cpp's mounts are there.
constexpr std::array<Step, 8> kJoinSteps = {{
    {"reset signals", reset_signals},
    {"new session", new_session},
    {"enter working directory", enter_working_directory},
    {"connect standard streams", connect_stdio},
    {"drop capabilities", drop_capabilities},
    {"forbid new privileges", forbid_new_privileges},
    {"filter system calls", filter_system_calls},
    {"close descriptors", close_descriptors},
}};

void copy_cut(char* target, size_t size, const char* source) {
  std::strncpy(target, source, size - 1);
  target[size - 1] = '\0';
}

}  // namespace

std::span<const Step> launch_steps() { return kLaunchSteps; }
std::span<const Step> join_steps() { return kJoinSteps; }

void send_report(int fd, Report::Kind kind, int value, const char* step, const char* place) {
  Report report;
  report.kind = kind;
  report.value = value;
  copy_cut(report.step, sizeof(report.step), step);
  copy_cut(report.place, sizeof(report.place), place);
  (void)!::write(fd, &report, sizeof(report));
}

void run_steps(Child& child, std::span<const Step> steps) {
  for (const Step& step : steps) {
    child.place = "";
    const int error = step.run(child);
    if (error == 0) continue;
    send_report(child.report_fd, Report::Kind::kFailed, error, step.name, child.place);
    ::_exit(1);
  }
  const int error = execute(child);
  send_report(child.report_fd, Report::Kind::kFailed, error, kExecuteStep, child.place);
  ::_exit(1);
}

}  // namespace plimsoll::isolate
