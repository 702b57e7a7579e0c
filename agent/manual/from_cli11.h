// SPDX-License-Identifier: Apache-2.0
// What CLI11 knows of an option, as text.
#pragma once

#include "agent/manual/text.h"

namespace CLI {
class App;
class Option;
}  // namespace CLI

namespace plimsoll::agent {

OptionText option_text(const CLI::Option& option);
// Of all that --help shows.
std::vector<OptionText> option_texts(const CLI::App& app);

}  // namespace plimsoll::agent
