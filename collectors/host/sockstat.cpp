// SPDX-License-Identifier: Apache-2.0
// /proc/net/sockstat and sockstat6: sockets in use by protocol.
//
//   sockets: used 42
//   TCP: inuse 5 orphan 0 tw 22 alloc 35 mem 25
//   FRAG: inuse 0 memory 0
//
// mem is in pages and is exported in bytes as well; FRAG's memory is in bytes already.
// net/ipv4/proc.c
#include <unistd.h>

#include <algorithm>
#include <string>
#include <vector>

#include "base/text.h"
#include "collectors/host/parts/kept_file.h"
#include "collectors/host/parts/own_network.h"
#include "collectors/host/table.h"

namespace plimsoll::collectors::host {
namespace {

constexpr std::string_view kNames[] = {"inuse", "orphan", "tw", "alloc", "mem", "memory"};

struct SockField {
  std::string_view protocol, name;  // into the parsed text
  uint64_t value;
};

// What node_exporter knows; a kernel may have more.
bool is_exported(std::string_view protocol, std::string_view name) {
  if (protocol == "sockets") return name == "used";
  return std::find(std::begin(kNames), std::end(kNames), name) != std::end(kNames);
}

Result<void> parse_line(std::string_view line, std::vector<SockField>& fields) {
  if (line.find(':') == std::string_view::npos) return fail("line without a protocol");
  const std::string_view protocol = take(line, ':');
  for (line = trim(line); !line.empty();) {
    const std::string_view name = take_field(line);
    const auto number = parse_u64(take_field(line));
    if (!number) return fail(std::string(protocol) + " " + std::string(name) + ": not a number");
    const auto same = [&](const SockField& field) { return field.protocol == protocol && field.name == name; };
    if (is_exported(protocol, name) && std::none_of(fields.begin(), fields.end(), same))
      fields.push_back({protocol, name, *number});
  }
  return {};
}

Result<std::vector<SockField>> parse_sockstat(std::string_view text) {
  const auto whole = check_whole(text);
  if (!whole) return unexpected(whole.error());
  std::vector<SockField> fields;
  while (!text.empty()) {
    const auto parsed = parse_line(take(text, '\n'), fields);
    if (!parsed) return unexpected(parsed.error());
  }
  return fields;
}

void write_field(MetricWriter& writer, const SockField& field, uint64_t page_size) {
  const std::string name = "node_sockstat_" + label_name_from(field.protocol) + "_" + label_name_from(field.name);
  const std::string what = std::string(field.protocol) + " " + std::string(field.name);
  const bool pages = field.name == "mem";
  writer.family(name, what + " in the kernel's socket statistics" + (pages ? ", in pages." : "."), MetricType::kGauge);
  writer.sample(field.value);
  if (!pages) return;
  writer.family(name + "_bytes", what + " in the kernel's socket statistics, in bytes.", MetricType::kGauge);
  writer.sample(field.value * page_size);
}

class SockstatCollector : public Collector {
 public:
  explicit SockstatCollector(const Setup& setup)
      : ipv4_(net_file(setup.roots, "sockstat"), 1024), ipv6_(net_file(setup.roots, "sockstat6"), 1024) {}
  std::string_view name() const override { return "sockstat"; }

  Result<void> collect(MetricWriter& writer) override {
    const auto written = write_file(writer, ipv4_);
    if (!written) return written;
    const auto written6 = write_file(writer, ipv6_);
    // No IPv6 in this kernel, or switched off at boot.
    if (!written6 && written6.error().code == ENOENT) return {};
    return written6;
  }

 private:
  Result<void> write_file(MetricWriter& writer, KeptFile& file) {
    const auto fields = read_and_parse(file, parse_sockstat);
    if (!fields) return unexpected(fields.error());
    for (const SockField& field : *fields) write_field(writer, field, page_size_);
    return {};
  }

  KeptFile ipv4_;
  KeptFile ipv6_;
  uint64_t page_size_ = static_cast<uint64_t>(::sysconf(_SC_PAGESIZE));
};

}  // namespace

const Entry kSockstatCollector = {"sockstat", "Sockets in use: proc net/sockstat, net/sockstat6", Default::kOn,
                                  make<SockstatCollector>};

}  // namespace plimsoll::collectors::host
