// SPDX-License-Identifier: Apache-2.0
#include "collectors/container/sockets.h"

#include <fcntl.h>

#include <algorithm>
#include <charconv>

#include "base/text.h"

namespace plimsoll::collectors::container {
namespace {

// The counters that cAdvisor shows, sorted. What later kernels have beside them would be series that no
// dashboard knows, for each container.
// clang-format off
constexpr std::string_view kAdvancedNames[] = {
    "activeopens", "attemptfails", "currestab", "delayedacklocked", "delayedacklost", "delayedacks", "embryonicrsts",
    "estabresets", "incsumerrors", "inerrs", "insegs", "ipreversepathfilter", "listendrops", "listenoverflows",
    "lockdroppedicmps", "maxconn", "ofopruned", "outofwindowicmps", "outrsts", "outsegs", "passiveopens",
    "pawsactive", "pawsestab", "pfmemallocdrop", "prunecalled", "rcvpruned", "retranssegs", "rtoalgorithm", "rtomax",
    "rtomin", "syncookiesfailed", "syncookiesrecv", "syncookiessent", "tcpabortfailed", "tcpabortonclose",
    "tcpabortondata", "tcpabortonlinger", "tcpabortonmemory", "tcpabortontimeout", "tcpbacklogdrop",
    "tcpdeferacceptdrop", "tcpdsackignorednoundo", "tcpdsackignoredold", "tcpdsackoforecv", "tcpdsackofosent",
    "tcpdsackoldsent", "tcpdsackrecv", "tcpdsackundo", "tcpfackreorder", "tcpfastopenactive", "tcpfastopenactivefail",
    "tcpfastopencookiereqd", "tcpfastopenlistenoverflow", "tcpfastopenpassive", "tcpfastopenpassivefail",
    "tcpfastretrans", "tcpfullundo", "tcphpacks", "tcphphits", "tcplossfailures", "tcplossproberecovery",
    "tcplossprobes", "tcplossundo", "tcplostretransmit", "tcpmd5failure", "tcpmd5notfound", "tcpmd5unexpected",
    "tcpmemorypressures", "tcpmemorypressureschrono", "tcpminttldrop", "tcporigdatasent", "tcppartialundo",
    "tcppureacks", "tcprcvcollapsed", "tcprenofailures", "tcprenorecovery", "tcprenorecoveryfail", "tcprenoreorder",
    "tcpreqqfulldocookies", "tcpreqqfulldrop", "tcpretransfail", "tcpsackdiscard", "tcpsackfailures", "tcpsackmerged",
    "tcpsackrecovery", "tcpsackrecoveryfail", "tcpsackreneging", "tcpsackreorder", "tcpsackshifted",
    "tcpsackshiftfallback", "tcpslowstartretrans", "tcpspuriousrtos", "tcpsynretrans", "tcptimeouts",
    "tcptimewaitoverflow", "tcptsreorder", "tw", "twkilled", "twrecycled",
};
// clang-format on
constexpr size_t kLongestName = 64;

constexpr unsigned kListen = 10;  // TCP_LISTEN
constexpr size_t kUdpFieldsToDrops = 7;

std::optional<uint64_t> parse_hex(std::string_view text) {
  uint64_t value = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value, 16);
  if (error != std::errc{} || stop != end) return std::nullopt;
  return value;
}

// What a line of net/tcp and net/udp has in common. `rest` begins behind the queues.
struct SocketLine {
  uint64_t state, transmit_queue, receive_queue;
  std::string_view rest;
};

std::optional<SocketLine> parse_socket_line(std::string_view line) {
  if (!take_field(line).ends_with(':')) return std::nullopt;
  take_field(line);  // local address
  take_field(line);  // remote address
  const auto state = parse_hex(take_field(line));
  std::string_view queues = take_field(line);
  const auto transmit = parse_hex(take(queues, ':'));
  const auto receive = parse_hex(queues);
  if (!state || !transmit || !receive) return std::nullopt;
  return SocketLine{*state, *transmit, *receive, line};
}

// Takes the heading off: its first field is "sl".
bool take_heading(std::string_view& text) {
  std::string_view heading = take(text, '\n');
  return take_field(heading) == "sl";
}

// The static name that `kernel_name` has in lower case; empty when it is not wanted.
std::string_view advanced_name(std::string_view kernel_name) {
  char lower[kLongestName];
  if (kernel_name.size() > sizeof(lower)) return {};
  std::transform(kernel_name.begin(), kernel_name.end(), lower,
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  const std::string_view wanted(lower, kernel_name.size());
  const auto* found = std::lower_bound(std::begin(kAdvancedNames), std::end(kAdvancedNames), wanted);
  return found != std::end(kAdvancedNames) && *found == wanted ? *found : std::string_view{};
}

// A line of names and a line of values, both of which begin with `prefix`.
void add_table(std::string_view text, std::string_view prefix, std::vector<NamedCount>& counts) {
  while (!text.empty()) {
    std::string_view names = take(text, '\n');
    if (take_field(names) != prefix) continue;
    std::string_view values = take(text, '\n');
    if (take_field(values) != prefix) return;
    while (true) {
      const std::string_view name = take_field(names), value = take_field(values);
      if (name.empty() || value.empty()) return;
      const std::string_view label = advanced_name(name);
      const auto number = parse_i64(value);
      if (!label.empty() && number) counts.emplace_back(label, *number);
    }
  }
}

void set_by_key(std::string_view fields, std::string_view key, cgroup::Count& count) {
  while (!fields.empty()) {
    if (take_field(fields) != key) continue;
    count = parse_u64(take_field(fields));
    return;
  }
}

// Reads the files of one process' net directory as long as there is time.
class NetFiles {
 public:
  NetFiles(const std::string& proc, pid_t pid, int64_t deadline_ns, ReadBuffer& buffer)
      : directory_(proc + "/" + std::to_string(pid) + "/net/"), deadline_ns_(deadline_ns), buffer_(buffer) {}

  // Valid until the next call.
  std::optional<std::string_view> read(const char* name) {
    if (late_ || monotonic_ns() > deadline_ns_) {
      late_ = true;
      return std::nullopt;
    }
    auto text = buffer_.read_at(AT_FDCWD, (directory_ + name).c_str());
    if (!text) return std::nullopt;
    any_ = true;
    return *text;
  }
  bool complete() const { return any_ && !late_; }

 private:
  std::string directory_;
  int64_t deadline_ns_;
  ReadBuffer& buffer_;
  bool late_ = false, any_ = false;
};

std::vector<NamedCount> read_advanced_tcp(NetFiles& files) {
  auto netstat = files.read("netstat");
  std::vector<NamedCount> counts = parse_advanced_tcp(netstat.value_or(""), "");
  auto snmp = files.read("snmp");
  const std::vector<NamedCount> more = parse_advanced_tcp("", snmp.value_or(""));
  counts.insert(counts.end(), more.begin(), more.end());
  return counts;
}

}  // namespace

std::optional<TcpStates> parse_tcp(std::string_view text) {
  if (!take_heading(text)) return std::nullopt;
  TcpStates states;
  while (!text.empty()) {
    const auto line = parse_socket_line(take(text, '\n'));
    if (!line || line->state == 0 || line->state > states.count.size()) continue;
    ++states.count[line->state - 1];
    if (line->state == kListen) states.accept_queue += line->receive_queue;
  }
  return states;
}

// Behind the queues: tr:when retrnsmt uid timeout inode ref pointer drops.
std::optional<UdpSockets> parse_udp(std::string_view text) {
  if (!take_heading(text)) return std::nullopt;
  UdpSockets sockets;
  while (!text.empty()) {
    auto line = parse_socket_line(take(text, '\n'));
    if (!line) continue;
    ++sockets.listen;
    sockets.transmit_queued += line->transmit_queue;
    sockets.receive_queued += line->receive_queue;
    for (size_t i = 0; i < kUdpFieldsToDrops; ++i) take_field(line->rest);
    sockets.dropped += parse_u64(take_field(line->rest)).value_or(0);
  }
  return sockets;
}

std::vector<NamedCount> parse_advanced_tcp(std::string_view netstat, std::string_view snmp) {
  std::vector<NamedCount> counts;
  add_table(netstat, "TcpExt:", counts);
  add_table(snmp, "Tcp:", counts);
  return counts;
}

void parse_sockstat(std::string_view text, SocketCounts& counts) {
  while (!text.empty()) {
    std::string_view line = take(text, '\n');
    const std::string_view kind = take_field(line);
    if (kind == "sockets:") set_by_key(line, "used", counts.sockets_used);
    if (kind == "UDP:") set_by_key(line, "inuse", counts.udp_in_use);
    if (kind != "TCP:") continue;
    set_by_key(line, "inuse", counts.tcp_in_use);
    set_by_key(line, "orphan", counts.tcp_orphan);
    set_by_key(line, "tw", counts.tcp_time_wait);
    set_by_key(line, "alloc", counts.tcp_allocated);
  }
}

bool wants_sockets(const KindSet& kinds) {
  return kinds.has(Kind::kTcp) || kinds.has(Kind::kUdp) || kinds.has(Kind::kAdvancedTcp) || kinds.has(Kind::kSockets);
}

// The cheap files first.
bool read_sockets(const std::string& proc, pid_t pid, const KindSet& kinds, int64_t deadline_ns, ReadBuffer& buffer,
                  SocketCounts& counts) {
  counts = {};
  NetFiles files(proc, pid, deadline_ns, buffer);
  if (kinds.has(Kind::kSockets)) parse_sockstat(files.read("sockstat").value_or(""), counts);
  if (kinds.has(Kind::kAdvancedTcp)) counts.advanced_tcp = read_advanced_tcp(files);
  if (kinds.has(Kind::kUdp)) {
    counts.udp = parse_udp(files.read("udp").value_or(""));
    counts.udp6 = parse_udp(files.read("udp6").value_or(""));
  }
  if (kinds.has(Kind::kTcp)) {
    counts.tcp = parse_tcp(files.read("tcp").value_or(""));
    counts.tcp6 = parse_tcp(files.read("tcp6").value_or(""));
  }
  if (!files.complete()) counts = {};
  return files.complete();
}

}  // namespace plimsoll::collectors::container
