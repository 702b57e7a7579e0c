// SPDX-License-Identifier: Apache-2.0
// Writes JSON text directly, without a document in memory: states, lists and statistics. RFC 8259
#pragma once

#include <concepts>
#include <cstdint>
#include <string>
#include <string_view>

namespace plimsoll::spec {

// `text` in quotes. Bytes that are no UTF-8 become U+FFFD.
std::string json_string(std::string_view text);

class JsonWriter {
 public:
  // `indent`: blanks per level; 0: everything on one line.
  explicit JsonWriter(int indent = 0) : indent_(indent) {}

  void open_object() { open('{'); }
  void close_object() { close('}'); }
  void open_array() { open('['); }
  void close_array() { close(']'); }
  void key(std::string_view name);

  void value(std::string_view text);
  void value(const char* text) { value(std::string_view(text)); }
  void value(const std::string& text) { value(std::string_view(text)); }
  void value(bool yes) { raw(yes ? "true" : "false"); }
  template <std::integral T>
  requires(!std::same_as<T, bool>) void value(T number) { raw(std::to_string(number)); }
  // Text that is JSON already.
  void raw(std::string_view json);

  template <typename T>
  void member(std::string_view name, const T& content) {
    key(name);
    value(content);
  }

  std::string text() && { return std::move(text_); }

 private:
  void open(char bracket);
  void close(char bracket);
  void separate();
  void new_line();

  std::string text_;
  int indent_;
  int depth_ = 0;
  bool first_ = true;  // nothing stands in the innermost object or array yet
  bool after_key_ = false;
};

}  // namespace plimsoll::spec
