// SPDX-License-Identifier: Apache-2.0
// Queueing disciplines at the root of each interface: what they sent, dropped and hold, from a dump by rtnetlink
// (tc -s qdisc show). The dump is of the network namespace that the agent is in: nothing is shown where that is
// not the one to be shown (own_network.h). tc(8), rtnetlink(7)
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/netlink.h"
#include "collectors/host/parts/name_filter.h"
#include "collectors/host/parts/own_network.h"
#include "collectors/host/parts/qdisc_info.h"
#include "collectors/host/table.h"

namespace plimsoll::collectors::host {
namespace {

constexpr auto kCounter = MetricType::kCounter;
constexpr auto kGauge = MetricType::kGauge;

struct Column {
  uint64_t QdiscInfo::*field;
  MetricDesc desc;
};

constexpr Column kColumns[] = {
    {&QdiscInfo::bytes, {"node_qdisc_bytes_total", "Data sent, in bytes.", kCounter}},
    {&QdiscInfo::packets, {"node_qdisc_packets_total", "Packets sent.", kCounter}},
    {&QdiscInfo::drops, {"node_qdisc_drops_total", "Packets dropped.", kCounter}},
    {&QdiscInfo::requeues,
     {"node_qdisc_requeues_total", "Packets put back since the device did not take them.", kCounter}},
    {&QdiscInfo::overlimits, {"node_qdisc_overlimits_total", "Packets that met a limit.", kCounter}},
    {&QdiscInfo::queue_length, {"node_qdisc_current_queue_length", "Packets waiting to be sent.", kGauge}},
    {&QdiscInfo::backlog, {"node_qdisc_backlog", "Data waiting to be sent, in bytes.", kGauge}},
};

constexpr Flag kFixtures = {"qdisc.fixtures", FlagKind::kText, "",
                            "Directory with a results.json to show in place of the kernel's answer, for tests"};
constexpr Flag kInclude = {"qdisc.device-include", FlagKind::kInclude, "", "Interfaces to show"};
constexpr Flag kExclude = {"qdisc.device-exclude", FlagKind::kExclude, "", "Interfaces to leave out"};

class QdiscCollector : public Collector {
 public:
  explicit QdiscCollector(const Setup& setup)
      : fixtures_(setup.flags.text(kFixtures)),
        devices_(setup.flags, kInclude, kExclude),
        by_netlink_(is_own_network(setup.roots)) {}
  std::string_view name() const override { return "qdisc"; }

  Result<void> collect(MetricWriter& writer) override {
    if (fixtures_.empty() && !by_netlink_) return not_present("queueing disciplines of another machine");
    auto all = fixtures_.empty() ? dump() : read_fixtures();
    if (!all) return unexpected(all.error());
    const std::vector<QdiscInfo> shown = select(std::move(*all));
    std::vector<LabelRef> labels;
    for (const QdiscInfo& qdisc : shown)
      labels.push_back(writer.labels(LabelSet{{"device", qdisc.device}, {"kind", qdisc.kind}}));
    for (const Column& column : kColumns) {
      writer.family(column.desc);
      for (size_t i = 0; i < shown.size(); ++i) writer.sample(labels[i], shown[i].*column.field);
    }
    return {};
  }

 private:
  Result<std::vector<QdiscInfo>> read_fixtures() const {
    const std::string path = fixtures_ + "/results.json";
    const auto text = read_file(path);
    if (!text) return unexpected(text.error());
    auto qdiscs = parse_qdisc_results(*text);
    if (!qdiscs) return unexpected(qdiscs.error().within(path));
    return qdiscs;
  }

  static Result<std::vector<QdiscInfo>> dump() {
    auto socket = netlink::RouteSocket::open();
    if (!socket) return unexpected(socket.error());
    std::vector<QdiscInfo> qdiscs;
    const auto done =
        socket->dump(netlink::Message(RTM_GETQDISC, NLM_F_DUMP, tcmsg{}), [&](const nlmsghdr&, std::string_view body) {
          auto qdisc = parse_qdisc(body);
          if (qdisc) qdiscs.push_back(std::move(*qdisc));
        });
    if (!done) return unexpected(done.error().within("dump of queueing disciplines"));
    InterfaceNames names(*socket);
    for (QdiscInfo& qdisc : qdiscs) qdisc.device = names.of(qdisc.interface);
    return qdiscs;
  }

  // Those at the root of an interface that is wanted; each pair of labels once.
  std::vector<QdiscInfo> select(std::vector<QdiscInfo> all) const {
    std::set<std::pair<std::string, std::string>> known;
    std::erase_if(all, [&](const QdiscInfo& qdisc) {
      return !qdisc.root || qdisc.device.empty() || !devices_.keeps(qdisc.device) ||
             !known.emplace(qdisc.device, qdisc.kind).second;
    });
    return all;
  }

  std::string fixtures_;
  NameFilter devices_;
  bool by_netlink_;
};

constexpr const Flag* kFlags[] = {&kFixtures, &kInclude, &kExclude};

}  // namespace

const Entry kQdiscCollector = {"qdisc", "Queueing disciplines: rtnetlink", Default::kOff, make<QdiscCollector>, kFlags};

}  // namespace plimsoll::collectors::host
