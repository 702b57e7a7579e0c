// SPDX-License-Identifier: Apache-2.0
#include "base/log.h"

#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <memory>
#include <optional>

namespace plimsoll {
namespace {

void append_hex(spdlog::memory_buf_t& out, unsigned char c) {
  constexpr char kDigits[] = "0123456789abcdef";
  for (char digit : {'\\', 'u', '0', '0', kDigits[c >> 4], kDigits[c & 15]}) out.push_back(digit);
}

// The message between the quotes: a message that came from a kernel file or a request must not be
// able to end its line or to add fields of its own. Both formats take JSON's escapes. Bytes above
// 0x7e are escaped too: they may be half of a character, which JSON does not allow.
class EscapedMessage : public spdlog::custom_flag_formatter {
 public:
  void format(const spdlog::details::log_msg& message, const std::tm&, spdlog::memory_buf_t& out) override {
    for (char c : message.payload) {
      if (c == '"' || c == '\\') {
        out.push_back('\\');
        out.push_back(c);
      } else if (c == '\n') {
        out.push_back('\\');
        out.push_back('n');
      } else if (c < ' ' || c > '~') {
        append_hex(out, static_cast<unsigned char>(c));
      } else {
        out.push_back(c);
      }
    }
  }
  std::unique_ptr<custom_flag_formatter> clone() const override { return std::make_unique<EscapedMessage>(); }
};

// spdlog's own name of the level is "warning"; the flag that sets it says "warn".
class LevelName : public spdlog::custom_flag_formatter {
 public:
  void format(const spdlog::details::log_msg& message, const std::tm&, spdlog::memory_buf_t& out) override {
    const std::string_view name = message.level == spdlog::level::warn    ? "warn"
                                  : message.level == spdlog::level::err   ? "error"
                                  : message.level == spdlog::level::debug ? "debug"
                                                                          : "info";
    out.append(name.data(), name.data() + name.size());
  }
  std::unique_ptr<custom_flag_formatter> clone() const override { return std::make_unique<LevelName>(); }
};

std::optional<spdlog::level::level_enum> level_from(const std::string& name) {
  if (name == "debug") return spdlog::level::debug;
  if (name == "info") return spdlog::level::info;
  if (name == "warn") return spdlog::level::warn;
  if (name == "error") return spdlog::level::err;
  return std::nullopt;
}

std::optional<std::string> pattern_from(const std::string& format) {
  if (format == "logfmt") return "ts=%Y-%m-%dT%H:%M:%S.%eZ level=%* msg=\"%@\"";
  if (format == "json") return R"({"ts":"%Y-%m-%dT%H:%M:%S.%eZ","level":"%*","msg":"%@"})";
  return std::nullopt;
}

}  // namespace

Result<void> check_log_level(const std::string& level) {
  if (level_from(level)) return {};
  return fail("log level '" + level + "' is unknown; choose debug, info, warn or error");
}

void set_log_level(const std::string& level) {
  if (const auto wanted = level_from(level)) spdlog::default_logger_raw()->set_level(*wanted);
}

Result<void> set_up_log(const std::string& level, const std::string& format) {
  const auto wanted_level = level_from(level);
  if (auto fine = check_log_level(level); !fine) return fine;
  const auto pattern = pattern_from(format);
  if (!pattern) return fail("log format '" + format + "' is unknown; choose logfmt or json");
  auto formatter = std::make_unique<spdlog::pattern_formatter>(spdlog::pattern_time_type::utc);
  formatter->add_flag<LevelName>('*').add_flag<EscapedMessage>('@').set_pattern(*pattern);
  auto logger = std::make_shared<spdlog::logger>("plimsoll", std::make_shared<spdlog::sinks::stderr_sink_mt>());
  logger->set_formatter(std::move(formatter));
  logger->set_level(*wanted_level);
  logger->flush_on(spdlog::level::debug);
  spdlog::set_default_logger(std::move(logger));
  return {};
}

// The message is an argument and never the format string: it may contain braces.
void log_debug(const std::string& message) { spdlog::debug("{}", message); }
void log_info(const std::string& message) { spdlog::info("{}", message); }
void log_warn(const std::string& message) { spdlog::warn("{}", message); }
void log_error(const std::string& message) { spdlog::error("{}", message); }

}  // namespace plimsoll
