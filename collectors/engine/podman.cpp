// SPDX-License-Identifier: Apache-2.0
// Containers of podman, root's and users': the group's name tells that it is libpod's and, for a user's, whose.
//
//   /machine.slice/libpod-ID.scope                     systemd's driver, root
//   /libpod_parent/libpod-ID                           cgroupfs' driver
//   /system.slice/web.service/libpod-payload-ID        --cgroups=split, which quadlets use
//   /user.slice/user-1000.slice/user@1000.service/user.slice/libpod-ID.scope    user 1000
//
// podman has no daemon: its databases are all there is (podman_store.h). podman-run(1), passwd(5).
#include <deque>

#include "base/text.h"
#include "collectors/engine/podman_store.h"
#include "collectors/engine/source.h"
#include "collectors/engine/state_file.h"

namespace plimsoll::engine {
namespace {

constexpr size_t kMaxUsers = 1024;
constexpr int kStoreShift = 48;  // of Identity::revision: above the store's number, below what it looked like
constexpr uint64_t kLooksMask = (uint64_t{1} << kStoreShift) - 1;

// The user in whose slice the group is; nullopt when it is in none.
std::optional<uid_t> user_of(std::string_view path) {
  std::optional<uid_t> user;
  while (!path.empty()) {
    std::string_view part = take(path, '/');
    for (const auto& [before, after] : {std::pair<std::string_view, std::string_view>{"user-", ".slice"},
                                        std::pair<std::string_view, std::string_view>{"user@", ".service"}}) {
      if (!part.starts_with(before) || !part.ends_with(after)) continue;
      const auto number = parse_u64(part.substr(before.size(), part.size() - before.size() - after.size()));
      if (number && *number < UINT32_MAX) user = static_cast<uid_t>(*number);
    }
  }
  return user;
}

// Home directory of `user`: the sixth field of "name:x:1000:1000:Full Name:/home/name:/bin/sh".
std::optional<std::string> home_of(std::string_view passwd, uid_t user) {
  while (!passwd.empty()) {
    std::string_view line = take(passwd, '\n');
    take(line, ':');
    take(line, ':');
    const auto number = parse_u64(take(line, ':'));
    take(line, ':');
    take(line, ':');
    const std::string_view home = take(line, ':');
    if (number == user && home.starts_with('/')) return std::string(home);
  }
  return std::nullopt;
}

class PodmanSource final : public Source {
 public:
  explicit PodmanSource(SourceOptions options) : options_(std::move(options)) {
    stores_.emplace_back(PodmanRoots{options_.paths.podman_root, options_.paths.podman_runroot, std::nullopt});
  }
  std::optional<Identity> identify(const Candidate& candidate) override;
  void refresh(Identity& identity) override;
  void list_ended(std::vector<Identity>& ended) override;

 private:
  std::optional<size_t> store_of(std::string_view path);
  std::optional<size_t> user_store(uid_t user);

  SourceOptions options_;
  std::deque<PodmanStore> stores_;  // root's first
  std::map<uid_t, size_t> users_;
};

std::optional<size_t> PodmanSource::store_of(std::string_view path) {
  const auto user = user_of(path);
  return user && *user != 0 ? user_store(*user) : std::optional<size_t>(0);
}

// Homes are below the root that the passwd file is of.
std::optional<size_t> PodmanSource::user_store(uid_t user) {
  if (const auto known = users_.find(user); known != users_.end()) return known->second;
  constexpr std::string_view kPasswd = "/etc/passwd";
  const std::string& passwd = options_.paths.passwd;
  const auto text = read_state_file(passwd);
  if (!text || stores_.size() > kMaxUsers) return std::nullopt;
  const auto home = home_of(text->text, user);
  if (!home) return std::nullopt;
  const std::string root = passwd.ends_with(kPasswd) ? passwd.substr(0, passwd.size() - kPasswd.size()) : "";
  stores_.emplace_back(PodmanRoots{root + *home + "/.local/share/containers/storage",
                                   root + "/run/user/" + std::to_string(user) + "/containers", user});
  return users_.emplace(user, stores_.size() - 1).first->second;
}

std::optional<Identity> PodmanSource::identify(const Candidate& candidate) {
  const std::string_view last = candidate.path.substr(candidate.path.rfind('/') + 1);
  if (candidate.hex.empty() || !last.starts_with("libpod-")) return std::nullopt;
  const auto number = store_of(candidate.path);
  if (!number) return std::nullopt;
  PodmanStore& store = stores_[*number];
  const uint64_t looks = store.revision();
  auto identity = store.find(candidate.hex, options_.env);
  if (!identity) return std::nullopt;
  identity->revision = uint64_t{*number} << kStoreShift | (looks & kLooksMask);
  store.refresh_health(*identity);
  return identity;
}

void PodmanSource::refresh(Identity& identity) {
  if (identity.engine != "podman") return;
  const size_t number = identity.revision >> kStoreShift;
  if (number >= stores_.size()) return;
  PodmanStore& store = stores_[number];
  const uint64_t revision = uint64_t{number} << kStoreShift | (store.revision() & kLooksMask);
  if (revision != identity.revision) {
    store.refresh(identity, options_.env);
    identity.revision = revision;
  }
  store.refresh_health(identity);
}

void PodmanSource::list_ended(std::vector<Identity>& ended) {
  for (PodmanStore& store : stores_) store.list_ended(options_.env, ended);
}

}  // namespace

std::unique_ptr<Source> make_podman_source(const SourceOptions& options) {
  return std::make_unique<PodmanSource>(options);
}

}  // namespace plimsoll::engine
