// SPDX-License-Identifier: Apache-2.0
// plimsoll agent: puts collectors, exporter and options together, and waits for the end.
#include <malloc.h>
#include <pthread.h>
#include <sys/resource.h>
#include <sys/utsname.h>

#include <csignal>
#include <cstdio>

#include "agent/agent_options.h"
#include "agent/command.h"
#include "agent/remote_config.h"
#include "agent/remote_writer.h"
#include "agent/routes.h"
#include "agent/scraper.h"
#include "agent/self_metrics.h"
#include "base/cgroup/layout.h"
#include "base/log.h"
#include "collectors/container/collector.h"
#include "collectors/container/network.h"
#include "collectors/host/table.h"
#include "exporter/http/server.h"

namespace plimsoll::agent {
namespace {

int complain(const Error& error, int exit_code) {
  std::fprintf(stderr, "plimsoll agent: %s\n", error.message().c_str());
  return exit_code;
}

Collectors make_host_collectors(const AgentOptions& options) {
  Collectors list;
  collectors::host::Setup setup(options.roots, options.host.flags);
  for (const auto* entry : options.host.collectors) {
    setup.requested = options.host.requested.contains(entry->name);
    list.push_back(entry->make(setup));
  }
  return list;
}

// `route_socket`: see open_host_route_socket().
Result<Collectors> make_container_collectors(const GlobalOptions& globals, const AgentOptions& options,
                                             UniqueFd route_socket) {
  collectors::container::Options wanted = options.containers;
  wanted.roots = options.roots;
  wanted.engines.paths.own = globals.roots;
  auto containers = collectors::container::make_container_collector(std::move(wanted), std::move(route_socket));
  if (!containers) return unexpected(containers.error());
  Collectors list;
  list.push_back(std::move(*containers));
  list.push_back(collectors::container::make_machine_collector(options.roots, options.containers.kinds));
  return list;
}

// Kept descriptors of many containers need more than the usual soft limit of 1024.
void raise_descriptor_limit() {
  rlimit limit;
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == limit.rlim_max) return;
  limit.rlim_cur = limit.rlim_max;
  if (::setrlimit(RLIMIT_NOFILE, &limit) != 0)
    log_warn("the limit of open files stays at its soft value: " + errno_error("setrlimit").message());
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

void announce(const AgentOptions& options, const std::vector<std::string>& addresses) {
  for (const std::string& notice : options.notices) log_info(notice);
  log_info("plimsoll " PLIMSOLL_VERSION " started, cgroup mode " + mode_name(options.roots));
  for (size_t i = 0; i < addresses.size(); ++i) {
    log_info("listening on http://" + addresses[i] + options.route_prefix);
    // A script that asked for any free port reads it from stdout, whatever the log is set to.
    if (options.listen_addresses[i].ends_with(":0")) std::printf("http://%s\n", addresses[i].c_str());
  }
  std::fflush(stdout);
}

// Blocked before the first thread is made, so that every thread has them blocked and sigwait gets them.
sigset_t block_end_signals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  return signals;
}

void wait_for_end(const sigset_t& signals) {
  int received = 0;
  while (sigwait(&signals, &received) != 0) {
  }
  log_info(received == SIGTERM ? "ending on SIGTERM" : "ending on SIGINT");
}

Error with_remedy(const Error& error) {
  return invalid(error.message() + "; choose another address with --web.listen-address");
}

// Each thread that serves would otherwise get a heap of its own, of which most is never used again.
void share_heaps() {
  constexpr int kHeaps = 2;
  ::mallopt(M_ARENA_MAX, kHeaps);
}

std::string host_name() {
  utsname names;
  return ::uname(&names) == 0 ? names.nodename : "localhost";
}

int serve(const GlobalOptions& globals, const AgentOptions& options) {
  const auto receivers = read_remote_write(options.config_file);
  if (!receivers) return complain(receivers.error(), 2);
  share_heaps();
  const sigset_t signals = block_end_signals();
  if (auto readable = check_proc(options.roots); !readable) return complain(readable.error(), 1);
  raise_descriptor_limit();
  // It enters another network namespace for a moment: before anything starts a thread.
  UniqueFd route_socket;
  if (options.containers.kinds.has(collectors::container::Kind::kNetwork))
    route_socket = collectors::container::open_host_route_socket(options.roots.proc);
  Collectors host = make_host_collectors(options);
  auto containers = make_container_collectors(globals, options, std::move(route_socket));
  if (!containers) return complain(containers.error().within("--path.cgroupfs"), 1);
  const auto names = names_of(host, *containers);
  SelfMetrics self(options.roots, route_names(options), names);
  Scraper scraper(std::move(host), std::move(*containers), self, log_warn, log_info, options.own_metrics);
  RemoteWriter remote_writer(scraper, {globals.roots.root + "/remote-write", host_name(), log_warn, log_info});
  self.add([&](MetricWriter& writer) { remote_writer.write(writer); });
  exporter::ServerOptions server_options;
  server_options.listen_addresses = options.listen_addresses;
  server_options.start_page = options.route_prefix + "/";
  server_options.on_response = [&](const std::string& route, int status) {
    self.count_request(route_name(options, route), status);
  };
  auto server = exporter::Server::start(server_options, make_routes(options, scraper));
  if (!server) return complain(with_remedy(server.error()), 1);
  if (auto started = remote_writer.replace(*receivers); !started) return complain(started.error(), 1);
  announce(options, (*server)->addresses());
  scraper.all();  // says at once what is broken, and makes /-/ready true
  wait_for_end(signals);
  return 0;
}

}  // namespace

int agent_command(const GlobalOptions& globals, const std::vector<std::string>& arguments) {
  AgentOptions defaults;
  defaults.roots.cgroup = globals.cgroup_root;
  const auto parsed = parse_agent_options(arguments, collectors::host::table(), defaults);
  if (!parsed) return complain(parsed.error(), 2);
  if (parsed->help) {
    std::fputs(parsed->help->c_str(), stdout);
    return 0;
  }
  if (auto log = set_up_log(parsed->options.log_level, parsed->options.log_format); !log)
    return complain(log.error(), 2);
  return serve(globals, parsed->options);
}

}  // namespace plimsoll::agent
