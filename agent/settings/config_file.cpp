// SPDX-License-Identifier: Apache-2.0
#include "agent/settings/config_file.h"

#include <algorithm>

#include "agent/filter/name_patterns.h"
#include "agent/settings/flag_words.h"

namespace plimsoll::agent {
namespace {

using yaml::Node;

constexpr const char* kRemoteWrite = "remote_write";

Unexpected wrong(const Node& node, const std::string& key, const std::string& what) {
  return fail("line " + std::to_string(node.line) + ": " + printable(key) + ": " + what);
}

class Reader {
 public:
  explicit Reader(const KnownFlags& known) : known_(known) {}

  Result<void> walk(const Node& map, const std::string& above) {
    for (const auto& [name, value] : map.fields) {
      if (auto read = field(value, above.empty() ? name : above + "." + name); !read) return read;
    }
    return {};
  }

  ConfigFile take() { return std::move(file_); }

 private:
  Result<void> field(const Node& value, const std::string& key) {
    if (key == kRemoteWrite) return remote_write(value);
    const auto known = known_.find(key);
    const bool is_flag = known != known_.end();
    if (value.kind == Node::Kind::kMap && begins_a_flag(key)) return walk(value, key);
    if (value.kind == Node::Kind::kNull && !is_flag && begins_a_flag(key)) return {};  // all below is commented out
    if (!is_flag) return unknown(value, key);
    ConfigSetting setting = {known->second.name, key, {}, value.line};
    for (const ConfigSetting& other : file_.settings) {
      if (other.flag == setting.flag)
        return wrong(value, key, "is given in line " + std::to_string(other.line) + " already; leave out one of them");
    }
    if (auto read = values(value, known->second.shape, setting); !read) return read;
    file_.settings.push_back(std::move(setting));
    return {};
  }

  static Result<void> values(const Node& value, FlagShape shape, ConfigSetting& setting) {
    if (value.kind == Node::Kind::kNull) return wrong(value, setting.key, "has no value; give one or leave it out");
    if (value.kind == Node::Kind::kMap) return wrong(value, setting.key, "nothing can stand below it");
    if (value.kind == Node::Kind::kScalar) return one(value, shape, setting);
    if (shape != FlagShape::kMany) return wrong(value, setting.key, "takes one value, not a list");
    if (value.items.empty()) return wrong(value, setting.key, "the list is empty; leave it out");
    for (const Node& item : value.items) {
      if (item.kind != Node::Kind::kScalar) return wrong(item, setting.key, "an entry of the list is no single value");
      setting.values.push_back(item.scalar);
    }
    return {};
  }

  static Result<void> one(const Node& value, FlagShape shape, ConfigSetting& setting) {
    if (shape != FlagShape::kSwitch) {
      setting.values.push_back(value.scalar);
      return {};
    }
    const auto on = yaml::to_switch(value);
    if (value.quoted) return wrong(value, setting.key, "is text, being in quotes; write true or false without them");
    if (!on) return wrong(value, setting.key, "'" + printable(value.scalar) + "' is neither true nor false");
    setting.values.emplace_back(*on ? "true" : "false");
    return {};
  }

  Result<void> remote_write(const Node& value) {
    if (value.kind == Node::Kind::kNull) return {};
    if (value.kind != Node::Kind::kList)
      return wrong(value, kRemoteWrite, "must be a list, one entry for each receiver");
    for (const Node& item : value.items) {
      if (item.kind != Node::Kind::kMap) return wrong(item, kRemoteWrite, "each entry must be a map, as {url: ...}");
    }
    file_.remote_write = value.items;
    return {};
  }

  bool begins_a_flag(const std::string& key) const {
    const std::string inside = key + ".";
    const auto next = known_.lower_bound(inside);
    return next != known_.end() && next->first.starts_with(inside);
  }

  Unexpected unknown(const Node& value, const std::string& key) const {
    std::vector<std::string> names = {kRemoteWrite};
    for (const auto& [name, flag] : known_) names.push_back(name);
    const std::string similar = nearest(key.substr(0, kLongestCompared), names);
    return wrong(value, key,
                 "there is no such key; " + (similar.empty() ? "keys are the flags of --help without their dashes"
                                                             : "did you mean '" + similar + "'?"));
  }

  static constexpr size_t kLongestCompared = 100;
  const KnownFlags& known_;
  ConfigFile file_;
};

}  // namespace

Result<ConfigFile> parse_config_file(std::string_view text, const KnownFlags& known) {
  const auto root = yaml::parse(text);
  if (!root) return unexpected(root.error());
  if (root->kind != Node::Kind::kMap && root->kind != Node::Kind::kNull)
    return fail("line " + std::to_string(root->line) + ": the file must be a map of flags' names and values");
  Reader reader(known);
  if (auto read = reader.walk(*root, ""); !read) return unexpected(read.error());
  return reader.take();
}

}  // namespace plimsoll::agent
