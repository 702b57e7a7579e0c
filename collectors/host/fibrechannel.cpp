// SPDX-License-Identifier: Apache-2.0
// /sys/class/fc_host: Fibre Channel ports of the machine.
//
//   host0/port_state            Online
//   host0/port_name             0x1000e0071bce95f2
//   host0/statistics/tx_words   0x6
//
// A counter with all bits set is one that the firmware does not count.
// Documentation/scsi/scsi_fc_transport.rst, drivers/scsi/scsi_transport_fc.c
#include <cstdint>
#include <string>
#include <vector>

#include "collectors/host/parts/hardware.h"
#include "collectors/host/table.h"

namespace plimsoll::collectors::host {
namespace {

constexpr NumberFile counter(std::string_view file, std::string_view name, std::string_view help) {
  return {file, {name, help, MetricType::kCounter}};
}

constexpr NumberFile kCounters[] = {
    counter("statistics/dumped_frames", "node_fibrechannel_dumped_frames_total",
            "Frames thrown away for want of buffers."),
    counter("statistics/error_frames", "node_fibrechannel_error_frames_total", "Frames received with an error."),
    counter("statistics/invalid_crc_count", "node_fibrechannel_invalid_crc_total",
            "Frames received with a wrong checksum."),
    counter("statistics/rx_frames", "node_fibrechannel_rx_frames_total", "Frames received."),
    counter("statistics/rx_words", "node_fibrechannel_rx_words_total", "Words of four bytes received."),
    counter("statistics/tx_frames", "node_fibrechannel_tx_frames_total", "Frames sent."),
    counter("statistics/tx_words", "node_fibrechannel_tx_words_total", "Words of four bytes sent."),
    counter("statistics/seconds_since_last_reset", "node_fibrechannel_seconds_since_last_reset_total",
            "Time since the port's counters began, in seconds."),
    counter("statistics/invalid_tx_word_count", "node_fibrechannel_invalid_tx_words_total",
            "Transmission words received that are none."),
    counter("statistics/link_failure_count", "node_fibrechannel_link_failure_total", "Failures of the link."),
    counter("statistics/loss_of_sync_count", "node_fibrechannel_loss_of_sync_total",
            "Losses of the synchronisation with the other end."),
    counter("statistics/loss_of_signal_count", "node_fibrechannel_loss_of_signal_total", "Losses of the signal."),
    counter("statistics/nos_count", "node_fibrechannel_nos_total",
            "Not-operational sequences received: the other end saw the link fail."),
    counter("statistics/fcp_packet_aborts", "node_fibrechannel_fcp_packet_aborts_total", "SCSI commands given up."),
};

constexpr MetricDesc kInfo = {"node_fibrechannel_info", "What the port is and how it does; always 1.",
                              MetricType::kGauge};

// Labels of the info sample, each the text of the file of that name or "".
struct Text {
  std::string_view file;
  bool is_hex;  // 0x in front of it is not shown
};

constexpr Text kTexts[] = {
    {"speed", false},         {"port_state", false},        {"port_type", false},
    {"port_id", true},        {"port_name", true},          {"fabric_name", true},
    {"symbolic_name", false}, {"supported_classes", false}, {"supported_speeds", false},
    {"dev_loss_tmo", false},
};

LabelSet info_labels(Device& host) {
  LabelSet labels{{"fc_host", host.name()}};
  for (const Text& text : kTexts) {
    const std::string value = label_text(host, text.file).value_or("");
    labels.add(text.file, text.is_hex && value.size() > 2 ? std::string_view(value).substr(2) : value);
  }
  return labels;
}

constexpr uint64_t kNotCounted = UINT64_MAX;

class FibrechannelCollector : public Collector {
 public:
  explicit FibrechannelCollector(const Setup& setup) : hosts_(setup.roots.sys + "/class/fc_host") {}
  std::string_view name() const override { return "fibrechannel"; }

  Result<void> collect(MetricWriter& writer) override {
    const auto hosts = hosts_.devices();
    if (!hosts) return unexpected(hosts.error());
    std::vector<LabelRef> labels;
    for (const Device* host : *hosts) labels.push_back(writer.labels(LabelSet{{"fc_host", host->name()}}));
    Numbers numbers(hosts_.path());
    for (const NumberFile& counter : kCounters) {
      writer.family(counter.desc);
      for (size_t i = 0; i < hosts->size(); ++i) {
        const auto count = numbers.count(*(*hosts)[i], counter.file);
        if (count && *count != kNotCounted) writer.sample(labels[i], *count);
      }
    }
    writer.family(kInfo);
    for (Device* host : *hosts) writer.sample(writer.labels(info_labels(*host)), 1);
    return numbers.result();
  }

 private:
  DeviceDir hosts_;
};

}  // namespace

const Entry kFibrechannelCollector = {"fibrechannel", "Fibre Channel ports: sys class/fc_host", Default::kOn,
                                      make<FibrechannelCollector>};

}  // namespace plimsoll::collectors::host
