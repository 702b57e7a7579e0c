// SPDX-License-Identifier: Apache-2.0
#include "agent/reload.h"

#include <algorithm>
#include <set>

namespace plimsoll::agent {
namespace {

std::vector<std::string> differences(const GivenFlags& before, const GivenFlags& after) {
  std::set<std::string> names;
  for (const auto* flags : {&before, &after}) {
    for (const auto& [name, values] : *flags) names.insert(name);
  }
  std::vector<std::string> changed;
  for (const std::string& name : names) {
    const auto old = before.find(name), next = after.find(name);
    if (old == before.end() || next == after.end() || old->second != next->second) changed.push_back(name);
  }
  return changed;
}

}  // namespace

bool Change::concerns(std::string_view prefix) const {
  return std::any_of(flags.begin(), flags.end(), [&](const std::string& flag) { return flag.starts_with(prefix); });
}

Reloader::Reloader(Parse parse, GivenFlags running, FailureLog::Sink info, FailureLog::Sink warn)
    : parse_(std::move(parse)), running_(std::move(running)), info_(std::move(info)), warn_(std::move(warn)) {}

void Reloader::add(const std::vector<std::string>& flags, Prepare prepare) {
  live_.insert(live_.end(), flags.begin(), flags.end());
  parts_.push_back(std::move(prepare));
}

bool Reloader::is_live(const std::string& flag) const {
  return std::any_of(live_.begin(), live_.end(), [&](const std::string& live) {
    return live.ends_with('.') ? flag.starts_with(live) : flag == live;
  });
}

Result<void> Reloader::reload() {
  const std::lock_guard lock(mutex_);
  auto reloaded = try_reload();
  if (!reloaded) warn_("the configuration stays as it was: " + reloaded.error().message());
  if (told_) told_(reloaded.has_value());
  return reloaded;
}

Result<void> Reloader::try_reload() {
  const auto parsed = parse_();
  if (!parsed) return unexpected(parsed.error());
  const std::vector<std::string> changed = differences(running_, parsed->given);
  const Change change{parsed->options, changed};
  std::vector<Commit> commits;
  for (const Prepare& prepare : parts_) {
    auto commit = prepare(change);
    if (!commit) return unexpected(commit.error());
    if (*commit) commits.push_back(std::move(*commit));
  }
  for (const Commit& commit : commits) commit();
  take_over(parsed->given, changed);
  return {};
}

// Flags that need a restart stay "changed" until there is one, so that each reload names them again.
void Reloader::take_over(const GivenFlags& next, const std::vector<std::string>& changed) {
  std::string later;
  for (const std::string& flag : changed) {
    if (!is_live(flag)) {
      later += (later.empty() ? "" : ", ") + flag;
      continue;
    }
    running_.erase(flag);
    if (const auto given = next.find(flag); given != next.end()) running_.insert(*given);
  }
  info_("the configuration has been read again");
  if (!later.empty()) warn_("a restart is needed for " + later + ": what they say now is not in effect");
}

}  // namespace plimsoll::agent
