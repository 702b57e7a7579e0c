// SPDX-License-Identifier: Apache-2.0
// What clients can hold of the HTTP server: connections, time, and kept connections.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <condition_variable>
#include <filesystem>
#include <mutex>
#include <thread>

#include "exporter/http/guard.h"
#include "exporter/http/server.h"
#include "exporter/http/unix_socket.h"
#include "http_client.h"

namespace plimsoll::exporter {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

constexpr const char* kGet = "GET /text HTTP/1.1\r\nHost: x\r\n\r\n";

// A connection that is not admitted may be closed already.
void say(const UniqueFd& fd, std::string_view text) { (void)::send(fd.get(), text.data(), text.size(), MSG_NOSIGNAL); }

ClientKey key_of(const std::string& text, uid_t uid = 0) {
  sockaddr_storage address = {};
  auto& v4 = reinterpret_cast<sockaddr_in&>(address);
  auto& v6 = reinterpret_cast<sockaddr_in6&>(address);
  address.ss_family = AF_UNIX;
  if (::inet_pton(AF_INET, text.c_str(), &v4.sin_addr) == 1) {
    address.ss_family = AF_INET;
  } else if (::inet_pton(AF_INET6, text.c_str(), &v6.sin6_addr) == 1) {
    address.ss_family = AF_INET6;
  }
  return client_key(address, uid);
}

TEST(ClientKey, IsAnAddressOrANetworkOrAUser) {
  EXPECT_EQ(key_of("192.0.2.1"), key_of("192.0.2.1"));
  EXPECT_EQ(key_of("192.0.2.1"), key_of("::ffff:192.0.2.1"));
  EXPECT_NE(key_of("192.0.2.1"), key_of("192.0.2.2"));
  EXPECT_EQ(key_of("2001:db8::1"), key_of("2001:db8::ffff:2"));
  EXPECT_NE(key_of("2001:db8::1"), key_of("2001:db8:0:1::1"));
  EXPECT_EQ(key_of("unix", 5), key_of("unix", 5));
  EXPECT_NE(key_of("unix", 5), key_of("unix", 6));
  EXPECT_NE(key_of("unix", 0), key_of("::"));
}

// A server whose drops are counted, and clients with addresses of 127/8.
class BoundsTest : public testing::Test {
 protected:
  void start(size_t connections, size_t per_client, std::chrono::nanoseconds header_time = 60s) {
    options_.admission = {connections, per_client, header_time, [this](Dropped why) {
                            const std::lock_guard lock(mutex_);
                            dropped_.emplace_back(dropped_name(why));
                          }};
    options_.listen_addresses = {"127.0.0.1:0"};
    auto started = Server::start(options_, {{"/text", {[](const Request&) { return text("hello"); }}},
                                            {"/large", {[](const Request&) { return endless(); }}},
                                            {"/wait", {[this](const Request&) { return waiting(); }}}});
    ASSERT_TRUE(started) << started.error().message();
    server_ = std::move(*started);
  }

  static Response text(std::string body) {
    Response response;
    response.body = std::move(body);
    return response;
  }

  // More than any buffer of the kernel takes.
  static Response endless() {
    Response response;
    response.next = [sent = 0](std::string& piece) mutable {
      piece.assign(64 * 1024, 'x');
      return ++sent < 10'000;
    };
    return response;
  }

  Response waiting() {
    std::unique_lock lock(mutex_);
    go_on_.wait(lock, [this] { return may_go_on_; });
    return text("waited");
  }

  void let_go() {
    const std::lock_guard lock(mutex_);
    may_go_on_ = true;
    go_on_.notify_all();
  }

  // A connection from 127.0.0.`host` that has sent `text`.
  UniqueFd client(int host, std::string_view text = "") const {
    UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    connect_from(fd, host);
    say(fd, text);
    return fd;
  }

  void connect_from(const UniqueFd& fd, int host) const {
    const timeval patience = {5, 0};
    ::setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    sockaddr_in from = {}, to = {};
    from.sin_family = to.sin_family = AF_INET;
    from.sin_addr.s_addr = htonl(INADDR_LOOPBACK - 1 + static_cast<uint32_t>(host));
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const std::string& address = server_->addresses()[0];
    to.sin_port = htons(static_cast<uint16_t>(std::stoi(address.substr(address.rfind(':') + 1))));
    EXPECT_EQ(::bind(fd.get(), reinterpret_cast<sockaddr*>(&from), sizeof from), 0);
    EXPECT_EQ(::connect(fd.get(), reinterpret_cast<sockaddr*>(&to), sizeof to), 0);
  }

  std::string answer(int host, std::string_view request = kGet) const {
    return test::receive_all(client(host, request).get());
  }

  // Nothing is accepted before the server has dealt with what was accepted earlier.
  std::vector<UniqueFd> silent(int host, int count) const {
    std::vector<UniqueFd> clients;
    for (int i = 0; i < count; ++i) clients.push_back(client(host));
    return clients;
  }

  // Counted just after the client sees it: waits until there are `count`.
  std::vector<std::string> dropped(size_t count) {
    for (int i = 0; i < 500; ++i) {
      {
        const std::lock_guard lock(mutex_);
        if (dropped_.size() >= count) break;
      }
      std::this_thread::sleep_for(10ms);
    }
    const std::lock_guard lock(mutex_);
    return dropped_;
  }

  ServerOptions options_;
  std::mutex mutex_;
  std::condition_variable go_on_;
  bool may_go_on_ = false;
  std::vector<std::string> dropped_;
  std::unique_ptr<Server> server_;  // goes first: its threads use the rest
};

TEST_F(BoundsTest, OneClientCannotHaveMoreThanItsShare) {
  start(8, 2);
  const auto held = silent(2, 2);
  EXPECT_EQ(answer(2), "");
  EXPECT_THAT(dropped(1), ElementsAre("client_bound"));
  EXPECT_THAT(answer(3), EndsWith("hello"));
}

TEST_F(BoundsTest, ManySilentConnectionsDoNotKeepOthersOut) {
  start(4, 2);
  std::vector<UniqueFd> held = silent(2, 200);
  for (int i = 0; i < 50; ++i) EXPECT_THAT(answer(3), EndsWith("hello"));
  EXPECT_EQ(dropped(198).size(), 198u);
  held.clear();
  EXPECT_THAT(answer(2), EndsWith("hello"));
}

TEST_F(BoundsTest, WhoHasMostMakesRoomForWhoHasLess) {
  start(4, 3);
  const auto first = silent(2, 3);
  const auto second = silent(3, 1);
  EXPECT_THAT(answer(4), EndsWith("hello"));
  EXPECT_THAT(dropped(1), ElementsAre("displaced"));
  EXPECT_EQ(test::receive_all(first[0].get()), "") << "the oldest has gone";
  ASSERT_TRUE(write_all(first[1].get(), kGet));
  EXPECT_THAT(test::receive_all(first[1].get()), EndsWith("hello"));
  ASSERT_TRUE(write_all(second[0].get(), kGet));
  EXPECT_THAT(test::receive_all(second[0].get()), EndsWith("hello"));
}

TEST_F(BoundsTest, NobodyMakesRoomForWhoWouldHaveAsMuch) {
  start(2, 1);
  const auto first = client(2), second = client(3);
  EXPECT_EQ(answer(4), "");
  EXPECT_THAT(dropped(1), ElementsAre("server_bound"));
}

TEST_F(BoundsTest, AHeaderHasToComeInTime) {
  start(2, 2, 200ms);
  const UniqueFd silent = client(2), slow = client(2, "GET /te");
  for (int i = 0; i < 100 && ::send(slow.get(), "x", 1, MSG_NOSIGNAL) == 1; ++i) std::this_thread::sleep_for(10ms);
  EXPECT_EQ(test::receive_all(silent.get()), "");
  EXPECT_THAT(test::receive_all(slow.get()), Not(HasSubstr("200")));
  EXPECT_THAT(dropped(2), ElementsAre("late", "late"));
  EXPECT_THAT(answer(2), EndsWith("hello"));
}

TEST_F(BoundsTest, ABodyHasToComeInTime) {
  start(1, 1, 200ms);
  const UniqueFd slow = client(2, "GET /text HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nabc");
  test::receive_all(slow.get());
  EXPECT_THAT(dropped(1), ElementsAre("late"));
  EXPECT_THAT(answer(2), EndsWith("hello"));
}

TEST_F(BoundsTest, AnAnswerHasToBeTakenInTime) {
  options_.answer_time = [](const Request&) { return 0s; };  // ten seconds are left for sending
  start(1, 1);
  const UniqueFd reader = client(2, "GET /large HTTP/1.1\r\nHost: x\r\n\r\n");
  const int64_t start_ns = monotonic_ns();
  while (dropped(1).empty() && monotonic_ns() - start_ns < 30'000'000'000) std::this_thread::sleep_for(50ms);
  EXPECT_THAT(dropped(1), ElementsAre("late"));
  EXPECT_GE(monotonic_ns() - start_ns, 9'000'000'000);
  EXPECT_THAT(answer(2), EndsWith("hello"));
}

TEST_F(BoundsTest, WhoGoesInMidAnswerFreesItsThread) {
  start(1, 1);
  client(2, "GET /large HTTP/1.1\r\nHost: x\r\n\r\n").reset();
  std::string got;
  for (int i = 0; i < 500 && got.empty(); ++i) {
    std::this_thread::sleep_for(10ms);
    got = answer(2);
  }
  EXPECT_THAT(got, EndsWith("hello"));
}

TEST_F(BoundsTest, EndsUnderEveryKindOfClient) {
  start(8, 8);
  const UniqueFd silent = client(2), half = client(2, "GET /"),
                 reader = client(2, "GET /large HTTP/1.1\r\nHost: x\r\n\r\n");
  std::this_thread::sleep_for(50ms);
  const int64_t begin_ns = monotonic_ns();
  server_.reset();
  EXPECT_LT(monotonic_ns() - begin_ns, 1'000'000'000);
}

TEST_F(BoundsTest, SaysOnceThatNoDescriptorIsLeft) {
  start(2, 2);
  rlimit before;
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  const UniqueFd waiting = client(2, "");  // accepted
  std::this_thread::sleep_for(50ms);
  const UniqueFd late(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const rlimit none = {0, before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);
  connect_from(late, 2);
  say(late, kGet);
  const auto first = dropped(1);
  std::this_thread::sleep_for(300ms);  // accept fails some times more
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
  EXPECT_THAT(first, ElementsAre("no_descriptor"));  // only now: a sanitizer takes descriptors for its checks
  EXPECT_THAT(test::receive_all(late.get()), EndsWith("hello"));
  EXPECT_THAT(dropped(1), ElementsAre("no_descriptor"));
}

TEST_F(BoundsTest, TwoServersCountForThemselves) {
  start(2, 1);
  ServerOptions options;
  options.listen_addresses = {"127.0.0.1:0"};
  options.admission = {2, 1, 60s, nullptr};
  auto other = Server::start(options, {{"/text", {[](const Request&) { return text("other"); }}}});
  ASSERT_TRUE(other);
  const UniqueFd held = client(1);
  EXPECT_EQ(answer(1), "");
  EXPECT_THAT(test::get((*other)->addresses()[0], "/text"), EndsWith("other"));
  other->reset();
  EXPECT_THAT(answer(2), EndsWith("hello"));
}

TEST_F(BoundsTest, KeptConnectionsServeSeveralRequests) {
  options_.keep_alive = true;
  start(2, 2);
  const UniqueFd fd = client(2, kGet);
  char piece[4096];
  for (int i = 0; i < 3; ++i) {
    const ssize_t n = ::recv(fd.get(), piece, sizeof piece, 0);
    const std::string got(piece, n > 0 ? static_cast<size_t>(n) : 0);
    EXPECT_THAT(got, HasSubstr("Connection: keep-alive\r\n"));
    EXPECT_THAT(got, EndsWith("hello"));
    ASSERT_TRUE(write_all(fd.get(), i < 2 ? kGet : "GET /text HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"));
  }
  EXPECT_THAT(test::receive_all(fd.get()), testing::AllOf(HasSubstr("Connection: close\r\n"), EndsWith("hello")));
  const std::string both = answer(2, std::string(kGet) + "GET /none HTTP/1.1\r\nHost: x\r\n\r\n" + kGet);
  EXPECT_THAT(both, HasSubstr("HTTP/1.1 404 "));
  EXPECT_THAT(both, StartsWith("HTTP/1.1 200 "));
  EXPECT_THAT(both, Not(EndsWith("hello"))) << "an error is the last answer";
  EXPECT_THAT(answer(2, "GET /text HTTP/1.0\r\n\r\n"), HasSubstr("Connection: close\r\n"));
  EXPECT_THAT(answer(2, "GET /text HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc"),
              HasSubstr("Connection: close\r\n"));
}

// What follows such a request is never taken for another one.
TEST_F(BoundsTest, NothingFollowsARequestThatSpeaksOfABody) {
  options_.keep_alive = true;
  start(2, 2);
  std::string many;
  for (int i = 0; i < 63; ++i) many += "H: x\r\n";
  for (const std::string& headers :
       {std::string("Content-Length: 0\r\n"), std::string("Content-Length: 0\r\nContent-Length: 0\r\n"),
        std::string("Content-Length: 0,57\r\n"), std::string("A: b\r\n c\r\nContent-Length: 57\r\n"),
        many + "Content-Length: 57\r\n", std::string("Upgrade: websocket\r\n"),
        std::string("Transfer-Encoding: chunked\r\n")}) {
    const std::string got = answer(2, "GET /text HTTP/1.1\r\nHost: x\r\n" + headers + "\r\n0\r\n\r\n" + kGet + kGet);
    EXPECT_THAT(got, StartsWith("HTTP/1.1 ")) << headers;
    EXPECT_EQ(got.find("HTTP/1.1 "), got.rfind("HTTP/1.1 ")) << headers << got;
  }
}

TEST_F(BoundsTest, KeptConnectionsMakeRoomAndEnd) {
  options_.keep_alive = true;
  options_.idle_time = 300ms;
  start(2, 1);
  const UniqueFd kept = client(2, kGet);
  char byte;
  ASSERT_EQ(::recv(kept.get(), &byte, 1, 0), 1);
  std::this_thread::sleep_for(50ms);  // the server has seen that it is out
  EXPECT_THAT(answer(2, "GET /text HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"), EndsWith("hello"))
      << "the idle one went";
  EXPECT_THAT(test::receive_all(client(2, kGet).get()), EndsWith("hello")) << "ends by itself";
  EXPECT_THAT(dropped(0), ElementsAre());
}

TEST_F(BoundsTest, AHandlerMayTakeItsTime) {
  start(2, 2, 100ms);
  const UniqueFd fd = client(2, "GET /wait HTTP/1.1\r\nHost: x\r\n\r\n");
  std::this_thread::sleep_for(300ms);
  let_go();
  EXPECT_THAT(test::receive_all(fd.get()), EndsWith("waited"));
}

// Lets those pass who say the word.
class Doorkeeper : public Guard {
 public:
  SSL_CTX* tls_context() override { return nullptr; }
  std::optional<Response> refuse(const Request& request) override {
    if (request.header("Authorization") == "secret") return std::nullopt;
    Response refusal;
    refusal.status = 401;
    return refusal;
  }
  Headers headers() const override { return {}; }
  Result<void> reload() override { return {}; }
};

constexpr const char* kSecret = "GET /text HTTP/1.1\r\nHost: x\r\nAuthorization: secret\r\n";

class LeftoverTest : public BoundsTest, public testing::WithParamInterface<bool> {
 protected:
  LeftoverTest() {
    options_.guard = &guard_;
    options_.keep_alive = GetParam();
  }
  Doorkeeper guard_;
};
INSTANTIATE_TEST_SUITE_P(KeepAlive, LeftoverTest, testing::Bool());

// Blanks that end where an earlier client's bytes may still lie in the worker's buffer.
TEST_P(LeftoverTest, NobodyIsAnsweredAsAnother) {
  start(1, 1);
  const std::string once = std::string(kSecret) + "Connection: close\r\n\r\n";
  ASSERT_THAT(answer(2, once + once), EndsWith("hello"));
  for (size_t n = 4; n < 2 * once.size(); ++n) {
    if (n % 16 == 0) answer(2, once + once);
    ASSERT_THAT(answer(3, std::string(n - 4, ' ') + "\r\n\r\n"), Not(HasSubstr(" 200 "))) << n;
  }
}

// Behind a proxy the requests of several users share a connection.
TEST_P(LeftoverTest, NorOnTheSameConnection) {
  start(1, 1);
  const std::string first = std::string(kSecret) + "\r\n";
  const size_t answers = GetParam() ? 2 : 1;
  for (size_t n = 4; n < 2 * first.size(); ++n) {
    const UniqueFd fd = client(2, first + first);
    std::string got;
    char byte;
    for (size_t seen = 0; seen < answers && ::recv(fd.get(), &byte, 1, 0) == 1;) {
      got += byte;
      seen += got.ends_with("hello") ? 1 : 0;
    }
    say(fd, std::string(n - 4, ' ') + "\r\n\r\n");
    ASSERT_THAT(test::receive_all(fd.get()), Not(HasSubstr(" 200 "))) << n;
  }
}

TEST_P(LeftoverTest, WhatIsNotUnderstoodWholeIsRefusedFirst) {
  start(1, 1);
  std::string many;
  for (int i = 0; i < 64; ++i) many += "H: x\r\n";
  for (const std::string& rest : {std::string("Folded: a\r\n b\r\n"), std::string("A: b\n\r\n"), many,
                                  std::string(":\r\nA: b\r\n"), std::string("\xff: b\r\n")})
    EXPECT_THAT(answer(2, kSecret + rest + "\r\n"), StartsWith("HTTP/1.1 400 ")) << rest;
  EXPECT_THAT(answer(2, " " + std::string(kSecret) + "\r\n"), StartsWith("HTTP/1.1 400 "));
  EXPECT_THAT(answer(2, std::string(kSecret) + many.substr(0, 61 * 6) + "Connection: close\r\n\r\n").substr(0, 13),
              "HTTP/1.1 200 ")
      << "64 are taken";
}

class UnixSocketTest : public testing::Test {
 protected:
  UnixSocketTest() : directory_(testing::TempDir() + "plimsoll-unix-" + std::to_string(::getpid())) {
    std::filesystem::create_directory(directory_);
    path_ = directory_ + "/agent.sock";
  }
  ~UnixSocketTest() override { std::filesystem::remove_all(directory_); }

  Result<std::unique_ptr<Server>> start() const {
    ServerOptions options;
    options.listen_addresses = {"127.0.0.1:0", "unix:" + path_, "127.0.0.1:0"};
    options.admission = {2, 1, 60s, nullptr};
    return Server::start(options, {{"/", {[](const Request& r) {
                                      Response response;
                                      response.body = "client=" + r.client + ".";
                                      return response;
                                    }}}});
  }

  UniqueFd connect(const std::string& text) const {
    sockaddr_un address = {};
    address.sun_family = AF_UNIX;
    path_.copy(address.sun_path, sizeof address.sun_path - 1);
    UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (::connect(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) fd.reset();
    say(fd, text);
    return fd;
  }

  const std::string directory_;
  std::string path_;
};

TEST_F(UnixSocketTest, ServesItsGroupAndGoesAtTheEnd) {
  auto server = start();
  ASSERT_TRUE(server) << server.error().message();
  ASSERT_EQ((*server)->addresses().size(), 3u);
  EXPECT_EQ((*server)->addresses()[1], "unix:" + path_);
  EXPECT_THAT(test::get((*server)->addresses()[2], "/"), EndsWith("client=127.0.0.1."));
  EXPECT_EQ(std::filesystem::status(path_).permissions(), std::filesystem::perms(0660));
  EXPECT_THAT(test::receive_all(connect("GET / HTTP/1.1\r\nHost: x\r\n\r\n").get()), EndsWith("client=."));
  const UniqueFd held = connect("");
  EXPECT_EQ(test::receive_all(connect("GET / HTTP/1.1\r\nHost: x\r\n\r\n").get()), "") << "a user has one of two";
  server->reset();
  EXPECT_FALSE(std::filesystem::exists(path_));
}

TEST_F(UnixSocketTest, TakesTheSocketOfOneThatIsNoMore) {
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  path_.copy(address.sun_path, sizeof address.sun_path - 1);
  {
    const UniqueFd old(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    ASSERT_EQ(::bind(old.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  }
  ASSERT_TRUE(std::filesystem::exists(path_));
  const auto server = start();
  ASSERT_TRUE(server) << server.error().message();
  const auto second = start();
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().message(), "cannot listen on unix:" + path_ + ": Address already in use");
  std::string got;  // "" as long as the second one's look whether somebody listens holds a place
  for (int i = 0; i < 500 && got.empty(); ++i) {
    std::this_thread::sleep_for(10ms);
    got = test::receive_all(connect("GET / HTTP/1.1\r\nHost: x\r\n\r\n").get());
  }
  EXPECT_THAT(got, EndsWith("client=."));
}

TEST_F(UnixSocketTest, HasItsModeFromTheFirstMomentOn) {
  const mode_t before = ::umask(0);
  {
    const ModeOfSockets mode;
    sockaddr_un address = {};
    address.sun_family = AF_UNIX;
    path_.copy(address.sun_path, sizeof address.sun_path - 1);
    const UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    ASSERT_EQ(::bind(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  }
  EXPECT_EQ(std::filesystem::status(path_).permissions(), std::filesystem::perms(0660));
  EXPECT_TRUE(start()) << "takes it over";
  EXPECT_EQ(::umask(before), 0u) << "it is as it was";
}

TEST_F(UnixSocketTest, LeavesASocketOfWhichItCannotTell) {
  const auto server = start();
  ASSERT_TRUE(server) << server.error().message();
  rlimit before;
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  const rlimit none = {0, before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);
  const auto removed = remove_stale_socket(path_);
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
  ASSERT_FALSE(removed);
  EXPECT_EQ(removed.error().code, EMFILE) << removed.error().message();
  EXPECT_TRUE(std::filesystem::exists(path_));
}

TEST_F(UnixSocketTest, LeavesWhatIsNoSocket) {
  ASSERT_TRUE(std::filesystem::create_directory(path_));
  const auto server = start();
  ASSERT_FALSE(server);
  EXPECT_THAT(server.error().message(), HasSubstr(path_ + ": there is something else than a socket"));
  EXPECT_TRUE(std::filesystem::exists(path_));
  std::filesystem::remove(path_);
  path_ = directory_ + "/none/agent.sock";
  const auto nowhere = start();
  ASSERT_FALSE(nowhere);
  EXPECT_EQ(nowhere.error().message(), "cannot listen on unix:" + path_ + ": No such file or directory");
}

}  // namespace
}  // namespace plimsoll::exporter
