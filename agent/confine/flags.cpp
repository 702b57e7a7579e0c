// SPDX-License-Identifier: Apache-2.0
#include "agent/confine/flags.h"

#include <CLI/CLI.hpp>
#include <string_view>

#include "base/text.h"

namespace plimsoll::agent {
namespace {

constexpr const char* kGroup = "Security";
constexpr const char* kKeep = "--security.keep-capabilities";

Result<void> add_kept(std::string_view name, SecurityOptions& options) {
  if (name == "all") {
    options.keep_all = true;
    return {};
  }
  const auto capability = capability_named(name);
  if (!capability)
    return fail(std::string(kKeep) + ": '" + std::string(name) +
                "' is no capability; write such as CAP_SYS_ADMIN, or all");
  options.keep |= bit_of(*capability);
  return {};
}

}  // namespace

void declare_security_flags(CLI::App& app, SecurityWords& words) {
  app.add_option(kKeep, words.keep, "Capabilities to keep beside those that the metrics need; all gives none up")
      ->type_name("LIST")
      ->allow_extra_args(false)
      ->group(kGroup);
  app.add_flag("--security.seccomp", words.filter,
               "The kernel refuses system calls that the agent has no use for; =false: it refuses none")
      ->take_last()
      ->group(kGroup);
}

Result<SecurityOptions> security_options(const SecurityWords& words) {
  SecurityOptions options;
  options.filter = words.filter;
  for (const std::string& list : words.keep) {
    std::string_view rest = list;
    while (!rest.empty()) {
      if (auto added = add_kept(trim(take(rest, ',')), options); !added) return unexpected(added.error());
    }
  }
  return options;
}

}  // namespace plimsoll::agent
