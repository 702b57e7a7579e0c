// SPDX-License-Identifier: Apache-2.0
// The page at "/": what this is and what can be fetched from it.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace plimsoll::exporter {

struct Link {
  std::string_view path;
  std::string_view description;
};

// A complete HTML page without scripts, styles from elsewhere or anything that a browser would
// have to load. Texts are escaped.
std::string landing_page(std::string_view name, std::string_view version, std::span<const Link> links);

}  // namespace plimsoll::exporter
