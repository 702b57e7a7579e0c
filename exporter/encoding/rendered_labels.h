// SPDX-License-Identifier: Apache-2.0
// Labels as a page holds them, id="/a",name="b \"c\"", taken apart again.
#pragma once

#include <string>
#include <string_view>

namespace plimsoll::exporter {

struct RenderedLabel {
  std::string_view name;
  std::string_view value;  // still escaped
  std::string_view whole;  // name="value"
};

// Takes the first label and the comma behind it off the front of `rest`. False when there is none.
bool take_label(std::string_view& rest, RenderedLabel& label);

// `value` with its escapes undone.
void append_unescaped(std::string& out, std::string_view value);

}  // namespace plimsoll::exporter
