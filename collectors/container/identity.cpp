// SPDX-License-Identifier: Apache-2.0
#include "collectors/container/identity.h"

#include <algorithm>

#include "base/os.h"

namespace plimsoll::collectors::container {
namespace {

constexpr size_t kIdLength = 64;

bool is_id(std::string_view text) {
  return text.size() == kIdLength &&
         std::all_of(text.begin(), text.end(), [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

}  // namespace

std::optional<Identity> identify(const plimsoll::container::StateRoots& roots, const std::string& cgroup_path) {
  const std::string_view last = std::string_view(cgroup_path).substr(cgroup_path.rfind('/') + 1);
  if (!is_id(last)) return std::nullopt;
  const std::string id(last);
  auto text = read_file(roots.container_dir(id) + "/config.json");
  if (!text) return std::nullopt;
  auto config = plimsoll::container::parse_config(*text);
  if (!config || config->id != id || config->cgroup_path != cgroup_path) return std::nullopt;
  Identity identity;
  identity.id = id;
  identity.name = config->name;
  identity.image = config->image;
  identity.network = config->network;
  identity.created_ns = config->created_ns;
  update(roots, identity);
  return identity;
}

void update(const plimsoll::container::StateRoots& roots, Identity& identity) {
  auto text = read_file(roots.container_dir(identity.id) + "/state.json");
  if (!text) return;
  auto state = plimsoll::container::parse_state(*text);
  if (!state) return;
  identity.started_ns = state->started_ns;
  identity.ended = state->status == plimsoll::container::Status::kExited;
}

}  // namespace plimsoll::collectors::container
