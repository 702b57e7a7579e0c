// SPDX-License-Identifier: Apache-2.0
#include "exporter/encoding/rendered_labels.h"

#include <algorithm>

namespace plimsoll::exporter {

bool take_label(std::string_view& rest, RenderedLabel& label) {
  const size_t equals = rest.find("=\"");
  if (equals == std::string_view::npos) return false;
  const size_t start = equals + 2;
  size_t end = start;
  while (end < rest.size() && rest[end] != '"') end += rest[end] == '\\' ? 2 : 1;
  end = std::min(end, rest.size());
  label = {rest.substr(0, equals), rest.substr(start, end - start), rest.substr(0, end + 1)};
  rest.remove_prefix(std::min(end + 2, rest.size()));
  return true;
}

void append_unescaped(std::string& out, std::string_view value) {
  while (!value.empty()) {
    const size_t plain = std::min(value.find('\\'), value.size());
    out += value.substr(0, plain);
    if (plain + 1 < value.size()) out += value[plain + 1] == 'n' ? '\n' : value[plain + 1];
    value.remove_prefix(std::min(plain + 2, value.size()));
  }
}

}  // namespace plimsoll::exporter
