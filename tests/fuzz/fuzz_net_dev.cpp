// SPDX-License-Identifier: Apache-2.0
// base/net_dev.h: a table of interfaces, whose names are chosen by whoever may make interfaces.
#include "base/net_dev.h"
#include "tests/fuzz/require.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text = plimsoll::fuzz::as_text(data, size);
  const auto lines = plimsoll::parse_net_dev(text);
  if (!lines) {
    plimsoll::fuzz::require(!lines.error().message().empty(), "an error says what is wrong");
    return 0;
  }
  for (const auto& line : *lines) {
    const bool inside = line.name.data() >= text.data() && line.name.data() + line.name.size() <= text.data() + size;
    plimsoll::fuzz::require(inside, "a name lies inside the text");
    plimsoll::fuzz::require(line.name.find('\n') == std::string_view::npos, "a name is of one line");
  }
  return 0;
}
