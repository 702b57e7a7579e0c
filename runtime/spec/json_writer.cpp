// SPDX-License-Identifier: Apache-2.0
#include "runtime/spec/json_writer.h"

#include "base/text.h"

namespace plimsoll::spec {
namespace {

void append_control(std::string& out, unsigned char byte) {
  constexpr char kDigits[] = "0123456789abcdef";
  if (byte == '\n') {
    out += "\\n";
  } else if (byte == '\t') {
    out += "\\t";
  } else if (byte == '\r') {
    out += "\\r";
  } else {
    out += "\\u00";
    out += kDigits[byte >> 4];
    out += kDigits[byte & 15];
  }
}

void append_string(std::string& out, std::string_view text) {
  out += '"';
  while (!text.empty()) {
    const unsigned char byte = static_cast<unsigned char>(text[0]);
    const size_t length = byte < 0x80 ? 1 : utf8_length(text);
    if (byte < 0x20 || byte == 0x7f) {
      append_control(out, byte);
    } else if (byte == '"' || byte == '\\') {
      out += '\\';
      out += text[0];
    } else if (length == 0) {
      out += "\xEF\xBF\xBD";
    } else {
      out.append(text.substr(0, length));
    }
    text.remove_prefix(length == 0 ? 1 : length);
  }
  out += '"';
}

}  // namespace

std::string json_string(std::string_view text) {
  std::string out;
  append_string(out, text);
  return out;
}

void JsonWriter::new_line() {
  if (indent_ == 0) return;
  text_ += '\n';
  text_.append(static_cast<size_t>(indent_ * depth_), ' ');
}

void JsonWriter::separate() {
  if (after_key_) {
    after_key_ = false;
    return;
  }
  if (!first_) text_ += ',';
  if (depth_ > 0) new_line();
}

void JsonWriter::open(char bracket) {
  separate();
  text_ += bracket;
  ++depth_;
  first_ = true;
}

void JsonWriter::close(char bracket) {
  --depth_;
  if (!first_) new_line();
  text_ += bracket;
  first_ = false;
}

void JsonWriter::key(std::string_view name) {
  separate();
  append_string(text_, name);
  text_ += indent_ == 0 ? ":" : ": ";
  after_key_ = true;
  first_ = false;
}

void JsonWriter::value(std::string_view text) {
  separate();
  append_string(text_, text);
  first_ = false;
}

void JsonWriter::raw(std::string_view json) {
  separate();
  text_ += json;
  first_ = false;
}

}  // namespace plimsoll::spec
