// SPDX-License-Identifier: Apache-2.0
// The unicast routes of IPv4 and IPv6 in all tables (ip route show table all), a sample for each hop, and how many of
// them each interface has; from a dump by rtnetlink. The dump is of the network namespace that the agent is in:
// nothing is shown where that is not the one to be shown (own_network.h). rtnetlink(7)
#include <map>
#include <set>
#include <string>

#include "base/netlink.h"
#include "collectors/host/parts/network_route_info.h"
#include "collectors/host/parts/own_network.h"
#include "collectors/host/table.h"

namespace plimsoll::collectors::host {
namespace {

constexpr MetricDesc kInfo = {"node_network_route_info", "1 for each hop of each unicast route, without unit.",
                              MetricType::kGauge};
constexpr MetricDesc kRoutes = {"node_network_routes", "Hops of unicast routes that leave by this interface.",
                                MetricType::kGauge};

struct Routes {
  std::set<std::string> rendered;  // labels; two tables may have the same route
  std::map<std::string, uint64_t> by_device;
};

void add_route(const RouteInfo& route, InterfaceNames& names, Routes& routes) {
  for (const RouteHop& hop : route.hops) {
    const std::string& device = names.of(hop.interface);
    const LabelSet labels{{"device", device},
                          {"src", route.source},
                          {"dest", route.destination},
                          {"gw", hop.gateway},
                          {"priority", std::to_string(route.priority)},
                          {"proto", route_protocol_name(route.protocol)},
                          {"weight", hop.weight}};
    routes.rendered.emplace(labels.rendered());
    ++routes.by_device[device];
  }
}

Result<Routes> dump() {
  auto socket = netlink::RouteSocket::open();
  if (!socket) return unexpected(socket.error());
  InterfaceNames names(*socket);
  Routes routes;
  const auto done =
      socket->dump(netlink::Message(RTM_GETROUTE, NLM_F_DUMP, rtmsg{}), [&](const nlmsghdr&, std::string_view body) {
        const auto route = parse_route(body);
        if (route) add_route(*route, names, routes);
      });
  if (!done) return unexpected(done.error().within("dump of routes"));
  return routes;
}

class NetworkRouteCollector : public Collector {
 public:
  explicit NetworkRouteCollector(const Setup& setup) : by_netlink_(is_own_network(setup.roots)) {}
  std::string_view name() const override { return "network_route"; }

  Result<void> collect(MetricWriter& writer) override {
    if (!by_netlink_) return not_present("routes of another machine");
    const auto routes = dump();
    if (!routes) return unexpected(routes.error());
    writer.family(kInfo);
    for (const std::string& labels : routes->rendered) writer.sample(writer.labels(labels), true);
    writer.family(kRoutes);
    for (const auto& [device, count] : routes->by_device)
      writer.sample(writer.labels(LabelSet{{"device", device}}), count);
    return {};
  }

 private:
  bool by_netlink_;
};

}  // namespace

const Entry kNetworkRouteCollector = {"network_route", "Routes: rtnetlink", Default::kOff, make<NetworkRouteCollector>};

}  // namespace plimsoll::collectors::host
