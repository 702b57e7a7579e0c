// SPDX-License-Identifier: Apache-2.0
// Reads typed members of a JSON object of ours without exceptions. An absent member leaves its
// target alone; one of the wrong type or out of range is remembered as the first problem.
#pragma once

#include <cstdint>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "base/cgroup/stats.h"
#include "base/result.h"

namespace plimsoll::container {

class JsonReader {
 public:
  // `object` must be a JSON object and outlive the reader.
  explicit JsonReader(const nlohmann::json& object) : object_(object) {}

  void get(const char* name, bool& target);
  void get(const char* name, int& target);
  void get(const char* name, int64_t& target);
  void get(const char* name, uint64_t& target);
  void get(const char* name, cgroup::Count& target);
  void get(const char* name, std::string& target);
  void get(const char* name, std::vector<uint64_t>& target);
  void get(const char* name, std::vector<std::string>& target);
  void get(const char* name, std::map<std::string, std::string>& target);
  // The member when it is an array (or object) and every element of the array is an object; else
  // nullptr, and a problem unless it is absent.
  const nlohmann::json* objects(const char* name);
  const nlohmann::json* object(const char* name);

  // Takes over the problem of a reader of a nested object.
  void adopt(const JsonReader& inner);
  // Remembers a problem of the caller's own: a member with an impossible value.
  void reject(const char* name, std::string_view what);
  // Error "member 'NAME' is not a number" when there was a problem.
  Result<void> finish() const;

 private:
  const nlohmann::json* find(const char* name) const;
  uint64_t number(const char* name, const nlohmann::json& value);

  const nlohmann::json& object_;
  std::string problem_;
};

// Text that is not UTF-8 cannot be a JSON string; such a string of bytes is written as
// {"hex": "6166e9"} and comes back unchanged.
nlohmann::json bytes_to_json(const std::string& bytes);

// Parses `text` as an object with a "format" of at most `newest`. Error when it is no JSON, no
// object, has no format or a newer one.
Result<nlohmann::json> parse_object(std::string_view text, int newest);

// `value` as text; bytes that are not UTF-8 become U+FFFD. Ends with a line end.
std::string dump(const nlohmann::json& value);

}  // namespace plimsoll::container
