// SPDX-License-Identifier: Apache-2.0
#include "runtime/oci/log.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdio>

#include "runtime/spec/json_writer.h"

namespace plimsoll::oci {

using spec::JsonWriter;

namespace {

std::string_view level_name(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug:
      return "debug";
    case LogLevel::kInfo:
      return "info";
    case LogLevel::kWarning:
      return "warning";
    case LogLevel::kError:
      return "error";
  }
  return "error";
}

std::string json_line(LogLevel level, std::string_view text, int64_t time_ns) {
  JsonWriter json;
  json.open_object();
  json.member("level", level_name(level));
  json.member("msg", text);
  json.member("time", rfc3339(time_ns));
  json.close_object();
  return std::move(json).text() + "\n";
}

// For people at a terminal: the program's name and one line.
std::string short_line(LogLevel level, std::string_view text) {
  std::string line = "plimsoll-oci: ";
  if (level == LogLevel::kWarning) line += "warning: ";
  line += text;
  std::replace(line.begin(), line.end(), '\n', ' ');
  return line + "\n";
}

}  // namespace

std::string rfc3339(int64_t time_ns) {
  // Not gmtime(3), which reads the machine's time zone first.
  const std::chrono::nanoseconds since(time_ns);
  const auto days = std::chrono::floor<std::chrono::days>(since);
  const std::chrono::year_month_day date{std::chrono::sys_days(days)};
  const std::chrono::hh_mm_ss time(since - days);
  char text[64];
  std::snprintf(text, sizeof text, "%04d-%02u-%02uT%02d:%02d:%02d.%09dZ", static_cast<int>(date.year()),
                static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                static_cast<int>(time.hours().count()), static_cast<int>(time.minutes().count()),
                static_cast<int>(time.seconds().count()), static_cast<int>(time.subseconds().count()));
  return text;
}

std::string message_of(const Error& error) {
  // Who gives a code for callers to tell errors apart by may have said it already.
  if (error.code == 0 || (error.code == ENOENT && error.context.ends_with(" does not exist"))) return error.context;
  std::string reason = Error{error.code, ""}.message().substr(2);
  const bool is_word = reason.size() > 1 && reason[1] >= 'a' && reason[1] <= 'z';
  if (is_word && reason[0] >= 'A' && reason[0] <= 'Z') reason[0] = static_cast<char>(reason[0] - 'A' + 'a');
  return error.context + ": " + reason;
}

std::string log_line(LogFormat format, LogLevel level, std::string_view text, int64_t time_ns) {
  if (format == LogFormat::kJson) return json_line(level, text, time_ns);
  return "time=\"" + rfc3339(time_ns) + "\" level=" + std::string(level_name(level)) + " msg=" + spec::json_string(text) +
         "\n";
}

Result<void> Log::open() {
  if (path_.empty()) return {};
  file_.reset(::open(path_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644));
  return file_ ? Result<void>() : fail_errno("--log " + path_);
}

void Log::write(LogLevel level, std::string_view text) {
  if (level < least_) return;
  if (file_) (void)write_all(file_.get(), log_line(format_, level, text, wall_clock_ns()));
  if (file_ && level != LogLevel::kError) return;
  const bool whole = level == LogLevel::kDebug || (format_ == LogFormat::kJson && !file_);
  (void)write_all(STDERR_FILENO, whole ? log_line(format_, level, text, wall_clock_ns()) : short_line(level, text));
}

}  // namespace plimsoll::oci
