// SPDX-License-Identifier: Apache-2.0
// The output of a container: one JSON object per line, in the shape of Docker's json-file driver,
// so that its readers (Promtail, Fluent Bit, Filebeat ...) take it:
//
//   {"log":"listening on :80\n","stream":"stdout","time":"2026-03-01T12:00:00.123456789Z"}
//
// An entry without "\n" at its end is a part of a line: of one longer than kMaxEntryBytes, or the
// last one. Bytes that are not UTF-8 become U+FFFD. When the file would grow beyond its limit it
// becomes container.log.1, replacing the one before: at most twice the limit is on disk.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "base/os.h"
#include "base/result.h"

namespace plimsoll::container {

inline constexpr size_t kMaxEntryBytes = 16 * 1024;  // of one entry's text, before escaping

enum class Stream : uint8_t { kStdout, kStderr };

// Unix time in nanoseconds as "2026-03-01T12:00:00.123456789Z".
std::string format_time(int64_t time_ns);
// The inverse, of RFC 3339 text with any number of fractional digits and "Z" or an offset.
// Error when it is no such time.
Result<int64_t> parse_time(std::string_view text);

// Writes the log of one container. Not thread-safe. Once the log cannot be written (full disk), what
// comes is dropped until it can again: the container goes on.
class LogWriter {
 public:
  // `limit` in bytes of one file, 0 = none. The file is made when there is none, else appended to.
  static Result<LogWriter> open(const std::string& directory, uint64_t limit);

  // Takes output as it was read from the pipe, in pieces of any size.
  void write(Stream stream, std::string_view bytes);
  // Writes what is left of unfinished lines.
  void finish();

 private:
  LogWriter(std::string path, UniqueFd fd, uint64_t size, uint64_t limit)
      : path_(std::move(path)), fd_(std::move(fd)), size_(size), limit_(limit) {}
  void add_entry(Stream stream, std::string_view text);
  void flush();
  void rotate();

  std::string path_;
  UniqueFd fd_;
  uint64_t size_ = 0;
  uint64_t limit_ = 0;
  std::array<std::string, 2> unfinished_;  // by stream: a line without its end yet
  std::string batch_;                      // encoded entries
};

// One entry, decoded.
struct LogEntry {
  Stream stream = Stream::kStdout;
  int64_t time_ns = 0;
  std::string text;
};

// Error when `line` (without its end) is no entry.
Result<LogEntry> parse_log_entry(std::string_view line);

// Reads a log from its beginning, the rotated file first, and on while it is written.
class LogReader {
 public:
  explicit LogReader(std::string directory) : directory_(std::move(directory)) {}

  // Hands over each complete line that is there now and was not handed over before, without its
  // end. Follows the rotation. A log that does not exist has no lines.
  Result<void> read(const std::function<void(std::string_view line)>& take);
  // The number of lines that are there now; nothing is handed over.
  static Result<uint64_t> count(const std::string& directory);

 private:
  Result<bool> open_next(const std::function<void(std::string_view)>& take);
  Result<void> drain(const std::function<void(std::string_view)>& take);

  std::string directory_;
  UniqueFd fd_;
  uint64_t inode_ = 0;
  std::string rest_;  // of a line whose end is not written yet
};

}  // namespace plimsoll::container
