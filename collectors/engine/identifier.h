// SPDX-License-Identifier: Apache-2.0
// Asks every engine in turn whose container a cgroup is. Thread-safe: the scrape and the watch of
// births (collectors/container/lives.h) both ask.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "collectors/engine/identity.h"
#include "collectors/engine/source.h"

namespace plimsoll::engine {

// The 64 hexadecimal digits with which the last part of `cgroup_path` ends, after any prefix that ends in
// '-' or ':' and before any ".scope": "docker-<64>.scope", "libpod-<64>", "cri-containerd-<64>.scope", "<64>",
// "kubepods-burstable-pod<uid>.slice:cri-containerd:<64>". "" when there are none, or when the group is an
// engine's helper ("crio-conmon-<64>", "libpod-conmon-<64>").
std::string_view container_id_in(std::string_view cgroup_path);

class Identifier {
 public:
  explicit Identifier(std::vector<std::unique_ptr<Source>> sources) : sources_(std::move(sources)) {}

  // nullopt: nobody's container, as far as can be told now.
  std::optional<Identity> identify(std::string_view cgroup_path, pid_t pid);
  // By the source that made it; one that no source of ours made stays as it is.
  void refresh(Identity& identity);
  std::vector<Identity> list_ended();

 private:
  std::mutex mutex_;
  std::vector<std::unique_ptr<Source>> sources_;
};

// All engines. `rootfs` is put before the paths of `options` (HostRoots::rootfs, "/" = none).
std::unique_ptr<Identifier> make_identifier(SourceOptions options, const std::string& rootfs);

// When to ask again about a group that nobody knows yet. Asking costs some failed opens, and a machine has
// hundreds of groups that are nobody's (services, slices), so it is done ever more rarely, but never given up:
// an engine's state may be mounted, or its daemon started, after the container.
//
//   likely     ten times at once (an engine writes its files within moments of the cgroup, a daemon that
//              restarts within seconds), then after 1 s, 2 s, 4 s ... 60 s
//   otherwise  four times at once (no process is in a new group at first), then after 1 s, 2 s ... 300 s
class Retry {
 public:
  // Whether to ask in this scrape, at monotonic time `now_ns`; counts as asked when true. `likely`: the name is
  // a container's.
  bool due(int64_t now_ns, bool likely);

 private:
  static constexpr int kAtOnce = 10, kAtOnceUnlikely = 4;
  int asked_ = 0;
  int64_t next_ns_ = 0;
};

}  // namespace plimsoll::engine
