// SPDX-License-Identifier: Apache-2.0
// One user's podman: the containers below one graph root (/var/lib/containers/storage, or
// ~/.local/share/containers/storage of a user). libpod's database is one of
//
//   GRAPHROOT/libpod/bolt_state.db   bbolt, up to podman 5: ctr/ID/{config,state}, pod/POD/config
//   GRAPHROOT/db.sql                 SQLite, from podman 4.8: ContainerConfig, ContainerState, PodConfig
//   GRAPHROOT/overlay-containers/containers.json   of containers/storage: names and images, when there is neither
//
// A user's files are that user's to forge: only files that belong to the user are read, so that nobody gets to see
// another's through us. https://github.com/containers/podman (libpod/boltdb_state.go, sqlite_state.go)
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/os.h"
#include "collectors/engine/identity.h"
#include "collectors/engine/podman_record.h"

namespace plimsoll::engine {

struct PodmanRoots {
  std::string graph, run;
  std::optional<uid_t> owner;  // whose every file has to be; empty: anybody's (root's own store)
};

class PodmanStore {
 public:
  explicit PodmanStore(PodmanRoots roots) : roots_(std::move(roots)) {}

  // nullopt: no such container here.
  std::optional<Identity> find(std::string_view id, const std::vector<std::string>& env) const;
  // Changes whenever the database does; 0 when there is none. One or two stats.
  uint64_t revision() const;
  // Looks again at a container that find() gave: name, state, restarts.
  void refresh(Identity& identity, const std::vector<std::string>& env);
  // The state of a health check, for a container that has one. One stat and more only when it changed.
  void refresh_health(Identity& identity);
  // Containers that have run and are over. Remembers them until the database changes.
  void list_ended(const std::vector<std::string>& env, std::vector<Identity>& ended);

 private:
  enum class Kind { kNone, kBolt, kSqlite };
  struct Ended {
    std::string state;  // from which `identity` was made
    Identity identity;
  };
  // What was seen of a container last, to see cheaply whether it has changed.
  struct Known {
    size_t config = 0;  // hash
    uint64_t health_revision = 0;
    Health health = Health::kStarting;
  };

  Kind kind() const;
  Known& known(const std::string& id);
  std::optional<PodmanRecord> record(std::string_view id) const;
  std::vector<std::pair<std::string, std::string>> states() const;  // id and its state's JSON
  bool find_in_storage(std::string_view id, Identity& identity) const;
  Result<UniqueFd> open(const std::string& path) const;
  std::string bolt_path() const { return roots_.graph + "/libpod/bolt_state.db"; }
  std::string sqlite_path() const { return roots_.graph + "/db.sql"; }

  PodmanRoots roots_;
  std::map<std::string, Ended, std::less<>> ended_;
  std::map<std::string, Known, std::less<>> known_;
  uint64_t ended_revision_ = 0;
};

}  // namespace plimsoll::engine
