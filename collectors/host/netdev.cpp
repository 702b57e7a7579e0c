// SPDX-License-Identifier: Apache-2.0
// /proc/net/dev (base/net_dev.h) of the host's network namespace, and for each interface the one
// counter that file lacks: packets that no protocol wanted, /sys/class/net/NAME/statistics/rx_nohandler.
// The file's drop column holds missed packets as well, its frame column length, overrun and checksum
// errors, its carrier column every transmit error of the link (net/core/net-procfs.c).
#include "base/net_dev.h"

#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/text.h"
#include "collectors/host/kept_file.h"
#include "collectors/host/table.h"

namespace plimsoll::collectors::host {
namespace {

constexpr auto kCounter = MetricType::kCounter;

// In the file's order.
constexpr MetricDesc kReceive[] = {
    {"node_network_receive_bytes_total", "Data received, in bytes.", kCounter},
    {"node_network_receive_packets_total", "Packets received.", kCounter},
    {"node_network_receive_errs_total", "Packets received damaged.", kCounter},
    {"node_network_receive_drop_total", "Packets received but not taken, for want of room or otherwise.", kCounter},
    {"node_network_receive_fifo_total", "Packets lost because a receive queue was full.", kCounter},
    {"node_network_receive_frame_total", "Frames received with a wrong length or checksum.", kCounter},
    {"node_network_receive_compressed_total", "Compressed packets received.", kCounter},
    {"node_network_receive_multicast_total", "Multicast packets received.", kCounter},
};
constexpr MetricDesc kTransmit[] = {
    {"node_network_transmit_bytes_total", "Data sent, in bytes.", kCounter},
    {"node_network_transmit_packets_total", "Packets sent.", kCounter},
    {"node_network_transmit_errs_total", "Packets that could not be sent.", kCounter},
    {"node_network_transmit_drop_total", "Packets given up before being sent.", kCounter},
    {"node_network_transmit_fifo_total", "Packets lost because the device's send queue ran empty or full.", kCounter},
    {"node_network_transmit_colls_total", "Collisions while sending.", kCounter},
    {"node_network_transmit_carrier_total", "Packets lost to a link that failed while sending.", kCounter},
    {"node_network_transmit_compressed_total", "Compressed packets sent.", kCounter},
};
constexpr MetricDesc kNoHandler = {"node_network_receive_nohandler_total", "Packets received that no protocol wanted.",
                                   kCounter};

// rx_nohandler of every interface. Some descriptors are kept open; a kept one of an interface that
// was removed and made again fails with ENODEV and is opened anew by KeptFile.
class NoHandlerFiles {
 public:
  explicit NoHandlerFiles(const HostRoots& roots) : root_(roots.sys + "/class/net/") {}

  // nullopt when the interface has just gone or the kernel is older than 4.6.
  std::optional<uint64_t> read(std::string_view interface) {
    const auto kept = files_.find(interface);
    if (kept != files_.end()) return number(kept->second);
    KeptFile file(root_ + std::string(interface) + "/statistics/rx_nohandler", 64);
    const auto value = number(file);
    if (value && files_.size() < kMaxKept) files_.emplace(interface, std::move(file));
    return value;
  }

  // Closes the files of interfaces that are not among `lines`.
  void forget_others(const std::vector<NetDevLine>& lines) {
    std::erase_if(files_, [&](const auto& entry) {
      const auto same = [&](const NetDevLine& line) { return line.name == entry.first; };
      return std::none_of(lines.begin(), lines.end(), same);
    });
  }

 private:
  // Each costs a descriptor and some kernel memory; hosts with more interfaces open the rest anew.
  static constexpr size_t kMaxKept = 64;

  static std::optional<uint64_t> number(KeptFile& file) {
    const auto text = file.read();
    if (!text) return std::nullopt;
    return parse_u64(trim(*text));
  }

  std::string root_;
  std::map<std::string, KeptFile, std::less<>> files_;
};

class NetdevCollector : public Collector {
 public:
  explicit NetdevCollector(const Setup& setup) : file_(setup.roots.proc + "/net/dev"), nohandler_(setup.roots) {}
  std::string_view name() const override { return "netdev"; }

  Result<void> collect(MetricWriter& writer) override {
    const auto lines = read_and_parse(file_, parse_net_dev);
    if (!lines) return unexpected(lines.error());
    std::vector<LabelRef> labels;
    for (const NetDevLine& line : *lines) labels.push_back(writer.labels(LabelSet{{"device", line.name}}));
    for (size_t column = 0; column < std::size(kReceive); ++column) {
      writer.family(kReceive[column]);
      for (size_t i = 0; i < lines->size(); ++i) writer.sample(labels[i], (*lines)[i].receive[column]);
    }
    for (size_t column = 0; column < std::size(kTransmit); ++column) {
      writer.family(kTransmit[column]);
      for (size_t i = 0; i < lines->size(); ++i) writer.sample(labels[i], (*lines)[i].transmit[column]);
    }
    write_nohandler(writer, *lines, labels);
    return {};
  }

 private:
  void write_nohandler(MetricWriter& writer, const std::vector<NetDevLine>& lines,
                       const std::vector<LabelRef>& labels) {
    writer.family(kNoHandler);
    for (size_t i = 0; i < lines.size(); ++i) {
      const auto packets = nohandler_.read(lines[i].name);
      if (packets) writer.sample(labels[i], *packets);
    }
    nohandler_.forget_others(lines);
  }

  KeptFile file_;
  NoHandlerFiles nohandler_;
};

}  // namespace

const Entry kNetdevCollector = {"netdev", "Network interfaces: proc net/dev, sys class/net", Default::kOn,
                                make<NetdevCollector>};

}  // namespace plimsoll::collectors::host
