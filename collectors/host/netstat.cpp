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
#include <optional>
#include <string>
#include <vector>

#include "base/text.h"
#include "collectors/host/parts/kept_file.h"
#include "collectors/host/parts/name_filter.h"
#include "collectors/host/parts/own_network.h"
#include "collectors/host/table.h"

namespace plimsoll::collectors::host {
namespace {

constexpr Flag kFields = {"netstat.fields", FlagKind::kRegex,
                          "^(.*_(InErrors|InErrs)|Ip_Forwarding|Ip(6|Ext)_(InOctets|OutOctets)|Icmp6?_(InMsgs|OutMsgs)|"
                          "TcpExt_(Listen.*|Syncookies.*|TCPSynRetrans|TCPTimeouts|TCPOFOQueue|TCPRcvQDrop)|"
                          "Tcp_(ActiveOpens|InSegs|OutSegs|OutRsts|PassiveOpens|RetransSegs|CurrEstab)|"
                          "Udp6?_(InDatagrams|OutDatagrams|NoPorts|RcvbufErrors|SndbufErrors))$",
                          "Fields to export, as PROTOCOL_FIELD"};

constexpr size_t kMaxFields = 4096;  // ten times what a kernel has

struct FieldName {
  std::string_view protocol, name;
};

// What was decided about one field.
struct Decision {
  std::string key;           // "Tcp_InSegs"
  std::string family, help;  // empty when it is not exported

  bool exported() const { return !family.empty(); }
  bool is_of(const FieldName& field) const {
    const std::string_view text = key;
    return text.size() == field.protocol.size() + 1 + field.name.size() && text[field.protocol.size()] == '_' &&
           text.starts_with(field.protocol) && text.ends_with(field.name);
  }
};

// Which fields are exported. The kernel names the same ones in the same order each time, so that the decision is
// kept by the field's place, and the regular expression runs only for a place whose name is a new one.
class Selection {
 public:
  explicit Selection(std::string_view expression) : fields_(expression) {}

  void restart() { next_ = 0; }
  // The place of the next field; nullopt beyond kMaxFields.
  std::optional<size_t> place(const FieldName& field) {
    if (next_ < decisions_.size() && decisions_[next_].is_of(field)) return next_++;
    if (next_ == kMaxFields) return std::nullopt;
    decisions_.resize(next_);
    decisions_.push_back(decide(field));
    return next_++;
  }
  const Decision& at(size_t place) const { return decisions_[place]; }

 private:
  // A family that an earlier field has is not exported again.
  Decision decide(const FieldName& field) const {
    std::string key = std::string(field.protocol) + "_" + std::string(field.name);
    if (!fields_.matches(key)) return {std::move(key), {}, {}};
    std::string family = "node_netstat_" + label_name_from(field.protocol) + "_" + label_name_from(field.name);
    const auto same = [&](const Decision& decision) { return decision.family == family; };
    if (std::any_of(decisions_.begin(), decisions_.end(), same)) return {std::move(key), {}, {}};
    std::string help =
        "The " + std::string(field.protocol) + " protocol's " + std::string(field.name) + ", as the kernel counts it.";
    return {std::move(key), std::move(family), std::move(help)};
  }

  Pattern fields_;
  std::vector<Decision> decisions_;
  size_t next_ = 0;
};

// The fields of one file that are exported.
class Fields {
 public:
  explicit Fields(Selection& selection) : selection_(selection) {}

  Result<void> add(const FieldName& field, std::string_view value) {
    const auto wrong = [&](const char* what) {
      return fail(std::string(field.protocol) + " " + std::string(field.name) + ": " + what);
    };
    if (value.empty()) return wrong("no value");
    const auto place = selection_.place(field);
    if (!place) return fail("too many fields");
    if (!selection_.at(*place).exported()) return {};
    const auto number = read_value(field, value);
    if (!number) return wrong("not a number");
    found_.push_back({*place, *number});
    return {};
  }

  void write(MetricWriter& writer) const {
    for (const Found& field : found_) {
      const Decision& decision = selection_.at(field.place);
      writer.family(decision.family, decision.help, MetricType::kUntyped);
      writer.sample(field.value);
    }
  }

 private:
  struct Found {
    size_t place;
    Value value;
  };

  // RFC 4022's tcpMaxConn is -1 where there is no limit; all else counts.
  static std::optional<Value> read_value(const FieldName& field, std::string_view text) {
    if (const auto number = parse_u64(text)) return Value(*number);
    if (field.name != "MaxConn") return std::nullopt;
    if (const auto number = parse_i64(text)) return Value(static_cast<double>(*number));
    return std::nullopt;
  }

  Selection& selection_;
  std::vector<Found> found_;
};

// One line of names and the line of values that belongs to it.
Result<void> parse_pair(std::string_view names, std::string_view values, Fields& fields) {
  const std::string_view protocol = take(names, ':');
  if (names.empty() || take(values, ':') != protocol) return fail("names and values do not belong together");
  for (names = trim(names); !names.empty();) {
    const std::string_view name = take_field(names);
    const auto added = fields.add({protocol, name}, take_field(values));
    if (!added) return added;
  }
  return {};
}

Result<Fields> parse_snmp(std::string_view text, Selection& selection) {
  const auto whole = check_whole(text);
  if (!whole) return unexpected(whole.error());
  Fields fields(selection);
  while (!text.empty()) {
    const std::string_view names = take(text, '\n');
    const auto parsed = parse_pair(names, take(text, '\n'), fields);
    if (!parsed) return unexpected(parsed.error());
  }
  return fields;
}

// The protocol is the part of the name up to the first 6: Ip6InOctets, UdpLite6InErrors.
Result<Fields> parse_snmp6(std::string_view text, Selection& selection) {
  const auto whole = check_whole(text);
  if (!whole) return unexpected(whole.error());
  Fields fields(selection);
  while (!text.empty()) {
    std::string_view line = take(text, '\n');
    const std::string_view key = take_field(line);
    const size_t six = key.find('6');
    if (six == std::string_view::npos) continue;
    const auto added = fields.add({key.substr(0, six + 1), key.substr(six + 1)}, take_field(line));
    if (!added) return unexpected(added.error());
  }
  return fields;
}

class NetstatCollector : public Collector {
 public:
  explicit NetstatCollector(const Setup& setup)
      : netstat_(net_file(setup.roots, "netstat")),
        snmp_(net_file(setup.roots, "snmp")),
        snmp6_(net_file(setup.roots, "snmp6")),
        selection_(setup.flags.text(kFields)) {}
  std::string_view name() const override { return "netstat"; }

  Result<void> collect(MetricWriter& writer) override {
    selection_.restart();
    for (KeptFile* file : {&netstat_, &snmp_}) {
      const auto written = write_file(writer, *file, parse_snmp);
      if (!written) return written;
    }
    const auto written = write_file(writer, snmp6_, parse_snmp6);
    if (!written && written.error().code == ENOENT) return {};
    return written;
  }

 private:
  template <typename Parse>
  Result<void> write_file(MetricWriter& writer, KeptFile& file, Parse parse) {
    const auto fields = read_and_parse(file, [&](std::string_view text) { return parse(text, selection_); });
    if (!fields) return unexpected(fields.error());
    fields->write(writer);
    return {};
  }

  KeptFile netstat_;
  KeptFile snmp_;
  KeptFile snmp6_;
  Selection selection_;
};

constexpr const Flag* kFlags[] = {&kFields};

}  // namespace

const Entry kNetstatCollector = {"netstat", "Protocol counters: proc net/netstat, net/snmp, net/snmp6", Default::kOn,
                                 make<NetstatCollector>, kFlags};

}  // namespace plimsoll::collectors::host
