// SPDX-License-Identifier: Apache-2.0
#include "runtime/container/log.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <ctime>

#include "base/text.h"

namespace plimsoll::container {
namespace {

constexpr int64_t kSecond = 1'000'000'000;
constexpr std::string_view kReplacement = "\xEF\xBF\xBD";  // U+FFFD
constexpr const char* kStreamNames[] = {"stdout", "stderr"};

void append_escape(std::string& out, unsigned char c) {
  static constexpr char kDigits[] = "0123456789abcdef";
  switch (c) {
    case '"':
      out += "\\\"";
      return;
    case '\\':
      out += "\\\\";
      return;
    case '\n':
      out += "\\n";
      return;
    case '\r':
      out += "\\r";
      return;
    case '\t':
      out += "\\t";
      return;
    default:
      break;
  }
  out += "\\u00";
  out += kDigits[c >> 4];
  out += kDigits[c & 15];
}

// `text` as it stands between the quotes of a JSON string (RFC 8259 section 7).
void append_json_string(std::string& out, std::string_view text) {
  while (!text.empty()) {
    const auto c = static_cast<unsigned char>(text[0]);
    const size_t length = utf8_length(text);
    if (c < 0x20 || c == '"' || c == '\\') {
      append_escape(out, c);
    } else if (length == 0) {
      out += kReplacement;
    } else {
      out += text.substr(0, length);
    }
    text.remove_prefix(length == 0 ? 1 : length);
  }
}

// The largest length up to `limit` at which `text` can be cut without cutting a character.
size_t cut_length(std::string_view text, size_t limit) {
  if (text.size() <= limit) return text.size();
  for (size_t length = limit; length + 4 > limit; --length) {
    if ((static_cast<unsigned char>(text[length]) & 0xC0) != 0x80) return length;
  }
  return limit;  // no UTF-8 anyway
}

std::string two_digits(int value) { return {static_cast<char>('0' + value / 10), static_cast<char>('0' + value % 10)}; }

// Takes `digits` decimal digits and then the character `end` (0 = none) off the front of `rest`.
bool take_number(std::string_view& rest, size_t digits, char end, int& value) {
  if (rest.size() < digits + (end != 0 ? 1 : 0)) return false;
  const auto number = parse_u64(rest.substr(0, digits));
  if (!number || (end != 0 && rest[digits] != end)) return false;
  rest.remove_prefix(digits + (end != 0 ? 1 : 0));
  value = static_cast<int>(*number);
  return true;
}

// ".123" as nanoseconds; digits beyond the ninth are dropped.
bool take_fraction(std::string_view& rest, int64_t& nanoseconds) {
  nanoseconds = 0;
  if (!rest.starts_with('.')) return true;
  rest.remove_prefix(1);
  int64_t unit = kSecond / 10;
  bool any = false;
  for (; !rest.empty() && rest[0] >= '0' && rest[0] <= '9'; rest.remove_prefix(1), unit /= 10, any = true) {
    nanoseconds += (rest[0] - '0') * unit;
  }
  return any;
}

// "Z" or "+02:00" to the end of the text.
bool take_offset(std::string_view rest, int64_t& seconds) {
  seconds = 0;
  if (rest == "Z" || rest == "z") return true;
  if (rest.size() != 6 || (rest[0] != '+' && rest[0] != '-')) return false;
  const int sign = rest[0] == '-' ? -1 : 1;
  rest.remove_prefix(1);
  int hours = 0, minutes = 0;
  if (!take_number(rest, 2, ':', hours) || !take_number(rest, 2, 0, minutes)) return false;
  seconds = int64_t{sign} * (hours * 3600 + minutes * 60);
  return hours < 24 && minutes < 60;
}

Result<UniqueFd> open_log(const std::string& path, uint64_t& size) {
  UniqueFd fd(::open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  struct stat st;
  if (!fd || ::fstat(fd.get(), &st) != 0) return fail_errno(path);
  size = static_cast<uint64_t>(st.st_size);
  return fd;
}

}  // namespace

std::string format_time(int64_t time_ns) {
  const int64_t fraction = ((time_ns % kSecond) + kSecond) % kSecond;
  const time_t seconds = (time_ns - fraction) / kSecond;
  std::tm utc{};
  ::gmtime_r(&seconds, &utc);
  std::string nanoseconds = std::to_string(fraction);
  nanoseconds.insert(0, 9 - nanoseconds.size(), '0');
  return std::to_string(utc.tm_year + 1900) + "-" + two_digits(utc.tm_mon + 1) + "-" + two_digits(utc.tm_mday) + "T" +
         two_digits(utc.tm_hour) + ":" + two_digits(utc.tm_min) + ":" + two_digits(utc.tm_sec) + "." + nanoseconds +
         "Z";
}

Result<int64_t> parse_time(std::string_view text) {
  std::string_view rest = text;
  std::tm utc{};
  int64_t nanoseconds = 0, offset = 0;
  const bool good = take_number(rest, 4, '-', utc.tm_year) && take_number(rest, 2, '-', utc.tm_mon) &&
                    take_number(rest, 2, 'T', utc.tm_mday) && take_number(rest, 2, ':', utc.tm_hour) &&
                    take_number(rest, 2, ':', utc.tm_min) && take_number(rest, 2, 0, utc.tm_sec) &&
                    take_fraction(rest, nanoseconds) && take_offset(rest, offset);
  const bool in_range = utc.tm_year >= 1970 && utc.tm_year < 2262 && utc.tm_mon >= 1 && utc.tm_mon <= 12 &&
                        utc.tm_mday >= 1 && utc.tm_mday <= 31 && utc.tm_hour < 24 && utc.tm_min < 60 &&
                        utc.tm_sec <= 60;
  if (!good || !in_range) return fail("'" + std::string(text) + "' is no time such as 2026-03-01T12:00:00Z");
  utc.tm_year -= 1900;
  utc.tm_mon -= 1;
  return (int64_t{::timegm(&utc)} - offset) * kSecond + nanoseconds;
}

Result<LogWriter> LogWriter::open(const std::string& directory, uint64_t limit) {
  const std::string path = directory + "/container.log";
  uint64_t size = 0;
  auto fd = open_log(path, size);
  if (!fd) return unexpected(fd.error());
  return LogWriter(path, std::move(*fd), size, limit);
}

void LogWriter::write(Stream stream, std::string_view bytes) {
  std::string& unfinished = unfinished_[static_cast<size_t>(stream)];
  while (!bytes.empty()) {
    const size_t end = bytes.find('\n');
    const size_t length = std::min(end == std::string_view::npos ? bytes.size() : end + 1, kMaxEntryBytes);
    unfinished += bytes.substr(0, length);
    bytes.remove_prefix(length);
    while (unfinished.size() > kMaxEntryBytes) {
      const size_t part = cut_length(unfinished, kMaxEntryBytes);
      add_entry(stream, std::string_view(unfinished).substr(0, part));
      unfinished.erase(0, part);
    }
    if (!unfinished.ends_with('\n')) continue;
    add_entry(stream, unfinished);
    unfinished.clear();
  }
  flush();
}

void LogWriter::finish() {
  for (const Stream stream : {Stream::kStdout, Stream::kStderr}) {
    std::string& unfinished = unfinished_[static_cast<size_t>(stream)];
    if (!unfinished.empty()) add_entry(stream, unfinished);
    unfinished.clear();
  }
  flush();
}

void LogWriter::add_entry(Stream stream, std::string_view text) {
  const size_t start = batch_.size();
  batch_ += "{\"log\":\"";
  append_json_string(batch_, text);
  batch_ += "\",\"stream\":\"";
  batch_ += kStreamNames[static_cast<size_t>(stream)];
  batch_ += "\",\"time\":\"";
  batch_ += format_time(wall_clock_ns());
  batch_ += "\"}\n";
  if (limit_ == 0 || size_ + batch_.size() <= limit_) return;
  // This entry would be too much: what was before it ends the file, it begins the next one.
  const std::string entry = batch_.substr(start);
  batch_.erase(start);
  flush();
  if (size_ > 0) rotate();
  batch_ = entry;
}

void LogWriter::flush() {
  if (batch_.empty()) return;
  if (write_all(fd_.get(), batch_)) {
    size_ += batch_.size();
  } else {
    // A part of an entry may have been written: take it back, so that the file stays lines of JSON.
    (void)!::ftruncate(fd_.get(), static_cast<off_t>(size_));
  }
  batch_.clear();
}

void LogWriter::rotate() {
  uint64_t size = 0;
  if (::rename(path_.c_str(), (path_ + ".1").c_str()) != 0) return;
  auto fd = open_log(path_, size);
  if (!fd) return;  // goes on in the old file
  fd_ = std::move(*fd);
  size_ = size;
}

}  // namespace plimsoll::container
