// SPDX-License-Identifier: Apache-2.0
#include "agent/settings/agent_options.h"

#include <CLI/CLI.hpp>
#include <set>

#include "agent/confine/flags.h"
#include "agent/manual/from_cli11.h"
#include "agent/settings/cadvisor_flags.h"
#include "agent/settings/config_file.h"
#include "agent/settings/container_flags.h"
#include "agent/settings/flag_words.h"
#include "agent/settings/rule_flags.h"
#include "base/log.h"
#include "base/text.h"

namespace plimsoll::agent {
namespace {

constexpr const char* kGomaxprocs = "--runtime.gomaxprocs";

// What CLI11 fills in, before it is checked.
struct Raw {
  AgentOptions options;
  ContainerWords containers;
  SecurityWords security;
  RuleFlagWords rules;
  WebWords web;
  std::string port, listen_ip, timeout_offset, gomaxprocs;
  bool version = false, cadvisor_help = false, no_own_metrics = false, no_compression = false;
  HostWords host;
};

void declare_paths(CLI::App& app, Raw& raw) {
  HostRoots& roots = raw.options.roots;
  const auto path = [&](const char* name, std::string& value, const char* what) {
    app.add_option(name, value, what)->type_name("DIR")->capture_default_str()->group("Paths");
  };
  path("--path.procfs", roots.proc, "Where the host's /proc is mounted");
  path("--path.sysfs", roots.sys, "Where the host's /sys is mounted");
  path("--path.cgroupfs", roots.cgroup, "Where the host's cgroup hierarchies are mounted");
  path("--path.rootfs", roots.rootfs, "Where the host's root file system is mounted");
  app.add_option("--path.udev.data", roots.udev_data, "Where the host's udev keeps its records of devices")
      ->type_name("DIR")
      ->default_str("run/udev/data below the host's root")
      ->take_last()
      ->group("Paths");
}

void declare_footer(CLI::App& app, HostTable table) {
  app.footer(kinds_help() + "\n" + host_collectors_help(table) +
             "\nA flag may also be written -flag; one that is on or off takes =true and =false.\n"
             "Of cAdvisor's flags those that mean nothing here are accepted too: see --help-cadvisor.");
}

void declare_web(CLI::App& app, Raw& raw) {
  constexpr const char* kGroup = "Web";
  const auto text = [&](const char* names, std::string& value, const char* type, const char* what) {
    return app.add_option(names, value, what)->type_name(type)->take_last()->group(kGroup);
  };
  app.add_option("--web.listen-address", raw.options.listen_addresses,
                 "Where to serve, HOST:PORT or unix:/PATH; may be repeated; :PORT is every address, port 0 a free one")
      ->type_name("ADDRESS")
      ->allow_extra_args(false)
      ->capture_default_str()
      ->group(kGroup);
  text("--port", raw.port, "PORT", "cAdvisor's way to say where: this port of --listen_ip");
  text("--listen_ip", raw.listen_ip, "IP", "The same: this address; every one unless given");
  text("--web.route-prefix,--url_base_prefix", raw.options.route_prefix, "PATH", "What stands before every path");
  text("--web.telemetry-path,--prometheus_endpoint", raw.options.metrics_path, "PATH", "Path of the metrics")
      ->capture_default_str();
  text("--web.config.file", raw.options.web_config_file, "FILE",
       "TLS, users and limits, as Prometheus' exporters have it");
  app.add_flag("--web.config.check", raw.options.web_config_check, "Say whether that file is fine, and exit")
      ->take_last()
      ->group(kGroup);
  declare_web_limits(app, raw.web);
  app.add_flag("--web.disable-exporter-metrics", raw.no_own_metrics, "Leave out the metrics about this agent itself")
      ->take_last()
      ->group(kGroup);
  app.add_flag("--web.disable-compression", raw.no_compression, "Never answer in gzip, which costs more than the rest")
      ->take_last()
      ->group(kGroup);
  app.add_flag("--web.openmetrics-created", raw.options.openmetrics_created,
               "Show in OpenMetrics since when a container's counters count; doubles their series")
      ->take_last()
      ->group(kGroup);
  app.add_flag("--web.enable-lifecycle", raw.options.lifecycle, "Let POST /-/reload read the configuration again")
      ->take_last()
      ->group(kGroup);
  app.add_option(kGomaxprocs, raw.gomaxprocs)->group("");  // node_exporter's
  text("--scrape.timeout-offset", raw.timeout_offset, "DURATION",
       "Slow parts end this long before Prometheus stops waiting")
      ->default_str("0.5s");
}

void declare_log(CLI::App& app, Raw& raw) {
  const auto text = [&](const char* name, std::string& value, const char* type, const char* what) {
    app.add_option(name, value, what)->type_name(type)->capture_default_str()->take_last()->group("Log");
  };
  text("--log.level", raw.options.log_level, "debug|info|warn|error", "The least important lines to write");
  text("--log.format", raw.options.log_format, "logfmt|json", "How they are written");
}

// CLI11 shows how a switch is turned off beside each of them; the help says it once.
class Formatter : public CLI::Formatter {
 public:
  std::string make_option_name(const CLI::Option* option, bool is_positional) const override {
    const std::string name = CLI::Formatter::make_option_name(option, is_positional);
    return name.substr(0, name.find(",--no-"));
  }
};

void declare(CLI::App& app, Raw& raw, HostTable table) {
  app.name("plimsoll agent");
  app.allow_extras();
  app.formatter(std::make_shared<Formatter>());
  app.get_formatter()->column_width(36);
  app.add_flag("--version", raw.version, "Print the version and exit");
  app.add_option("--config.file", raw.options.config_file, "YAML with these flags by their names; those given here win")
      ->type_name("FILE")
      ->take_last();
  app.add_flag("--help-cadvisor", raw.cadvisor_help, "Print what becomes of cAdvisor's flags and exit");
  declare_web(app, raw);
  declare_log(app, raw);
  declare_paths(app, raw);
  declare_security_flags(app, raw.security);
  declare_container_flags(app, raw.containers);
  declare_rule_flags(app, raw.rules);
  declare_cadvisor_flags(app);
  declare_host_flags(app, raw.host, table);
  declare_footer(app, table);
}

// Routes are compared byte by byte.
Result<void> check_paths(const CLI::App& app, AgentOptions& options) {
  if (app.get_option("--web.route-prefix")->count() == 0 && options.web.external_path)
    options.route_prefix = *options.web.external_path;
  auto prefix = checked_path("--web.route-prefix", options.route_prefix);
  if (!prefix) return unexpected(prefix.error());
  auto metrics = checked_path("--web.telemetry-path", options.metrics_path);
  if (!metrics) return unexpected(metrics.error());
  for (const std::string_view taken : {"", "/healthz", "/-/healthy", "/-/ready", "/-/reload"}) {
    if (*metrics == taken)
      return fail("--web.telemetry-path: '" + options.metrics_path + "' is another page; choose such as /metrics");
  }
  options.route_prefix = std::move(*prefix);
  options.metrics_path = std::move(*metrics);
  return {};
}

// --port and --listen_ip make one address.
Result<void> apply_port(const CLI::App& app, const Raw& raw, AgentOptions& options) {
  const bool port_given = app.get_option("--port")->count() > 0, ip_given = app.get_option("--listen_ip")->count() > 0;
  if (!port_given && !ip_given) return {};
  if (app.get_option("--web.listen-address")->count() > 0)
    return fail(std::string(port_given ? "--port" : "--listen_ip") +
                " says where to serve, and so does --web.listen-address; give only one of them");
  const std::string port = port_given ? raw.port : "1876";
  const auto number = parse_u64(port);
  if (!number || *number > 65535) return fail("--port: '" + port + "' is no number from 0 to 65535");
  const bool brackets = raw.listen_ip.find(':') != std::string::npos && !raw.listen_ip.starts_with('[');
  options.listen_addresses = {(brackets ? "[" + raw.listen_ip + "]" : raw.listen_ip) + ":" + port};
  return {};
}

Result<AgentOptions> checked(const CLI::App& app, Raw raw) {
  AgentOptions& options = raw.options;
  if (!raw.timeout_offset.empty()) {
    const auto offset = parse_duration(raw.timeout_offset);
    if (!offset) return fail("--scrape.timeout-offset: '" + raw.timeout_offset + "' is no duration; write 0.5s");
    options.timeout_offset = *offset;
  }
  if (auto fine = check_log_level(options.log_level); !fine) return fail("--log.level: " + fine.error().message());
  auto web = web_limits(raw.web, options.web);
  if (!web) return unexpected(web.error());
  options.web = std::move(*web);
  if (auto fine = check_paths(app, options); !fine) return unexpected(fine.error());
  if (auto fine = apply_port(app, raw, options); !fine) return unexpected(fine.error());
  auto containers = container_options(app, raw.containers, options.notices);
  if (!containers) return unexpected(containers.error());
  options.containers = std::move(*containers);
  const auto security = security_options(raw.security);
  if (!security) return unexpected(security.error());
  options.security = *security;
  if (auto fine = apply_rule_flags(raw.rules, options.containers.labels); !fine) return unexpected(fine.error());
  options.rules = raw.rules.rules;
  const auto notices = cadvisor_notices(app);
  if (!notices) return unexpected(notices.error());
  options.notices.insert(options.notices.end(), notices->begin(), notices->end());
  if (!raw.gomaxprocs.empty())
    options.notices.push_back(std::string(kGomaxprocs) + " has no effect: one thread collects");
  options.own_metrics = !raw.no_own_metrics;
  options.compress = !raw.no_compression;
  if (options.web_config_check && options.web_config_file.empty())
    return fail("--web.config.check: which file? Give --web.config.file too");
  auto host = host_options(app, raw.host);
  if (!host) return unexpected(host.error());
  options.host = std::move(*host);
  return std::move(options);
}

// One parsing. CLI11 keeps pointers into it.
class CommandLine {
 public:
  CommandLine(HostTable table, const AgentOptions& defaults)
      : app("Serves metrics of this host and its containers to Prometheus."), table_(table) {
    raw.options = defaults;
    raw.containers.options = defaults.containers;
  }
  CommandLine(const CommandLine&) = delete;
  CommandLine& operator=(const CommandLine&) = delete;

  Result<void> parse(std::vector<std::string> words) {
    try {
      declare(app, raw, table_);
      if (auto fine = check_switches(app, words); !fine) return fine;
      if (auto fine = check_values(app, words); !fine) return fine;
      app.parse(in_cli11_order(words));
    } catch (const CLI::CallForHelp&) {
      help = app.help();
      return {};
    } catch (const CLI::Error& error) {
      return fail(one_line(error.what()));
    }
    if (const auto extras = app.remaining(); !extras.empty()) return unknown_word(app, extras.front());
    if (raw.version) help = "plimsoll " PLIMSOLL_VERSION "\n";
    if (raw.cadvisor_help) help = cadvisor_help();
    return {};
  }

  Result<ParsedAgentOptions> result() const {
    auto options = checked(app, raw);
    if (!options) return unexpected(options.error());
    ParsedAgentOptions parsed{std::move(*options), {}, std::nullopt};
    for (const CLI::Option* option : app.get_options()) {
      if (option->count() > 0) parsed.given["--" + flag_name(*option)] = option->results();
    }
    return parsed;
  }

  CLI::App app;
  Raw raw;
  std::optional<std::string> help;

 private:
  HostTable table_;
};

// What a configuration file may hold: every flag that is not about the call itself.
KnownFlags known_flags(const CLI::App& app) {
  KnownFlags known;
  for (const CLI::Option* option : app.get_options()) {
    const std::string name = flag_name(*option);
    if (name == "help" || name == "version" || name == "help-cadvisor" || name == "config.file") continue;
    const FlagShape shape = option->get_expected_max() == 0   ? FlagShape::kSwitch
                            : option->get_expected_max() == 1 ? FlagShape::kOne
                                                              : FlagShape::kMany;
    for (const std::string& each : option->get_lnames()) {
      if (!each.starts_with("no-")) known[each] = {name, shape};
    }
  }
  return known;
}

// What a flag is about. Several may be about the same thing, so that one of them on the command line replaces each
// of them in the file.
std::string subject(const HostWords& host, const std::string& flag) {
  if (flag == "port" || flag == "listen_ip") return "web.listen-address";
  if (flag == "disable_metrics") return "enable_metrics";
  const std::string shared = host_subject(host, flag);
  return shared.empty() ? flag : shared;
}

// The file's settings that the command line does not replace, and then its own words.
std::vector<std::string> with_settings(const ConfigFile& file, const CommandLine& line,
                                       const std::vector<std::string>& words) {
  std::set<std::string> said;
  for (const CLI::Option* option : line.app.get_options()) {
    if (option->count() > 0) said.insert(subject(line.raw.host, flag_name(*option)));
  }
  std::vector<std::string> all;
  for (const ConfigSetting& setting : file.settings) {
    if (said.contains(subject(line.raw.host, setting.flag))) continue;
    for (const std::string& value : setting.values) all.push_back("--" + setting.flag + "=" + value);
  }
  all.insert(all.end(), words.begin(), words.end());
  return all;
}

// A complaint about a flag that stands in the file names its place there.
Error located(const Error& error, const std::string& path, const ConfigFile& file) {
  const std::string message = error.message();
  for (const ConfigSetting& setting : file.settings) {
    const std::string flag = "--" + setting.flag;
    if (!message.starts_with(flag + ":") && !message.starts_with(flag + " ")) continue;
    return invalid(path + ": line " + std::to_string(setting.line) + ": " + setting.key + message.substr(flag.size()));
  }
  return error;
}

}  // namespace

Result<ParsedAgentOptions> parse_agent_options(const std::vector<std::string>& arguments, HostTable table,
                                               const AgentOptions& defaults) {
  const std::vector<std::string> words = without_go_spelling(arguments);
  CommandLine line(table, defaults);
  if (auto parsed = line.parse(words); !parsed) return unexpected(parsed.error());
  if (line.help) return ParsedAgentOptions{defaults, {}, std::move(line.help)};
  const std::string& path = line.raw.options.config_file;
  if (path.empty()) return line.result();
  const auto text = read_file(path);
  if (!text) return fail("--config.file: cannot read " + text.error().message());
  auto file = parse_config_file(*text, known_flags(line.app));
  if (!file) return unexpected(file.error().within(path));
  CommandLine both(table, defaults);
  auto receivers = exporter::parse_remote_write(file->remote_write);
  if (!receivers) return unexpected(receivers.error().within(path));
  both.raw.options.remote_write = std::move(*receivers);
  const auto parsed = both.parse(with_settings(*file, line, words));
  auto result = parsed ? both.result() : Result<ParsedAgentOptions>(unexpected(parsed.error()));
  if (!result) return unexpected(located(result.error(), path, *file));
  return result;
}

CommandText agent_text(HostTable table, const AgentOptions& defaults) {
  CommandLine line(table, defaults);
  declare(line.app, line.raw, table);
  CommandText text;
  text.arguments = "[OPTIONS]";
  text.description = line.app.get_description();
  text.options = option_texts(line.app);
  const auto switches = collector_texts(table);
  text.options.insert(text.options.end(), switches.begin(), switches.end());
  text.notes = kinds_help();
  return text;
}

std::vector<std::string> flags_without_effect() {
  std::vector<std::string> flags = cadvisor_flags_without_effect();
  flags.emplace_back(kGomaxprocs);
  return flags;
}

}  // namespace plimsoll::agent
