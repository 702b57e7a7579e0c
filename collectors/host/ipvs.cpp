// SPDX-License-Identifier: Apache-2.0
// The IP virtual server of the agent's network namespace: /proc/net/ip_vs_stats has totals in its third line, and
// /proc/net/ip_vs each virtual service with its backends. Numbers are hexadecimal in the first file, decimal but
// for addresses and ports in the second:
//
//      Total Incoming Outgoing         Incoming         Outgoing
//      Conns  Packets  Packets            Bytes            Bytes
//    16AA370 E33656E5        0     51D8C8883AB3                0
//
//   Prot LocalAddress:Port Scheduler Flags
//     -> RemoteAddress:Port Forward Weight ActiveConn InActConn
//   TCP  [2620:0000:0000:0000:0000:0000:0000:0001]:0050 wlc
//     -> C0A85216:0CEA      Tunnel  100    248        2
//   FWM  10001000 wlc
//     -> C0A8321A:0CEA      Route   20     64         1
//
// ipvsadm(8), net/netfilter/ipvs/ip_vs_ctl.c
#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <map>
#include <string>
#include <vector>

#include "base/text.h"
#include "collectors/host/parts/kept_file.h"
#include "collectors/host/parts/net_text.h"
#include "collectors/host/parts/own_network.h"
#include "collectors/host/table.h"

namespace plimsoll::collectors::host {
namespace {

constexpr auto kCounter = MetricType::kCounter;
constexpr auto kGauge = MetricType::kGauge;

// In the file's order.
constexpr MetricDesc kTotals[] = {
    {"node_ipvs_connections_total", "Connections to virtual services.", kCounter},
    {"node_ipvs_incoming_packets_total", "Packets to virtual services.", kCounter},
    {"node_ipvs_outgoing_packets_total", "Packets from virtual services.", kCounter},
    {"node_ipvs_incoming_bytes_total", "Data to virtual services, in bytes.", kCounter},
    {"node_ipvs_outgoing_bytes_total", "Data from virtual services, in bytes.", kCounter},
};
constexpr size_t kTotalCount = std::size(kTotals);
constexpr MetricDesc kActive = {"node_ipvs_backend_connections_active", "Connections to backends that are open.",
                                kGauge};
constexpr MetricDesc kInactive = {"node_ipvs_backend_connections_inactive", "Connections to backends that are closing.",
                                  kGauge};
constexpr MetricDesc kWeight = {"node_ipvs_backend_weight", "Weights of backends, without unit.", kGauge};

constexpr std::string_view kLabels[] = {"local_address", "local_port", "remote_address",
                                        "remote_port",   "proto",      "local_mark"};
constexpr size_t kLabelCount = std::size(kLabels);

Result<void> check_labels(std::string_view value) {
  while (!value.empty()) {
    const std::string_view label = take(value, ',');
    if (label.empty() || std::find(std::begin(kLabels), std::end(kLabels), label) != std::end(kLabels)) continue;
    return fail(
        "must be a comma separated list of local_address, local_port, remote_address, remote_port, proto, local_mark");
  }
  return {};
}

constexpr Flag kBackendLabels = {
    "ipvs.backend-labels", FlagKind::kText, "local_address,local_port,remote_address,remote_port,proto,local_mark",
    "Labels of the backends' samples, comma separated; backends alike are added up", check_labels};

using Totals = std::array<uint64_t, kTotalCount>;

Result<Totals> parse_totals(std::string_view text) {
  const auto whole = check_whole(text);
  if (!whole) return unexpected(whole.error());
  take(text, '\n');
  take(text, '\n');
  std::string_view line = take(text, '\n');
  Totals totals;
  for (uint64_t& total : totals) {
    const auto number = parse_hex(take_field(line));
    if (!number) return fail("no five hexadecimal numbers in the third line");
    total = *number;
  }
  return totals;
}

// By kLabels.
using LabelValues = std::array<std::string, kLabelCount>;
enum Label : size_t { kLocalAddress, kLocalPort, kRemoteAddress, kRemotePort, kProto, kLocalMark };

struct Backend {
  uint64_t active = 0, inactive = 0, weight = 0;
};

// "C0A80016:0CEA" or "[2620:0000:0000:0000:0000:0000:0000:0001]:0050" as two labels. False for anything else.
bool read_address(std::string_view text, std::string& address, std::string& port) {
  constexpr size_t kPortDigits = 4;
  const size_t colon = text.rfind(':');
  if (colon == std::string_view::npos || text.size() - colon - 1 != kPortDigits) return false;
  const auto number = parse_hex(text.substr(colon + 1));
  if (!number) return false;
  port = std::to_string(*number);
  const std::string_view host = text.substr(0, colon);
  if (host.starts_with('[') && host.ends_with(']')) {
    char bytes[sizeof(in6_addr)];
    if (::inet_pton(AF_INET6, std::string(host.substr(1, host.size() - 2)).c_str(), bytes) != 1) return false;
    address = ip_text({bytes, sizeof bytes});
    return true;
  }
  const auto ipv4 = parse_hex(host);
  if (!ipv4 || host.size() != 2 * sizeof(uint32_t)) return false;
  const uint32_t bytes = htonl(static_cast<uint32_t>(*ipv4));
  address = ip_text({reinterpret_cast<const char*>(&bytes), sizeof bytes});
  return true;
}

// A line "TCP  C0A80016:0CEA wlc" or "FWM  10001000 wlc".
Result<void> read_service(std::string_view proto, std::string_view line, LabelValues& labels) {
  labels = {};
  labels[kProto] = proto;
  const std::string_view what = take_field(line);
  if (proto == "FWM" && !what.empty()) {
    labels[kLocalMark] = what;
    labels[kLocalPort] = "0";
    return {};
  }
  if (!read_address(what, labels[kLocalAddress], labels[kLocalPort])) return fail("no address of a virtual service");
  return {};
}

// A line "-> C0A85216:0CEA Tunnel 100 248 2", behind the arrow.
Result<Backend> read_backend(std::string_view line, LabelValues& labels) {
  if (!read_address(take_field(line), labels[kRemoteAddress], labels[kRemotePort]))
    return fail("no address of a backend");
  take_field(line);  // how packets are forwarded
  const auto weight = parse_u64(take_field(line));
  const auto active = parse_u64(take_field(line));
  const auto inactive = parse_u64(take_field(line));
  if (!weight || !active || !inactive) return fail("no three numbers of a backend");
  return Backend{*active, *inactive, *weight};
}

// Sums by the rendered labels, so that no series is there twice.
using Backends = std::map<std::string, Backend, std::less<>>;

class LabelChoice {
 public:
  explicit LabelChoice(const std::string& list) {
    for (std::string_view rest = list; !rest.empty();) {
      const auto* found = std::find(std::begin(kLabels), std::end(kLabels), take(rest, ','));
      if (found != std::end(kLabels)) chosen_[static_cast<size_t>(found - kLabels)] = true;
    }
  }

  std::string render(const LabelValues& values) const {
    LabelSet labels;
    for (size_t i = 0; i < kLabelCount; ++i)
      if (chosen_[i]) labels.add(kLabels[i], values[i]);
    return std::string(labels.rendered());
  }

 private:
  std::array<bool, kLabelCount> chosen_{};
};

Result<Backends> parse_backends(std::string_view text, const LabelChoice& choice) {
  const auto whole = check_whole(text);
  if (!whole) return unexpected(whole.error());
  for (const std::string_view heading : {"IP", "Prot", "->"}) {
    std::string_view line = take(text, '\n');
    if (take_field(line) != heading) return fail("not the heading of a table of virtual services");
  }
  Backends backends;
  LabelValues labels;
  while (!text.empty()) {
    std::string_view line = take(text, '\n');
    const std::string_view first = take_field(line);
    if (first != "->") {
      const auto service = read_service(first, line, labels);
      if (!service) return unexpected(service.error());
      continue;
    }
    if (labels[kProto].empty()) return fail("a backend without a virtual service");
    const auto backend = read_backend(line, labels);
    if (!backend) return unexpected(backend.error());
    Backend& sum = backends[choice.render(labels)];
    sum.active += backend->active;
    sum.inactive += backend->inactive;
    sum.weight += backend->weight;
  }
  return backends;
}

void write_backends(MetricWriter& writer, const Backends& backends) {
  std::vector<LabelRef> labels;
  for (const auto& [rendered, backend] : backends) labels.push_back(rendered.empty() ? 0 : writer.labels(rendered));
  const auto write = [&](const MetricDesc& desc, uint64_t Backend::*field) {
    writer.family(desc);
    size_t i = 0;
    for (const auto& [rendered, backend] : backends) writer.sample(labels[i++], backend.*field);
  };
  write(kActive, &Backend::active);
  write(kInactive, &Backend::inactive);
  write(kWeight, &Backend::weight);
}

class IpvsCollector : public Collector {
 public:
  explicit IpvsCollector(const Setup& setup)
      : stats_(net_file(setup.roots, "ip_vs_stats"), 1024),
        services_(net_file(setup.roots, "ip_vs"), 4096),
        choice_(setup.flags.text(kBackendLabels)) {}
  std::string_view name() const override { return "ipvs"; }

  Result<void> collect(MetricWriter& writer) override {
    const auto totals = read_and_parse(stats_, parse_totals);
    if (!totals && totals.error().code == ENOENT) return not_present("net/ip_vs_stats");
    if (!totals) return unexpected(totals.error());
    for (size_t i = 0; i < kTotalCount; ++i) writer.single(kTotals[i], (*totals)[i]);
    const auto backends =
        read_and_parse(services_, [this](std::string_view text) { return parse_backends(text, choice_); });
    if (!backends) return unexpected(backends.error());
    write_backends(writer, *backends);
    return {};
  }

 private:
  KeptFile stats_;
  KeptFile services_;
  LabelChoice choice_;
};

constexpr const Flag* kFlags[] = {&kBackendLabels};

}  // namespace

const Entry kIpvsCollector = {"ipvs", "Virtual servers and their backends: proc net/ip_vs", Default::kOn,
                              make<IpvsCollector>, kFlags};

}  // namespace plimsoll::collectors::host
