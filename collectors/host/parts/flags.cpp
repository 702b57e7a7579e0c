// SPDX-License-Identifier: Apache-2.0
#include "collectors/host/parts/flags.h"

#include "base/text.h"
#include "collectors/host/parts/name_filter.h"

namespace plimsoll::collectors::host {
namespace {

Result<void> check_kind(FlagKind kind, std::string_view value) {
  const std::string quoted = "'" + std::string(value) + "'";
  switch (kind) {
    case FlagKind::kSwitch:
      if (value == "true" || value == "false") return {};
      return fail(quoted + " is neither true nor false");
    case FlagKind::kRegex:
    case FlagKind::kInclude:
    case FlagKind::kExclude:
      return Pattern::check(value);
    case FlagKind::kNumber:
      if (parse_u64(value)) return {};
      return fail(quoted + " is no number");
    case FlagKind::kDuration:
      if (parse_duration(value)) return {};
      return fail(quoted + " is no duration; write 5s or 100ms");
    case FlagKind::kText:
    case FlagKind::kList:
      break;
  }
  return {};
}

}  // namespace

void Flags::set(const Flag& flag, std::string value) {
  std::vector<std::string>& values = values_[flag.name];
  if (flag.kind != FlagKind::kList) values.clear();
  values.push_back(std::move(value));
}

bool Flags::given(const Flag& flag) const { return values_.contains(flag.name); }

std::string Flags::text(const Flag& flag) const {
  const auto found = values_.find(flag.name);
  return found == values_.end() ? std::string(flag.fallback) : found->second.back();
}

bool Flags::on(const Flag& flag) const { return text(flag) == "true"; }

std::vector<std::string> Flags::list(const Flag& flag) const {
  const auto found = values_.find(flag.name);
  return found == values_.end() ? std::vector<std::string>{} : found->second;
}

uint64_t Flags::number(const Flag& flag) const { return parse_u64(text(flag)).value_or(0); }

std::chrono::nanoseconds Flags::duration(const Flag& flag) const {
  return parse_duration(text(flag)).value_or(std::chrono::nanoseconds(0));
}

Result<void> check_flag(const Flag& flag, std::string_view value) {
  if (auto fits = check_kind(flag.kind, value); !fits) return fits;
  return flag.check == nullptr ? Result<void>{} : flag.check(value);
}

}  // namespace plimsoll::collectors::host
