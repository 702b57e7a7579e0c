// SPDX-License-Identifier: Apache-2.0
// What the agent gives to its HTTP clients at most, the flags that say so, and under which address they see it.
#pragma once

#include <cstddef>
#include <optional>
#include <string>

#include "base/result.h"

namespace CLI {
class App;
}

namespace plimsoll::agent {

struct WebLimits {
  size_t requests = 20;     // scrapes answered at once; 0: as many as there are connections
  size_t connections = 24;  // at once, of all clients
  size_t per_client = 12;
  bool keep_alive = false;
  std::optional<std::string> external_path;  // of --web.external-url: "" or "/a/b"; what links begin with
};

// What the command line says; `external_url` and the numbers are checked by web_limits().
struct WebWords {
  std::string requests, connections, per_client, external_url;
  bool keep_alive = false;
};

// `words` must outlive the parsing of `app`.
void declare_web_limits(CLI::App& app, WebWords& words);

// Error: names the flag, the word and what is accepted.
Result<WebLimits> web_limits(const WebWords& words, const WebLimits& defaults = {});

// One spelling of the path that `flag` gave: "" or "/a/b". Error: it is no such path.
Result<std::string> checked_path(const std::string& flag, std::string path);

}  // namespace plimsoll::agent
