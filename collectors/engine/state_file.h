// SPDX-License-Identifier: Apache-2.0
// Reading what a container engine leaves on disk. Other programs write these files, some of them users'
// own (rootless engines), so each may be a FIFO, a link, huge, truncated, or of other types than expected.
//
//   {"ID":"4f1c...","Created":"2024-05-01T10:00:00.123456789Z","State":{"Running":true,"ExitCode":0},
//    "Name":"/web","Config":{"Image":"nginx:1.25","Labels":{"com.example.tier":"front"},"Env":["A=b"]}}
//
// open(2), RFC 8259 (JSON), RFC 3339 (times).
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "collectors/engine/identity.h"

namespace plimsoll::engine {

using Json = nlohmann::json;

// Tells whether a file has changed: a number from inode, size and time of change, 0 when there is no such
// regular file.
struct FileStamp {
  uint64_t revision = 0;
  int64_t modified_ns = 0;  // unix time
};

struct StateFile {
  std::string text;
  uint64_t revision = 0;
  int64_t modified_ns = 0;
};

// Reads the regular file `path`, at most kMaxStateFileBytes: a larger one is EFBIG, a symbolic link as the
// last part ELOOP, anything that is no regular file EINVAL. Never blocks on a FIFO or a device.
Result<StateFile> read_state_file(const std::string& path);
// One lstat(2).
FileStamp file_stamp(const std::string& path);
inline uint64_t file_revision(const std::string& path) { return file_stamp(path).revision; }

// `text` as JSON. nullopt when it is malformed, deeper than 64 levels, or of more than 200,000 values: a file
// of 4 MB may hold two million, at 16 to 100 bytes each.
std::optional<Json> parse_json(std::string_view text);
// read_state_file and parse_json in one; nullopt for every failure.
std::optional<Json> read_json(const std::string& path);

// The member `name`; null when `object` is no object or has no such member.
const Json* member(const Json& object, const char* name);
// Members of a given type; for a member that is missing or of another type the second value.
// Strings are cut off after `limit` bytes, at the border of a UTF-8 character.
std::string string_of(const Json& object, const char* name, size_t limit = kMaxLabelBytes);
std::optional<bool> bool_of(const Json& object, const char* name);
std::optional<int64_t> integer_of(const Json& object, const char* name);
// The same for the members of {"NAME": "value"} and ["NAME=value"]; calls nothing for what is no string.
void take_labels(Identity& identity, const Json* object);
void take_env(Identity& identity, const Json* array, const std::vector<std::string>& wanted);

// The first `limit` bytes of `text`, less a character that would be cut in two.
std::string_view cut(std::string_view text, size_t limit);

// Unix time in nanoseconds of an RFC 3339 time with any number of fractional digits; 0 when it is none or
// lies outside 1970 to 2261 (Docker writes year 1 for "never").
int64_t time_ns(std::string_view rfc3339);

// Whether `text` is 64 lower-case hexadecimal digits.
bool is_full_id(std::string_view text);

}  // namespace plimsoll::engine
