// SPDX-License-Identifier: Apache-2.0
#include "collectors/engine/podman_record.h"

#include "collectors/engine/source.h"
#include "collectors/engine/state_file.h"

namespace plimsoll::engine {
namespace {

// libpod/define/containerstate.go counts from "unknown".
constexpr State kStates[] = {State::kUnknown, State::kCreated, State::kCreated, State::kRunning, State::kExited,
                             State::kPaused,  State::kExited,  State::kDead,    State::kRunning};

bool lacks_network_namespace(const Json& config) {
  const Json* spec = member(config, "spec");
  const Json* linux_part = spec == nullptr ? nullptr : member(*spec, "linux");
  const Json* namespaces = linux_part == nullptr ? nullptr : member(*linux_part, "namespaces");
  if (namespaces == nullptr || !namespaces->is_array()) return false;
  for (const Json& one : *namespaces) {
    if (string_of(one, "type") == "network") return false;
  }
  return true;
}

// A check that is switched off is {"Test":["NONE"]}.
bool has_health_check(const Json& config) {
  const Json* check = member(config, "healthcheck");
  const Json* test = check == nullptr ? nullptr : member(*check, "Test");
  return test != nullptr && test->is_array() && !test->empty() && (*test)[0] != "NONE";
}

void take_environment(const Json& config, const std::vector<std::string>& wanted, Identity& identity) {
  const Json* spec = member(config, "spec");
  const Json* process = spec == nullptr ? nullptr : member(*spec, "process");
  if (process != nullptr) take_env(identity, member(*process, "env"), wanted);
}

void take_pod(const Json& config, const std::string& pod_name, Identity& identity) {
  take_kubernetes_labels(identity);
  const std::string pod = string_of(config, "pod");
  if (pod.empty()) return;
  identity.sandbox = bool_of(config, "pause").value_or(false);
  if (identity.pod_uid.empty()) identity.pod_uid = pod;
  if (identity.pod.empty()) identity.pod = cut(pod_name, kMaxLabelBytes);
  if (identity.container.empty() && !identity.sandbox) identity.container = identity.name;
}

}  // namespace

bool take_podman_state(std::string_view text, Identity& identity) {
  const auto json = parse_json(text);
  const auto number = json ? integer_of(*json, "state") : std::nullopt;
  if (!number) return false;
  const bool known = *number >= 0 && static_cast<size_t>(*number) < std::size(kStates);
  identity.state = known ? kStates[*number] : State::kUnknown;
  identity.started_ns = time_ns(string_of(*json, "startedTime"));
  identity.restarts = static_cast<uint64_t>(std::max<int64_t>(0, integer_of(*json, "restartCount").value_or(0)));
  identity.oom_killed = bool_of(*json, "oomKilled").value_or(false);
  const bool ended = identity.state == State::kExited;
  identity.exit_code.reset();
  if (ended) identity.exit_code = static_cast<int>(integer_of(*json, "exitCode").value_or(0));
  identity.settled = identity.started_ns != 0 || ended;
  return true;
}

bool take_podman_record(const PodmanRecord& record, std::string_view id, const std::vector<std::string>& env,
                        Identity& identity) {
  const auto config = parse_json(record.config);
  if (!config || string_of(*config, "id") != id) return false;
  Identity taken;
  taken.engine = "podman";
  taken.owner = identity.owner;
  taken.id = id;
  taken.name = string_of(*config, "name");
  taken.image = string_of(*config, "rootfsImageName");
  if (taken.image.empty()) taken.image = string_of(*config, "RawImageName");
  taken.created_ns = time_ns(string_of(*config, "createdTime"));
  take_labels(taken, member(*config, "labels"));
  take_environment(*config, env, taken);
  take_pod(*config, record.pod_name, taken);
  taken.host_network = lacks_network_namespace(*config) && string_of(*config, "netNsCtr").empty();
  taken.health = has_health_check(*config) ? Health::kStarting : Health::kNone;
  taken.settled = take_podman_state(record.state, taken) && taken.settled;
  identity = std::move(taken);
  return true;
}

Health parse_podman_health(std::string_view text) {
  const auto json = parse_json(text);
  const std::string status = json ? string_of(*json, "Status") : "";
  if (status == "healthy") return Health::kHealthy;
  return status == "unhealthy" ? Health::kUnhealthy : Health::kStarting;
}

bool take_storage_entry(std::string_view text, std::string_view id, Identity& identity) {
  const auto json = parse_json(text);
  if (!json || !json->is_array()) return false;
  for (const Json& entry : *json) {
    if (string_of(entry, "id") != id) continue;
    const auto metadata = parse_json(string_of(entry, "metadata", kMaxStateFileBytes));
    identity.created_ns = time_ns(string_of(entry, "created"));
    if (metadata) {
      identity.name = string_of(*metadata, "name");
      identity.image = string_of(*metadata, "image-name");
    }
    const Json* names = member(entry, "names");
    if (identity.name.empty() && names != nullptr && names->is_array() && !names->empty() && (*names)[0].is_string())
      identity.name = cut((*names)[0].get_ref<const std::string&>(), kMaxLabelBytes);
    return true;
  }
  return false;
}

}  // namespace plimsoll::engine
