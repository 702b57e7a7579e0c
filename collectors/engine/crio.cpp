// SPDX-License-Identifier: Apache-2.0
// Containers and pod sandboxes of CRI-O: groups crio-ID (cgroupfs) or crio-ID.scope (systemd). CRI-O keeps them in
// containers/storage, as podman does; the OCI configuration there carries all it knows as annotations.
//
//   RUNROOT/overlay-containers/ID/userdata/config.json     "io.kubernetes.cri-o.ContainerType":"container",
//       "io.kubernetes.cri-o.Name":"k8s_app_web_default_7c5e..._0", "io.kubernetes.cri-o.ImageName":"quay.io/x/app:1",
//       "io.kubernetes.cri-o.Labels":"{\"io.kubernetes.pod.name\":\"web\",...}"
//   GRAPHROOT/overlay-containers/ID/userdata/state.json    {"status":"running","started":"2024-05-01T10:00:00Z",...}
//
// https://github.com/cri-o/cri-o (internal/annotations, internal/oci/container.go), crio(8).
#include "base/text.h"
#include "collectors/engine/oci_spec.h"
#include "collectors/engine/source.h"
#include "collectors/engine/state_file.h"

namespace plimsoll::engine {
namespace {

void fill(std::string& field, std::string_view value) {
  if (field.empty()) field = cut(value, kMaxLabelBytes);
}

// CRI-O's own annotations hold what the kubelet asked for; the kubelet's are there beside them.
void take_pod(const OciSpec& spec, Identity& identity) {
  if (const auto labels = parse_json(spec.annotation("io.kubernetes.cri-o.Labels"))) take_labels(identity, &*labels);
  take_kubernetes_labels(identity);
  fill(identity.container, spec.annotation("io.kubernetes.container.name"));
  fill(identity.pod, spec.annotation("io.kubernetes.pod.name"));
  fill(identity.pod, spec.annotation("io.kubernetes.cri-o.KubeName"));
  fill(identity.pod_namespace, spec.annotation("io.kubernetes.pod.namespace"));
  fill(identity.pod_namespace, spec.annotation("io.kubernetes.cri-o.Namespace"));
  fill(identity.pod_uid, spec.annotation("io.kubernetes.pod.uid"));
  identity.sandbox = spec.annotation("io.kubernetes.cri-o.ContainerType") == "sandbox";
}

// The kubelet starts a new container for each restart, and counts on.
void take_restarts(const OciSpec& spec, Identity& identity) {
  constexpr const char* kCount = "io.kubernetes.container.restartCount";
  auto count = parse_u64(spec.annotation(kCount));
  const auto annotations = count ? std::nullopt : parse_json(spec.annotation("io.kubernetes.cri-o.Annotations"));
  if (annotations) count = parse_u64(string_of(*annotations, kCount));
  identity.restarts = count;
}

State state_of(std::string_view status) {
  if (status == "running") return State::kRunning;
  if (status == "created" || status == "creating") return State::kCreated;
  if (status == "paused") return State::kPaused;
  return status == "stopped" ? State::kExited : State::kUnknown;
}

class CrioSource final : public Source {
 public:
  explicit CrioSource(SourceOptions options) : options_(std::move(options)) {}
  std::optional<Identity> identify(const Candidate& candidate) override;
  void refresh(Identity& identity) override;

 private:
  std::optional<OciSpec> read_spec(const std::string& id) const;

  SourceOptions options_;
};

std::string user_data(const std::string& root, const std::string& id) {
  return root + "/overlay-containers/" + id + "/userdata";
}

std::optional<OciSpec> CrioSource::read_spec(const std::string& id) const {
  for (const std::string* root : {&options_.paths.podman_runroot, &options_.paths.podman_root}) {
    if (auto spec = read_oci_spec(user_data(*root, id) + "/config.json")) return spec;
  }
  return std::nullopt;
}

std::optional<Identity> CrioSource::identify(const Candidate& candidate) {
  const std::string_view last = candidate.path.substr(candidate.path.rfind('/') + 1);
  if (candidate.hex.empty() || !last.starts_with("crio-")) return std::nullopt;
  const std::string id(candidate.hex);
  const auto spec = read_spec(id);
  if (!spec || spec->annotation("io.kubernetes.cri-o.ContainerType").empty()) return std::nullopt;
  Identity identity;
  identity.engine = "cri-o";
  identity.id = id;
  identity.name = cut(spec->annotation("io.kubernetes.cri-o.Name"), kMaxLabelBytes);
  fill(identity.name, id);
  identity.image = cut(spec->annotation("io.kubernetes.cri-o.ImageName"), kMaxLabelBytes);
  fill(identity.image, spec->annotation("io.kubernetes.cri-o.Image"));
  identity.created_ns = time_ns(spec->annotation("io.kubernetes.cri-o.Created"));
  identity.host_network = spec->host_network || spec->annotation("io.kubernetes.cri-o.HostNetwork") == "true";
  for (const std::string& assignment : spec->env) add_env(identity, assignment, options_.env);
  take_pod(*spec, identity);
  take_restarts(*spec, identity);
  refresh(identity);
  return identity;
}

void CrioSource::refresh(Identity& identity) {
  if (identity.engine != "cri-o") return;
  const std::string path = user_data(options_.paths.podman_root, identity.id) + "/state.json";
  const uint64_t revision = file_revision(path);
  if (revision == 0 || revision == identity.revision) return;
  const auto json = read_json(path);
  if (!json) return;
  identity.revision = revision;
  identity.state = state_of(string_of(*json, "status"));
  identity.started_ns = time_ns(string_of(*json, "started"));
  identity.settled = identity.started_ns != 0;
  identity.oom_killed = bool_of(*json, "oomKilled").value_or(false);
  if (identity.state != State::kExited) return;
  identity.settled = true;
  if (const auto code = integer_of(*json, "exitCode")) identity.exit_code = static_cast<int>(*code);
}

}  // namespace

std::unique_ptr<Source> make_crio_source(const SourceOptions& options) { return std::make_unique<CrioSource>(options); }

}  // namespace plimsoll::engine
