// SPDX-License-Identifier: Apache-2.0
// The file of --config.file: the flags' names without dashes, nested at their dots or not, a list for a flag that
// may be repeated, true and false for a switch.
//
//   web:
//     listen-address: [":1876"]
//   collector: {wifi: false}
//   collector.filesystem.mount-points-exclude: ^/(dev|proc)($|/)
//   remote_write: [...]             has no flag; who sends reads it
//
// It becomes flags, which go the way of those on the command line: what a flag may be is written down only there.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/yaml.h"

namespace plimsoll::agent {

enum class FlagShape : uint8_t { kSwitch, kOne, kMany };

struct KnownFlag {
  std::string name;  // without dashes; of a flag with several names the same one for each
  FlagShape shape;
};
using KnownFlags = std::map<std::string, KnownFlag, std::less<>>;  // by each name

struct ConfigSetting {
  std::string flag;  // KnownFlag::name
  std::string key;   // as the file has it, dotted
  std::vector<std::string> values;
  int line = 0;
};

struct ConfigFile {
  std::vector<ConfigSetting> settings;  // in the file's order, every flag once
  std::vector<yaml::Node> remote_write;
};

// Error: "line 3: KEY: what is wrong", with the nearest key for one that is unknown.
Result<ConfigFile> parse_config_file(std::string_view text, const KnownFlags& known);

}  // namespace plimsoll::agent
