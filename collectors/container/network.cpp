// SPDX-License-Identifier: Apache-2.0
#include "collectors/container/network.h"

#include <fcntl.h>
#include <linux/netlink.h>
#include <sched.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <algorithm>
#include <bit>
#include <thread>
#include <unordered_map>

#include "base/cgroup/network.h"
#include "base/text.h"
#include "collectors/container/link_stats.h"

namespace plimsoll::collectors::container {
namespace {

using Interfaces = std::vector<cgroup::NetworkInterface>;
using Lines = std::vector<NetDevLine>;

constexpr size_t kOwnLinkLength = 14;                     // "pl" and 12 digits, see runtime/network
constexpr uint64_t kComparisonRate = 64;                  // scrapes from one comparison with net/dev to the next
constexpr size_t kBytes = 0, kPackets = 1, kDropped = 3;  // columns of net/dev

bool is_own_link(std::string_view name) {
  return name.size() == kOwnLinkLength && name.starts_with("pl") &&
         std::all_of(name.begin() + 2, name.end(),
                     [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

bool is_container_link(std::string_view name) {
  return name.starts_with("veth") || name.starts_with("docker") || name.starts_with("nerdctl") || is_own_link(name);
}

// Devices that a tunnel's module makes in every namespace, without being asked (net.core.fb_tunnels_only_for_init_net).
bool is_fallback_tunnel(std::string_view name) {
  constexpr std::string_view kNames[] = {"tunl0",   "sit0",    "ip6tnl0", "gre0",    "gretap0",
                                         "erspan0", "ip6gre0", "ip_vti0", "ip6_vti0"};
  return std::find(std::begin(kNames), std::end(kNames), name) != std::end(kNames);
}

bool has_moved_nothing(const NetDevLine& line) {
  const auto is_zero = [](uint64_t column) { return column == 0; };
  return std::all_of(line.receive.begin(), line.receive.end(), is_zero) &&
         std::all_of(line.transmit.begin(), line.transmit.end(), is_zero);
}

struct NetDev {
  uint64_t inode;  // tells its namespace, see namespace_inode()
  Lines lines;     // into the buffer
};

Result<NetDev> read_net_dev(const std::string& path, ReadBuffer& buffer) {
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!fd) return fail_errno(path);
  struct stat st;
  if (::fstat(fd.get(), &st) != 0) return fail_errno(path);
  auto text = buffer.read(fd.get(), ReadBuffer::Until::kEnd);
  if (!text) return unexpected(text.error());
  auto lines = parse_net_dev(*text);
  if (!lines) return unexpected(lines.error());
  return NetDev{st.st_ino, *std::move(lines)};
}

std::string process_file(const std::string& proc, const std::string& process, const char* name) {
  return proc + "/" + process + name;
}

void remove_loopback(Lines& lines) {
  std::erase_if(lines, [](const NetDevLine& line) { return line.name == "lo"; });
}

// One interface of a namespace.
struct Inside {
  std::string name;
  uint32_t host_index = 0;            // of its other end; 0: a fallback tunnel that has moved nothing
  const LinkCounters* now = nullptr;  // of its other end, in this scrape
  // Drops that net/dev had and the other end had not, when they were compared.
  uint64_t more_receive_dropped = 0, more_transmit_dropped = 0;
};

struct Namespace {
  int32_t nsid = kNoNamespaceId;
  std::vector<Inside> inside;  // in the order of net/dev
  bool mapped = false;         // `inside` is complete
  bool refused = false;        // disagreed with net/dev: never again from the dump
  bool due = true;             // to be compared
  uint64_t scrapes = 0;        // in which it was shown
  uint64_t scrape = 0;         // the last one in which it was claimed
  size_t winner = 0;           // index of the claim that shows it in that scrape
};

bool is_preferred(const NetworkClaim& claim, const NetworkClaim& to) {
  if (claim.sandbox != to.sandbox) return claim.sandbox;
  if ((claim.created_ns == 0) != (to.created_ns == 0)) return claim.created_ns != 0;
  return claim.created_ns < to.created_ns;
}

// What the host's end has sent, the container's has received.
void fill_from_links(const Namespace& space, Interfaces& interfaces) {
  constexpr LinkCounters kIdle;
  interfaces.resize(space.inside.size());
  for (size_t i = 0; i < space.inside.size(); ++i) {
    const LinkCounters& host = space.inside[i].now != nullptr ? *space.inside[i].now : kIdle;
    cgroup::NetworkInterface& interface = interfaces[i];
    interface.name = space.inside[i].name;
    interface.receive_bytes = host.transmit_bytes;
    interface.receive_packets = host.transmit_packets;
    interface.receive_errors = host.transmit_errors;
    interface.receive_dropped = host.transmit_dropped + space.inside[i].more_receive_dropped;
    interface.transmit_bytes = host.receive_bytes;
    interface.transmit_packets = host.receive_packets;
    interface.transmit_errors = host.receive_errors;
    interface.transmit_dropped = host.receive_dropped + space.inside[i].more_transmit_dropped;
  }
}

void fill_from_lines(const Lines& lines, Interfaces& interfaces) {
  interfaces.clear();
  for (const NetDevLine& line : lines) interfaces.push_back(cgroup::interface_of(line));
}

// `line` was read after `before` and before `after`.
bool lies_between(const NetDevLine& line, const LinkCounters& before, const LinkCounters& after) {
  const auto between = [](uint64_t low, uint64_t value, uint64_t high) { return low <= value && value <= high; };
  return between(before.transmit_bytes, line.receive[kBytes], after.transmit_bytes) &&
         between(before.transmit_packets, line.receive[kPackets], after.transmit_packets) &&
         between(before.receive_bytes, line.transmit[kBytes], after.receive_bytes) &&
         between(before.receive_packets, line.transmit[kPackets], after.receive_packets);
}

// `after` was read after `line`, so nothing is counted twice; it never shrinks, so what is shown never falls.
void note_drops(Inside& inside, const NetDevLine& line, const LinkCounters& after) {
  const auto raise = [](uint64_t& more, uint64_t here, uint64_t there) {
    if (here > there) more = std::max(more, here - there);
  };
  raise(inside.more_receive_dropped, line.receive[kDropped], after.transmit_dropped);
  raise(inside.more_transmit_dropped, line.transmit[kDropped], after.receive_dropped);
}

// Index -> name, of the interfaces that take part in multicast: all that are up, as a rule.
//   2    eth0            1     0     01005e000001
std::unordered_map<uint32_t, std::string> read_indexes(const std::string& path) {
  std::unordered_map<uint32_t, std::string> names;
  ReadBuffer buffer;
  auto text = buffer.read_at(AT_FDCWD, path.c_str());
  std::string_view rest = text ? *text : std::string_view{};
  while (!rest.empty()) {
    std::string_view line = take(rest, '\n');
    const auto index = parse_u64(take_field(line));
    if (index && *index <= UINT32_MAX) names.try_emplace(static_cast<uint32_t>(*index), take_field(line));
  }
  return names;
}

// Needs the right to trace the process.
UniqueFd open_namespace(const std::string& proc, const std::string& process) {
  return UniqueFd(::open(process_file(proc, process, "/ns/net").c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
}

uint64_t inode_at(const std::string& path) {
  struct stat st;
  return ::stat(path.c_str(), &st) == 0 ? st.st_ino : 0;
}

UniqueFd open_route_socket() { return UniqueFd(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE)); }

}  // namespace

struct Networks::State {
  State(HostRoots host_roots, UniqueFd socket) : roots(std::move(host_roots)), links(std::move(socket)) {}

  void start_scrape();
  void enter(std::vector<NetworkClaim>& claims, size_t i);
  void serve(NetworkClaim& claim, ReadBuffer& buffer);
  void end_scrape();

  bool shows(const NetworkClaim& claim, size_t i) const;
  void locate(NetworkClaim& claim) const;
  Namespace* enter_late(uint64_t inode);
  bool is_current(Namespace& space) const;
  bool is_due(const Namespace& space, uint64_t inode) const;
  Result<Lines> read_inside(NetworkClaim& claim, ReadBuffer& buffer) const;
  void examine(Namespace& space, const NetworkPlace& place, const Lines& lines);
  int32_t namespace_id(const NetworkPlace& place);
  bool map(Namespace& space, const NetworkPlace& place, const Lines& lines);
  bool agrees(Namespace& space, const Lines& lines);

  HostRoots roots;
  LinkStats links;
  bool have_links = false;  // in this scrape
  uint64_t host_inode = 0;  // of process 1's namespace; 0 = not known
  uint64_t scrape = 0;
  size_t claimed = 0;                              // namespaces, in this scrape
  std::unordered_map<uint64_t, Namespace> spaces;  // by inode
};

UniqueFd open_host_route_socket(const std::string& proc) {
  const uint64_t host_inode = namespace_inode(proc, 1);
  if (host_inode == 0) return UniqueFd();
  if (host_inode == inode_at(process_file(proc, "self", "/net/dev"))) return open_route_socket();
  const UniqueFd host = open_namespace(proc, "1");
  UniqueFd socket;
  std::thread visitor([&] {
    if (::setns(host.get(), CLONE_NEWNET) == 0) socket = open_route_socket();
  });
  visitor.join();
  return socket;
}

Networks::Networks(HostRoots roots, UniqueFd host_route_socket)
    : state_(std::make_unique<State>(std::move(roots), std::move(host_route_socket))) {}
Networks::~Networks() = default;

void Networks::show(std::vector<NetworkClaim>& claims, ReadBuffer& buffer) {
  State& state = *state_;
  if (claims.empty()) return state.spaces.clear();
  state.start_scrape();
  for (size_t i = 0; i < claims.size(); ++i) state.enter(claims, i);
  for (size_t i = 0; i < claims.size(); ++i) {
    if (state.shows(claims[i], i)) state.serve(claims[i], buffer);
    if (!claims[i].shown) claims[i].interfaces->clear();
  }
  state.end_scrape();
}

void Networks::State::start_scrape() {
  ++scrape;
  claimed = 0;
  if (host_inode == 0) host_inode = namespace_inode(roots.proc, 1);
  have_links = links.update();
  const std::vector<int32_t>& touched = links.touched();
  if (touched.empty()) return;
  for (auto& [inode, space] : spaces) {
    if (std::binary_search(touched.begin(), touched.end(), space.nsid)) space.due = true;
  }
}

void Networks::State::locate(NetworkClaim& claim) const {
  claim.place->pid = claim.find_process();
  claim.place->inode = claim.place->pid != 0 ? namespace_inode(roots.proc, claim.place->pid) : 0;
}

// Who shows the namespace is known when all have entered. That the place is still right is looked at now and
// then; a namespace that is read from net/dev, or whose links are gone, is looked at when it is served.
void Networks::State::enter(std::vector<NetworkClaim>& claims, size_t i) {
  NetworkClaim& claim = claims[i];
  NetworkPlace& place = *claim.place;
  claim.shown = false;
  bool is_new = place.pid == 0 || place.inode == 0;
  if (!is_new && (scrape + i) % kComparisonRate == 0) is_new = namespace_inode(roots.proc, place.pid) != place.inode;
  if (is_new) locate(claim);
  if (place.inode == 0 || place.inode == host_inode) return;
  Namespace& space = spaces[place.inode];
  if (is_new) space.due = true;
  if (space.scrape != scrape) {
    space.scrape = scrape;
    space.winner = i;
    ++claimed;
  } else if (is_preferred(claim, claims[space.winner])) {
    space.winner = i;
  }
}

bool Networks::State::shows(const NetworkClaim& claim, size_t i) const {
  const auto space = spaces.find(claim.place->inode);
  return space != spaces.end() && space->second.scrape == scrape && space->second.winner == i;
}

void Networks::State::serve(NetworkClaim& claim, ReadBuffer& buffer) {
  const uint64_t inode = claim.place->inode;
  Namespace* space = &spaces[inode];
  ++space->scrapes;
  if (is_due(*space, inode) || !is_current(*space)) {
    auto lines = read_inside(claim, buffer);
    if (!lines) return;
    if (claim.place->inode != inode) space = enter_late(claim.place->inode);
    if (space == nullptr) return;
    if (have_links && is_due(*space, claim.place->inode)) examine(*space, *claim.place, *lines);
    if (!is_current(*space)) fill_from_lines(*lines, *claim.interfaces);
  }
  claim.shown = true;
  if (is_current(*space)) fill_from_links(*space, *claim.interfaces);
}

// The group's processes are in another namespace than at the last scrape. Null: it is the machine's, or is
// shown by another claim.
Namespace* Networks::State::enter_late(uint64_t inode) {
  if (inode == host_inode) return nullptr;
  Namespace& space = spaces[inode];
  if (space.scrape == scrape) return nullptr;
  space.scrape = scrape;
  space.scrapes = 1;
  space.due = true;
  ++claimed;
  return &space;
}

bool Networks::State::is_due(const Namespace& space, uint64_t inode) const {
  if (space.refused) return false;
  if (space.due) return true;
  if (space.scrapes <= kComparisonRate) return std::has_single_bit(space.scrapes);
  return (space.scrapes + inode) % kComparisonRate == 0;  // not all in the same scrape
}

// Whether the dump has all of it. A link that has gone leaves something to look at.
bool Networks::State::is_current(Namespace& space) const {
  if (!space.mapped || !have_links) return false;
  for (Inside& inside : space.inside) {
    inside.now = inside.host_index != 0 ? links.find(inside.host_index) : nullptr;
    if (inside.host_index == 0 || inside.now != nullptr) continue;
    space.due = true;
    return false;
  }
  return true;
}

// A process may have ended, and its number been given to another: what was read counts when it is of the
// namespace. Finds another process, and maybe another namespace, otherwise.
Result<Lines> Networks::State::read_inside(NetworkClaim& claim, ReadBuffer& buffer) const {
  NetworkPlace& place = *claim.place;
  for (int attempt = 0; attempt < 2; ++attempt) {
    if (attempt > 0) locate(claim);
    if (place.inode == 0) break;
    auto read = read_net_dev(process_file(roots.proc, std::to_string(place.pid), "/net/dev"), buffer);
    if (!read || read->inode != place.inode) continue;
    remove_loopback(read->lines);
    return std::move(read->lines);
  }
  place = {};
  return fail("no process");
}

void Networks::State::examine(Namespace& space, const NetworkPlace& place, const Lines& lines) {
  space.due = false;
  if (space.mapped && agrees(space, lines)) return;
  space.mapped = false;
  if (!map(space, place, lines)) return;
  space.mapped = agrees(space, lines);
  space.refused = !space.mapped;
}

// By a descriptor of the namespace or, where that may not be had, by the process' number, which is the same one
// to the kernel only when `proc` is of our own pid namespace: the comparison will tell.
int32_t Networks::State::namespace_id(const NetworkPlace& place) {
  const UniqueFd fd = open_namespace(roots.proc, std::to_string(place.pid));
  const auto nsid = fd ? links.namespace_id(fd.get()) : links.namespace_id_of_process(place.pid);
  const bool same = namespace_inode(roots.proc, place.pid) == place.inode;
  return same ? nsid.value_or(kNoNamespaceId) : kNoNamespaceId;
}

// The host's end of each interface. False: one has none, or its name cannot be told.
bool Networks::State::map(Namespace& space, const NetworkPlace& place, const Lines& lines) {
  space.inside.clear();
  for (const NetDevLine& line : lines) space.inside.push_back({.name = std::string(line.name)});
  const auto is_idle = [](const NetDevLine& line) { return is_fallback_tunnel(line.name) && has_moved_nothing(line); };
  const auto wanted = lines.size() - static_cast<size_t>(std::count_if(lines.begin(), lines.end(), is_idle));
  space.nsid = kNoNamespaceId;
  if (wanted == 0) return true;
  space.nsid = namespace_id(place);
  const std::vector<LinkStats::Link> ends = links.links_into(space.nsid);
  if (space.nsid == kNoNamespaceId || ends.size() != wanted) return false;
  std::unordered_map<uint32_t, std::string> names;
  if (wanted > 1) names = read_indexes(process_file(roots.proc, std::to_string(place.pid), "/net/dev_mcast"));
  for (size_t i = 0; i < lines.size(); ++i) {
    if (is_idle(lines[i])) continue;
    const auto end = std::find_if(ends.begin(), ends.end(), [&](const LinkStats::Link& link) {
      const auto name = names.find(link.peer.index);
      return wanted == 1 || (name != names.end() && name->second == lines[i].name);
    });
    if (end == ends.end()) return false;
    space.inside[i].host_index = end->index;
  }
  return true;
}

bool Networks::State::agrees(Namespace& space, const Lines& lines) {
  const auto agrees_with = [this](Inside& inside, const NetDevLine& line) {
    if (inside.name != line.name) return false;
    if (inside.host_index == 0) return has_moved_nothing(line);
    const LinkCounters* before = links.find(inside.host_index);
    const auto after = links.read_one(inside.host_index);
    if (before == nullptr || !after || !lies_between(line, *before, *after)) return false;
    note_drops(inside, line, *after);
    return true;
  };
  return std::equal(space.inside.begin(), space.inside.end(), lines.begin(), lines.end(), agrees_with);
}

// A new link into a namespace that nobody has: one without any link may have got its first.
void Networks::State::end_scrape() {
  if (claimed < spaces.size())
    std::erase_if(spaces, [this](const auto& entry) { return entry.second.scrape != scrape; });
  std::vector<int32_t> unknown = links.touched();
  for (const auto& [inode, space] : spaces) std::erase(unknown, space.nsid);
  if (unknown.empty()) return;
  for (auto& [inode, space] : spaces) space.due = space.due || space.nsid == kNoNamespaceId;
}

// Process 1 is in the machine's own namespace even where the agent is not.
void Networks::read_host(ReadBuffer& buffer, std::vector<cgroup::NetworkInterface>& network) {
  const std::string& proc = state_->roots.proc;
  network.clear();
  auto read = read_net_dev(proc + "/1/net/dev", buffer);
  if (!read) read = read_net_dev(proc + "/net/dev", buffer);
  if (!read) return;
  for (const NetDevLine& line : read->lines) {
    if (line.name != "lo" && !is_container_link(line.name)) network.push_back(cgroup::interface_of(line));
  }
}

uint64_t namespace_inode(const std::string& proc, pid_t pid) {
  return inode_at(process_file(proc, std::to_string(pid), "/net/dev"));
}

}  // namespace plimsoll::collectors::container
