// SPDX-License-Identifier: Apache-2.0
// plimsoll healthcheck: for container engines, whose health checks are programs; the image has no other one to ask with.
#include <cstdio>
#include <cstdlib>

#include "agent/cli/options.h"
#include "agent/command.h"
#include "base/text.h"
#include "exporter/remote_write/http_status.h"

namespace plimsoll::agent {
namespace {

constexpr const char* kDefault = "http://127.0.0.1:1876/healthz";
constexpr const char* kVariable = "PLIMSOLL_HEALTHCHECK_URL";
constexpr uint64_t kLongestWait = 3600;

int complain_about(const std::string& what, int code) {
  std::fprintf(stderr, "plimsoll healthcheck: %s\n", what.c_str());
  return code;
}

std::string chosen_url(const std::vector<std::string>& words) {
  if (!words.empty()) return words.front();
  const char* const variable = std::getenv(kVariable);
  return variable != nullptr && *variable != '\0' ? variable : kDefault;
}

// An agent that wants a password is one that serves.
bool is_healthy(int status) { return (status >= 200 && status < 300) || status == 401; }

}  // namespace

int healthcheck_command(const GlobalOptions& globals, const std::vector<std::string>& arguments) {
  std::vector<std::string> words;
  std::string seconds = "5";
  Options options("healthcheck", "[OPTIONS] [URL]",
                  "Asks an agent whether it serves: exit code 0 when it does, 1 when not. URL is http://, https:// or "
                  "unix:/PATH; without it PLIMSOLL_HEALTHCHECK_URL, else http://127.0.0.1:1876/healthz.");
  options.value("-t,--timeout", seconds, "SECONDS", "How long to wait for the answer (default 5)");
  options.words(words, 0);
  if (auto code = options.parse(arguments, globals.describe)) return *code;
  if (words.size() > 1) return complain_about("takes one URL", 2);
  const auto wait = parse_u64(seconds);
  if (!wait || *wait == 0 || *wait > kLongestWait) return complain_about("--timeout takes seconds from 1 to 3600", 2);
  const std::string url = chosen_url(words);
  const auto status = exporter::http_status(url, std::chrono::seconds(*wait));
  if (!status) return complain_about(url + ": " + status.error().message(), 1);
  if (!is_healthy(*status)) return complain_about(url + ": answered " + std::to_string(*status), 1);
  return 0;
}

}  // namespace plimsoll::agent
