// SPDX-License-Identifier: Apache-2.0
// agent/filter/selection.h: the query of a request.
#include "agent/filter/selection.h"

#include <algorithm>

#include "tests/fuzz/require.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using plimsoll::fuzz::require;
  const std::string collectors[] = {"container", "cpu", "machine", "meminfo"};
  const auto known = plimsoll::agent::selectable(collectors);
  const auto selection = plimsoll::agent::Selection::parse(plimsoll::fuzz::as_text(data, size), known);
  if (!selection) {
    const std::string message = selection.error().message();
    require(message.size() < 2000, "a message is bounded");
    require(std::all_of(message.begin(), message.end(), [](char c) { return c >= ' ' && c < 0x7f; }),
            "a message is printable");
    return 0;
  }
  require(!selection->is_everything() || selection->wants("cpu"), "everything is everything");
  for (const std::string& name : known) (void)selection->wants(name);
  return 0;
}
