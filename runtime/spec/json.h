// SPDX-License-Identifier: Apache-2.0
// JSON from outside, read by typed members: RFC 8259 without what could mean two things.
//
// A document is refused when it is nested too deeply, has too many values, an object has a member twice, or a string
// holds a NUL (it would cut a path). The first problem is remembered with the whole path of its member:
// "linux.resources.memory.limit: must be a whole number". A null is an absent member, as Go's encoders mean it.
#pragma once

#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "base/result.h"
#include "runtime/spec/names.h"

namespace plimsoll::spec::json {

inline constexpr size_t kDeepest = 64;
inline constexpr size_t kMostValues = 200'000;

// A number that was written with a point or an exponent, or does not fit, is kOther.
enum class Kind : uint8_t { kNull, kBool, kUnsigned, kNegative, kOther, kString, kArray, kObject };

struct Value {
  Kind kind = Kind::kNull;
  uint64_t number = 0;       // kBool, kUnsigned; kNegative: as int64_t
  std::string name;          // as a member of an object
  std::string text;          // kString
  std::vector<Value> items;  // kArray, kObject
  std::string_view source;   // of these, as it stands in the text, which has to outlive it
};

// The document, an object.
Result<Value> parse(std::string_view text);

// `text` for a message: not too long, nothing but ASCII; and in quotes.
std::string printable(std::string_view text);
std::string quote(std::string_view text);

// The first thing that was wrong; "" while all is well.
struct Problem {
  std::string text;
  Result<void> result() const;
};

// One object of the document. Absent members leave their target alone; strings are moved out of the document.
class Object {
 public:
  Object(Value& value, Problem& problem) : value_(value), problem_(problem) {}

  void get(std::string_view name, bool& target);
  void get(std::string_view name, std::string& target);
  void get(std::string_view name, std::vector<std::string>& target);
  void get(std::string_view name, std::map<std::string, std::string>& target);
  void get(std::string_view name, std::vector<std::pair<std::string, std::string>>& target);
  template <typename T>
  requires std::is_integral_v<T>
  void get(std::string_view name, T& target);
  template <typename T>
  requires std::is_integral_v<T>
  void get(std::string_view name, std::vector<T>& target);
  template <typename T>
  void get(std::string_view name, std::optional<T>& target);
  // A word of a fixed vocabulary.
  template <typename T, size_t n>
  void get(std::string_view name, const Names<T, n>& names, T& target);
  // Words of one that stand for bits.
  template <typename T, size_t n>
  void get_bits(std::string_view name, const Names<T, n>& names, T& target);

  // As get(), and the member must be there.
  template <typename... Arguments>
  void need(std::string_view name, Arguments&&... arguments) {
    if (find(name) == nullptr) return reject(name, "missing");
    get(name, std::forward<Arguments>(arguments)...);
  }
  // A path from the root; "" only when the member is absent.
  void get_absolute(std::string_view name, std::string& target);
  void get_absolute(std::string_view name, std::vector<std::string>& target);

  // Calls what(Object&) with the member when it is there.
  template <typename What>
  void object(std::string_view name, What what);
  // Calls what(Object&) with every element of a list of objects.
  template <typename What>
  void each(std::string_view name, What what);
  // Calls what(key, Object&) with every member of a map of objects; the key may be moved away.
  template <typename What>
  void entries(std::string_view name, What what);

  bool has(std::string_view name) const { return find(name) != nullptr; }
  void reject(std::string_view name, std::string_view what);
  std::string_view source() const { return value_.source; }
  // The place of a member: "process.capabilities.bounding".
  std::string place(std::string_view name) const;

 private:
  Object(Value& value, const Object& outer, std::string_view name, size_t index)
      : value_(value), problem_(outer.problem_), outer_(&outer), name_(name), index_(index) {}

  static constexpr size_t kNoIndex = static_cast<size_t>(-1);

  Value* find(std::string_view name) const;
  Value* find(std::string_view name, Kind kind, const char* otherwise);
  bool whole(std::string_view name, const Value& value, int64_t least, uint64_t most, uint64_t& target);
  std::string own_place() const;

  Value& value_;
  Problem& problem_;
  const Object* outer_ = nullptr;
  std::string_view name_;
  size_t index_ = kNoIndex;
};

template <typename T>
requires std::is_integral_v<T>
void Object::get(std::string_view name, T& target) {
  const Value* const value = find(name);
  uint64_t bits = 0;
  using Limits = std::numeric_limits<T>;
  if (value != nullptr && whole(name, *value, int64_t{Limits::min()}, uint64_t{Limits::max()}, bits))
    target = static_cast<T>(bits);
}

template <typename T>
requires std::is_integral_v<T>
void Object::get(std::string_view name, std::vector<T>& target) {
  const Value* const list = find(name, Kind::kArray, "must be a list of whole numbers");
  if (list == nullptr) return;
  using Limits = std::numeric_limits<T>;
  for (const Value& value : list->items) {
    uint64_t bits = 0;
    if (!whole(name, value, int64_t{Limits::min()}, uint64_t{Limits::max()}, bits)) return;
    target.push_back(static_cast<T>(bits));
  }
}

template <typename T>
void Object::get(std::string_view name, std::optional<T>& target) {
  if (find(name) != nullptr) get(name, target.emplace());
}

template <typename T, size_t n>
void Object::get(std::string_view name, const Names<T, n>& names, T& target) {
  std::string word;
  get(name, word);
  if (!problem_.text.empty() || !has(name)) return;
  if (const auto found = find_name(names, word)) {
    target = *found;
  } else {
    reject(name, quote(word) + " is none of " + list_names(names));
  }
}

template <typename T, size_t n>
void Object::get_bits(std::string_view name, const Names<T, n>& names, T& target) {
  std::vector<std::string> words;
  get(name, words);
  for (const std::string& word : words) {
    const auto found = find_name(names, word);
    if (!found) return reject(name, quote(word) + " is none of " + list_names(names));
    target |= *found;
  }
}

template <typename What>
void Object::object(std::string_view name, What what) {
  Value* const value = find(name, Kind::kObject, "must be an object");
  if (value == nullptr) return;
  Object inner(*value, *this, name, kNoIndex);
  what(inner);
}

template <typename What>
void Object::each(std::string_view name, What what) {
  Value* const list = find(name, Kind::kArray, "must be a list of objects");
  if (list == nullptr) return;
  for (size_t at = 0; at < list->items.size() && problem_.text.empty(); ++at) {
    Value& value = list->items[at];
    if (value.kind != Kind::kObject) return reject(name, "must be a list of objects");
    Object inner(value, *this, name, at);
    what(inner);
  }
}

template <typename What>
void Object::entries(std::string_view name, What what) {
  Value* const map = find(name, Kind::kObject, "must be an object of objects");
  if (map == nullptr) return;
  const Object outer(*map, *this, name, kNoIndex);
  for (Value& value : map->items) {
    if (!problem_.text.empty()) return;
    if (value.kind != Kind::kObject) return reject(name, "must be an object of objects");
    std::string key = value.name;
    Object inner(value, outer, value.name, kNoIndex);
    what(key, inner);
  }
}

}  // namespace plimsoll::spec::json
