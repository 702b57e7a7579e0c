// SPDX-License-Identifier: Apache-2.0
// Protocol counters of the host's network namespace, of which a selection is exported.
// /proc/net/snmp and /proc/net/netstat name the fields in one line and give the values in the next:
//
//   Tcp: RtoAlgorithm RtoMin RtoMax MaxConn ActiveOpens ...
//   Tcp: 1 200 120000 -1 110 ...
//
// /proc/net/snmp6 has a line per field (Ip6InOctets 128) and is missing where IPv6 is switched off.
// RFC 4022 (TCP), RFC 4293 (IP), Documentation/networking/snmp_counter.rst
#include <algorithm>
#include <string>
#include <vector>

#include "base/text.h"
#include "collectors/host/kept_file.h"
#include "collectors/host/table.h"

namespace plimsoll::collectors::host {
namespace {

struct ProtocolField {
  std::string_view protocol, name;  // into the parsed text
  uint64_t value;
};

struct Selection {
  std::string_view protocol, name;
};

// node_exporter's default selection, sorted by protocol; see also is_exported().
constexpr Selection kSelected[] = {
    {"Icmp", "InMsgs"},        {"Icmp", "OutMsgs"},       {"Icmp6", "InMsgs"},         {"Icmp6", "OutMsgs"},
    {"Ip", "Forwarding"},      {"Ip6", "InOctets"},       {"Ip6", "OutOctets"},        {"IpExt", "InOctets"},
    {"IpExt", "OutOctets"},    {"Tcp", "ActiveOpens"},    {"Tcp", "CurrEstab"},        {"Tcp", "InSegs"},
    {"Tcp", "OutRsts"},        {"Tcp", "OutSegs"},        {"Tcp", "PassiveOpens"},     {"Tcp", "RetransSegs"},
    {"TcpExt", "TCPOFOQueue"}, {"TcpExt", "TCPRcvQDrop"}, {"TcpExt", "TCPSynRetrans"}, {"TcpExt", "TCPTimeouts"},
    {"Udp", "InDatagrams"},    {"Udp", "NoPorts"},        {"Udp", "OutDatagrams"},     {"Udp", "RcvbufErrors"},
    {"Udp", "SndbufErrors"},   {"Udp6", "InDatagrams"},   {"Udp6", "NoPorts"},         {"Udp6", "OutDatagrams"},
    {"Udp6", "RcvbufErrors"},  {"Udp6", "SndbufErrors"},
};

bool is_exported(std::string_view protocol, std::string_view name) {
  if (name == "InErrors" || name == "InErrs") return true;
  if (protocol == "TcpExt" && (name.starts_with("Listen") || name.starts_with("Syncookies"))) return true;
  const auto same = [&](const Selection& s) { return s.name == name && s.protocol == protocol; };
  return std::any_of(std::begin(kSelected), std::end(kSelected), same);
}

Result<void> add_field(std::string_view protocol, std::string_view name, std::string_view value,
                       std::vector<ProtocolField>& fields) {
  if (value.empty()) return fail(std::string(protocol) + " " + std::string(name) + ": no value");
  if (!is_exported(protocol, name)) return {};
  const auto number = parse_u64(value);
  if (!number) return fail(std::string(protocol) + " " + std::string(name) + ": not a number");
  fields.push_back({protocol, name, *number});
  return {};
}

// One line of names and the line of values that belongs to it.
Result<void> parse_pair(std::string_view names, std::string_view values, std::vector<ProtocolField>& fields) {
  const std::string_view protocol = take(names, ':');
  if (names.empty() || take(values, ':') != protocol) return fail("names and values do not belong together");
  for (names = trim(names); !names.empty();) {
    const std::string_view name = take_field(names);
    const auto added = add_field(protocol, name, take_field(values), fields);
    if (!added) return added;
  }
  return {};
}

Result<std::vector<ProtocolField>> parse_snmp(std::string_view text) {
  const auto whole = check_whole(text);
  if (!whole) return unexpected(whole.error());
  std::vector<ProtocolField> fields;
  while (!text.empty()) {
    const std::string_view names = take(text, '\n');
    const auto parsed = parse_pair(names, take(text, '\n'), fields);
    if (!parsed) return unexpected(parsed.error());
  }
  return fields;
}

// The protocol is the part of the name up to the first 6: Ip6InOctets, UdpLite6InErrors.
Result<std::vector<ProtocolField>> parse_snmp6(std::string_view text) {
  const auto whole = check_whole(text);
  if (!whole) return unexpected(whole.error());
  std::vector<ProtocolField> fields;
  while (!text.empty()) {
    std::string_view line = take(text, '\n');
    const std::string_view key = take_field(line);
    const size_t six = key.find('6');
    if (six == std::string_view::npos) continue;
    const auto added = add_field(key.substr(0, six + 1), key.substr(six + 1), take_field(line), fields);
    if (!added) return unexpected(added.error());
  }
  return fields;
}

void write_fields(MetricWriter& writer, const std::vector<ProtocolField>& fields) {
  for (const ProtocolField& field : fields) {
    const std::string help =
        "The " + std::string(field.protocol) + " protocol's " + std::string(field.name) + ", as the kernel counts it.";
    writer.family("node_netstat_" + label_name_from(field.protocol) + "_" + label_name_from(field.name), help,
                  MetricType::kUntyped);
    writer.sample(field.value);
  }
}

class NetstatCollector : public Collector {
 public:
  explicit NetstatCollector(const Setup& setup)
      : netstat_(setup.roots.proc + "/net/netstat"),
        snmp_(setup.roots.proc + "/net/snmp"),
        snmp6_(setup.roots.proc + "/net/snmp6") {}
  std::string_view name() const override { return "netstat"; }

  Result<void> collect(MetricWriter& writer) override {
    for (KeptFile* file : {&netstat_, &snmp_}) {
      const auto fields = read_and_parse(*file, parse_snmp);
      if (!fields) return unexpected(fields.error());
      write_fields(writer, *fields);
    }
    const auto fields = read_and_parse(snmp6_, parse_snmp6);
    if (!fields && fields.error().code == ENOENT) return {};
    if (!fields) return unexpected(fields.error());
    write_fields(writer, *fields);
    return {};
  }

 private:
  KeptFile netstat_;
  KeptFile snmp_;
  KeptFile snmp6_;
};

}  // namespace

const Entry kNetstatCollector = {"netstat", "Protocol counters: proc net/netstat, net/snmp, net/snmp6", Default::kOn,
                                 make<NetstatCollector>};

}  // namespace plimsoll::collectors::host
