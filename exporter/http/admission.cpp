// SPDX-License-Identifier: Apache-2.0
#include "exporter/http/admission.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <exception>
#include <map>
#include <mutex>
#include <optional>
#include <unordered_map>

#include "base/os.h"

namespace plimsoll::exporter {
namespace {

constexpr int kOutOfDescriptorsMs = 100;  // accept would fail again at once
constexpr size_t kDrainedAtClose = 64 * 1024;

// In this order they make room for others. Finishing: the last bytes go out by one call, and its thread will be free;
// if that call has to wait for the client after all, poll comes here, and it is serving again (wait_begins).
enum class Phase { kIdle, kReceiving, kServing, kFinishing };

struct Connection {
  Admission* owner;
  ClientKey client;
  Phase phase;
  int64_t deadline_ns;
  uint64_t number;     // in the order of their coming
  bool ended = false;  // shut down: its thread will be free as soon as it turns to the client, so it does not count
};

// What civetweb's sockets are. One for the process, since the functions that civetweb calls get nothing but
// a descriptor. An entry goes before its descriptor is closed, so that a number that is used again is never
// taken for the old one.
struct Table {
  std::mutex mutex;
  std::unordered_map<int, Admission*> listeners;
  std::unordered_map<int, Connection> connections;
  uint64_t accepted = 0;
  Connection* of(const Admission* owner, int fd) {
    const auto found = connections.find(fd);
    return found == connections.end() || found->second.owner != owner ? nullptr : &found->second;
  }
};

Table& table() {
  static Table sockets;
  return sockets;
}

thread_local Admission* opening = nullptr;

// The connection's thread may be in a handler: it learns of it when it sends. Under the table's lock: an entry is an
// open descriptor.
void end(int fd, Connection& connection) {
  connection.ended = true;
  ::shutdown(fd, SHUT_RDWR);
}

struct Crowd {
  size_t all = 0;
  std::map<ClientKey, size_t> by_client;
  ClientKey largest = {};
  size_t most = 0;
};

Crowd crowd_of(const Table& sockets, const Admission* owner) {
  Crowd crowd;
  for (const auto& [fd, connection] : sockets.connections) {
    if (connection.owner != owner || connection.ended || connection.phase == Phase::kFinishing) continue;
    ++crowd.all;
    const size_t count = ++crowd.by_client[connection.client];
    if (count <= crowd.most) continue;
    crowd.most = count;
    crowd.largest = connection.client;
  }
  return crowd;
}

// Of `client`, or of all: who goes first, the idle before those who send, these before those who are served;
// the oldest of each. end() when there is none up to `phase`.
auto first_to_go(Table& sockets, const Admission* owner, const std::optional<ClientKey>& client, Phase phase) {
  auto found = sockets.connections.end();
  for (auto each = sockets.connections.begin(); each != sockets.connections.end(); ++each) {
    const Connection& one = each->second;
    if (one.owner != owner || one.ended || one.phase > phase || (client && one.client != *client)) continue;
    const auto rank = [](const Connection& c) { return std::pair(c.phase, c.number); };
    if (found == sockets.connections.end() || rank(one) < rank(found->second)) found = each;
  }
  return found;
}

// What keeps a new connection of `client` out, after making room for it where that is fair.
std::optional<Dropped> find_place(Table& sockets, const Admission* owner, const ClientKey& client, bool& displaced) {
  const AdmissionOptions& options = owner->options();
  Crowd crowd = crowd_of(sockets, owner);
  const size_t own = crowd.by_client[client];
  if (own >= options.per_client) {
    const auto idle = first_to_go(sockets, owner, client, Phase::kIdle);
    if (idle == sockets.connections.end()) return Dropped::kClientBound;
    end(idle->first, idle->second);
    return std::nullopt;
  }
  if (crowd.all < options.connections) return std::nullopt;
  auto victim = first_to_go(sockets, owner, std::nullopt, Phase::kIdle);
  if (victim == sockets.connections.end()) {
    if (crowd.most <= own + 1) return Dropped::kServerBound;
    victim = first_to_go(sockets, owner, crowd.largest, Phase::kServing);
    displaced = true;
  }
  end(victim->first, victim->second);
  return std::nullopt;
}

uid_t uid_of_peer(int fd) {
  ucred peer = {};
  socklen_t size = sizeof peer;
  return ::getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 ? peer.uid : static_cast<uid_t>(-1);
}

Admission* owner_of_listener(int fd) {
  Table& sockets = table();
  const std::lock_guard lock(sockets.mutex);
  const auto found = sockets.listeners.find(fd);
  return found == sockets.listeners.end() ? nullptr : found->second;
}

// Whether the connection, just accepted, may stay.
bool may_enter(Admission* owner, int fd, const sockaddr_storage& address) {
  const ClientKey client = client_key(address, address.ss_family == AF_UNIX ? uid_of_peer(fd) : 0);
  std::optional<Dropped> refusal;
  bool displaced = false;
  {
    Table& sockets = table();
    const std::lock_guard lock(sockets.mutex);
    if (owner->stopped()) return false;
    refusal = find_place(sockets, owner, client, displaced);
    if (!refusal) {
      const int64_t deadline_ns = monotonic_ns() + owner->options().header_time.count();
      sockets.connections[fd] = {owner, client, Phase::kReceiving, deadline_ns, ++sockets.accepted};
    }
  }
  if (displaced) owner->tell(Dropped::kDisplaced);
  if (refusal) owner->tell(*refusal);
  return !refusal;
}

// As may_enter, for civetweb, which is C: without memory for it the connection has to go.
bool admit(Admission* owner, int fd, const sockaddr_storage& address) noexcept {
  try {
    return may_enter(owner, fd, address);
  } catch (const std::exception&) {
    return false;
  }
}

// A thread is about to wait for the client of this connection, so its answer is not out as finish() took it to be.
// The deadline of that.
std::optional<int64_t> wait_begins(int fd) {
  Table& sockets = table();
  const std::lock_guard lock(sockets.mutex);
  const auto found = sockets.connections.find(fd);
  if (found == sockets.connections.end()) return std::nullopt;
  if (found->second.phase == Phase::kFinishing) found->second.phase = Phase::kServing;
  return found->second.deadline_ns;
}

void expire(int fd) {
  Admission* late = nullptr;
  {
    Table& sockets = table();
    const std::lock_guard lock(sockets.mutex);
    const auto found = sockets.connections.find(fd);
    if (found == sockets.connections.end()) return;
    if (!found->second.ended && found->second.phase != Phase::kIdle) late = found->second.owner;
    end(fd, found->second);
  }
  if (late != nullptr) late->tell(Dropped::kLate);
}

// Bytes have come: what was idle is a request that has to become complete.
void arrived(int fd) {
  Table& sockets = table();
  const std::lock_guard lock(sockets.mutex);
  const auto found = sockets.connections.find(fd);
  if (found == sockets.connections.end() || found->second.phase != Phase::kIdle) return;
  found->second.phase = Phase::kReceiving;
  found->second.deadline_ns = monotonic_ns() + found->second.owner->options().header_time.count();
}

// poll(2) of one connection; how long civetweb would wait does not matter.
int poll_until_deadline(pollfd* one, int64_t deadline_ns) {
  constexpr int64_t kLongestMs = 3'600'000;
  for (;;) {
    const int64_t left_ns = deadline_ns - monotonic_ns();
    if (left_ns <= 0) {
      expire(one->fd);
      return ::poll(one, 1, 0);
    }
    const int ready = ::poll(one, 1, static_cast<int>(std::min((left_ns + 999'999) / 1'000'000, kLongestMs)));
    if (ready > 0) arrived(one->fd);
    if (ready != 0) return ready;
  }
}

// Closing a socket with unread input resets the connection, and the client may lose our answer.
void drain(int fd) {
  char sink[4096];
  for (size_t seen = 0; seen < kDrainedAtClose;) {
    const ssize_t n = ::recv(fd, sink, sizeof sink, MSG_DONTWAIT);
    if (n <= 0) return;
    seen += static_cast<size_t>(n);
  }
}

// Takes the entry of a descriptor that is about to be closed; whether it was a connection.
bool forget(int fd) {
  Table& sockets = table();
  const std::lock_guard lock(sockets.mutex);
  sockets.listeners.erase(fd);
  return sockets.connections.erase(fd) > 0;
}

// What accept(2) returned was no connection. Without a descriptor it would fail again at once, so this waits.
int after_no_connection(Admission* owner) {
  const int error = errno;
  if (error == EMFILE || error == ENFILE || error == ENOMEM || error == ENOBUFS) {
    if (owner != nullptr) owner->found_descriptor(false);
    ::poll(nullptr, 0, kOutOfDescriptorsMs);
  }
  errno = error;
  return -1;
}

void set_phase(const Admission* owner, int fd, Phase phase, std::chrono::nanoseconds time) {
  Table& sockets = table();
  const std::lock_guard lock(sockets.mutex);
  Connection* connection = sockets.of(owner, fd);
  if (connection == nullptr) return;
  connection->phase = phase;
  connection->deadline_ns = monotonic_ns() + time.count();
}

}  // namespace

ClientKey client_key(const sockaddr_storage& address, uid_t uid) {
  ClientKey key = {};
  if (address.ss_family == AF_INET6) {
    const auto& v6 = reinterpret_cast<const sockaddr_in6&>(address).sin6_addr;
    std::memcpy(key.data(), &v6, IN6_IS_ADDR_V4MAPPED(&v6) ? 16 : 8);
  } else if (address.ss_family == AF_INET) {
    key[10] = key[11] = 0xff;  // as it is mapped into IPv6
    std::memcpy(key.data() + 12, &reinterpret_cast<const sockaddr_in&>(address).sin_addr, 4);
  } else {
    key[8] = 1;  // no network of IPv6 has anything in this half
    std::memcpy(key.data() + 12, &uid, 4);
  }
  return key;
}

const char* dropped_name(Dropped why) {
  constexpr const char* kNames[kDroppedKinds] = {"client_bound", "server_bound", "displaced", "late", "no_descriptor"};
  return kNames[static_cast<size_t>(why)];
}

Admission::Opening::Opening(Admission& admission) { opening = &admission; }

Admission::Opening::~Opening() { opening = nullptr; }

void Admission::serve(int fd, std::chrono::nanoseconds time) { set_phase(this, fd, Phase::kServing, time); }

void Admission::idle(int fd, std::chrono::nanoseconds time) { set_phase(this, fd, Phase::kIdle, time); }

void Admission::finish(int fd) {
  Table& sockets = table();
  const std::lock_guard lock(sockets.mutex);
  if (Connection* connection = sockets.of(this, fd)) connection->phase = Phase::kFinishing;
}

void Admission::found_descriptor(bool found) {
  if (without_descriptor_.exchange(!found) || found) return;
  tell(Dropped::kNoDescriptor);
}

void Admission::tell(Dropped why) const noexcept {
  if (!options_.on_dropped) return;
  try {
    options_.on_dropped(why);
  } catch (const std::exception&) {  // not counted for want of memory
  }
}

void Admission::stop() {
  Table& sockets = table();
  const std::lock_guard lock(sockets.mutex);
  stopped_ = true;
  for (const auto& [fd, owner] : sockets.listeners) {
    if (owner == this) ::shutdown(fd, SHUT_RDWR);
  }
  for (auto& [fd, connection] : sockets.connections) {
    if (connection.owner == this) end(fd, connection);
  }
}

}  // namespace plimsoll::exporter

// What civetweb calls instead of the functions of the same names; see listen(2), accept(2) and so on.
extern "C" {

int plimsoll_listen(int fd, int backlog) {
  using namespace plimsoll::exporter;
  if (opening != nullptr) {
    // accept() below goes on until there is nobody left.
    ::fcntl(fd, F_SETFL, ::fcntl(fd, F_GETFL) | O_NONBLOCK);
    try {
      const std::lock_guard lock(table().mutex);
      table().listeners[fd] = opening;
    } catch (const std::exception&) {
      errno = ENOMEM;
      return -1;
    }
  }
  return ::listen(fd, backlog);
}

int plimsoll_accept(int listener, sockaddr* address, socklen_t* size) {
  using namespace plimsoll::exporter;
  Admission* const owner = owner_of_listener(listener);
  for (;;) {
    sockaddr_storage from = {};
    socklen_t from_size = sizeof from;
    const int fd = ::accept4(listener, reinterpret_cast<sockaddr*>(&from), &from_size, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd < 0) return after_no_connection(owner);
    if (owner != nullptr) owner->found_descriptor(true);
    if (owner != nullptr && !admit(owner, fd, from)) {
      ::close(fd);
      continue;
    }
    std::memcpy(address, &from, std::min(*size, from_size));
    *size = std::min(*size, from_size);
    return fd;
  }
}

int plimsoll_poll(pollfd* descriptors, nfds_t count, int timeout_ms) {
  using namespace plimsoll::exporter;
  const auto deadline = count == 1 ? wait_begins(descriptors[0].fd) : std::nullopt;
  return deadline ? poll_until_deadline(descriptors, *deadline) : ::poll(descriptors, count, timeout_ms);
}

int plimsoll_shutdown(int fd, int how) {
  using namespace plimsoll::exporter;
  {
    const std::lock_guard lock(table().mutex);
    const auto found = table().connections.find(fd);
    if (found != table().connections.end()) found->second.ended = true;
  }
  return ::shutdown(fd, how);
}

int plimsoll_close(int fd) {
  using namespace plimsoll::exporter;
  if (forget(fd)) drain(fd);
  return ::close(fd);
}

}  // extern "C"
