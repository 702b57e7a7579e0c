// SPDX-License-Identifier: Apache-2.0
// An HTTP server that takes requests with bodies and answers as it is told, right or wrong.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstring>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "base/os.h"

namespace plimsoll::test {

class HttpReceiver {
 public:
  struct Got {
    std::string head, body;
    int connection;  // its number, from 1
  };
  // The bytes of the answer to the request of this number, from 0. "": none, the connection is reset; "hang": none,
  // and it stays open.
  using Reply = std::function<std::string(size_t number)>;

  static std::string status(const std::string& line, const std::string& headers = "", const std::string& body = "") {
    return "HTTP/1.1 " + line + "\r\nContent-Length: " + std::to_string(body.size()) + "\r\n" + headers + "\r\n" + body;
  }

  explicit HttpReceiver(Reply reply) : reply_(std::move(reply)) {
    listener_ = UniqueFd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in where = {};
    where.sin_family = AF_INET;
    where.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof where;
    ::bind(listener_.get(), reinterpret_cast<sockaddr*>(&where), size);
    ::listen(listener_.get(), 16);
    ::getsockname(listener_.get(), reinterpret_cast<sockaddr*>(&where), &size);
    port_ = ntohs(where.sin_port);
    thread_ = std::thread([this] { run(); });
  }
  ~HttpReceiver() {
    stop_ = true;
    ::shutdown(listener_.get(), SHUT_RDWR);
    ::shutdown(connection_, SHUT_RDWR);
    thread_.join();
  }

  std::string url() const { return "http://127.0.0.1:" + std::to_string(port_) + "/api/v1/write"; }

  // All requests once there are `count`, or those of the first ten seconds.
  std::vector<Got> wait_for(size_t count) {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, std::chrono::seconds(10), [&] { return got_.size() >= count; });
    return got_;
  }

 private:
  void run() {
    for (int number = 1; !stop_; ++number) {
      const UniqueFd fd(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
      if (!fd) continue;
      connection_ = fd.get();
      serve(fd.get(), number);
      connection_ = -1;
    }
  }

  // One connection at a time, as many requests as it brings.
  void serve(int fd, int number) {
    std::string read;
    for (Got got; !stop_ && take_request(fd, read, got);) {
      got.connection = number;
      std::unique_lock lock(mutex_);
      const size_t count = got_.size();
      got_.push_back(got);
      lock.unlock();
      changed_.notify_all();
      const std::string reply = reply_(count);
      if (reply.empty()) {
        const linger at_once = {1, 0};
        ::setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
        return;
      }
      if (reply != "hang") (void)::send(fd, reply.data(), reply.size(), MSG_NOSIGNAL);
    }
  }

  static bool take_request(int fd, std::string& read, Got& got) {
    size_t end;
    while ((end = read.find("\r\n\r\n")) == std::string::npos) {
      if (!receive(fd, read)) return false;
    }
    got.head = read.substr(0, end + 2);
    const size_t at = got.head.find("Content-Length: ");
    const size_t length = at == std::string::npos ? 0 : std::strtoul(got.head.c_str() + at + 16, nullptr, 10);
    while (read.size() < end + 4 + length) {
      if (!receive(fd, read)) return false;
    }
    got.body = read.substr(end + 4, length);
    read.erase(0, end + 4 + length);
    return true;
  }

  static bool receive(int fd, std::string& read) {
    char piece[65536];
    const ssize_t n = ::recv(fd, piece, sizeof piece, 0);
    if (n > 0) read.append(piece, static_cast<size_t>(n));
    return n > 0;
  }

  Reply reply_;
  UniqueFd listener_;
  int port_ = 0;
  std::atomic<bool> stop_ = false;
  std::atomic<int> connection_ = -1;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Got> got_;
  std::thread thread_;
};

}  // namespace plimsoll::test
