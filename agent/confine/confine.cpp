// SPDX-License-Identifier: Apache-2.0
#include "agent/confine/confine.h"

#include <linux/capability.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>

#include "base/os.h"

namespace plimsoll::agent {
namespace {

using collectors::container::EventSource;
using collectors::container::Kind;

// Before Linux 5.8 there was but the one that can do everything.
int performance_capability() { return kernel_has_capability(CAP_PERFMON) ? CAP_PERFMON : CAP_SYS_ADMIN; }

bool reads_taskstats(const Wishes& wishes) { return wishes.kinds.has(Kind::kSched) || wishes.kinds.has(Kind::kDelays); }

Result<void> install(const SecurityOptions& security, FilterNeeds needs) {
  if (!security.filter) return fail("turned off");
  if (const auto reason = why_no_filter(); !reason.empty()) return fail(std::string(reason));
  return install_filter(needs);
}

}  // namespace

std::vector<Need> needs_of(const Wishes& wishes) {
  std::vector<Need> needs = {
      {CAP_DAC_READ_SEARCH,
       "names, images and writable layers of containers whose engine keeps its files to itself, file systems and files "
       "of the kernel that are not open to this user"},
      {CAP_SYS_PTRACE,
       "sockets and referenced memory of other users' processes (kinds process and referenced_memory), and writable "
       "layers where only /proc/1/root leads to them"}};
  if (reads_taskstats(wishes))
    needs.push_back({CAP_NET_ADMIN, "delays of processes, and run times of threads that have ended (taskstats)"});
  if (wishes.performance_counters) needs.push_back({performance_capability(), "counters of the collector perf"});
  if (wishes.low_port) needs.push_back({CAP_NET_BIND_SERVICE, "ports below 1024"});
  return needs;
}

CapabilityMask kept_capabilities(const Wishes& wishes, const SecurityOptions& security, CapabilityMask permitted) {
  CapabilityMask kept = security.keep_all ? permitted : security.keep;
  for (const Need& need : needs_of(wishes)) kept |= bit_of(need.capability);
  return kept & permitted;
}

std::vector<std::string> missing_lines(const Wishes& wishes, CapabilityMask permitted) {
  std::vector<std::string> lines;
  for (const Need& need : needs_of(wishes)) {
    if ((permitted & bit_of(need.capability)) != 0) continue;
    lines.push_back("not to be seen without " + capability_name(need.capability) + ": " + std::string(need.without));
  }
  return lines;
}

std::vector<std::string> unopened_lines(const collectors::container::Options& containers,
                                        const collectors::container::Privileged& opened) {
  std::vector<std::string> lines;
  if (!containers.events) return lines;
  const EventSource source = opened.events.source();
  if (source != EventSource::kFanotify)
    lines.push_back(std::string("no fanotify on the cgroup file systems (CAP_SYS_ADMIN and CAP_DAC_READ_SEARCH at the "
                                "start): not to be seen are ") +
                    (source == EventSource::kInotify ? "some containers that live for milliseconds"
                                                     : "containers that live between two scrapes"));
  if (!opened.urgency.raised())
    lines.emplace_back("no CAP_SYS_NICE at the start: on a busy machine more final counters are missed");
  return lines;
}

std::vector<std::string> unreadable_lines(const std::string& directory) {
  auto listed = Dir::open(directory);
  if (listed || (listed.error().code != EACCES && listed.error().code != EPERM)) return {};
  return {"not to be seen are ended containers of `plimsoll run`: " + listed.error().message()};
}

Result<std::vector<std::string>> confine(const Wishes& wishes, const SecurityOptions& security, FilterNeeds needs) {
  const auto permitted = permitted_capabilities();
  if (!permitted) return unexpected(permitted.error());
  std::vector<std::string> lines = missing_lines(wishes, *permitted);
  if (!security.keep_all) {
    auto kept = keep_capabilities(kept_capabilities(wishes, security, *permitted));
    if (!kept) return unexpected(kept.error().within("capabilities cannot be given up"));
  }
  needs.generic_netlink = reads_taskstats(wishes) || wishes.kinds.has(Kind::kCpuLoad);
  needs.performance_counters = wishes.performance_counters;
  if (auto installed = install(security, needs); !installed)
    lines.push_back("no system call filter: " + installed.error().message());
  return lines;
}

// Nothing is ever started here whose end anybody would ask for. Who died before, under a script that then became the
// agent, is taken at once.
void reap_as_init() {
  if (::getpid() != 1) return;
  ::signal(SIGCHLD, SIG_IGN);
  while (::waitpid(-1, nullptr, WNOHANG) > 0) continue;
}

}  // namespace plimsoll::agent
