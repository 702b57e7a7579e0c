// SPDX-License-Identifier: Apache-2.0
// agent/settings/config_file.h and the command line behind it: a file that somebody has written becomes flags.
#include <algorithm>
#include <string>

#include "agent/settings/agent_options.h"
#include "agent/settings/config_file.h"
#include "tests/fuzz/require.h"

namespace plimsoll::fuzz {
namespace {

const agent::KnownFlags kKnown = {{"web.listen-address", {"web.listen-address", agent::FlagShape::kMany}},
                                  {"metric.deny", {"metric.deny", agent::FlagShape::kMany}},
                                  {"log.level", {"log.level", agent::FlagShape::kOne}},
                                  {"loglevel", {"log.level", agent::FlagShape::kOne}},
                                  {"collector.fs", {"collector.fs", agent::FlagShape::kSwitch}},
                                  {"collector.fs.exclude", {"collector.fs.exclude", agent::FlagShape::kOne}}};

void files(std::string_view text) {
  const auto file = agent::parse_config_file(text, kKnown);
  if (!file) {
    const std::string message = file.error().message();
    require(!message.empty() && message.find('\n') == std::string::npos, "an error is one line");
    return;
  }
  std::set<std::string> seen;
  for (const agent::ConfigSetting& setting : file->settings) {
    require(seen.insert(setting.flag).second, "each flag comes once");
    require(kKnown.at(setting.key).name == setting.flag, "a key is a name of its flag");
    require(setting.line > 0 && !setting.values.empty(), "a setting has a place and a value");
    const agent::FlagShape shape = kKnown.at(setting.key).shape;
    require(shape == agent::FlagShape::kMany || setting.values.size() == 1, "only lists have several values");
    require(shape != agent::FlagShape::kSwitch || setting.values[0] == "true" || setting.values[0] == "false",
            "a switch is on or off");
  }
}

void patterns(std::string_view text) {
  const auto split = agent::split_patterns({std::string(text)});
  for (const std::string& pattern : split) require(!pattern.empty(), "patterns are not empty");
  const auto names = agent::NamePatterns::parse(split);
  if (!names) return require(!names.error().message().empty(), "an error says something");
  (void)names->matches("container_memory_usage_bytes");
  for (const char c : agent::printable(text)) require(c >= ' ' && c < 0x7f, "what is shown can be printed");
}

}  // namespace
}  // namespace plimsoll::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text = plimsoll::fuzz::as_text(data, size);
  plimsoll::fuzz::files(text);
  plimsoll::fuzz::patterns(text);
  return 0;
}
