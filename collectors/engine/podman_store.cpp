// SPDX-License-Identifier: Apache-2.0
#include "collectors/engine/podman_store.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "collectors/engine/bolt.h"
#include "collectors/engine/sqlite_file.h"
#include "collectors/engine/state_file.h"

namespace plimsoll::engine {
namespace {

constexpr size_t kMaxEnded = 1024;  // of one store
constexpr size_t kMaxKnown = 16384;

std::string text_of(const std::vector<BoltEntry>& entries, std::string_view key) {
  const std::string* value = find_value(entries, key);
  return value == nullptr ? std::string() : *value;
}

std::string name_in_json(std::string_view text) {
  const auto json = parse_json(text);
  return json ? string_of(*json, "name") : std::string();
}

std::optional<PodmanRecord> bolt_record(const BoltFile& file, std::string_view id) {
  const auto container = file.list({"ctr", id});
  if (!container) return std::nullopt;
  PodmanRecord record{text_of(*container, "config"), text_of(*container, "state"), ""};
  const std::string* pod_id = find_value(*container, "pod-id");
  const auto pod = pod_id == nullptr ? fail("no pod") : file.list({"pod", *pod_id});
  if (pod) record.pod_name = name_in_json(text_of(*pod, "config"));
  return record;
}

using Texts = std::vector<std::pair<std::string, std::string>>;

// Its buckets' names first, so that no more than one container is in memory.
Texts bolt_states(const BoltFile& file) {
  Texts states;
  const auto ids = file.list({"ctr"});
  if (!ids) return states;
  for (const BoltEntry& id : *ids) {
    if (!id.is_bucket || !is_full_id(id.key)) continue;
    if (const auto container = file.list({"ctr", id.key})) states.emplace_back(id.key, text_of(*container, "state"));
  }
  return states;
}

std::optional<PodmanRecord> sqlite_record(const SqliteFile& file, std::string_view id) {
  const auto config = file.find("ContainerConfig", id, {"PodID", "JSON"});
  const auto state = file.find("ContainerState", id, {"JSON"});
  if (!config || !state) return std::nullopt;
  PodmanRecord record{(*config)[1], (*state)[0], ""};
  if ((*config)[0].empty()) return record;
  if (const auto pod = file.find("PodConfig", (*config)[0], {"Name"})) record.pod_name = (*pod)[0];
  return record;
}

Texts sqlite_states(const SqliteFile& file) {
  Texts states;
  const auto rows = file.list("ContainerState", {"ID", "JSON"});
  if (!rows) return states;
  for (const auto& row : *rows) {
    if (is_full_id(row[0])) states.emplace_back(row[0], row[1]);
  }
  return states;
}

}  // namespace

// A regular file, the owner's own; never blocks.
Result<UniqueFd> PodmanStore::open(const std::string& path) const {
  UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW | O_NOCTTY));
  if (!fd) return fail_errno(path);
  struct stat st;
  if (::fstat(fd.get(), &st) != 0) return fail_errno(path);
  if (!S_ISREG(st.st_mode)) return unexpected(Error{EINVAL, path});
  if (roots_.owner && st.st_uid != *roots_.owner) return unexpected(Error{EPERM, path});
  return fd;
}

// podman keeps to the one it finds, and leaves the older one behind when it has moved to the other.
PodmanStore::Kind PodmanStore::kind() const {
  struct stat bolt {
  }, sqlite{};
  const bool has_bolt = ::lstat(bolt_path().c_str(), &bolt) == 0;
  const bool has_sqlite = ::lstat(sqlite_path().c_str(), &sqlite) == 0;
  if (!has_sqlite) return has_bolt ? Kind::kBolt : Kind::kNone;
  if (!has_bolt) return Kind::kSqlite;
  const auto is_older = [](const timespec& a, const timespec& b) {
    return a.tv_sec != b.tv_sec ? a.tv_sec < b.tv_sec : a.tv_nsec < b.tv_nsec;
  };
  return is_older(bolt.st_mtim, sqlite.st_mtim) ? Kind::kSqlite : Kind::kBolt;
}

uint64_t PodmanStore::revision() const {
  const uint64_t bolt = file_revision(bolt_path());
  const uint64_t sqlite = file_revision(sqlite_path());
  return bolt ^ (sqlite << 1 | sqlite >> 63);
}

std::optional<PodmanRecord> PodmanStore::record(std::string_view id) const {
  const Kind database = kind();
  if (database == Kind::kNone) return std::nullopt;
  auto fd = open(database == Kind::kBolt ? bolt_path() : sqlite_path());
  if (!fd) return std::nullopt;
  if (database == Kind::kBolt) return bolt_record(BoltFile(std::move(*fd)), id);
  return sqlite_record(SqliteFile(std::move(*fd), sqlite_path() + "-journal"), id);
}

std::vector<std::pair<std::string, std::string>> PodmanStore::states() const {
  const Kind database = kind();
  if (database == Kind::kNone) return {};
  auto fd = open(database == Kind::kBolt ? bolt_path() : sqlite_path());
  if (!fd) return {};
  if (database == Kind::kBolt) return bolt_states(BoltFile(std::move(*fd)));
  return sqlite_states(SqliteFile(std::move(*fd), sqlite_path() + "-journal"));
}

bool PodmanStore::find_in_storage(std::string_view id, Identity& identity) const {
  for (const char* driver : {"overlay", "vfs", "btrfs", "zfs"}) {
    auto fd = open(roots_.graph + "/" + driver + "-containers/containers.json");
    if (!fd) continue;
    ReadBuffer buffer(16 * 1024, kMaxStateFileBytes);
    const auto text = buffer.read(fd->get(), ReadBuffer::Until::kEnd);
    if (text && take_storage_entry(*text, id, identity)) return true;
  }
  return false;
}

std::optional<Identity> PodmanStore::find(std::string_view id, const std::vector<std::string>& env) const {
  Identity identity;
  identity.owner = roots_.owner.value_or(0);
  if (const auto found = record(id); found && take_podman_record(*found, id, env, identity)) return identity;
  identity.engine = "podman";
  identity.id = id;
  if (!find_in_storage(id, identity)) return std::nullopt;
  return identity;
}

PodmanStore::Known& PodmanStore::known(const std::string& id) {
  if (known_.size() >= kMaxKnown) known_.clear();
  return known_[id];
}

// The configuration is a hundred times longer than the state, and changes only by podman-rename(1).
void PodmanStore::refresh(Identity& identity, const std::vector<std::string>& env) {
  const auto found = record(identity.id);
  if (!found) return;
  const size_t config = std::hash<std::string>()(found->config);
  if (known(identity.id).config == config) {
    take_podman_state(found->state, identity);
    return;
  }
  Identity now;
  if (!take_podman_record(*found, identity.id, env, now)) return;
  known(identity.id).config = config;
  const auto health = identity.health;
  const uint64_t revision = identity.revision;
  identity = std::move(now);
  identity.revision = revision;
  if (identity.health == Health::kStarting && health) identity.health = health;
}

void PodmanStore::refresh_health(Identity& identity) {
  if (!identity.health || *identity.health == Health::kNone) return;
  const std::string path = roots_.run + "/overlay-containers/" + identity.id + "/healthcheck.log";
  const uint64_t revision = file_revision(path);
  if (revision == 0) return;
  Known& last = known(identity.id);
  if (last.health_revision != revision) {
    auto fd = open(path);
    if (!fd) return;
    ReadBuffer buffer(16 * 1024, kMaxStateFileBytes);
    const auto text = buffer.read(fd->get(), ReadBuffer::Until::kEnd);
    last.health_revision = revision;
    last.health = text ? parse_podman_health(*text) : Health::kStarting;
  }
  identity.health = last.health;
}

void PodmanStore::list_ended(const std::vector<std::string>& env, std::vector<Identity>& ended) {
  const uint64_t now = revision();
  if (now != ended_revision_) {
    auto known = std::move(ended_);
    ended_.clear();
    for (auto& [id, state] : states()) {
      Identity identity;
      identity.owner = roots_.owner.value_or(0);
      if (ended_.size() >= kMaxEnded || !take_podman_state(state, identity)) continue;
      if (identity.state != State::kExited) continue;
      if (const auto old = known.find(id); old != known.end() && old->second.state == state) {
        ended_.emplace(id, std::move(old->second));
        continue;
      }
      const auto found = record(id);
      if (found && take_podman_record(*found, id, env, identity)) ended_.emplace(id, Ended{state, std::move(identity)});
    }
    ended_revision_ = now;
  }
  for (const auto& [id, one] : ended_) ended.push_back(one.identity);
}

}  // namespace plimsoll::engine
