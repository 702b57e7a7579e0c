// SPDX-License-Identifier: Apache-2.0
// Loads that move bytes: to a block device past the page cache (open(2), O_DIRECT), and over TCP.
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <optional>

#include "base/os.h"
#include "base/text.h"
#include "load.h"

namespace plimsoll::load {
namespace {

constexpr size_t kBlock = 64 * 1024;  // a multiple of every logical block size
constexpr int kConnectTries = 600;    // 0.1 s apart

struct Free {
  void operator()(void* memory) const { std::free(memory); }
};

std::string count_report(const char* name, uint64_t bytes) {
  return "{\"" + std::string(name) + "\":" + std::to_string(bytes) + "}";
}

Result<uint16_t> port_argument(const std::string& text) {
  const auto port = parse_u64(text);
  if (port && *port > 0 && *port <= 65'535) return static_cast<uint16_t>(*port);
  return fail("PORT must be between 1 and 65535, not '" + text + "'");
}

// /proc/net/route, addresses as little-endian hexadecimal words:
//   Iface Destination Gateway  Flags RefCnt Use Metric Mask     MTU Window IRTT
//   eth0  00000000    0100580A 0003  0      0   0      00000000 0   0      0
std::optional<in_addr> default_gateway() {
  const auto routes = read_file("/proc/net/route");
  if (!routes) return std::nullopt;
  std::string_view rest = *routes;
  while (!rest.empty()) {
    std::string_view line = take(rest, '\n');
    take_field(line);
    if (take_field(line) != "00000000") continue;
    return in_addr{static_cast<in_addr_t>(std::strtoul(std::string(take_field(line)).c_str(), nullptr, 16))};
  }
  return std::nullopt;
}

Result<sockaddr_in> endpoint(const std::string& host, const std::string& port_text) {
  const auto port = port_argument(port_text);
  if (!port) return unexpected(port.error());
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(*port);
  if (host == "gateway") {
    const auto gateway = default_gateway();
    if (!gateway) return fail("no default route in /proc/net/route");
    address.sin_addr = *gateway;
  } else if (inet_pton(AF_INET, host.c_str(), &address.sin_addr) != 1) {
    return fail("'" + host + "' is no IPv4 address");
  }
  return address;
}

// The receiver may be started after us: a test learns the address from the running container.
Result<UniqueFd> connect_patiently(const sockaddr_in& address) {
  for (int attempt = 1;; ++attempt) {
    UniqueFd fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (!fd) return fail_errno("socket");
    if (connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) return fd;
    if (attempt == kConnectTries) return fail_errno("connect");
    sleep_for(0.1);
  }
}

Result<UniqueFd> accept_one(const sockaddr_in& address) {
  const UniqueFd listener(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!listener) return fail_errno("socket");
  const int on = 1;
  setsockopt(listener.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (bind(listener.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) return fail_errno("bind");
  if (listen(listener.get(), 1) != 0) return fail_errno("listen");
  UniqueFd connection(accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
  if (!connection) return fail_errno("accept");
  return connection;
}

}  // namespace

Report write_direct(const Arguments& arguments) {
  const auto bytes = size_argument(arguments[1], "BYTES");
  if (!bytes) return unexpected(bytes.error());
  if (*bytes % kBlock != 0) return fail("BYTES must be a multiple of " + std::to_string(kBlock));
  const UniqueFd fd(open(arguments[0].c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_DIRECT | O_CLOEXEC, 0600));
  if (!fd) return fail_errno(arguments[0]);
  const std::unique_ptr<void, Free> block(std::aligned_alloc(4096, kBlock));
  if (!block) return fail("no memory for a block");
  std::fill_n(static_cast<char*>(block.get()), kBlock, 'p');
  uint64_t written = 0;
  while (written < *bytes) {
    const ssize_t step = write(fd.get(), block.get(), kBlock);
    if (step <= 0) return fail_errno("write " + arguments[0]);
    written += static_cast<uint64_t>(step);
  }
  if (fsync(fd.get()) != 0) return fail_errno("fsync " + arguments[0]);
  return count_report("written_bytes", written);
}

Report send_bytes(const Arguments& arguments) {
  const auto address = endpoint(arguments[0], arguments[1]);
  if (!address) return unexpected(address.error());
  const auto bytes = size_argument(arguments[2], "BYTES");
  if (!bytes) return unexpected(bytes.error());
  const auto connection = connect_patiently(*address);
  if (!connection) return unexpected(connection.error().within(arguments[0] + ":" + arguments[1]));
  const std::string block(kBlock, 'p');
  for (uint64_t rest = *bytes; rest > 0;) {
    const size_t step = static_cast<size_t>(std::min<uint64_t>(rest, kBlock));
    if (const auto sent = write_all(connection->get(), {block.data(), step}); !sent) return unexpected(sent.error());
    rest -= step;
  }
  shutdown(connection->get(), SHUT_WR);
  char byte = 0;  // the other side's end: everything has arrived
  while (read(connection->get(), &byte, 1) > 0) {
  }
  return count_report("sent_bytes", *bytes);
}

Report receive_bytes(const Arguments& arguments) {
  const auto address = endpoint(arguments[0], arguments[1]);
  if (!address) return unexpected(address.error());
  const auto connection = accept_one(*address);
  if (!connection) return unexpected(connection.error().within(arguments[0] + ":" + arguments[1]));
  std::string block(kBlock, '\0');
  uint64_t received = 0;
  while (true) {
    const ssize_t step = read(connection->get(), block.data(), block.size());
    if (step < 0) return fail_errno("receive");
    if (step == 0) return count_report("received_bytes", received);
    received += static_cast<uint64_t>(step);
  }
}

}  // namespace plimsoll::load
