// SPDX-License-Identifier: Apache-2.0
// Which connections the HTTP server takes, and how long each of them may hold its worker.
//
// civetweb gives a thread to each connection and waits for it as long as its client sends or takes a byte
// now and then: whoever opens enough connections has all threads. So its accept, poll, shutdown, listen and
// close (civetweb_build.c) come here:
//
//   accept    a connection beyond the bounds is closed at once; when all threads are taken, whoever has most
//             of them loses one to whoever has fewer
//   poll      every wait for a client, of whatever kind, ends at the connection's deadline by shutdown(2):
//             whatever civetweb tries afterwards fails, and the thread is free
//
// There is no thread and no timer here: a server without connections does nothing at all.
#pragma once

#include <sys/socket.h>

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>

namespace plimsoll::exporter {

// Whose a connection is, for counting: an IPv4 address, the /64 network of an IPv6 address (what one
// customer or host is given), the user id at the other end of a unix socket.
using ClientKey = std::array<uint8_t, 16>;
// `uid`: used when the address is that of a unix socket.
ClientKey client_key(const sockaddr_storage& address, uid_t uid);

enum class Dropped {
  kClientBound,   // its client had as many as one may have
  kServerBound,   // all threads were taken, nobody had more of them than this client would have
  kDisplaced,     // by a client that had fewer
  kLate,          // request or answer was not through in time
  kNoDescriptor,  // none was left: connections wait in the kernel; counted once until one has been accepted again
};
constexpr size_t kDroppedKinds = 5;
const char* dropped_name(Dropped why);  // "client_bound" ...

struct AdmissionOptions {
  size_t connections = 24;  // at once; as many as there are threads
  size_t per_client = 12;
  std::chrono::nanoseconds header_time = std::chrono::seconds(10);  // until the header is there, TLS included
  std::function<void(Dropped)> on_dropped;                          // called on the server's threads
};

// Thread-safe. One per server. Descriptors that are not of this server's connections are ignored.
class Admission {
 public:
  explicit Admission(AdmissionOptions options) : options_(std::move(options)) {}
  Admission(const Admission&) = delete;
  Admission& operator=(const Admission&) = delete;

  const AdmissionOptions& options() const { return options_; }

  // While it lives, what this thread makes listen belongs to `admission`.
  class Opening {
   public:
    explicit Opening(Admission& admission);
    ~Opening();
    Opening(const Opening&) = delete;
    Opening& operator=(const Opening&) = delete;
  };

  // The header of a request has come: the answer may take `time` from now.
  void serve(int fd, std::chrono::nanoseconds time);
  // The answer is out, the next request may follow within `time`. Such a connection is the first that goes
  // when others need its thread.
  void idle(int fd, std::chrono::nanoseconds time);
  // The last bytes of the answer are about to go: a client that has them may come again before this thread knows,
  // so the connection is not counted any more, unless these bytes have to wait.
  void finish(int fd);
  // Wakes every thread of the server that waits for a client or for a connection; nothing is taken from now on.
  void stop();
  bool stopped() const { return stopped_; }
  // Whether accept(2) found a descriptor; false tells of it, once until it did again.
  void found_descriptor(bool found);
  // on_dropped, if there is one. It never throws: its callers are called by C.
  void tell(Dropped why) const noexcept;

 private:
  AdmissionOptions options_;
  std::atomic<bool> stopped_ = false;
  std::atomic<bool> without_descriptor_ = false;
};

}  // namespace plimsoll::exporter
