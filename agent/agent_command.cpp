// SPDX-License-Identifier: Apache-2.0
// plimsoll agent: puts collectors, exporter and options together, and waits for the end.
#include <malloc.h>
#include <netinet/in.h>
#include <sys/utsname.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <optional>

#include "agent/command.h"
#include "agent/confine/confine.h"
#include "agent/deadline.h"
#include "agent/descriptors.h"
#include "agent/ending.h"
#include "agent/live_parts.h"
#include "agent/reload.h"
#include "agent/remote_writer.h"
#include "agent/routes.h"
#include "agent/scraper.h"
#include "agent/self_metrics.h"
#include "agent/service_manager.h"
#include "agent/settings/agent_options.h"
#include "base/cgroup/layout.h"
#include "base/log.h"
#include "base/text.h"
#include "collectors/container/collector.h"
#include "collectors/host/table.h"
#include "exporter/access/web_guard.h"
#include "exporter/http/server.h"

namespace plimsoll::agent {
namespace {

int complain(const Error& error, int exit_code) {
  std::fprintf(stderr, "plimsoll agent: %s\n", error.message().c_str());
  return exit_code;
}

Collectors make_host_collectors(const HostRoots& roots, const HostOptions& options) {
  Collectors list;
  collectors::host::Setup setup(roots, options.flags);
  for (const auto* entry : options.collectors) {
    setup.requested = options.requested.contains(entry->name);
    list.push_back(entry->make(setup));
  }
  return list;
}

collectors::container::Options container_options(const GlobalOptions& globals, const AgentOptions& options) {
  collectors::container::Options wanted = options.containers;
  wanted.roots = options.roots;
  wanted.engines.paths.own = globals.roots;
  wanted.reserved_descriptors = reserved_descriptors(options.web.connections);
  return wanted;
}

// `made`: the collector of containers.
Result<Collectors> make_container_collectors(const AgentOptions& options, collectors::container::Options wanted,
                                             collectors::container::Privileged opened,
                                             collectors::container::Containers** made) {
  auto containers = collectors::container::make_container_collector(std::move(wanted), std::move(opened));
  if (!containers) return unexpected(containers.error());
  Collectors list;
  *made = containers->get();
  list.push_back(std::move(*containers));
  list.push_back(collectors::container::make_machine_collector(options.roots, options.containers.kinds));
  return list;
}

Result<void> check_proc(const HostRoots& roots) {
  auto text = read_file(roots.proc + "/stat");
  if (text) return {};
  return unexpected(
      Error{0, "cannot read " + text.error().message() + "; --path.procfs must name the mounted /proc of the host"});
}

std::string mode_name(const HostRoots& roots) {
  const auto layout = cgroup::detect_layout(roots.cgroup);
  if (!layout) return "none";
  return layout->mode == cgroup::Mode::kV2 ? "v2" : layout->mode == cgroup::Mode::kV1 ? "v1" : "hybrid";
}

void announce(const AgentOptions& options, const std::vector<std::string>& addresses, bool tls) {
  const std::string scheme = tls ? "https://" : "http://";
  for (const std::string& notice : options.notices) log_info(notice);
  log_info("plimsoll " PLIMSOLL_VERSION " started, cgroup mode " + mode_name(options.roots));
  for (size_t i = 0; i < addresses.size(); ++i) {
    const bool plain = options.listen_addresses[i].starts_with("unix:");
    log_info("listening on " + (plain ? addresses[i] + " below " + options.route_prefix + "/"
                                      : scheme + addresses[i] + options.route_prefix));
    // A script that asked for any free port reads it from stdout, whatever the log is set to.
    if (options.listen_addresses[i].ends_with(":0")) std::printf("%s%s\n", scheme.c_str(), addresses[i].c_str());
  }
  std::fflush(stdout);
}

Error with_remedy(const Error& error) {
  // Another user's directory: root without CAP_DAC_OVERRIDE is a user like any other.
  if (error.code == EACCES && error.message().find("unix:") != std::string::npos)
    return invalid(error.message() +
                   "; choose a directory of this user, or add "
                   "--security.keep-capabilities=CAP_DAC_OVERRIDE");
  return invalid(error.message() + "; choose another address with --web.listen-address");
}

// Each thread that serves would otherwise get a heap of its own, of which most is never used again.
void share_heaps() {
  constexpr int kHeaps = 2;
  ::mallopt(M_ARENA_MAX, kHeaps);
}

bool is_low_port(const std::string& address) {
  const auto port = parse_u64(std::string_view(address).substr(address.rfind(':') + 1));
  return port && *port != 0 && *port < IPPORT_RESERVED;
}

Wishes wishes_of(const AgentOptions& options) {
  Wishes wishes;
  wishes.kinds = options.containers.kinds;
  wishes.low_port = std::any_of(options.listen_addresses.begin(), options.listen_addresses.end(), is_low_port);
  wishes.performance_counters = runs_perf(options.host);
  return wishes;
}

// Gives up what is needed no longer. A line for each thing that will not be seen.
Result<std::vector<std::string>> lock_in(const AgentOptions& options, const collectors::container::Options& containers,
                                         const collectors::container::Privileged& opened) {
  const bool fanotify = opened.events.source() == collectors::container::EventSource::kFanotify;
  auto lines = confine(wishes_of(options), options.security, {.file_handles = fanotify});
  if (!lines) return lines;
  for (const auto& more :
       {unopened_lines(containers, opened), unreadable_lines(containers.engines.paths.own.exited_dir())})
    lines->insert(lines->end(), more.begin(), more.end());
  return lines;
}

Error with_way_out(const Error& error) {
  return invalid(error.message() + "; --security.keep-capabilities=all leaves them as they are");
}

// Null without a file.
Result<std::unique_ptr<exporter::WebGuard>> make_guard(const AgentOptions& options) {
  if (options.web_config_file.empty()) return std::unique_ptr<exporter::WebGuard>();
  exporter::WebGuardOptions guard;
  guard.file = options.web_config_file;
  guard.warn = log_warn;
  guard.inform = log_info;
  return exporter::WebGuard::make(std::move(guard));
}

int check_web_config(const AgentOptions& options) {
  const auto guard = make_guard(options);
  if (!guard) return complain(guard.error().within("--web.config.file"), 1);
  std::printf("%s is fine\n", options.web_config_file.c_str());
  return 0;
}

// `options`, `self` and `guard` must outlive the server.
exporter::ServerOptions make_server_options(const AgentOptions& options, SelfMetrics& self, exporter::Guard* guard) {
  exporter::ServerOptions server;
  server.guard = guard;
  server.listen_addresses = options.listen_addresses;
  server.start_page = options.web.external_path.value_or(options.route_prefix) + "/";
  server.admission.connections = options.web.connections;
  server.admission.per_client = options.web.per_client;
  server.admission.on_dropped = [&self, told = std::make_shared<std::atomic<bool>>(false)](exporter::Dropped why) {
    self.count_dropped(exporter::dropped_name(why));
    if (why == exporter::Dropped::kNoDescriptor && !told->exchange(true))
      log_warn("no descriptor is left for new connections: they wait; raise the limit of open files (ulimit -n)");
  };
  server.keep_alive = options.web.keep_alive;
  server.answer_time = [](const exporter::Request& request) { return answer_time(request.header(kTimeoutHeader)); };
  server.on_response = [&options, &self](const std::string& route, int status) {
    self.count_request(route_name(options, route), status);
  };
  return server;
}

std::string host_name() {
  utsname names;
  return ::uname(&names) == 0 ? names.nodename : "localhost";
}

Result<std::shared_ptr<const Rules>> make_rules(const AgentOptions& options) {
  auto rules = Rules::parse(options.rules);
  if (!rules) return unexpected(rules.error());
  return std::shared_ptr<const Rules>(std::move(*rules));
}

void note(const Result<void>& told) {
  if (!told) log_warn(told.error().message());
}

// Until the end.
void attend(Ending& ending, Reloader& reloader, const std::string& serving) {
  const char* address = std::getenv("NOTIFY_SOCKET");
  const ServiceManager manager(address == nullptr ? "" : address);
  note(manager.ready(serving));
  while (ending.wait_for_hangup()) {
    note(manager.reloading());
    const auto reloaded = reloader.reload();  // the log has the reason, too
    note(manager.ready(reloaded ? serving : serving + "; the last reload failed: " + reloaded.error().message()));
  }
  note(manager.stopping());
}

// `parse`: reads command line and file once more.
int serve(const GlobalOptions& globals, const ParsedAgentOptions& parsed, Reloader::Parse parse) {
  const AgentOptions& options = parsed.options;
  share_heaps();
  Ending::block_signals();
  reap_as_init();
  const auto guard = make_guard(options);
  if (!guard) return complain(guard.error().within("--web.config.file"), 1);
  if (auto readable = check_proc(options.roots); !readable) return complain(readable.error(), 1);
  raise_descriptor_limit();
  if (auto enough = check_descriptor_limit(options.web.connections); !enough) return complain(enough.error(), 1);
  const auto rules = make_rules(options);
  if (!rules) return complain(rules.error(), 2);
  const auto wanted = container_options(globals, options);
  auto opened = collectors::container::open_privileged(wanted);
  const auto unseen = lock_in(options, wanted, opened);
  if (!unseen) return complain(with_way_out(unseen.error()), 1);
  std::optional<Ending> ending;  // gone after all that may hang
  Collectors host = make_host_collectors(options.roots, options.host);
  collectors::container::Containers* container_collector = nullptr;
  auto containers = make_container_collectors(options, wanted, std::move(opened), &container_collector);
  if (!containers) return complain(containers.error().within("--path.cgroupfs"), 1);
  ending.emplace();  // not before: threads made until now have the priority of the watch of ends
  const auto names = names_of(host, *containers);
  SelfMetrics self(options.roots, route_names(options), names);
  self.count_reload(true);
  Scraper scraper(std::move(host), std::move(*containers), self, log_warn, log_info, options.own_metrics);
  RemoteWriter remote_writer(scraper, {globals.roots.root + "/remote-write", host_name(), log_warn, log_info});
  self.add_source([&](MetricWriter& writer) { remote_writer.write(writer); });
  scraper.set_rules(*rules);
  LiveSettings live(options);
  Reloader reloader(std::move(parse), parsed.given, log_info, log_warn);
  reloader.on_reload([&](bool successful) { self.count_reload(successful); });
  add_live_parts(reloader, {scraper, live, *container_collector,
                            [&](const AgentOptions& next) { return make_host_collectors(options.roots, next.host); },
                            runs_perf(options.host)});
  add_notices(reloader, options.notices, log_info);
  add_remote_writer(reloader, remote_writer);
  add_guard(reloader, guard->get());
  const Served served{scraper, self, live, [&] { return reloader.reload(); }};
  const auto server_options = make_server_options(options, self, guard->get());
  auto server = exporter::Server::start(server_options, make_routes(options, served));
  if (!server) return complain(with_remedy(server.error()), 1);
  for (const std::string& line : *unseen) log_warn(line);
  if (auto started = remote_writer.replace(options.remote_write); !started) return complain(started.error(), 1);
  announce(options, (*server)->addresses(), (*server)->has_tls());
  scraper.all();  // says at once what is broken, and makes /-/ready true
  attend(*ending, reloader, "serving on " + (*server)->addresses().front());
  return 0;
}

}  // namespace

int agent_command(const GlobalOptions& globals, const std::vector<std::string>& arguments) {
  (void)use_permitted_capabilities().has_value();  // where that is forbidden, what is missing is said later
  AgentOptions defaults;
  defaults.roots.cgroup = globals.cgroup_root;
  if (globals.describe != nullptr) {
    *globals.describe = agent_text(collectors::host::table(), defaults);
    return 0;
  }
  const auto parse = [&] { return parse_agent_options(arguments, collectors::host::table(), defaults); };
  const auto parsed = parse();
  if (!parsed) return complain(parsed.error(), 2);
  if (parsed->help) {
    std::fputs(parsed->help->c_str(), stdout);
    return 0;
  }
  if (auto log = set_up_log(parsed->options.log_level, parsed->options.log_format); !log)
    return complain(log.error(), 2);
  if (parsed->options.web_config_check) return check_web_config(parsed->options);
  return serve(globals, *parsed, parse);
}

}  // namespace plimsoll::agent
