// SPDX-License-Identifier: Apache-2.0
#include "runtime/spec/json.h"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace plimsoll::spec::json {
namespace {

constexpr size_t kLongestQuote = 80;

std::string printable(std::string_view text) {
  std::string result(text.substr(0, kLongestQuote));
  for (char& c : result)
    if (static_cast<unsigned char>(c) < ' ' || static_cast<unsigned char>(c) >= 0x7f) c = '?';
  return text.size() > kLongestQuote ? result + "..." : result;
}

// The place of the value that is being read: "linux.mounts[3]".
std::string place_of(const std::vector<Value*>& open) {
  std::string place;
  for (size_t at = 1; at < open.size(); ++at) {
    const bool element = open[at - 1]->kind == Kind::kArray;
    if (element) place += "[" + std::to_string(open[at - 1]->items.size() - 1) + "]";
    if (!element) place += (place.empty() ? "" : ".") + printable(open[at]->name);
  }
  return place;
}

bool has_twice(const std::vector<Value>& members) {
  constexpr size_t kFew = 16;
  if (members.size() <= kFew) {
    for (size_t at = 1; at < members.size(); ++at)
      for (size_t other = 0; other < at; ++other)
        if (members[at].name == members[other].name) return true;
    return false;
  }
  std::vector<std::string_view> names;
  names.reserve(members.size());
  for (const Value& member : members) names.push_back(member.name);
  std::sort(names.begin(), names.end());
  return std::adjacent_find(names.begin(), names.end()) != names.end();
}

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

// The bytes of a text, or of {"hex": "6166e9"}; false when it is neither, or there is a NUL among them.
bool take_bytes(Value& value, std::string& bytes) {
  if (value.kind == Kind::kString) {
    bytes = std::move(value.text);
    return true;
  }
  if (value.kind != Kind::kObject || value.items.size() != 1 || value.items[0].name != "hex") return false;
  const std::string& hex = value.items[0].text;
  bytes.clear();
  for (size_t at = 0; at + 1 < hex.size(); at += 2) {
    const int high = hex_digit(hex[at]), low = hex_digit(hex[at + 1]);
    if (high < 0 || low < 0 || high + low == 0) return false;
    bytes.push_back(static_cast<char>(high * 16 + low));
  }
  return !hex.empty() && hex.size() % 2 == 0;
}

// nlohmann's SAX interface: builds a tree of Value, which it never copies and whose depth is bounded.
class Builder {
 public:
  explicit Builder(Value& root) : root_(root) {}

  bool null() { return add(Kind::kNull) != nullptr; }
  bool boolean(bool value) { return add_number(Kind::kBool, value ? 1 : 0); }
  bool number_integer(int64_t value) { return add_number(Kind::kNegative, static_cast<uint64_t>(value)); }
  bool number_unsigned(uint64_t value) { return add_number(Kind::kUnsigned, value); }
  bool number_float(double, const std::string&) { return add(Kind::kOther) != nullptr; }
  bool binary(std::vector<uint8_t>&) { return false; }

  bool string(std::string& text) {
    Value* const value = add(Kind::kString);
    if (value == nullptr) return false;
    if (text.find('\0') != std::string::npos) return refuse(*value, "a text with a NUL in it");
    value->text = std::move(text);
    return true;
  }

  bool key(std::string& name) {
    if (name.find('\0') != std::string::npos) return refuse(*open_.back(), "a member whose name has a NUL in it");
    name_ = std::move(name);
    return true;
  }

  bool start_object(size_t) { return enter(Kind::kObject); }
  bool start_array(size_t) { return enter(Kind::kArray); }
  bool end_array() { return leave(); }
  bool end_object() {
    if (!has_twice(open_.back()->items)) return leave();
    return fail_here(place_of(open_), "has a member twice");
  }

  bool parse_error(size_t, const std::string&, const nlohmann::detail::exception& error) {
    const std::string_view what = error.what();
    const size_t after = what.find("] ");
    problem_ = "not JSON: " + std::string(after == what.npos ? what : what.substr(after + 2)).substr(0, 200);
    for (char& c : problem_)
      if (static_cast<unsigned char>(c) < ' ' || static_cast<unsigned char>(c) >= 0x7f) c = '?';
    return false;
  }

  const std::string& problem() const { return problem_; }

 private:
  Value* add(Kind kind) {
    if (++count_ > kMostValues) {
      problem_ = "more than " + std::to_string(kMostValues) + " values";
      return nullptr;
    }
    Value& value = open_.empty() ? root_ : append(open_.back()->items);
    value.kind = kind;
    if (!name_.empty()) value.name.swap(name_);
    return &value;
  }

  // Grows in large steps: moving what is there costs more than the room.
  static Value& append(std::vector<Value>& items) {
    if (items.size() == items.capacity()) items.reserve(items.empty() ? 4 : 4 * items.size());
    return items.emplace_back();
  }

  bool add_number(Kind kind, uint64_t number) {
    Value* const value = add(kind);
    if (value != nullptr) value->number = number;
    return value != nullptr;
  }

  bool enter(Kind kind) {
    if (open_.size() == kDeepest) return fail_here("", "nested more than " + std::to_string(kDeepest) + " values deep");
    Value* const value = add(kind);
    if (value != nullptr) open_.push_back(value);
    return value != nullptr;
  }

  bool leave() {
    open_.pop_back();
    return true;
  }

  bool refuse(Value& value, std::string_view what) {
    if (open_.empty() || &value != open_.back()) open_.push_back(&value);
    return fail_here(place_of(open_), what);
  }

  bool fail_here(const std::string& place, std::string_view what) {
    problem_ = (place.empty() ? "" : place + ": ") + std::string(what);
    return false;
  }

  Value& root_;
  std::vector<Value*> open_;  // the last one is the innermost
  std::string name_;
  std::string problem_;
  size_t count_ = 0;
};

}  // namespace

Result<Value> parse(std::string_view text) {
  Value root;
  Builder builder(root);
  if (!nlohmann::json::sax_parse(text, &builder)) return fail(builder.problem());
  if (root.kind != Kind::kObject) return fail("must be a JSON object");
  return root;
}

std::string quote(std::string_view text) { return "'" + printable(text) + "'"; }

Result<void> Problem::result() const {
  if (!text.empty()) return fail(text);
  return {};
}

Value* Object::find(std::string_view name) const {
  for (Value& member : value_.items)
    if (member.name == name) return member.kind == Kind::kNull ? nullptr : &member;
  return nullptr;
}

Value* Object::find(std::string_view name, Kind kind, const char* otherwise) {
  Value* const found = find(name);
  if (found == nullptr || found->kind == kind) return found;
  reject(name, otherwise);
  return nullptr;
}

std::string Object::own_place() const {
  if (outer_ == nullptr) return "";
  std::string place = outer_->place(name_);
  if (index_ != kNoIndex) place += "[" + std::to_string(index_) + "]";
  return place;
}

std::string Object::place(std::string_view name) const {
  const std::string own = own_place();
  return own.empty() ? printable(name) : own + "." + printable(name);
}

void Object::reject(std::string_view name, std::string_view what) {
  if (problem_.text.empty()) problem_.text = place(name) + ": " + std::string(what);
}

bool Object::whole(std::string_view name, const Value& value, int64_t least, uint64_t most, uint64_t& target) {
  const bool negative = value.kind == Kind::kNegative && static_cast<int64_t>(value.number) < 0;
  if (value.kind != Kind::kUnsigned && value.kind != Kind::kNegative) {
    reject(name, "must be a whole number");
    return false;
  }
  if (negative ? static_cast<int64_t>(value.number) < least : value.number > most) {
    reject(name, "must be a whole number from " + std::to_string(least) + " to " + std::to_string(most));
    return false;
  }
  target = value.number;
  return true;
}

void Object::get(std::string_view name, bool& target) {
  if (const Value* const value = find(name, Kind::kBool, "must be true or false")) target = value->number != 0;
}

void Object::get(std::string_view name, std::string& target) {
  if (Value* const value = find(name, Kind::kString, "must be a text")) target = std::move(value->text);
}

void Object::get(std::string_view name, std::vector<std::string>& target) {
  Value* const list = find(name, Kind::kArray, "must be a list of texts");
  if (list == nullptr) return;
  target.reserve(list->items.size());
  for (Value& value : list->items) {
    if (value.kind != Kind::kString) return reject(name, "must be a list of texts");
    target.push_back(std::move(value.text));
  }
}

void Object::get(std::string_view name, std::vector<std::pair<std::string, std::string>>& target) {
  Value* const map = find(name, Kind::kObject, "must be an object of texts");
  if (map == nullptr) return;
  for (Value& value : map->items) {
    if (value.kind != Kind::kString) return reject(name, "must be an object of texts");
    target.emplace_back(std::move(value.name), std::move(value.text));
  }
}

void Object::get(std::string_view name, std::map<std::string, std::string>& target) {
  std::vector<std::pair<std::string, std::string>> pairs;
  get(name, pairs);
  for (auto& [key, text] : pairs) target.emplace(std::move(key), std::move(text));
}

void Object::get_bytes(std::string_view name, std::string& target) {
  Value* const value = find(name);
  if (value != nullptr && !take_bytes(*value, target)) reject(name, "must be a text");
}

void Object::get_bytes(std::string_view name, std::vector<std::string>& target) {
  Value* const list = find(name, Kind::kArray, "must be a list of texts");
  if (list == nullptr) return;
  target.reserve(list->items.size());
  for (Value& value : list->items)
    if (!take_bytes(value, target.emplace_back())) return reject(name, "must be a list of texts");
}

void Object::get_absolute(std::string_view name, std::string& target) {
  get(name, target);
  if (has(name) && !target.starts_with('/')) reject(name, "must be an absolute path");
}

void Object::get_absolute(std::string_view name, std::vector<std::string>& target) {
  get(name, target);
  for (const std::string& path : target)
    if (!path.starts_with('/')) return reject(name, quote(path) + " must be an absolute path");
}

}  // namespace plimsoll::spec::json
