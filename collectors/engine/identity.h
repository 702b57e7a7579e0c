// SPDX-License-Identifier: Apache-2.0
// Who a cgroup is: what a container engine knows about the container whose processes are in it.
// Everything here comes from files that somebody else writes: lengths and counts are bounded by whoever
// fills it in (see kMax*), and no value is to be trusted further than as the text of a label.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace plimsoll::engine {

enum class State : uint8_t { kUnknown, kCreated, kRunning, kPaused, kRestarting, kExited, kDead };
enum class Health : uint8_t { kNone, kStarting, kHealthy, kUnhealthy };  // kNone: no health check

// "running"; "" for kUnknown.
std::string_view to_string(State state);

// Bounds that every source keeps to; what is beyond them is cut off or left out, and counted.
inline constexpr size_t kMaxStateFileBytes = 4 * 1024 * 1024;
inline constexpr size_t kMaxLabels = 128;
inline constexpr size_t kMaxLabelBytes = 1024;  // of a label's value; of its name 256
inline constexpr size_t kMaxLabelNameBytes = 256;

struct Identity {
  std::string_view engine;  // "plimsoll", "docker", "podman", "containerd", "cri-o", "lxc", "nspawn"; static storage
  uint32_t owner = 0;       // user of a rootless engine: ids are unique per engine and user
  std::string id;           // the engine's own: 64 hexadecimal digits, or whatever containerd was given
  std::string name, image;  // image may be "" (LXC, nspawn)
  std::map<std::string, std::string> labels;
  std::map<std::string, std::string> env;  // only the variables that were asked for
  size_t labels_dropped = 0;               // beyond the bounds above
  // Kubernetes, through the engine's annotations; "" where it is not a pod's.
  std::string container, pod, pod_namespace, pod_uid;
  bool sandbox = false;       // the pod's own container, which holds its network namespace
  bool host_network = false;  // known to use the machine's network
  int64_t created_ns = 0;     // unix time; 0 = not known
  int64_t started_ns = 0;     // 0 until the program runs, or not known
  int64_t finished_ns = 0;    // once it has ended; 0 = not, or not known
  State state = State::kUnknown;
  std::optional<int> exit_code;  // once it has ended
  std::optional<bool> oom_killed;
  std::optional<uint64_t> restarts;  // by the engine's restart policy
  std::optional<Health> health;      // empty: the engine does not tell
  bool ended = false;                // its monitor has written its end down; only the cgroup still stands
  bool settled = true;               // false: something is still to come (its start), ask again
  // For the source that made it: what it looked at, to see cheaply whether to look again.
  uint64_t revision = 0;
  // Start of an earlier run of the same container, whose end its files may still tell of.
  int64_t earlier_start_ns = 0;
  // Place of that source in the Identifier's list, which sets it.
  static constexpr uint8_t kNoSource = 255;
  uint8_t source = kNoSource;
};

}  // namespace plimsoll::engine
