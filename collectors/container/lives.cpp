// SPDX-License-Identifier: Apache-2.0
#include "collectors/container/lives.h"

namespace plimsoll::collectors::container {

struct Lives::State {
  std::vector<EndedLife> ended;
};
Lives::Lives(LivesOptions, engine::Identifier&) : state_(std::make_unique<State>()) {}
Lives::~Lives() = default;
EventSource Lives::source() const { return EventSource::kNone; }
bool Lives::tree_changed() { return true; }
Lives::LimitChanges Lives::take_limit_changes() { return {.all = true, .paths = {}}; }
void Lives::adopt(const Group&, const engine::Identity&) {}
void Lives::gone(const Group&) {}
const std::vector<EndedLife>& Lives::ended(const Inventory&, int64_t) { return state_->ended; }
uint64_t Lives::finals_missed() const { return 0; }
uint64_t Lives::births_missed() const { return 0; }
size_t Lives::watched() const { return 0; }

}  // namespace plimsoll::collectors::container
