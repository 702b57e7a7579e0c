// SPDX-License-Identifier: Apache-2.0
#include "runtime/spec/json.h"

namespace plimsoll::spec::json {
namespace {

constexpr size_t kLongestQuote = 80;

}  // namespace

std::string printable(std::string_view text) {
  std::string result(text.substr(0, kLongestQuote));
  for (char& c : result)
    if (static_cast<unsigned char>(c) < ' ' || static_cast<unsigned char>(c) >= 0x7f) c = '?';
  return text.size() > kLongestQuote ? result + "..." : result;
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
