// SPDX-License-Identifier: Apache-2.0
// Containers of Docker, from the files of its daemon (docker_state.h), and from the daemon itself if it may be
// asked (docker_api.h).
//
//   ROOT/containers/ID/config.v2.json    who it is and how it is
//   ROOT/containers/ID/hostconfig.json   how it was asked to run: "NetworkMode":"host"
//   ROOT/165536.165536/containers/...    the same, of a daemon with userns-remap
//
// Layers of its image are not looked for: that is another thing for each storage driver and image store.
#include <fcntl.h>

#include <algorithm>
#include <map>

#include "base/text.h"
#include "collectors/engine/docker_api.h"
#include "collectors/engine/docker_state.h"
#include "collectors/engine/source.h"
#include "collectors/engine/state_file.h"

namespace plimsoll::engine {
namespace {

constexpr size_t kMaxRoots = 64;
constexpr int64_t kRootsEvery = 60'000'000'000;
constexpr std::string_view kContainerOf = "container:";

// "165536.165536": where a daemon with userns-remap keeps everything.
bool is_remapped_root(std::string_view name) {
  const std::string_view uid = take(name, '.');
  return parse_u64(uid).has_value() && parse_u64(name).has_value();
}

// Whether the group's name says that it is another engine's.
bool is_foreign(std::string_view path) {
  const std::string_view last = path.substr(path.rfind('/') + 1);
  return last.starts_with("libpod-") || last.starts_with("crio-") || last.find("cri-containerd") != last.npos;
}

class DockerSource final : public Source {
 public:
  explicit DockerSource(const SourceOptions& options);
  std::optional<Identity> identify(const Candidate& candidate) override;
  void refresh(Identity& identity) override;
  void list_ended(std::vector<Identity>& ended) override;

 private:
  struct Kept {
    uint64_t revision = 0;
    std::optional<Identity> ended;  // empty: it has not ended
    uint64_t round = 0;
  };
  std::string dir_of(const std::string& root, std::string_view id) const;
  void find_roots();
  std::optional<Identity> read(const std::string& dir, std::string_view id, FileStamp& stamp) const;
  bool uses_host_network(const std::string& root, const std::string& dir) const;
  std::optional<Identity> from_disk(const std::string& id);
  void look_at(const std::string& root, const std::string& id);

  std::string root_;
  std::vector<std::string> env_;
  size_t max_known_;
  std::unique_ptr<DockerApi> api_;
  std::vector<std::string> roots_;
  int64_t roots_again_ns_ = 0;
  std::map<std::string, Kept> kept_;  // id -> what list_ended saw
  uint64_t round_ = 0;
};

DockerSource::DockerSource(const SourceOptions& options)
    : root_(options.paths.docker_root), env_(options.env), max_known_(options.max_known), roots_{root_} {
  if (options.paths.docker_socket.empty()) return;
  DockerApiOptions api;
  api.socket = options.paths.docker_socket;
  api.env = options.env;
  api_ = std::make_unique<DockerApi>(std::move(api));
}

std::string DockerSource::dir_of(const std::string& root, std::string_view id) const {
  return root + "/containers/" + std::string(id);
}

void DockerSource::find_roots() {
  const int64_t now = monotonic_ns();
  if (now < roots_again_ns_) return;
  roots_again_ns_ = now + kRootsEvery;
  roots_ = {root_};
  auto dir = Dir::open(root_);
  if (!dir) return;
  auto entries = dir->list();
  if (!entries) return;
  for (const Dir::Entry& entry : *entries) {
    if (entry.is_directory && is_remapped_root(entry.name) && roots_.size() < kMaxRoots)
      roots_.push_back(root_ + "/" + entry.name);
  }
}

std::optional<Identity> DockerSource::read(const std::string& dir, std::string_view id, FileStamp& stamp) const {
  auto file = read_state_file(dir + "/config.v2.json");
  if (!file) return std::nullopt;
  stamp = {file->revision, file->modified_ns};
  return parse_docker_state(file->text, id, env_);
}

// Its own mode, or that of the container whose network it shares: a pod's containers share its sandbox's.
bool DockerSource::uses_host_network(const std::string& root, const std::string& dir) const {
  auto json = read_json(dir + "/hostconfig.json");
  std::string mode = json ? docker_network_mode(*json) : std::string();
  if (!mode.starts_with(kContainerOf)) return mode == "host";
  const std::string other = mode.substr(kContainerOf.size());
  if (!is_full_id(other)) return false;
  json = read_json(dir_of(root, other) + "/hostconfig.json");
  return json && docker_network_mode(*json) == "host";
}

std::optional<Identity> DockerSource::from_disk(const std::string& id) {
  for (const std::string& root : roots_) {
    const std::string dir = dir_of(root, id);
    FileStamp stamp;
    auto identity = read(dir, id, stamp);
    if (!identity) continue;
    identity->host_network = uses_host_network(root, dir);
    identity->revision = stamp.revision;
    return identity;
  }
  return std::nullopt;
}

std::optional<Identity> DockerSource::identify(const Candidate& candidate) {
  const std::string id(candidate.hex);
  if (id.empty() || is_foreign(candidate.path)) return std::nullopt;
  find_roots();
  if (auto identity = from_disk(id)) return as_living(std::move(*identity));
  if (!api_ || api_->want(id).serial == 0) return std::nullopt;
  auto answer = api_->answer(id);
  if (!answer || !answer->identity) return std::nullopt;
  answer->identity->revision = answer->serial;
  return as_living(std::move(*answer->identity));
}

// The newer of file and answer counts. A file is newer unless it was written before the question was asked.
void DockerSource::refresh(Identity& identity) {
  std::string dir;
  FileStamp stamp;
  for (size_t i = 0; i < roots_.size() && stamp.revision == 0; ++i) {
    dir = dir_of(roots_[i], identity.id);
    stamp = file_stamp(dir + "/config.v2.json");
  }
  const DockerApi::Known known = api_ ? api_->want(identity.id) : DockerApi::Known{};
  const uint64_t revision = stamp.revision + known.serial;
  if (revision == identity.revision || revision == 0) return;
  std::optional<Identity> read_now;
  if (known.serial != 0 && known.asked_ns > stamp.modified_ns) {
    if (auto answer = api_->answer(identity.id)) read_now = std::move(answer->identity);
  } else {
    read_now = read(dir, identity.id, stamp);
  }
  identity.revision = revision;
  if (read_now) take_changes(identity, std::move(*read_now));
}

void DockerSource::look_at(const std::string& root, const std::string& id) {
  const std::string dir = dir_of(root, id);
  FileStamp stamp = file_stamp(dir + "/config.v2.json");
  if (stamp.revision == 0) return;
  auto place = kept_.find(id);
  if (place == kept_.end() && kept_.size() >= max_known_) return;
  if (place == kept_.end()) place = kept_.emplace(id, Kept{}).first;
  Kept& kept = place->second;
  kept.round = round_;
  if (kept.revision == stamp.revision) return;
  kept.ended = read(dir, id, stamp);
  kept.revision = stamp.revision;
  if (!kept.ended) return;
  const State state = kept.ended->state;
  kept.ended->ended = state == State::kExited || state == State::kDead || state == State::kRestarting;
  kept.ended->revision = stamp.revision;
  if (!kept.ended->ended) kept.ended.reset();
}

// One lstat for each container that there is, ended or not.
void DockerSource::list_ended(std::vector<Identity>& ended) {
  ++round_;
  find_roots();
  for (const std::string& root : roots_) {
    auto dir = Dir::open(root + "/containers");
    if (!dir) continue;
    auto entries = dir->list();
    if (!entries) continue;
    for (const Dir::Entry& entry : *entries) {
      if (entry.is_directory && is_full_id(entry.name)) look_at(root, entry.name);
    }
  }
  std::erase_if(kept_, [this](const auto& item) { return item.second.round != round_; });
  for (const auto& [id, kept] : kept_) {
    if (kept.ended) ended.push_back(*kept.ended);
  }
}

}  // namespace

std::unique_ptr<Source> make_docker_source(const SourceOptions& options) {
  return std::make_unique<DockerSource>(options);
}

}  // namespace plimsoll::engine
