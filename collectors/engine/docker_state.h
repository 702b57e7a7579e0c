// SPDX-License-Identifier: Apache-2.0
// What Docker writes about a container: config.v2.json, and the answer of GET /containers/ID/json, which has
// the same members (its "Id" is the file's "ID", and HostConfig, which is a file of its own on disk).
//
//   {"State":{"Running":true,"Paused":false,"Restarting":false,"OOMKilled":false,"Dead":false,"ExitCode":0,
//    "StartedAt":"2024-05-01T10:00:01.2Z","FinishedAt":"0001-01-01T00:00:00Z","Health":{"Status":"healthy"}},
//    "ID":"29d1...","Created":"2024-05-01T10:00:00.9Z","Name":"/web","RestartCount":0,
//    "Config":{"Image":"nginx:1","Labels":{},"Env":[]}}
//
// Seen with Docker 20.10: the file is replaced (rename) at each change, also at each health check; StartedAt,
// FinishedAt and ExitCode stay those of the last run while a container is started again; one that waits for
// its restart is both Running and Restarting, without a process.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "collectors/engine/identity.h"
#include "collectors/engine/state_file.h"

namespace plimsoll::engine {

// All that `text` tells of container `id`, ended or not. nullopt when it is malformed or of another id.
std::optional<Identity> parse_docker_state(std::string_view text, std::string_view id,
                                           const std::vector<std::string>& env);

// What "NetworkMode" of HostConfig says: "host", "bridge", "container:<id>" ...
std::string docker_network_mode(const Json& host_config);

// Makes of `read` the identity of a cgroup that stands. What it says of an end is of an earlier run then:
// Docker writes an end down after it has removed the cgroup, and a start after it has made it.
Identity as_living(Identity read);

// Takes what can change from `read`, the same container's later state, into `identity`. One identity is one
// run: of an earlier or a later one (after a restart) only the name is taken.
void take_changes(Identity& identity, Identity read);

}  // namespace plimsoll::engine
