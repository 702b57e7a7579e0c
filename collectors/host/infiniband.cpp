// SPDX-License-Identifier: Apache-2.0
// /sys/class/infiniband: InfiniBand and RoCE adapters and their ports.
//
//   mlx4_0/fw_ver                            2.31.5050
//   mlx4_0/ports/1/state                     4: ACTIVE
//   mlx4_0/ports/1/rate                      40 Gb/sec (4X QDR)
//   mlx4_0/ports/1/counters/port_rcv_data    4631917               words of four bytes
//
// counters_ext is of kernels before 4.5, hw_counters of drivers that count more; "N/A (no PMA)" stands for
// what a port does not count. Documentation/ABI/stable/sysfs-class-infiniband
#include <string>
#include <vector>

#include "base/text.h"
#include "collectors/host/parts/hardware.h"
#include "collectors/host/table.h"

namespace plimsoll::collectors::host {
namespace {

constexpr auto kGauge = MetricType::kGauge;

constexpr MetricDesc kInfo = {"node_infiniband_info", "What the adapter is; always 1.", kGauge};
constexpr MetricDesc kState = {"node_infiniband_state_id",
                               "State of the port: 1 down, 2 initialising, 3 armed, 4 active, 5 active but deferred.",
                               kGauge};
constexpr MetricDesc kPhysicalState = {
    "node_infiniband_physical_state_id",
    "State of the port's link: 1 sleeps, 2 polls, 3 disabled, 4 trains, 5 up, 6 recovers, 7 under test.", kGauge};
constexpr MetricDesc kRate = {"node_infiniband_rate_bytes_per_second", "What the port can carry, in bytes per second.",
                              kGauge};
constexpr MetricDesc kLifespan = {"node_infiniband_lifespan_seconds",
                                  "How old the adapter's own counters may be, in whole seconds.", kGauge};

struct PortCounter {
  std::string_view file;
  MetricDesc desc;
  uint64_t factor;  // how many of the family's units one of the file's is
};

constexpr PortCounter counter(std::string_view file, std::string_view name, std::string_view help,
                              uint64_t factor = 1) {
  return {file, {name, help, MetricType::kCounter}, factor};
}

constexpr PortCounter kCounters[] = {
    counter("counters_ext/port_multicast_rcv_packets", "node_infiniband_legacy_multicast_packets_received_total",
            "Multicast packets received, by the extended counters."),
    counter("counters_ext/port_multicast_xmit_packets", "node_infiniband_legacy_multicast_packets_transmitted_total",
            "Multicast packets sent, by the extended counters."),
    counter("counters_ext/port_rcv_data_64", "node_infiniband_legacy_data_received_bytes_total",
            "Data received, in bytes, by the extended counters.", 4),
    counter("counters_ext/port_rcv_packets_64", "node_infiniband_legacy_packets_received_total",
            "Packets received, by the extended counters."),
    counter("counters_ext/port_unicast_rcv_packets", "node_infiniband_legacy_unicast_packets_received_total",
            "Unicast packets received, by the extended counters."),
    counter("counters_ext/port_unicast_xmit_packets", "node_infiniband_legacy_unicast_packets_transmitted_total",
            "Unicast packets sent, by the extended counters."),
    counter("counters_ext/port_xmit_data_64", "node_infiniband_legacy_data_transmitted_bytes_total",
            "Data sent, in bytes, by the extended counters.", 4),
    counter("counters_ext/port_xmit_packets_64", "node_infiniband_legacy_packets_transmitted_total",
            "Packets sent, by the extended counters."),

    counter("counters/excessive_buffer_overrun_errors", "node_infiniband_excessive_buffer_overrun_errors_total",
            "Times the port's buffers overran for several flow control periods on end."),
    counter("counters/link_downed", "node_infiniband_link_downed_total",
            "Times the link went down since it could not recover."),
    counter("counters/link_error_recovery", "node_infiniband_link_error_recovery_total",
            "Times the link recovered from an error."),
    counter("counters/local_link_integrity_errors", "node_infiniband_local_link_integrity_errors_total",
            "Times the physical errors of the link were more than are put up with."),
    counter("counters/multicast_rcv_packets", "node_infiniband_multicast_packets_received_total",
            "Multicast packets received, damaged ones too."),
    counter("counters/multicast_xmit_packets", "node_infiniband_multicast_packets_transmitted_total",
            "Multicast packets sent, damaged ones too."),
    counter("counters/port_rcv_constraint_errors", "node_infiniband_port_constraint_errors_received_total",
            "Packets received that the port must not take."),
    counter("counters/port_xmit_constraint_errors", "node_infiniband_port_constraint_errors_transmitted_total",
            "Packets not sent since the port must not send them."),
    counter("counters/port_rcv_data", "node_infiniband_port_data_received_bytes_total", "Data received, in bytes.", 4),
    counter("counters/port_xmit_data", "node_infiniband_port_data_transmitted_bytes_total", "Data sent, in bytes.", 4),
    counter("counters/port_rcv_discards", "node_infiniband_port_discards_received_total",
            "Packets received and thrown away: the port was down or congested."),
    counter("counters/port_xmit_discards", "node_infiniband_port_discards_transmitted_total",
            "Packets not sent but thrown away: the port was down or congested."),
    counter("counters/port_rcv_errors", "node_infiniband_port_errors_received_total", "Packets received damaged."),
    counter("counters/port_rcv_packets", "node_infiniband_port_packets_received_total",
            "Packets received, damaged ones too."),
    counter("counters/port_xmit_packets", "node_infiniband_port_packets_transmitted_total",
            "Packets sent, damaged ones too."),
    counter("counters/port_xmit_wait", "node_infiniband_port_transmit_wait_total",
            "Ticks in which the port had data to send but could not."),
    counter("counters/unicast_rcv_packets", "node_infiniband_unicast_packets_received_total",
            "Unicast packets received, damaged ones too."),
    counter("counters/unicast_xmit_packets", "node_infiniband_unicast_packets_transmitted_total",
            "Unicast packets sent, damaged ones too."),
    counter("counters/port_rcv_remote_physical_errors", "node_infiniband_port_receive_remote_physical_errors_total",
            "Packets received that were already marked bad."),
    counter("counters/port_rcv_switch_relay_errors", "node_infiniband_port_receive_switch_relay_errors_total",
            "Packets that the switch could not pass on."),
    counter("counters/symbol_error", "node_infiniband_symbol_error_total", "Minor errors of the link's lanes."),
    counter("counters/VL15_dropped", "node_infiniband_vl15_dropped_total",
            "Management packets dropped for want of room."),

    counter("hw_counters/duplicate_request", "node_infiniband_duplicate_requests_packets_total",
            "Requests received that had been carried out before."),
    counter("hw_counters/implied_nak_seq_err", "node_infiniband_implied_nak_seq_errors_total",
            "Acknowledgements with a number beyond the one expected."),
    counter("hw_counters/local_ack_timeout_err", "node_infiniband_local_ack_timeout_errors_total",
            "Acknowledgements that did not come in time and are waited for again."),
    counter("hw_counters/np_cnp_sent", "node_infiniband_np_cnp_packets_sent_total",
            "Congestion notifications sent to those who send too much."),
    counter("hw_counters/np_ecn_marked_roce_packets", "node_infiniband_np_ecn_marked_roce_packets_received_total",
            "Packets received with a mark of congestion."),
    counter("hw_counters/out_of_buffer", "node_infiniband_out_of_buffer_drops_total",
            "Packets dropped since no receive request was waiting."),
    counter("hw_counters/out_of_sequence", "node_infiniband_out_of_sequence_packets_received_total",
            "Packets received out of order."),
    counter("hw_counters/packet_seq_err", "node_infiniband_packet_sequence_errors_total",
            "Packets that the other end refused as out of order."),
    counter("hw_counters/req_cqe_error", "node_infiniband_req_cqes_errors_total", "Own requests that failed."),
    counter("hw_counters/req_cqe_flush_error", "node_infiniband_req_cqes_flush_errors_total",
            "Own requests thrown away with their queue."),
    counter("hw_counters/req_remote_access_errors", "node_infiniband_req_remote_access_errors_total",
            "Own requests that the other end forbade."),
    counter("hw_counters/req_remote_invalid_request", "node_infiniband_req_remote_invalid_request_errors_total",
            "Own requests that the other end did not understand."),
    counter("hw_counters/resp_cqe_error", "node_infiniband_resp_cqes_errors_total", "Requests of others that failed."),
    counter("hw_counters/resp_cqe_flush_error", "node_infiniband_resp_cqes_flush_errors_total",
            "Requests of others thrown away with their queue."),
    counter("hw_counters/resp_local_length_error", "node_infiniband_resp_local_length_errors_total",
            "Requests of others of a wrong length."),
    counter("hw_counters/resp_remote_access_errors", "node_infiniband_resp_remote_access_errors_total",
            "Requests of others that were forbidden."),
    counter("hw_counters/rnr_nak_retry_err", "node_infiniband_rnr_nak_retry_packets_received_total",
            "Refusals received from a receiver that was not ready."),
    counter("hw_counters/roce_adp_retrans", "node_infiniband_roce_adp_retransmits_total", "Adaptive retransmissions."),
    counter("hw_counters/roce_adp_retrans_to", "node_infiniband_roce_adp_retransmits_timeout_total",
            "Adaptive retransmissions that ran out of time."),
    counter("hw_counters/roce_slow_restart", "node_infiniband_roce_slow_restart_used_total",
            "Slow restarts of sending."),
    counter("hw_counters/roce_slow_restart_cnps", "node_infiniband_roce_slow_restart_cnps_total",
            "Congestion notifications made by slow restarts."),
    counter("hw_counters/roce_slow_restart_trans", "node_infiniband_roce_slow_restart_total",
            "Changes to the state of a slow restart."),
    counter("hw_counters/rp_cnp_handled", "node_infiniband_rp_cnp_packets_handled_total",
            "Congestion notifications received and obeyed."),
    counter("hw_counters/rp_cnp_ignored", "node_infiniband_rp_cnp_ignored_packets_received_total",
            "Congestion notifications received and not obeyed."),
    counter("hw_counters/rx_atomic_requests", "node_infiniband_rx_atomic_requests_total", "Atomic requests received."),
    counter("hw_counters/rx_dct_connect", "node_infiniband_rx_dct_connect_requests_total",
            "Requests received to connect dynamically."),
    counter("hw_counters/rx_read_requests", "node_infiniband_rx_read_requests_total", "Read requests received."),
    counter("hw_counters/rx_write_requests", "node_infiniband_rx_write_requests_total", "Write requests received."),
    counter("hw_counters/rx_icrc_encapsulated", "node_infiniband_rx_icrc_encapsulated_errors_total",
            "Packets received with a wrong checksum."),
};

struct Port {
  size_t device;          // index of its adapter
  std::string directory;  // "ports/1/"
  std::string labels;
};

// "4: ACTIVE"
std::optional<Value> parse_state(std::string_view text) {
  const auto id = parse_u64(trim(take(text, ':')));
  if (!id) return std::nullopt;
  return Value(*id);
}

// "2.5 Gb/sec (1X SDR)", in bytes per second. A float holds what the kernel writes: tenths.
std::optional<Value> parse_rate(std::string_view text) {
  constexpr double kBytesPerGigabit = 125'000'000;
  const auto gigabits = parse_double(take_field(text));
  if (!gigabits || !(*gigabits >= 0) || *gigabits > 1e9 || text.empty()) return std::nullopt;
  return Value(static_cast<uint64_t>(static_cast<double>(static_cast<float>(*gigabits)) * kBytesPerGigabit));
}

class InfinibandCollector : public Collector {
 public:
  explicit InfinibandCollector(const Setup& setup) : adapters_(setup.roots.sys + "/class/infiniband", 128) {}
  std::string_view name() const override { return "infiniband"; }

  Result<void> collect(MetricWriter& writer) override {
    auto devices = adapters_.devices();
    if (!devices) return unexpected(devices.error());
    if (roster_.changed(*devices)) find_ports(*devices);
    writer.family(kInfo);
    for (const LabelSet& info : infos_) writer.sample(writer.labels(info), 1);
    Numbers numbers(adapters_.path());
    Scrape scrape{writer, numbers, *devices, {}};
    for (const Port& port : ports_) scrape.labels.push_back(writer.labels(port.labels));
    write_texts(scrape, kState, "state", parse_state);
    write_texts(scrape, kPhysicalState, "phys_state", parse_state);
    write_texts(scrape, kRate, "rate", parse_rate);
    for (const PortCounter& counter : kCounters)
      write_numbers(scrape, counter.desc, counter.file, [&](uint64_t count) { return count * counter.factor; });
    write_numbers(scrape, kLifespan, "hw_counters/lifespan", [](uint64_t milliseconds) { return milliseconds / 1000; });
    return numbers.result();
  }

 private:
  struct Scrape {
    MetricWriter& writer;
    Numbers& numbers;
    const std::vector<Device*>& devices;
    std::vector<LabelRef> labels;  // of each port
  };

  // A family of what `parse` makes of the text of each port's `file`.
  void write_texts(Scrape& scrape, const MetricDesc& desc, std::string_view file,
                   std::optional<Value> (*parse)(std::string_view)) {
    scrape.writer.family(desc);
    for (size_t i = 0; i < ports_.size(); ++i) {
      Device& device = *scrape.devices[ports_[i].device];
      const auto text = device.text(path_of(ports_[i], file));
      if (!text) continue;
      const auto value = parse(*text);
      if (value) scrape.writer.sample(scrape.labels[i], *value);
      if (!value) scrape.numbers.remember(device, path_, "not what the kernel writes there");
    }
  }

  template <typename Convert>
  void write_numbers(Scrape& scrape, const MetricDesc& desc, std::string_view file, Convert convert) {
    scrape.writer.family(desc);
    for (size_t i = 0; i < ports_.size(); ++i) {
      const auto number = scrape.numbers.count(*scrape.devices[ports_[i].device], path_of(ports_[i], file));
      if (number) scrape.writer.sample(scrape.labels[i], convert(*number));
    }
  }

  const std::string& path_of(const Port& port, std::string_view file) {
    return path_.assign(port.directory).append(file);
  }

  void find_ports(const std::vector<Device*>& devices) {
    infos_.clear();
    ports_.clear();
    for (size_t i = 0; i < devices.size(); ++i) {
      Device& device = *devices[i];
      infos_.push_back({{"device", device.name()},
                        {"board_id", label_text(device, "board_id").value_or("")},
                        {"firmware_version", label_text(device, "fw_ver").value_or("")},
                        {"hca_type", label_text(device, "hca_type").value_or("")}});
      for (const std::string& port : device.list("ports")) {
        const auto number = parse_u64(port);
        if (!number || std::to_string(*number) != port) continue;
        const LabelSet labels{{"device", device.name()}, {"port", port}};
        ports_.push_back({i, "ports/" + port + "/", std::string(labels.rendered())});
      }
    }
  }

  DeviceDir adapters_;
  Roster roster_;
  std::vector<LabelSet> infos_;
  std::vector<Port> ports_;
  std::string path_;  // the last one made by path_of()
};

}  // namespace

const Entry kInfinibandCollector = {"infiniband", "InfiniBand ports: sys class/infiniband", Default::kOn,
                                    make<InfinibandCollector>};

}  // namespace plimsoll::collectors::host
