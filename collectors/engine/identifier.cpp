// SPDX-License-Identifier: Apache-2.0
#include "collectors/engine/identifier.h"

#include <algorithm>
#include <array>

#include "collectors/engine/state_file.h"

namespace plimsoll::engine {
namespace {

constexpr size_t kIdLength = 64;
constexpr int64_t kSecond = 1'000'000'000;

// Shells around containers: conmon is the parent of podman's and CRI-O's.
bool is_helper(std::string_view prefix) { return prefix == "conmon-" || prefix.ends_with("-conmon-"); }

// `path` as seen below `rootfs`.
void put_before(const std::string& rootfs, std::string& path) {
  if (rootfs != "/" && !path.empty()) path = rootfs + path;
}

}  // namespace

std::string_view container_id_in(std::string_view cgroup_path) {
  std::string_view last = cgroup_path.substr(cgroup_path.rfind('/') + 1);
  if (last.ends_with(".scope")) last.remove_suffix(6);
  if (last.size() < kIdLength) return {};
  const std::string_view id = last.substr(last.size() - kIdLength);
  const std::string_view prefix = last.substr(0, last.size() - kIdLength);
  if (!is_full_id(id) || is_helper(prefix)) return {};
  return prefix.empty() || prefix.ends_with('-') || prefix.ends_with(':') ? id : std::string_view();
}

std::optional<Identity> Identifier::identify(std::string_view cgroup_path, pid_t pid) {
  const Candidate candidate{cgroup_path, container_id_in(cgroup_path), pid};
  const std::lock_guard lock(mutex_);
  for (size_t i = 0; i < sources_.size(); ++i) {
    auto identity = sources_[i]->identify(candidate);
    if (!identity) continue;
    identity->source = static_cast<uint8_t>(i);
    return identity;
  }
  return std::nullopt;
}

void Identifier::refresh(Identity& identity) {
  const std::lock_guard lock(mutex_);
  if (identity.source < sources_.size()) sources_[identity.source]->refresh(identity);
}

std::vector<Identity> Identifier::list_ended() {
  const std::lock_guard lock(mutex_);
  std::vector<Identity> ended;
  for (size_t i = 0; i < sources_.size(); ++i) {
    const size_t before = ended.size();
    sources_[i]->list_ended(ended);
    for (size_t k = before; k < ended.size(); ++k) ended[k].source = static_cast<uint8_t>(i);
  }
  return ended;
}

std::unique_ptr<Identifier> make_identifier(SourceOptions options, const std::string& rootfs) {
  Paths& paths = options.paths;
  for (std::string* path : {&paths.docker_root, &paths.docker_socket, &paths.podman_root, &paths.podman_runroot,
                            &paths.containerd_state, &paths.containerd_root, &paths.passwd})
    put_before(rootfs, *path);
  constexpr auto kMakers = std::to_array({&make_own_source, &make_docker_source, &make_podman_source, &make_crio_source,
                                          &make_containerd_source, &make_machine_source});
  std::vector<std::unique_ptr<Source>> sources;
  for (auto make : kMakers) {
    if (auto source = make(options)) sources.push_back(std::move(source));
  }
  return std::make_unique<Identifier>(std::move(sources));
}

bool Retry::due(int64_t now_ns, bool likely) {
  if (now_ns < next_ns_) return false;
  const int later = ++asked_ - (likely ? kAtOnce : kAtOnceUnlikely);
  if (later < 0) return true;
  const int64_t longest = likely ? 60 : 300;
  next_ns_ = now_ns + std::min(int64_t{1} << std::min(later, 9), longest) * kSecond;
  asked_ = std::min(asked_, kAtOnce + 10);
  return true;
}

void add_label(Identity& identity, std::string_view name, std::string_view value) {
  if (identity.labels.size() >= kMaxLabels || name.size() > kMaxLabelNameBytes || value.size() > kMaxLabelBytes) {
    ++identity.labels_dropped;
    return;
  }
  identity.labels.emplace(name, value);
}

void take_kubernetes_labels(Identity& identity) {
  const auto label = [&](const char* name) {
    const auto found = identity.labels.find(name);
    return found == identity.labels.end() ? std::string() : found->second;
  };
  identity.container = label("io.kubernetes.container.name");
  identity.pod = label("io.kubernetes.pod.name");
  identity.pod_namespace = label("io.kubernetes.pod.namespace");
  identity.pod_uid = label("io.kubernetes.pod.uid");
  identity.sandbox = label("io.kubernetes.docker.type") == "podsandbox" ||
                     label("io.cri-containerd.kind") == "sandbox" ||
                     label("io.kubernetes.cri-o.ContainerType") == "sandbox";
}

void add_env(Identity& identity, std::string_view assignment, const std::vector<std::string>& wanted) {
  const size_t equals = assignment.find('=');
  if (equals == std::string_view::npos) return;
  const std::string_view name = assignment.substr(0, equals);
  const bool matches = std::any_of(wanted.begin(), wanted.end(), [&](std::string_view want) {
    return want.ends_with('*') ? name.starts_with(want.substr(0, want.size() - 1)) : name == want;
  });
  if (!matches || identity.env.size() >= kMaxLabels || name.size() > kMaxLabelNameBytes) return;
  identity.env.emplace(name, assignment.substr(equals + 1, kMaxLabelBytes));
}

std::string_view to_string(State state) {
  constexpr std::string_view kNames[] = {"", "created", "running", "paused", "restarting", "exited", "dead"};
  return kNames[static_cast<size_t>(state)];
}

}  // namespace plimsoll::engine
