// SPDX-License-Identifier: Apache-2.0
// What the runtime says: one line per event. A caller that gives --log reads the last line of that file for the error
// (containerd: the members level, msg and time of a JSON line); a person reads stderr, which gets every error.
#pragma once

#include <string>
#include <string_view>

#include "base/os.h"
#include "base/result.h"

namespace plimsoll::oci {

enum class LogFormat { kText, kJson };
enum class LogLevel { kDebug, kInfo, kWarning, kError };

class Log {
 public:
  void set_path(std::string path) { path_ = std::move(path); }  // "": stderr
  // Opens it now: a log that cannot be written is the first error.
  Result<void> open();
  void set_format(LogFormat format) { format_ = format; }
  void set_least(LogLevel least) { least_ = least; }

  void error(std::string_view text) { write(LogLevel::kError, text); }
  void warn(std::string_view text) { write(LogLevel::kWarning, text); }
  void debug(std::string_view text) { write(LogLevel::kDebug, text); }
  bool shows_debug() const { return least_ == LogLevel::kDebug; }

 private:
  void write(LogLevel level, std::string_view text);

  std::string path_;
  LogFormat format_ = LogFormat::kText;
  LogLevel least_ = LogLevel::kInfo;
  UniqueFd file_;
};

// "CONTEXT: permission denied": with the kernel's words as Go writes them, in lower case, since Docker and Podman look
// for them so to choose an exit code.
std::string message_of(const Error& error);
// With the line's end. `time_ns`: since 1970.
std::string log_line(LogFormat format, LogLevel level, std::string_view text, int64_t time_ns);
// RFC 3339 in UTC with all nine digits: "2024-05-01T10:20:30.123456789Z".
std::string rfc3339(int64_t time_ns);

}  // namespace plimsoll::oci
