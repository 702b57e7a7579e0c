// SPDX-License-Identifier: Apache-2.0
// /proc/net/xfrm_stat: packets that IPsec gave up, by reason, in the agent's network namespace. Missing in kernels
// without CONFIG_XFRM_STATISTICS.
//
//   XfrmInError             	0
//   XfrmInNoStates          	3
//
// Documentation/networking/xfrm_proc.rst
#include <algorithm>
#include <optional>
#include <vector>

#include "base/text.h"
#include "collectors/host/parts/kept_file.h"
#include "collectors/host/parts/own_network.h"
#include "collectors/host/table.h"

namespace plimsoll::collectors::host {
namespace {

constexpr auto kCounter = MetricType::kCounter;

struct Line {
  std::string_view key;
  MetricDesc desc;
};

// In the file's order. Later kernels have a few lines more, which node_exporter does not show.
// clang-format off
constexpr Line kLines[] = {
    {"XfrmInError", {"node_xfrm_in_error_packets_total", "Packets received that failed for a reason not listed.", kCounter}},
    {"XfrmInBufferError", {"node_xfrm_in_buffer_error_packets_total", "Packets received without memory for them.", kCounter}},
    {"XfrmInHdrError", {"node_xfrm_in_hdr_error_packets_total", "Packets received with a broken header.", kCounter}},
    {"XfrmInNoStates", {"node_xfrm_in_no_states_packets_total", "Packets received whose SPI, address or protocol no association has.", kCounter}},
    {"XfrmInStateProtoError", {"node_xfrm_in_state_proto_error_packets_total", "Packets received that the protocol refused, such as for a wrong key.", kCounter}},
    {"XfrmInStateModeError", {"node_xfrm_in_state_mode_error_packets_total", "Packets received that the mode (tunnel, transport) refused.", kCounter}},
    {"XfrmInStateSeqError", {"node_xfrm_in_state_seq_error_packets_total", "Packets received with a sequence number outside the window.", kCounter}},
    {"XfrmInStateExpired", {"node_xfrm_in_state_expired_packets_total", "Packets received for an association that has expired.", kCounter}},
    {"XfrmInStateMismatch", {"node_xfrm_in_state_mismatch_packets_total", "Packets received whose association has another option, such as the encapsulation.", kCounter}},
    {"XfrmInStateInvalid", {"node_xfrm_in_state_invalid_packets_total", "Packets received for an association that is not valid.", kCounter}},
    {"XfrmInTmplMismatch", {"node_xfrm_in_tmpl_mismatch_packets_total", "Packets received whose associations no policy's template matches.", kCounter}},
    {"XfrmInNoPols", {"node_xfrm_in_no_pols_packets_total", "Packets received for whose associations there is no policy.", kCounter}},
    {"XfrmInPolBlock", {"node_xfrm_in_pol_block_packets_total", "Packets received that a policy discards.", kCounter}},
    {"XfrmInPolError", {"node_xfrm_in_pol_error_packets_total", "Packets received whose policy failed.", kCounter}},
    {"XfrmOutError", {"node_xfrm_out_error_packets_total", "Packets to send that failed for a reason not listed.", kCounter}},
    {"XfrmOutBundleGenError", {"node_xfrm_out_bundle_gen_error_packets_total", "Packets to send for which no bundle could be made.", kCounter}},
    {"XfrmOutBundleCheckError", {"node_xfrm_out_bundle_check_error_packets_total", "Packets to send whose bundle did not pass the check.", kCounter}},
    {"XfrmOutNoStates", {"node_xfrm_out_no_states_packets_total", "Packets to send without an association.", kCounter}},
    {"XfrmOutStateProtoError", {"node_xfrm_out_state_proto_error_packets_total", "Packets to send that the protocol refused.", kCounter}},
    {"XfrmOutStateModeError", {"node_xfrm_out_state_mode_error_packets_total", "Packets to send that the mode (tunnel, transport) refused.", kCounter}},
    {"XfrmOutStateSeqError", {"node_xfrm_out_state_seq_error_packets_total", "Packets to send for which no sequence number was left.", kCounter}},
    {"XfrmOutStateExpired", {"node_xfrm_out_state_expired_packets_total", "Packets to send over an association that has expired.", kCounter}},
    {"XfrmOutPolBlock", {"node_xfrm_out_pol_block_packets_total", "Packets to send that a policy discards.", kCounter}},
    {"XfrmOutPolDead", {"node_xfrm_out_pol_dead_packets_total", "Packets to send whose policy is dead.", kCounter}},
    {"XfrmOutPolError", {"node_xfrm_out_pol_error_packets_total", "Packets to send whose policy failed.", kCounter}},
    {"XfrmFwdHdrError", {"node_xfrm_fwd_hdr_error_packets_total", "Packets that may not be forwarded.", kCounter}},
    {"XfrmOutStateInvalid", {"node_xfrm_out_state_invalid_packets_total", "Packets to send over an association that is not valid.", kCounter}},
    {"XfrmAcquireError", {"node_xfrm_acquire_error_packets_total", "Packets that needed an association before it was complete.", kCounter}},
};
// clang-format on

// In the order of kLines; nullopt for a line that is not there.
using Counts = std::vector<std::optional<uint64_t>>;

// The first of equal lines counts. The last one needs no line end: node_exporter's test file has none.
Result<Counts> parse_xfrm_stat(std::string_view text) {
  if (text.empty()) return fail("empty");
  Counts counts(std::size(kLines));
  while (!text.empty()) {
    std::string_view line = take(text, '\n');
    const std::string_view key = take_field(line);
    const auto number = parse_u64(take_field(line));
    if (!number) return fail("not a name and a number");
    const auto* known = std::find_if(std::begin(kLines), std::end(kLines), [&](const Line& l) { return l.key == key; });
    if (known == std::end(kLines)) continue;
    auto& count = counts[static_cast<size_t>(known - kLines)];
    if (!count) count = *number;
  }
  return counts;
}

class XfrmCollector : public Collector {
 public:
  explicit XfrmCollector(const Setup& setup) : file_(net_file(setup.roots, "xfrm_stat"), 2048) {}
  std::string_view name() const override { return "xfrm"; }

  Result<void> collect(MetricWriter& writer) override {
    const auto counts = read_and_parse(file_, parse_xfrm_stat);
    if (!counts && counts.error().code == ENOENT) return not_present("net/xfrm_stat");
    if (!counts) return unexpected(counts.error());
    for (size_t i = 0; i < counts->size(); ++i)
      if ((*counts)[i]) writer.single(kLines[i].desc, *(*counts)[i]);
    return {};
  }

 private:
  KeptFile file_;
};

}  // namespace

const Entry kXfrmCollector = {"xfrm", "IPsec errors: proc net/xfrm_stat", Default::kOff, make<XfrmCollector>};

}  // namespace plimsoll::collectors::host
