// SPDX-License-Identifier: Apache-2.0
// Text to Value. Every start of a container reads its configuration, so this looks at each byte once and copies a text
// once. RFC 8259
#include <algorithm>

#include "base/text.h"
#include "runtime/spec/json.h"

namespace plimsoll::spec::json {
namespace {

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

void append_utf8(std::string& text, uint32_t code) {
  const auto add = [&text](uint32_t byte) { text.push_back(static_cast<char>(byte)); };
  if (code < 0x80) return add(code);
  if (code >= 0x10000) {
    add(0xF0 | code >> 18);
    add(0x80 | (code >> 12 & 0x3F));
  } else if (code >= 0x800) {
    add(0xE0 | code >> 12);
  }
  if (code >= 0x800) add(0x80 | (code >> 6 & 0x3F));
  if (code < 0x800) add(0xC0 | code >> 6);
  add(0x80 | (code & 0x3F));
}

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// Goes down into objects and arrays by recursion, whose depth is bounded. Everything gives false at the first problem.
class Parser {
 public:
  explicit Parser(std::string_view text) : begin_(text.data()), next_(begin_), end_(begin_ + text.size()) {}

  Result<Value> run() {
    Value root;
    if (std::string_view(next_, end_).starts_with("\xEF\xBB\xBF")) next_ += 3;
    skip_blanks();
    if (!read(root)) return fail(problem_);
    skip_blanks();
    if (next_ != end_) refuse_text("nothing more");
    if (next_ != end_) return fail(problem_);
    if (root.kind != Kind::kObject) return fail("must be a JSON object");
    return root;
  }

 private:
  bool read(Value& value) {
    if (++count_ > kMostValues) return refuse("", "more than " + std::to_string(kMostValues) + " values");
    switch (next_ == end_ ? '\0' : *next_) {
      case '{':
        return enter(value, Kind::kObject) && read_object(value) && leave(value);
      case '[':
        return enter(value, Kind::kArray) && read_array(value) && leave(value);
      case '"':
        value.kind = Kind::kString;
        return read_text(value.text) && (value.text.find('\0') == value.text.npos || refuse_nul(value));
      case 't':
        return read_word("true", value, Kind::kBool, 1);
      case 'f':
        return read_word("false", value, Kind::kBool, 0);
      case 'n':
        return read_word("null", value, Kind::kNull, 0);
      default:
        return read_number(value);
    }
  }

  bool read_object(Value& object) {
    if (take_if('}')) return true;
    do {
      skip_blanks();
      Value& member = append(object.items);
      if (!read_text(member.name)) return false;
      if (member.name.find('\0') != member.name.npos) {
        object.items.pop_back();
        return refuse(place_of(open_), "a member whose name has a NUL in it");
      }
      skip_blanks();
      if (!take(':')) return false;
      skip_blanks();
      if (!read(member)) return false;
      skip_blanks();
    } while (take_if(','));
    if (!take('}')) return false;
    return !has_twice(object.items) || refuse(place_of(open_), "has a member twice");
  }

  bool read_array(Value& array) {
    if (take_if(']')) return true;
    do {
      skip_blanks();
      if (!read(append(array.items))) return false;
      skip_blanks();
    } while (take_if(','));
    return take(']');
  }

  bool enter(Value& value, Kind kind) {
    if (open_.size() == kDeepest) return refuse("", "nested more than " + std::to_string(kDeepest) + " values deep");
    value.kind = kind;
    value.source = {next_, end_};
    open_.push_back(&value);
    ++next_;
    skip_blanks();
    return true;
  }

  bool leave(Value& value) {
    open_.pop_back();
    value.source = {value.source.data(), next_};
    return true;
  }

  // Grows in large steps: moving what is there costs more than the room.
  static Value& append(std::vector<Value>& items) {
    if (items.size() == items.capacity()) items.reserve(items.empty() ? 4 : 4 * items.size());
    return items.emplace_back();
  }

  bool read_word(std::string_view word, Value& value, Kind kind, uint64_t number) {
    if (!std::string_view(next_, end_).starts_with(word)) return refuse_text("a value");
    next_ += word.size();
    value.kind = kind;
    value.number = number;
    return true;
  }

  // What is no whole number, or too large for one, is not needed by anybody.
  bool read_number(Value& value) {
    const bool negative = take_if('-');
    const char* const digits = next_;
    while (next_ != end_ && is_digit(*next_)) ++next_;
    const std::string_view whole(digits, next_);
    if (whole.empty() || (whole.size() > 1 && whole[0] == '0')) return refuse_text("a value");
    bool is_whole = true;
    if (take_if('.')) is_whole = false;
    if (!is_whole && !skip_digits()) return false;
    if (take_if('e') || take_if('E')) {
      is_whole = false;
      if (!take_if('+')) (void)take_if('-');
      if (!skip_digits()) return false;
    }
    const auto number = parse_u64(whole);
    constexpr uint64_t kMostNegative = uint64_t{1} << 63;
    value.kind = Kind::kOther;
    if (!is_whole || !number || (negative && *number > kMostNegative)) return true;
    value.kind = negative ? Kind::kNegative : Kind::kUnsigned;
    value.number = negative ? 0 - *number : *number;
    return true;
  }

  bool skip_digits() {
    if (next_ == end_ || !is_digit(*next_)) return refuse_text("a digit");
    while (next_ != end_ && is_digit(*next_)) ++next_;
    return true;
  }

  // Most texts have nothing to be replaced, and are copied at once.
  bool read_text(std::string& text) {
    if (!take('"')) return false;
    while (true) {
      const char* const from = next_;
      if (!skip_plain()) return false;
      if (text.empty()) {
        text = std::string(from, next_);
      } else {
        text.append(from, next_);
      }
      if (*next_++ == '"') return true;
      if (!read_escape(text)) return false;
    }
  }

  // To the next quote or backslash.
  bool skip_plain() {
    while (next_ != end_ && *next_ != '"' && *next_ != '\\') {
      const auto byte = static_cast<unsigned char>(*next_);
      if (byte < 0x20) return refuse_text("no control character");
      const size_t length = byte < 0x80 ? 1 : utf8_length({next_, end_});
      if (length == 0) return refuse_text("UTF-8");
      next_ += length;
    }
    return next_ != end_ || refuse_text("the end of a text");
  }

  bool read_escape(std::string& text) {
    constexpr std::string_view kLetters = "\"\\/bfnrt", kMeanings = "\"\\/\b\f\n\r\t";
    const size_t at = next_ == end_ ? kLetters.npos : kLetters.find(*next_);
    if (at != kLetters.npos) {
      text.push_back(kMeanings[at]);
      ++next_;
      return true;
    }
    uint32_t code = 0, low = 0;
    if (!take('u') || !read_hex(code)) return false;
    if (code >= 0xD800 && code < 0xDC00) {
      if (!take('\\') || !take('u') || !read_hex(low)) return false;
      if (low < 0xDC00 || low > 0xDFFF) return refuse_text("the other half of a surrogate pair");
      code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
    } else if (code >= 0xDC00 && code <= 0xDFFF) {
      return refuse_text("no half of a surrogate pair");
    }
    append_utf8(text, code);
    return true;
  }

  bool read_hex(uint32_t& code) {
    for (int digit = 0; digit < 4; ++digit, ++next_) {
      const int c = next_ == end_ ? 0 : *next_;
      const int lower = c | 0x20;
      const bool letter = lower >= 'a' && lower <= 'f';
      if (!letter && (c < '0' || c > '9')) return refuse_text("four hexadecimal digits");
      code = code * 16 + static_cast<uint32_t>(letter ? lower - 'a' + 10 : c - '0');
    }
    return true;
  }

  void skip_blanks() {
    while (next_ != end_ && (*next_ == ' ' || *next_ == '\n' || *next_ == '\t' || *next_ == '\r')) ++next_;
  }

  bool take_if(char c) {
    if (next_ == end_ || *next_ != c) return false;
    ++next_;
    return true;
  }

  bool take(char c) { return take_if(c) || refuse_text(std::string("'") + c + "'"); }

  bool refuse_nul(Value& value) {
    open_.push_back(&value);
    return refuse(place_of(open_), "a text with a NUL in it");
  }

  bool refuse_text(const std::string& expected) {
    const auto line = std::count(begin_, next_, '\n') + 1;
    return refuse("", "not JSON: line " + std::to_string(line) + ": " + expected + " expected" +
                          (next_ == end_ ? ", not the end" : " before " + quote({next_, end_})));
  }

  bool refuse(const std::string& place, std::string_view what) {
    problem_ = (place.empty() ? "" : place + ": ") + std::string(what);
    return false;
  }

  const char* begin_;
  const char* next_;
  const char* end_;
  std::vector<Value*> open_;  // the last one is the innermost
  std::string problem_;
  size_t count_ = 0;
};

}  // namespace

Result<Value> parse(std::string_view text) { return Parser(text).run(); }

}  // namespace plimsoll::spec::json
