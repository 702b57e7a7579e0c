// SPDX-License-Identifier: Apache-2.0
#include "exporter/remote_write/trouble.h"

#include <utility>

namespace plimsoll::exporter {

void Trouble::begins(const std::string& kind, const std::string& what, int64_t now_ns) {
  const auto [said, first] = said_ns_.try_emplace(kind, now_ns);
  if (!first && now_ns - said->second < kQuietNs) return;
  said->second = now_ns;
  open_ = true;
  warn_(what);
}

void Trouble::ends(const std::string& how) {
  if (std::exchange(open_, false)) info_(how);
}

}  // namespace plimsoll::exporter
