// SPDX-License-Identifier: Apache-2.0
// What libpod keeps about one container: two JSON documents, the same in both of its databases.
//
//   config  {"id":"23ae...","name":"web","labels":{"app":"shop"},"rootfsImageName":"docker.io/library/nginx:1",
//            "createdTime":"2024-05-01T10:00:00.038Z","pod":"1055...","netNsCtr":"894e...","pause":false,
//            "spec":{"process":{"env":["A=b"]},"linux":{"namespaces":[{"type":"network"}]}}, ...}
//   state   {"state":3,"startedTime":"2024-05-01T10:00:00.238Z","exitCode":3,"oomKilled":true,"restartCount":2}
//
// What is zero or empty is left out. https://github.com/containers/podman (libpod/container_config.go, container.go)
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "collectors/engine/identity.h"

namespace plimsoll::engine {

struct PodmanRecord {
  std::string config, state;
  std::string pod_name;  // "" when it is in no pod
};

// Fills in what `record` says of container `id`. False, and `identity` unchanged, when the configuration is no
// JSON object or is another container's. `env`: variables that are wanted.
bool take_podman_record(const PodmanRecord& record, std::string_view id, const std::vector<std::string>& env,
                        Identity& identity);
// Only the state: state, exit code, start, restarts. False when it is none.
bool take_podman_state(std::string_view json, Identity& identity);
// RUNROOT/overlay-containers/ID/healthcheck.log: {"Status":"healthy","FailingStreak":0,"Log":[...]}
Health parse_podman_health(std::string_view json);

// STORAGE/containers.json, which all users of containers/storage share: takes name and image of container `id`.
//   [{"id":"23ae...","names":["web"],"metadata":"{\"image-name\":\"nginx\",\"name\":\"web\"}","created":"..."}]
bool take_storage_entry(std::string_view json, std::string_view id, Identity& identity);

}  // namespace plimsoll::engine
