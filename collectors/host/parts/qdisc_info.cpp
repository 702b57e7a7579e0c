// SPDX-License-Identifier: Apache-2.0
#include "collectors/host/parts/qdisc_info.h"

#include <linux/gen_stats.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>

#include <algorithm>
#include <cstring>

#include "base/netlink.h"
#include "base/text.h"

namespace plimsoll::collectors::host {
namespace {

using netlink::find_attribute;

bool is_root(uint64_t parent) { return parent == 0 || parent == TC_H_ROOT; }

// A structure at the front of `bytes`; the kernel's may be longer than ours.
template <typename T>
bool read_struct(std::string_view bytes, size_t size, T& value) {
  if (bytes.size() < size) return false;
  std::memcpy(&value, bytes.data(), size);
  return true;
}

// The size of gnet_stats_basic without the padding behind it, which the kernel leaves out.
constexpr size_t kBasicSize = sizeof(uint64_t) + sizeof(uint32_t);

void read_statistics(std::string_view statistics, QdiscInfo& qdisc) {
  gnet_stats_basic basic = {};
  if (read_struct(find_attribute(statistics, TCA_STATS_BASIC), kBasicSize, basic)) {
    qdisc.bytes = basic.bytes;
    qdisc.packets = basic.packets;
  }
  // Only there when 32 bits are too few.
  uint64_t packets;
  if (read_struct(find_attribute(statistics, TCA_STATS_PKT64), sizeof packets, packets)) qdisc.packets = packets;
  gnet_stats_queue queue = {};
  if (!read_struct(find_attribute(statistics, TCA_STATS_QUEUE), sizeof queue, queue)) return;
  qdisc.queue_length = queue.qlen;
  qdisc.backlog = queue.backlog;
  qdisc.drops = queue.drops;
  qdisc.requeues = queue.requeues;
  qdisc.overlimits = queue.overlimits;
}

// As much JSON as the test files have: an array of flat objects of texts and whole numbers.
class Scanner {
 public:
  explicit Scanner(std::string_view text) : rest_(text) {}

  // Takes `wanted` if it comes next.
  bool take(char wanted) {
    skip_blanks();
    if (rest_.empty() || rest_.front() != wanted) return false;
    rest_.remove_prefix(1);
    return true;
  }
  bool at_end() {
    skip_blanks();
    return rest_.empty();
  }
  // Quotes and backslashes are the only escapes that it knows.
  std::optional<std::string> text() {
    if (!take('"')) return std::nullopt;
    std::string value;
    while (!rest_.empty()) {
      char next = shift();
      if (next == '"') return value;
      if (next == '\\') {
        if (rest_.empty() || (rest_.front() != '"' && rest_.front() != '\\')) return std::nullopt;
        next = shift();
      }
      value += next;
    }
    return std::nullopt;
  }
  std::optional<uint64_t> number() {
    skip_blanks();
    const size_t length = std::min(rest_.find_first_not_of("0123456789"), rest_.size());
    const auto value = parse_u64(rest_.substr(0, length));
    rest_.remove_prefix(length);
    return value;
  }
  bool at_text() {
    skip_blanks();
    return rest_.starts_with('"');
  }

 private:
  void skip_blanks() { rest_.remove_prefix(std::min(rest_.find_first_not_of(" \t\r\n"), rest_.size())); }
  char shift() {
    const char next = rest_.front();
    rest_.remove_prefix(1);
    return next;
  }

  std::string_view rest_;
};

uint64_t* field_of(QdiscInfo& qdisc, std::string_view name) {
  if (name == "Bytes") return &qdisc.bytes;
  if (name == "Packets") return &qdisc.packets;
  if (name == "Drops") return &qdisc.drops;
  if (name == "Requeues") return &qdisc.requeues;
  if (name == "Overlimits") return &qdisc.overlimits;
  if (name == "Qlen") return &qdisc.queue_length;
  if (name == "Backlog") return &qdisc.backlog;
  return nullptr;
}

// "NAME": VALUE. A name that we do not know is read and forgotten.
bool read_member(Scanner& scanner, QdiscInfo& qdisc) {
  const auto name = scanner.text();
  if (!name || !scanner.take(':')) return false;
  if (scanner.at_text()) {
    const auto value = scanner.text();
    if (value && *name == "IfaceName") qdisc.device = *value;
    if (value && *name == "Kind") qdisc.kind = *value;
    return value.has_value();
  }
  const auto value = scanner.number();
  if (!value) return false;
  if (*name == "Parent") qdisc.root = is_root(*value);
  if (uint64_t* field = field_of(qdisc, *name)) *field = *value;
  return true;
}

bool read_object(Scanner& scanner, QdiscInfo& qdisc) {
  qdisc.root = true;
  if (!scanner.take('{')) return false;
  if (scanner.take('}')) return true;
  do {
    if (!read_member(scanner, qdisc)) return false;
  } while (scanner.take(','));
  return scanner.take('}');
}

bool read_array(Scanner& scanner, std::vector<QdiscInfo>& qdiscs) {
  if (!scanner.take('[')) return false;
  if (scanner.take(']')) return true;
  do {
    if (!read_object(scanner, qdiscs.emplace_back())) return false;
  } while (scanner.take(','));
  return scanner.take(']');
}

}  // namespace

std::optional<QdiscInfo> parse_qdisc(std::string_view body) {
  tcmsg header;
  if (!read_struct(body, sizeof header, header)) return std::nullopt;
  const std::string_view attributes = body.substr(sizeof header);
  const std::string_view kind = find_attribute(attributes, TCA_KIND);
  QdiscInfo qdisc;
  qdisc.interface = static_cast<uint32_t>(header.tcm_ifindex);
  qdisc.kind = kind.substr(0, kind.find('\0'));
  qdisc.root = is_root(header.tcm_parent);
  if (qdisc.kind.empty()) return std::nullopt;
  read_statistics(find_attribute(attributes, TCA_STATS2), qdisc);
  return qdisc;
}

Result<std::vector<QdiscInfo>> parse_qdisc_results(std::string_view json) {
  Scanner scanner(json);
  std::vector<QdiscInfo> qdiscs;
  if (!read_array(scanner, qdiscs) || !scanner.at_end())
    return fail("not a JSON array of objects with texts and whole numbers");
  return qdiscs;
}

}  // namespace plimsoll::collectors::host
