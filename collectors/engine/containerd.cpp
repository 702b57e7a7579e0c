// SPDX-License-Identifier: Apache-2.0
// Containers of containerd, of all namespaces: what nerdctl, ctr, Kubernetes (the CRI plugin) and Docker run.
// The task's bundle names its group (containerd_tasks.h); the database has its image, labels and birth:
//
//   v1/default/containers/web            image = "docker.io/library/nginx:latest", createdat = Go's binary time
//   v1/default/containers/web/labels     app = "shop"
//   ROOT/io.containerd.grpc.v1.cri/containers/ID/status   {"Version":"v1","StartedAt":17...,"FinishedAt":0,...}
//
// The pod comes from the kubelet's labels, or else from the CRI plugin's annotations of the OCI configuration.
// https://github.com/containerd/containerd (core/metadata/buckets.go, pkg/cri/annotations)
#include "collectors/engine/bolt.h"
#include "collectors/engine/containerd_tasks.h"
#include "collectors/engine/oci_spec.h"
#include "collectors/engine/source.h"
#include "collectors/engine/state_file.h"

namespace plimsoll::engine {
namespace {

constexpr int64_t kSecond = 1'000'000'000;

// Go's Time.MarshalBinary: version 1 or 2, seconds since the year 1 (big-endian, 8 bytes), nanoseconds (4),
// then the zone. 0 when it is none, or lies outside 1970 to 2262.
int64_t go_time_ns(std::string_view bytes) {
  constexpr int64_t kYear1 = 62'135'596'800, kLatest = INT64_MAX / kSecond - 1;
  if (bytes.size() < 15 || (bytes[0] != 1 && bytes[0] != 2)) return 0;
  uint64_t seconds = 0, fraction = 0;
  for (size_t i = 1; i < 9; ++i) seconds = seconds << 8 | static_cast<uint8_t>(bytes[i]);
  for (size_t i = 9; i < 13; ++i) fraction = fraction << 8 | static_cast<uint8_t>(bytes[i]);
  const int64_t unix_seconds = static_cast<int64_t>(seconds - static_cast<uint64_t>(kYear1));
  if (unix_seconds <= 0 || unix_seconds > kLatest || fraction >= static_cast<uint64_t>(kSecond)) return 0;
  return unix_seconds * kSecond + static_cast<int64_t>(fraction);
}

void fill(std::string& field, std::string_view value) {
  if (field.empty()) field = cut(value, kMaxLabelBytes);
}

void take_pod(const OciSpec& spec, Identity& identity) {
  take_kubernetes_labels(identity);
  fill(identity.container, spec.annotation("io.kubernetes.cri.container-name"));
  fill(identity.pod, spec.annotation("io.kubernetes.cri.sandbox-name"));
  fill(identity.pod_namespace, spec.annotation("io.kubernetes.cri.sandbox-namespace"));
  fill(identity.pod_uid, spec.annotation("io.kubernetes.cri.sandbox-uid"));
  fill(identity.image, spec.annotation("io.kubernetes.cri.image-name"));
  if (spec.annotation("io.kubernetes.cri.container-type") == "sandbox") identity.sandbox = true;
}

class ContainerdSource final : public Source {
 public:
  explicit ContainerdSource(const SourceOptions& options)
      : root_(options.paths.containerd_root), env_(options.env), tasks_(options.paths.containerd_state) {}
  std::optional<Identity> identify(const Candidate& candidate) override;
  void refresh(Identity& identity) override;

 private:
  void take_record(const ContainerdTask& task, Identity& identity) const;
  std::string status_file(const std::string& id) const {
    return root_ + "/io.containerd.grpc.v1.cri/containers/" + id + "/status";
  }

  std::string root_;
  std::vector<std::string> env_;
  ContainerdTasks tasks_;
};

std::optional<Identity> ContainerdSource::identify(const Candidate& candidate) {
  const ContainerdTask* task = tasks_.find(candidate.path, candidate.hex);
  if (task == nullptr) return std::nullopt;
  const auto spec = read_oci_spec(task->bundle + "/config.json");
  if (!spec) return std::nullopt;
  Identity identity;
  identity.engine = "containerd";
  identity.id = identity.name = cut(task->id, kMaxLabelBytes);
  identity.host_network = spec->host_network;
  for (const std::string& assignment : spec->env) add_env(identity, assignment, env_);
  take_record(*task, identity);
  take_pod(*spec, identity);
  refresh(identity);
  return identity;
}

// The database may be younger than the bundle is, or older than this reader: then these stay empty.
void ContainerdSource::take_record(const ContainerdTask& task, Identity& identity) const {
  const auto file = BoltFile::open(root_ + "/io.containerd.metadata.v1.bolt/meta.db");
  if (!file) return;
  const auto record = file->list({"v1", task.name_space, "containers", task.id});
  if (!record) return;
  if (const std::string* image = find_value(*record, "image")) identity.image = cut(*image, kMaxLabelBytes);
  if (const std::string* created = find_value(*record, "createdat")) identity.created_ns = go_time_ns(*created);
  const auto labels = file->list({"v1", task.name_space, "containers", task.id, "labels"});
  if (!labels) return;
  for (const BoltEntry& label : *labels) {
    if (!label.is_bucket) add_label(identity, label.key, label.value);
  }
}

// containerd itself leaves no state on disk; its CRI plugin does, of containers but not of sandboxes.
void ContainerdSource::refresh(Identity& identity) {
  if (identity.engine != "containerd" || identity.sandbox || !is_full_id(identity.id) || identity.pod.empty()) return;
  const uint64_t revision = file_revision(status_file(identity.id));
  if (revision == 0 || revision == identity.revision) return;
  const auto status = read_json(status_file(identity.id));
  if (!status) return;
  identity.revision = revision;
  identity.started_ns = integer_of(*status, "StartedAt").value_or(0);
  const bool finished = integer_of(*status, "FinishedAt").value_or(0) != 0;
  identity.state = finished ? State::kExited : identity.started_ns > 0 ? State::kRunning : State::kCreated;
  identity.settled = identity.started_ns > 0;
  if (!finished) return;
  identity.exit_code = static_cast<int>(integer_of(*status, "ExitCode").value_or(0));
  identity.oom_killed = string_of(*status, "Reason") == "OOMKilled";
}

}  // namespace

std::unique_ptr<Source> make_containerd_source(const SourceOptions& options) {
  return std::make_unique<ContainerdSource>(options);
}

}  // namespace plimsoll::engine
