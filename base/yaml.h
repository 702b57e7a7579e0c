// SPDX-License-Identifier: Apache-2.0
// YAML files as our configuration uses them: maps, lists and scalars, read strictly. yaml-cpp parses; what it
// makes becomes a plain tree of bounded size, and a map is read field by field, so that one that nobody asked
// for is an error which names it and its line.
// https://yaml.org/spec/1.2.2/
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace plimsoll::yaml {

struct Node {
  Node();  // declared here for clang, which would look into `fields` before this type is complete
  enum class Kind : uint8_t { kNull, kScalar, kList, kMap };
  Kind kind = Kind::kNull;
  int line = 0;                                      // from 1; 0 for what stands in no file
  bool quoted = false;                               // of a scalar: it is text, whatever it looks like
  std::string scalar;                                // of a scalar
  std::vector<Node> items;                           // of a list
  std::vector<std::pair<std::string, Node>> fields;  // of a map, in the file's order; every name once

  const Node* find(std::string_view name) const;
};
inline Node::Node() = default;

// One document; an empty text is kNull. Error: "line 3: ...", for what is no YAML, a field given twice, a key
// that is no scalar, more than one document, more than 1 MB, 50,000 nodes (for both, an alias counts as what it
// stands for) or 32 levels.
Result<Node> parse(std::string_view text);

// A scalar as a switch: true, false, yes, no, on, off (YAML 1.1's words, which Go's library takes as well).
std::optional<bool> to_switch(const Node& node);

// Reads a map field by field. The first thing that is wrong is kept and told by finish(), so that reading
// needs no check after each field; what is wrong reads as if it were absent.
class Fields {
 public:
  // `where`: what the map is, for messages: "tls_server_config". A null node is a map without fields.
  Fields(const Node& map, std::string where);

  // Absent and null are nullopt.
  std::optional<std::string> text(std::string_view name);
  std::optional<bool> on_off(std::string_view name);
  std::optional<uint64_t> number(std::string_view name);
  std::optional<std::chrono::nanoseconds> duration(std::string_view name);  // Go's notation: 1m30s
  // A list of scalars; one scalar alone is no list.
  std::optional<std::vector<std::string>> texts(std::string_view name);
  // Any node; of these kinds only, if given. nullptr when absent. It belongs to the map.
  const Node* node(std::string_view name);
  const Node* node(std::string_view name, Node::Kind kind);

  // For a reader's own complaint about a field: "line 4: tls_server_config.min_version: WHAT".
  void complain(std::string_view name, std::string_view what);
  bool failed() const { return error_.has_value(); }

  // The first complaint; else an error when the map has a field that was never asked for.
  Result<void> finish();

 private:
  const std::string* scalar(std::string_view name);

  const Node& map_;
  std::string where_;
  std::set<std::string, std::less<>> asked_;
  std::optional<Error> error_;
};

}  // namespace plimsoll::yaml
