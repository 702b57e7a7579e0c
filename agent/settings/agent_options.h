// SPDX-License-Identifier: Apache-2.0
// The command line of `plimsoll agent`, and the file that it may name (config_file.h).
#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/confine/confine.h"
#include "agent/filter/rules.h"
#include "agent/manual/text.h"
#include "agent/settings/host_flags.h"
#include "agent/settings/web_limits.h"
#include "base/os.h"
#include "base/result.h"
#include "collectors/container/collector.h"
#include "exporter/remote_write/config.h"

namespace plimsoll::agent {

// What the container collector does when nothing is said: its own defaults, and a bound of series.
collectors::container::Options container_defaults();

struct AgentOptions {
  std::vector<std::string> listen_addresses = {"0.0.0.0:1876"};
  std::string route_prefix;               // "" or "/a/b": stands before every path
  std::string metrics_path = "/metrics";  // below the prefix; the two halves are below it
  WebLimits web;
  std::chrono::nanoseconds timeout_offset = std::chrono::milliseconds(500);  // see deadline.h
  bool compress = true;                                                      // answer in gzip to those who take it
  bool openmetrics_created = false;                                          // see exporter::EncodeOptions::created
  std::string web_config_file;    // exporter/access/web_config.h; "": plain HTTP for everybody
  bool web_config_check = false;  // say whether it is fine, and end
  bool lifecycle = false;         // POST /-/reload
  bool own_metrics = true;        // the agent's own on the page of everything
  RuleWords rules;                // in order
  std::string config_file;
  std::vector<exporter::RemoteWriteConfig> remote_write;
  HostRoots roots;
  SecurityOptions security;
  std::string log_level = "info";
  std::string log_format = "logfmt";
  HostOptions host;
  collectors::container::Options containers = container_defaults();  // all but the roots
  std::vector<std::string> notices;                                  // for the log: accepted, but without effect
};

struct ParsedAgentOptions {
  AgentOptions options;
  std::map<std::string, std::vector<std::string>> given;  // flags and their values, of both places
  std::optional<std::string> help;                        // --help and the like was given: print this, start nothing
};

// `arguments` without the program's and the command's name. `table`: the host collectors. `defaults` is what holds when
// nothing is said. Go's spellings are taken too: -flag for --flag. Error: one line that names the word and the nearest
// flag or the values that are accepted; of something in the file, also the file and the line.
Result<ParsedAgentOptions> parse_agent_options(const std::vector<std::string>& arguments, HostTable table,
                                               const AgentOptions& defaults = {});

// What its manual page says: each flag but those that do nothing, the switches of host collectors among them.
CommandText agent_text(HostTable table, const AgentOptions& defaults = {});

// The flags that are accepted whatever they say and do nothing, with their dashes; AgentOptions::notices has the reason
// of each one that is given.
std::vector<std::string> flags_without_effect();

}  // namespace plimsoll::agent
