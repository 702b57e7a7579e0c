// SPDX-License-Identifier: Apache-2.0
#include "agent/cli/session.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>

#include "runtime/container/process.h"
#include "runtime/container/spool.h"

namespace plimsoll::agent {
namespace {

constexpr int64_t kSecond = 1'000'000'000;
constexpr int64_t kRetentionNs = 300 * kSecond;  // the agent's default for --exited.retention
constexpr int64_t kTidySeconds = 30;

// The lock file's change time tells when somebody did it last.
bool tidied_lately(const UniqueFd& lock) {
  struct stat st;
  if (::fstat(lock.get(), &st) != 0) return true;
  const bool lately = wall_clock_ns() / kSecond - st.st_mtim.tv_sec < kTidySeconds && st.st_size > 0;
  return lately;
}

void mark_tidied(const UniqueFd& lock) { (void)!::pwrite(lock.get(), "\n", 1, 0); }

}  // namespace

Result<container::Engine> open_engine(const GlobalOptions& globals) {
  HostRoots host;
  host.cgroup = globals.cgroup_root;
  auto layout = cgroup::detect_layout(host.cgroup);
  if (!layout) return unexpected(layout.error());
  return container::Engine{container::Store(globals.roots), host, std::move(*layout)};
}

int complain(int exit_code, const std::string& message) {
  std::fprintf(stderr, "plimsoll: %s\n", message.c_str());
  return exit_code;
}

Result<container::Container> find(const container::Engine& engine, const std::string& reference) {
  auto id = engine.store.resolve(reference);
  if (!id) return unexpected(id.error());
  auto container = container::load(engine, *id);
  if (!container) return unexpected(container.error());
  if (!*container) return fail("no such container: " + reference);
  return std::move(**container);
}

Result<UniqueFd> open_init(const container::Engine& engine, const container::Container& container) {
  if (container.state.status == container::Status::kRunning) {
    auto process = container::open_process(engine.host.proc, container.state.pid, container.state.pid_start_ticks);
    if (process || process.error().code != ESRCH) return process;
  }
  return fail("container " + container.config.name + " is not running");
}

int for_each(const container::Engine& engine, const std::vector<std::string>& references,
             const std::function<Result<void>(container::Container&, const std::string&)>& act) {
  int exit_code = 0;
  for (const std::string& reference : references) {
    auto container = find(engine, reference);
    const Result<void> done = container ? act(*container, reference) : Result<void>(unexpected(container.error()));
    if (!done) exit_code = complain(1, done.error().message());
  }
  return exit_code;
}

void tidy_up(const container::Engine& engine) {
  container::Spool spool(engine.store.roots());
  auto lock = spool.try_lock();
  if (!lock || !*lock || tidied_lately(*lock)) return;
  mark_tidied(*lock);
  const int64_t oldest_ns = wall_clock_ns() - kRetentionNs;
  // A command has no good place to complain about this; the agent does.
  (void)spool.consume([&](const container::ExitRecord& record) { return record.finished_ns < oldest_ns; }).has_value();
  (void)engine.store.remove_leftovers().has_value();
}

}  // namespace plimsoll::agent
