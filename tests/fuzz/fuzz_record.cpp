// SPDX-License-Identifier: Apache-2.0
// runtime/container/record.h: state files, which an older or newer version, a full disk or a hand
// may have left in any shape.
#include "runtime/container/record.h"
#include "tests/fuzz/require.h"

namespace plimsoll::fuzz {
namespace {

// What was understood is written so that it is understood again, and the same.
template <typename Parse>
void round_trip(std::string_view text, Parse parse) {
  const auto first = parse(text);
  if (!first) {
    require(!first.error().message().empty(), "an error says what is wrong");
    return;
  }
  const std::string written = container::to_json(*first);
  const auto second = parse(written);
  require(second.has_value(), "what is written can be read");
  require(container::to_json(*second) == written, "reading and writing changes nothing");
}

}  // namespace
}  // namespace plimsoll::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text = plimsoll::fuzz::as_text(data, size);
  plimsoll::fuzz::round_trip(text, plimsoll::container::parse_config);
  plimsoll::fuzz::round_trip(text, plimsoll::container::parse_state);
  plimsoll::fuzz::round_trip(text, plimsoll::container::parse_exit_record);
  return 0;
}
