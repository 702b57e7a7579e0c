// SPDX-License-Identifier: Apache-2.0
#include "agent/settings/web_limits.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cctype>

#include "base/text.h"

namespace plimsoll::agent {
namespace {

constexpr uint64_t kMostConnections = 1024;  // a thread each
constexpr size_t kMostScrapes = 40;
constexpr size_t kConnectionsForOthers = 4;  // so that slow collections leave /healthz a thread

size_t default_requests(size_t connections) {
  if (connections <= kConnectionsForOthers) return 1;
  return std::min(kMostScrapes, connections - kConnectionsForOthers);
}

Result<void> read_number(const char* flag, const std::string& word, uint64_t least, uint64_t most, size_t& number) {
  if (word.empty()) return {};
  const auto value = parse_u64(word);
  if (!value || *value < least || *value > most)
    return fail(std::string(flag) + ": '" + word + "' is no number from " + std::to_string(least) + " to " +
                std::to_string(most));
  number = *value;
  return {};
}

// "http://host:80/a/b/" to "/a/b". The rest of the address is where a browser already is.
Result<std::string> external_path(const std::string& url) {
  constexpr const char* kFlag = "--web.external-url";
  std::string_view rest = url;
  const bool web = rest.starts_with("http://") || rest.starts_with("https://");
  rest.remove_prefix(web ? rest.find("//") + 2 : 0);
  const size_t slash = std::min(rest.find('/'), rest.size());
  const bool odd = rest.find_first_of("?#\"'@ ") != std::string_view::npos;
  if (!web || slash == 0 || odd)
    return fail(std::string(kFlag) + ": '" + url + "' is no address such as https://example.org/plimsoll/");
  return checked_path(kFlag, std::string(rest.substr(slash)));
}

}  // namespace

void declare_web_limits(CLI::App& app, WebWords& words) {
  const auto text = [&](const char* name, std::string& value, const char* type, const char* what, const char* shown) {
    app.add_option(name, value, what)->type_name(type)->default_str(shown)->take_last()->group("Web");
  };
  text("--web.max-requests", words.requests, "N", "Scrapes at once; more are answered 503; 0 is no bound",
       "40, at most 4 less than connections");
  text("--web.max-connections", words.connections, "N", "Connections at once, of all clients", "24");
  text("--web.max-connections-per-client", words.per_client, "N", "Connections at once of one address", "half of them");
  text("--web.external-url", words.external_url, "URL",
       "Where clients see this agent, behind a proxy; its path is the default of --web.route-prefix", "");
  app.add_flag("--web.keep-alive", words.keep_alive, "Let several requests share a connection; each holds a thread")
      ->take_last()
      ->group("Web");
}

Result<WebLimits> web_limits(const WebWords& words, const WebLimits& defaults) {
  WebLimits limits = defaults;
  limits.keep_alive = words.keep_alive;
  constexpr const char* kAll = "--web.max-connections";
  if (auto fine = read_number(kAll, words.connections, 1, kMostConnections, limits.connections); !fine)
    return unexpected(fine.error());
  if (words.requests.empty()) limits.requests = default_requests(limits.connections);
  if (auto fine = read_number("--web.max-requests", words.requests, 0, UINT32_MAX, limits.requests); !fine)
    return unexpected(fine.error());
  constexpr const char* kOne = "--web.max-connections-per-client";
  if (words.per_client.empty()) limits.per_client = std::max<size_t>(1, limits.connections / 2);
  if (auto fine = read_number(kOne, words.per_client, 1, limits.connections, limits.per_client); !fine)
    return unexpected(fine.error());
  if (words.external_url.empty()) return limits;
  auto path = external_path(words.external_url);
  if (!path) return unexpected(path.error());
  limits.external_path = std::move(*path);
  return limits;
}

Result<std::string> checked_path(const std::string& flag, std::string path) {
  constexpr std::string_view kPlain = "-._~/!$()*+,;=:@";
  while (path.ends_with('/')) path.pop_back();
  if (!path.empty() && path.front() != '/') path.insert(0, "/");
  const bool plain = std::all_of(path.begin(), path.end(), [&](unsigned char c) {
    return (c < 0x80 && std::isalnum(c) != 0) || kPlain.find(static_cast<char>(c)) != std::string_view::npos;
  });
  const std::string inside = path + "/";
  const bool steps = inside.find("/./") != std::string::npos || inside.find("/../") != std::string::npos;
  if (!plain || steps || inside.find("//") < path.size())
    return fail(flag + ": '" + path + "' is no path of letters, digits and " + std::string(kPlain));
  return path;
}

}  // namespace plimsoll::agent
