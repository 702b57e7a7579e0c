// SPDX-License-Identifier: Apache-2.0
// Containers of our own runtime: the last part of the cgroup's path is the id, and
// ROOT/containers/ID/config.json names the same path.
#include "base/os.h"
#include "collectors/engine/source.h"

namespace plimsoll::engine {
namespace {

using plimsoll::container::Network;
using plimsoll::container::Status;

class OwnSource final : public Source {
 public:
  explicit OwnSource(SourceOptions options) : options_(std::move(options)) {}
  std::optional<Identity> identify(const Candidate& candidate) override;
  void refresh(Identity& identity) override;

 private:
  SourceOptions options_;
};

std::optional<Identity> OwnSource::identify(const Candidate& candidate) {
  const std::string id(candidate.hex);
  if (id.empty() || !candidate.path.ends_with("/" + id)) return std::nullopt;
  auto text = read_file(options_.paths.own.container_dir(id) + "/config.json");
  if (!text) return std::nullopt;
  auto config = plimsoll::container::parse_config(*text);
  if (!config || config->id != id || config->cgroup_path != candidate.path) return std::nullopt;
  Identity identity;
  identity.engine = "plimsoll";
  identity.id = id;
  identity.name = config->name;
  identity.image = config->image;
  for (const auto& [name, value] : config->labels) add_label(identity, name, value);
  for (const std::string& assignment : config->env) add_env(identity, assignment, options_.env);
  identity.host_network = config->network == Network::kHost;
  identity.created_ns = config->created_ns;
  identity.state = State::kCreated;
  identity.settled = false;
  refresh(identity);
  return identity;
}

// The start and the end are all that changes.
void OwnSource::refresh(Identity& identity) {
  if (identity.settled) return;
  auto text = read_file(options_.paths.own.container_dir(identity.id) + "/state.json");
  if (!text) return;
  auto state = plimsoll::container::parse_state(*text);
  if (!state) return;
  identity.started_ns = state->started_ns;
  identity.ended = state->status == Status::kExited;
  if (state->status == Status::kRunning) identity.state = State::kRunning;
  identity.settled = identity.started_ns != 0;
}

}  // namespace

std::unique_ptr<Source> make_own_source(const SourceOptions& options) { return std::make_unique<OwnSource>(options); }

}  // namespace plimsoll::engine
