// SPDX-License-Identifier: Apache-2.0
#include "runtime/container/store.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <climits>

namespace plimsoll::container {
namespace {

constexpr const char* kAdjectives[] = {"able",  "brave", "brisk", "calm",   "clear", "deft",  "eager", "fair",
                                       "fleet", "frank", "glad",  "hardy",  "jolly", "keen",  "light", "loyal",
                                       "lucky", "merry", "neat",  "nimble", "proud", "quick", "quiet", "ready",
                                       "sharp", "solid", "stout", "sunny",  "swift", "tidy",  "trim",  "witty"};
constexpr const char* kNouns[] = {"anchor", "barge",  "beacon",   "bosun",  "buoy",   "canoe",  "capstan", "clipper",
                                  "cutter", "dinghy", "dory",     "ferry",  "gannet", "gull",   "harbour", "heron",
                                  "jetty",  "keel",   "ketch",    "lugger", "mast",   "petrel", "pilot",   "quay",
                                  "rudder", "sail",   "schooner", "skiff",  "sloop",  "tender", "tern",    "yawl"};

bool is_alphanumeric(char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

size_t hex_value(char c) { return static_cast<size_t>(c <= '9' ? c - '0' : c - 'a' + 10); }

// Two hexadecimal digits of `id` as an index below 32.
size_t index_from(std::string_view id, size_t at) {
  return at + 1 < id.size() ? (hex_value(id[at]) * 16 + hex_value(id[at + 1])) % 32 : 0;
}

// The id that a name leads to, "" when there is no such name.
std::string read_name(const std::string& path) {
  char target[PATH_MAX];
  const ssize_t length = ::readlink(path.c_str(), target, sizeof target);
  return length > 0 ? std::string(target, static_cast<size_t>(length)) : std::string();
}

// Not changed within the last minute.
bool is_old(const Dir& dir, const std::string& name) {
  struct stat st;
  if (::fstatat(dir.fd(), name.c_str(), &st, AT_SYMLINK_NOFOLLOW) != 0) return false;
  return wall_clock_ns() / 1'000'000'000 - st.st_mtim.tv_sec > 60;
}

bool exists(const std::string& path) { return ::access(path.c_str(), F_OK) == 0; }

Error no_such(const std::string& reference) { return Error{0, "no such container: " + reference}; }

}  // namespace

bool is_name(std::string_view text) {
  const auto allowed = [](char c) { return is_alphanumeric(c) || c == '_' || c == '.' || c == '-'; };
  return !text.empty() && text.size() <= 128 && is_alphanumeric(text[0]) &&
         std::all_of(text.begin(), text.end(), allowed);
}

Result<std::string> random_id() {
  unsigned char bytes[32];
  if (::getrandom(bytes, sizeof bytes, 0) != sizeof bytes) return fail_errno("getrandom");
  std::string id;
  for (const unsigned char byte : bytes) {
    id += "0123456789abcdef"[byte >> 4];
    id += "0123456789abcdef"[byte & 15];
  }
  return id;
}

std::string name_from_id(std::string_view id) {
  const std::string words = std::string(kAdjectives[index_from(id, 12)]) + "_" + kNouns[index_from(id, 14)];
  return words + "_" + std::string(id.substr(std::min<size_t>(16, id.size()), 2));
}

Result<UniqueFd> Store::make_directory(const Config& config) const {
  const std::string directory = hidden_dir(config.id);
  if (auto made = make_directories(directory); !made) return unexpected(made.error());
  UniqueFd lock(::open((directory + "/lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!lock) return fail_errno(directory + "/lock");
  auto locked = try_lock(lock);
  if (!locked) return unexpected(locked.error());
  if (!*locked) return unexpected(Error{EEXIST, directory});
  if (auto written = replace_file_unsynced(directory + "/config.json", to_json(config)); !written)
    return unexpected(written.error());
  if (auto written = replace_file_unsynced(directory + "/state.json", to_json(State{})); !written)
    return unexpected(written.error());
  const std::string visible = roots_.container_dir(config.id);
  if (::rename(directory.c_str(), visible.c_str()) != 0) return fail_errno(visible);
  return lock;
}

Result<void> Store::take_name(const Config& config) const {
  if (auto made = make_directories(roots_.root + "/names"); !made) return made;
  const std::string path = name_path(config.name);
  if (::symlink(config.id.c_str(), path.c_str()) == 0) return {};
  if (errno != EEXIST) return fail_errno(path);
  const std::string holder = read_name(path);
  if (!holder.empty() && exists(roots_.container_dir(holder))) return unexpected(Error{EEXIST, holder});
  // Left by a removal that was interrupted between name and directory by hand; nothing is behind it.
  ::unlink(path.c_str());
  if (::symlink(config.id.c_str(), path.c_str()) != 0) return fail_errno(path);
  return {};
}

Result<UniqueFd> Store::create(const Config& config) const {
  auto lock = make_directory(config);
  if (!lock) {
    (void)remove_tree(hidden_dir(config.id)).has_value();
    return lock;
  }
  auto named = take_name(config);
  if (named) return lock;
  (void)remove(config.id, "").has_value();
  return unexpected(named.error());
}

Result<UniqueFd> Store::create_named(Config& config) const {
  constexpr size_t kStep = 6;  // the digits that a name is made of
  for (size_t from = 0;; from += kStep) {
    config.name = name_from_id(std::string_view(config.id).substr(from));
    auto lock = create(config);
    if (lock || lock.error().code != EEXIST || from + 4 * kStep > config.id.size()) return lock;
  }
}

Result<void> Store::remove(const std::string& id, const std::string& name) const {
  if (is_name(name) && read_name(name_path(name)) == id && ::unlink(name_path(name).c_str()) != 0 && errno != ENOENT) {
    return fail_errno(name_path(name));
  }
  const std::string visible = roots_.container_dir(id);
  if (::rename(visible.c_str(), hidden_dir(id).c_str()) != 0 && errno != ENOENT) return fail_errno(visible);
  return remove_tree(hidden_dir(id));
}

// Half-made or half-removed directories whose process is dead. A young one may be just about to get
// its lock.
Result<void> Store::remove_leftovers() const {
  const std::string directory = roots_.root + "/containers";
  auto dir = Dir::open(directory);
  if (!dir) return {};
  auto entries = dir->list();
  if (!entries) return unexpected(entries.error().within(directory));
  for (const auto& entry : *entries) {
    if (!entry.is_directory || !entry.name.starts_with('.') || !is_old(*dir, entry.name)) continue;
    auto lock = dir->open_file(entry.name + "/lock", O_RDWR | O_NOFOLLOW);
    if (lock && !try_lock(*lock).value_or(false)) continue;
    if (auto removed = remove_tree(directory + "/" + entry.name); !removed) return removed;
  }
  return {};
}

Result<std::vector<std::string>> Store::ids() const {
  std::vector<std::string> result;
  const std::string directory = roots_.root + "/containers";
  auto dir = Dir::open(directory);
  if (!dir && dir.error().code == ENOENT) return result;
  if (!dir) return unexpected(dir.error());
  auto entries = dir->list();
  if (!entries) return unexpected(entries.error().within(directory));
  for (const auto& entry : *entries) {
    if (entry.is_directory && is_name(entry.name)) result.push_back(entry.name);
  }
  return result;
}

Result<std::string> Store::resolve(const std::string& reference) const {
  if (!is_name(reference)) return unexpected(no_such(reference));
  const std::string named = read_name(name_path(reference));
  if (!named.empty() && exists(roots_.container_dir(named))) return named;
  auto all = ids();
  if (!all) return unexpected(all.error());
  std::string found;
  for (const std::string& id : *all) {
    if (!id.starts_with(reference)) continue;
    if (id == reference) return id;
    if (!found.empty()) return fail("more than one container's id begins with " + reference + ": give more of it");
    found = id;
  }
  if (found.empty()) return unexpected(no_such(reference));
  return found;
}

Result<Config> Store::config(const std::string& id) const {
  const std::string path = roots_.container_dir(id) + "/config.json";
  auto text = read_file(path);
  if (!text) return unexpected(text.error());
  auto config = parse_config(*text);
  if (!config) return unexpected(config.error().within(path));
  if (config->id != id) return fail(path + ": is of container " + config->id);
  return config;
}

Result<State> Store::state(const std::string& id) const {
  const std::string path = roots_.container_dir(id) + "/state.json";
  auto text = read_file(path);
  if (!text) return unexpected(text.error());
  auto state = parse_state(*text);
  if (!state) return unexpected(state.error().within(path));
  return state;
}

Result<void> Store::set_state(const std::string& id, const State& state) const {
  return replace_file_unsynced(roots_.container_dir(id) + "/state.json", to_json(state));
}

Result<UniqueFd> Store::open_lock(const std::string& id) const {
  const std::string path = roots_.container_dir(id) + "/lock";
  UniqueFd fd(::open(path.c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW));
  if (!fd) return fail_errno(path);
  return fd;
}

Result<bool> try_lock(const UniqueFd& lock) {
  if (::flock(lock.get(), LOCK_EX | LOCK_NB) == 0) return true;
  if (errno == EWOULDBLOCK) return false;
  return fail_errno("flock");
}

Result<void> wait_unlocked(const UniqueFd& lock) {
  while (::flock(lock.get(), LOCK_SH) != 0) {
    if (errno != EINTR) return fail_errno("flock");
  }
  ::flock(lock.get(), LOCK_UN);
  return {};
}

}  // namespace plimsoll::container
