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

// `names`: as those of Reloader::add().
bool is_among(const std::vector<std::string>& names, const std::string& flag) {
  return std::any_of(names.begin(), names.end(), [&](const std::string& name) {
    return name.ends_with('.') ? flag.starts_with(name) : flag == name;
  });
}

}  // namespace

Reloader::Reloader(Parse parse, GivenFlags running, FailureLog::Sink info, FailureLog::Sink warn)
    : parse_(std::move(parse)), running_(std::move(running)), info_(std::move(info)), warn_(std::move(warn)) {}

void Reloader::add(std::vector<std::string> flags, Prepare prepare) {
  parts_.push_back({std::move(flags), std::move(prepare)});
}

void Reloader::ignore(const std::vector<std::string>& flags) {
  ignored_.insert(ignored_.end(), flags.begin(), flags.end());
}

bool Reloader::is_live(const std::string& flag) const {
  return is_among(ignored_, flag) ||
         std::any_of(parts_.begin(), parts_.end(), [&](const Part& part) { return is_among(part.flags, flag); });
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
  const auto commits = prepare(parsed->options, changed);
  if (!commits) return unexpected(commits.error());
  for (const Commit& commit : *commits) commit();
  take_over(parsed->given, changed);
  return {};
}

Result<std::vector<Reloader::Commit>> Reloader::prepare(const AgentOptions& next,
                                                        const std::vector<std::string>& changed) const {
  std::vector<Commit> commits;
  for (const Part& part : parts_) {
    const bool asked = part.flags.empty() || std::any_of(changed.begin(), changed.end(), [&](const std::string& flag) {
                         return is_among(part.flags, flag);
                       });
    if (!asked) continue;
    auto commit = part.prepare(next);
    if (!commit) return unexpected(commit.error());
    if (*commit) commits.push_back(std::move(*commit));
  }
  return commits;
}

// Flags that need a restart stay "changed" until there is one.
void Reloader::take_over(const GivenFlags& next, const std::vector<std::string>& changed) {
  GivenFlags waiting;
  std::string later;
  for (const std::string& flag : changed) {
    const auto given = next.find(flag);
    if (is_live(flag)) {
      running_.erase(flag);
      if (given != next.end()) running_.insert(*given);
      continue;
    }
    const auto values = given == next.end() ? std::vector<std::string>() : given->second;
    const auto told = waiting_.find(flag);
    if (told == waiting_.end() || told->second != values) later += (later.empty() ? "" : ", ") + flag;
    waiting.emplace(flag, values);
  }
  waiting_ = std::move(waiting);
  info_("the configuration has been read again");
  if (!later.empty()) warn_("a restart is needed for " + later + ": what they say now is not in effect");
}

}  // namespace plimsoll::agent
