// SPDX-License-Identifier: Apache-2.0
#include "collectors/engine/docker_state.h"

#include <utility>

#include "collectors/engine/source.h"

namespace plimsoll::engine {
namespace {

State state_from(const Json& state, int64_t started_ns) {
  const auto is = [&](const char* name) { return bool_of(state, name).value_or(false); };
  if (is("Running")) return is("Restarting") ? State::kRestarting : is("Paused") ? State::kPaused : State::kRunning;
  if (is("Dead")) return State::kDead;
  return started_ns == 0 ? State::kCreated : State::kExited;
}

Health health_from(const Json* health) {
  if (health == nullptr) return Health::kNone;
  const std::string status = string_of(*health, "Status");
  if (status == "starting") return Health::kStarting;
  if (status == "healthy") return Health::kHealthy;
  return status == "unhealthy" ? Health::kUnhealthy : Health::kNone;
}

bool is_live(State state) { return state == State::kRunning || state == State::kPaused; }
bool has_run(State state) { return state == State::kExited || state == State::kDead || state == State::kRestarting; }

void take_state(Identity& identity, const Json& state) {
  identity.started_ns = time_ns(string_of(state, "StartedAt"));
  identity.state = state_from(state, identity.started_ns);
  identity.health = health_from(member(state, "Health"));
  if (!has_run(identity.state)) return;
  identity.finished_ns = time_ns(string_of(state, "FinishedAt"));
  identity.oom_killed = bool_of(state, "OOMKilled");
  const auto code = integer_of(state, "ExitCode");
  if (code && *code >= INT32_MIN && *code <= INT32_MAX) identity.exit_code = static_cast<int>(*code);
}

void forget_end(Identity& identity) {
  identity.exit_code.reset();
  identity.oom_killed.reset();
  identity.finished_ns = 0;
}

}  // namespace

std::optional<Identity> parse_docker_state(std::string_view text, std::string_view id,
                                           const std::vector<std::string>& env) {
  const auto json = parse_json(text);
  if (!json) return std::nullopt;
  const Json *config = member(*json, "Config"), *state = member(*json, "State");
  if (config == nullptr || state == nullptr || !state->is_object()) return std::nullopt;
  if (string_of(*json, "ID") != id && string_of(*json, "Id") != id) return std::nullopt;
  Identity identity;
  identity.engine = "docker";
  identity.id = id;
  identity.name = string_of(*json, "Name");
  if (identity.name.starts_with('/')) identity.name.erase(0, 1);
  identity.image = string_of(*config, "Image");
  identity.created_ns = time_ns(string_of(*json, "Created"));
  if (auto count = integer_of(*json, "RestartCount"); count && *count >= 0)
    identity.restarts = static_cast<uint64_t>(*count);
  take_labels(identity, member(*config, "Labels"));
  take_env(identity, member(*config, "Env"), env);
  take_kubernetes_labels(identity);
  take_state(identity, *state);
  if (const Json* host = member(*json, "HostConfig")) identity.host_network = docker_network_mode(*host) == "host";
  return identity;
}

std::string docker_network_mode(const Json& host_config) { return string_of(host_config, "NetworkMode"); }

Identity as_living(Identity read) {
  forget_end(read);
  read.settled = is_live(read.state);
  if (!read.settled) read.earlier_start_ns = std::exchange(read.started_ns, 0);
  if (read.state == State::kExited || read.state == State::kDead) read.state = State::kCreated;
  return read;
}

void take_changes(Identity& identity, Identity read) {
  identity.name = std::move(read.name);
  const bool other_run = identity.settled ? read.started_ns != identity.started_ns
                                          : !is_live(read.state) && read.started_ns == identity.earlier_start_ns;
  if (other_run) return;
  identity.health = read.health;
  identity.restarts = read.restarts;
  identity.state = read.state;
  identity.started_ns = read.started_ns;
  identity.finished_ns = read.finished_ns;
  identity.exit_code = read.exit_code;
  identity.oom_killed = read.oom_killed;
  identity.settled = true;
}

}  // namespace plimsoll::engine
