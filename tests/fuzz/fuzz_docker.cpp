// SPDX-License-Identifier: Apache-2.0
// collectors/engine/docker_state.h and docker_http.h: Docker's files, and what answers on its socket.
#include "collectors/engine/docker_http.h"
#include "collectors/engine/docker_state.h"
#include "tests/fuzz/require.h"

namespace plimsoll::fuzz {
namespace {

using engine::HttpReader;
using engine::Identity;
using Progress = HttpReader::Progress;

void bounded(const Identity& identity) {
  require(identity.labels.size() <= engine::kMaxLabels && identity.env.size() <= engine::kMaxLabels, "few labels");
  for (const auto* pairs : {&identity.labels, &identity.env}) {
    for (const auto& [name, value] : *pairs)
      require(name.size() <= engine::kMaxLabelNameBytes && value.size() <= engine::kMaxLabelBytes, "short labels");
  }
  for (const std::string* text : {&identity.name, &identity.image, &identity.pod})
    require(text->size() <= engine::kMaxLabelBytes, "short texts");
  require(identity.started_ns >= 0 && identity.created_ns >= 0 && identity.finished_ns >= 0, "times are after 1970");
}

void state(std::string_view text) {
  const auto read = engine::parse_docker_state(text, "1", {"A*"});
  if (!read) return;
  bounded(*read);
  require(read->id == "1" && read->engine == "docker", "it is who was asked for");
  Identity living = engine::as_living(*read);
  require(!living.exit_code && living.finished_ns == 0, "what lives has not ended");
  const bool settled = living.settled;
  engine::take_changes(living, *read);
  require(!settled || living.state == read->state, "its own state is taken");
  bounded(living);
}

struct Outcome {
  Progress progress = Progress::kMore;
  std::string body;
};

Outcome in_pieces(std::string_view text, size_t size) {
  constexpr size_t kMaxBody = 512;
  HttpReader reader(kMaxBody);
  Outcome outcome;
  while (!text.empty() && outcome.progress == Progress::kMore) {
    outcome.progress = reader.feed(text.substr(0, size));
    text.remove_prefix(std::min(size, text.size()));
  }
  if (outcome.progress == Progress::kMore) outcome.progress = reader.close();
  require(outcome.progress != Progress::kMore, "a closed answer is over");
  require(reader.answer().body.size() <= kMaxBody, "bodies are bounded");
  if (outcome.progress == Progress::kDone) outcome.body = std::move(reader.answer().body);
  return outcome;
}

void http(std::string_view text) {
  const Outcome whole = in_pieces(text, text.size());
  for (size_t size : {1u, 3u, 100u}) {
    const Outcome other = in_pieces(text, size);
    require((other.progress == Progress::kDone) == (whole.progress == Progress::kDone), "pieces change no outcome");
    require(other.body == whole.body, "pieces change no body");
  }
}

}  // namespace
}  // namespace plimsoll::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text = plimsoll::fuzz::as_text(data, size);
  plimsoll::fuzz::state(text);
  plimsoll::fuzz::http(text);
  plimsoll::fuzz::require(plimsoll::engine::time_ns(text) >= 0, "times are after 1970");
  return 0;
}
