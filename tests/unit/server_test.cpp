// SPDX-License-Identifier: Apache-2.0
#include "exporter/http/server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <mutex>
#include <thread>

#include "exporter/http/landing.h"
#include "exporter/http/listen_address.h"
#include "http_client.h"

namespace plimsoll::exporter {
namespace {

using test::get;
// Debian's binary of civetweb looks every two seconds whether it should end.
#ifdef PLIMSOLL_SYSTEM_CIVETWEB
constexpr bool kSystemCivetweb = true;
#else
constexpr bool kSystemCivetweb = false;
#endif

using test::http_exchange;
using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

Response text_of(std::string body) {
  Response response;
  response.body = std::move(body);
  return response;
}

// Pieces "piece 0\n", an empty one, "piece 1\n" ...
Response pieces(int count) {
  Response response;
  response.next = [at = 0, count](std::string& piece) mutable {
    piece = at % 2 == 1 ? "" : "piece " + std::to_string(at / 2) + "\n";
    return at++ < 2 * count;
  };
  return response;
}

Response all_headers(const Request& request) {
  std::string all;
  for (const auto& [name, value] : request.headers) all.append(name).append("=").append(value).append(";");
  return text_of(all);
}

Response down(const Request&) {
  Response response = text_of("not yet");
  response.status = 503;
  return response;
}

// As when memory is used up.
Response out_of_memory() {
  std::string too_much;
  too_much.resize(too_much.max_size());
  return text_of(too_much);
}

Response out_of_memory_later() {
  Response response;
  response.next = [](std::string& piece) {
    return piece.empty() ? (piece = "x", true) : !out_of_memory().body.empty();
  };
  return response;
}

UniqueFd connect_and_say(const std::string& address, const std::string& text) {
  UniqueFd fd = test::connect_to(address);
  EXPECT_TRUE(write_all(fd.get(), text));
  return fd;
}

Routes routes() {
  return {{"/memory", {[](const Request&) { return out_of_memory(); }}},
          {"/memory-later", {[](const Request&) { return out_of_memory_later(); }}},
          {"/text", {[](const Request&) { return text_of("hello"); }}},
          {"/query", {[](const Request& r) { return text_of(r.path + "|" + r.query); }}},
          {"/client", {[](const Request& r) { return text_of("client=" + r.client); }}},
          {"/headers", {all_headers}},
          {"/stream", {[](const Request&) { return pieces(3); }}},
          {"/nothing", {[](const Request&) { return pieces(0); }}},
          {"/down", {down}},
          {"/reload", {[](const Request& r) { return text_of("by " + r.method); }, "POST, PUT"}}};
}

class ServerTest : public testing::Test {
 protected:
  ServerTest() {
    ServerOptions options;
    options.listen_addresses = {"127.0.0.1:0"};
    options.admission = {20, 20, std::chrono::seconds(10), nullptr};
    options.on_response = [this](const std::string& route, int status) {
      const std::lock_guard lock(mutex_);
      responses_.push_back(route + " " + std::to_string(status));
    };
    auto started = Server::start(options, routes());
    EXPECT_TRUE(started) << (started ? "" : started.error().message());
    server_ = std::move(*started);
    address_ = server_->addresses().at(0);
  }

  // on_response follows the last byte, so the client may be ahead of it.
  std::vector<std::string> responses(size_t count) {
    for (int i = 0; i < 500; ++i) {
      {
        const std::lock_guard lock(mutex_);
        if (responses_.size() >= count) return responses_;
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    const std::lock_guard lock(mutex_);
    return responses_;
  }

  std::mutex mutex_;
  std::vector<std::string> responses_;
  std::unique_ptr<Server> server_;
  std::string address_;
};

TEST_F(ServerTest, ReportsThePortItGot) {
  EXPECT_THAT(address_, StartsWith("127.0.0.1:"));
  EXPECT_THAT(address_, Not(EndsWith(":0")));
}

TEST_F(ServerTest, AnswersWithLengthAndBody) {
  const std::string answer = get(address_, "/text");
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 200 OK\r\n"));
  EXPECT_THAT(answer, HasSubstr("Content-Type: text/plain; charset=utf-8\r\n"));
  EXPECT_THAT(answer, HasSubstr("Content-Length: 5\r\n"));
  EXPECT_THAT(answer, HasSubstr("Connection: close\r\n"));
  EXPECT_THAT(answer, Not(HasSubstr("Server:")));
  EXPECT_THAT(answer, EndsWith("\r\n\r\nhello"));
}

TEST_F(ServerTest, HandsOverPathAndQuery) {
  EXPECT_THAT(get(address_, "/query?a=1&b=%20"), EndsWith("\r\n\r\n/query|a=1&b=%20"));
  EXPECT_THAT(get(address_, "/query"), EndsWith("\r\n\r\n/query|"));
}

TEST_F(ServerTest, HandsOverHeaders) {
  EXPECT_THAT(http_exchange(address_, "GET /headers HTTP/1.1\r\nHost: x\r\nA-b:  c d \r\nEmpty:\r\n\r\n"),
              EndsWith("\r\n\r\nHost=x;A-b=c d;Empty=;"));
}

TEST_F(ServerTest, BoundsHeaders) {
  std::string many = "GET /headers HTTP/1.1\r\nHost: x\r\n";
  for (int i = 0; i < 200; ++i) many += "H" + std::to_string(i) + ": x\r\n";
  const std::string answer = http_exchange(address_, many + "\r\n");
  EXPECT_THAT(answer, testing::AnyOf("", testing::ContainsRegex("^HTTP/1.1 4"), Not(HasSubstr("H64="))));
  EXPECT_THAT(get(address_, "/text"), EndsWith("hello"));
}

TEST_F(ServerTest, StreamsInChunksAndSkipsEmptyPieces) {
  const std::string answer = get(address_, "/stream");
  EXPECT_THAT(answer, HasSubstr("Transfer-Encoding: chunked\r\n"));
  EXPECT_THAT(answer, Not(HasSubstr("Content-Length")));
  EXPECT_THAT(answer, EndsWith("\r\n\r\n8\r\npiece 0\n\r\n8\r\npiece 1\n\r\n8\r\npiece 2\n\r\n0\r\n\r\n"));
}

TEST_F(ServerTest, StreamsToTheEndOfTheConnectionForHttp10) {
  const std::string answer = http_exchange(address_, "GET /stream HTTP/1.0\r\n\r\n");
  EXPECT_THAT(answer, Not(HasSubstr("chunked")));
  EXPECT_THAT(answer, EndsWith("\r\n\r\npiece 0\npiece 1\npiece 2\n"));
}

TEST_F(ServerTest, EmptyStreamIsAnEmptyBody) { EXPECT_THAT(get(address_, "/nothing"), EndsWith("\r\n\r\n0\r\n\r\n")); }

TEST_F(ServerTest, HeadHasNoBody) {
  const std::string text = http_exchange(address_, "HEAD /text HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_THAT(text, StartsWith("HTTP/1.1 200 OK\r\n"));
  EXPECT_THAT(text, HasSubstr("Content-Length: 5\r\n"));
  EXPECT_THAT(text, EndsWith("\r\n\r\n"));
  const std::string stream = http_exchange(address_, "HEAD /stream HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_THAT(stream, HasSubstr("Transfer-Encoding: chunked\r\n"));
  EXPECT_THAT(stream, EndsWith("\r\n\r\n"));
  EXPECT_THAT(stream, Not(HasSubstr("piece")));
}

TEST_F(ServerTest, PassesTheHandlersStatusOn) { EXPECT_THAT(get(address_, "/down"), StartsWith("HTTP/1.1 503 ")); }

TEST_F(ServerTest, UnknownPathsAre404) {
  for (const char* path : {"/", "/tex", "/text/", "/text/more", "//text", "/%74%65%78%74%00", "/../etc/passwd"})
    EXPECT_THAT(get(address_, path), StartsWith("HTTP/1.1 404 ")) << path;
}

TEST_F(ServerTest, OtherMethodsAre405) {
  for (const char* method : {"POST", "PUT", "DELETE", "OPTIONS", "PATCH"}) {
    const std::string answer =
        http_exchange(address_, std::string(method) + " /text HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nbody");
    EXPECT_THAT(answer, StartsWith("HTTP/1.1 405 ")) << method;
    EXPECT_THAT(answer, HasSubstr("Allow: GET, HEAD\r\n")) << method;
  }
}

TEST_F(ServerTest, ARouteSaysItsMethods) {
  const auto by = [&](const std::string& method, const std::string& rest) {
    return http_exchange(address_, method + " /reload HTTP/1.1\r\nHost: x\r\n" + rest);
  };
  EXPECT_THAT(by("POST", "\r\n"), EndsWith("\r\n\r\nby POST"));
  EXPECT_THAT(by("PUT", "Content-Length: 4\r\n\r\nbody"), EndsWith("\r\n\r\nby PUT"));
  EXPECT_THAT(by("GET", "\r\n"), testing::AllOf(StartsWith("HTTP/1.1 405 "), HasSubstr("Allow: POST, PUT\r\n")));
  EXPECT_THAT(by("POS", "\r\n"), testing::ContainsRegex("^HTTP/1.1 [45]"));
}

TEST_F(ServerTest, BodiesAreReadAwayUpToABound) {
  const auto post = [&](const std::string& header, const std::string& body) {
    return http_exchange(address_, "POST /reload HTTP/1.1\r\nHost: x\r\n" + header + "\r\n\r\n" + body);
  };
  EXPECT_THAT(post("Content-Length: 60000", std::string(60'000, 'x')), EndsWith("by POST"));
  EXPECT_THAT(post("Transfer-Encoding: chunked", "4\r\nbody\r\n0\r\n\r\n"), EndsWith("by POST"));
  EXPECT_THAT(post("Content-Length: 200000", std::string(65'536, 'x')), StartsWith("HTTP/1.1 413 "));
  EXPECT_THAT(post("Transfer-Encoding: chunked", "zz\r\nbody"), StartsWith("HTTP/1.1 400 "));
  EXPECT_THAT(post("Transfer-Encoding: chunked", "4\r\nbodyXX0\r\n\r\n"), StartsWith("HTTP/1.1 400 "));
  EXPECT_THAT(post("Content-Length: 65536", std::string(65'536, 'x')), EndsWith("by POST"));
  EXPECT_THAT(post("Transfer-Encoding: chunked", "10000\r\n" + std::string(65'536, 'x') + "\r\n0\r\n\r\n"),
              EndsWith("by POST"));
  EXPECT_THAT(post("Content-Length: 65537", std::string(65'537, 'x')), StartsWith("HTTP/1.1 413 "));
  EXPECT_THAT(post("Transfer-Encoding: chunked", "10001\r\n" + std::string(65'537, 'x') + "\r\n0\r\n\r\n"),
              StartsWith("HTTP/1.1 413 "));
  EXPECT_THAT(post("Transfer-Encoding: gzip", "x"), StartsWith("HTTP/1.1 400 "));
}

TEST_F(ServerTest, WhatCouldBeReadInTwoWaysIsRefused) {
  const std::string line = "POST /reload HTTP/1.1\r\n", length = "Content-Length: 4\r\n";
  for (const std::string& headers :
       {std::string(), std::string("Host: x\r\nHost: y\r\n"), "Host: x\r\n" + length + length,
        "Host: x\r\n" + length + "Transfer-Encoding: chunked\r\n", std::string("Host: x\r\nContent-Length: 4,4\r\n"),
        std::string("Host: x\r\nContent-Length: +4\r\n"), std::string("Host: x\r\nContent-Length: 4 4\r\n"),
        std::string("Host: x\r\nContent-Length:\r\n"), std::string("Host: x\r\nTransfer-Encoding: identity\r\n"),
        std::string("Host: x\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n")})
    EXPECT_THAT(http_exchange(address_, line + headers + "\r\nbody"), StartsWith("HTTP/1.1 400 ")) << headers;
  EXPECT_THAT(http_exchange(address_, "GET /text HTTP/1.0\r\n\r\n"), EndsWith("hello")) << "1.0 needs no host";
  EXPECT_THAT(http_exchange(address_, "GET /text HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
              StartsWith("HTTP/1.1 400 "));
}

TEST_F(ServerTest, WhoAsksBeforeSendingABodyIsAnswered) {
  const auto ask = [&](const std::string& rest) {
    return connect_and_say(address_, "POST /reload HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n" + rest);
  };
  const UniqueFd fd = ask("Content-Length: 4\r\n\r\n");
  char piece[256];
  const ssize_t n = ::recv(fd.get(), piece, sizeof piece, 0);
  EXPECT_EQ(std::string(piece, n > 0 ? static_cast<size_t>(n) : 0), "HTTP/1.1 100 Continue\r\n\r\n");
  ASSERT_TRUE(write_all(fd.get(), "body"));
  EXPECT_THAT(test::receive_all(fd.get()), testing::AllOf(StartsWith("HTTP/1.1 200 "), EndsWith("by POST")));
  EXPECT_THAT(test::receive_all(ask("Content-Length: 65537\r\n\r\n").get()), StartsWith("HTTP/1.1 413 "));
}

TEST_F(ServerTest, AHandlerThatFailsIs500) {
  EXPECT_THAT(get(address_, "/memory"), StartsWith("HTTP/1.1 500 "));
  EXPECT_THAT(get(address_, "/memory-later"), Not(EndsWith("0\r\n\r\n")));
  EXPECT_THAT(get(address_, "/text"), EndsWith("hello"));
}

TEST_F(ServerTest, OversizedHeadersAreRefused) {
  const std::string line = "X-Filler: " + std::string(1000, 'x') + "\r\n";
  std::string header = "GET /text HTTP/1.1\r\nHost: x\r\n";
  for (int i = 0; i < 20; ++i) header += line;
  EXPECT_THAT(http_exchange(address_, header + "\r\n"), StartsWith("HTTP/1.1 400 "));
  EXPECT_THAT(get(address_, "/text"), EndsWith("hello"));
}

TEST_F(ServerTest, OneRequestAConnection) {
  const std::string two = "GET /text HTTP/1.1\r\nHost: x\r\n\r\n";
  const std::string answer = http_exchange(address_, two + two);
  EXPECT_EQ(answer.find("HTTP/1.1"), answer.rfind("HTTP/1.1"));
}

TEST_F(ServerTest, TellsWhoAsks) { EXPECT_THAT(get(address_, "/client"), EndsWith("\r\n\r\nclient=127.0.0.1")); }

TEST_F(ServerTest, GarbageIs400OrSilenceAndNeverTheEnd) {
  const std::string requests[] = {"garbage\r\n\r\n",
                                  "GET\r\n\r\n",
                                  "GET /text HTTP/9.9\r\n\r\n",
                                  "OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n",
                                  "GET http://elsewhere/text HTTP/1.1\r\nHost: x\r\n\r\n",
                                  "GET text HTTP/1.1\r\nHost: x\r\n\r\n",
                                  std::string("GET /\0 HTTP/1.1\r\n\r\n", 20),
                                  "\x16\x03\x01\x02\r\n\r\n",
                                  "GET /text HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
                                  "GET /" + std::string(30'000, 'a') + " HTTP/1.1\r\nHost: x\r\n\r\n"};
  for (const std::string& request : requests) {
    const std::string answer = http_exchange(address_, request);
    EXPECT_THAT(answer, testing::AnyOf("", testing::ContainsRegex("^HTTP/1.1 [45]"))) << request.substr(0, 80);
    EXPECT_THAT(get(address_, "/text"), EndsWith("hello")) << "after " << request.substr(0, 80);
  }
}

TEST_F(ServerTest, TellsRouteAndStatusOfEachAnswer) {
  get(address_, "/text");
  EXPECT_EQ(responses(1), (std::vector<std::string>{"/text 200"}));
  get(address_, "/wp-login.php?x=1");
  EXPECT_EQ(responses(2).at(1), " 404");
  http_exchange(address_, "POST /text HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_EQ(responses(3).at(2), "/text 405");
  http_exchange(address_, "garbage\r\n\r\n");
  EXPECT_EQ(responses(4).at(3), " 400");
}

TEST_F(ServerTest, ServesSeveralAtOnce) {
  std::vector<std::thread> clients;
  std::atomic<int> good = 0;
  for (int i = 0; i < 16; ++i) {
    clients.emplace_back([&] {
      for (int k = 0; k < 10; ++k) good += get(address_, "/stream").ends_with("0\r\n\r\n") ? 1 : 0;
    });
  }
  for (std::thread& client : clients) client.join();
  EXPECT_EQ(good, 160);
}

TEST_F(ServerTest, EndsWithinASecondUnderASilentConnection) {
  const UniqueFd silent = test::connect_to(address_);
  const UniqueFd half = test::connect_to(address_);
  ASSERT_TRUE(write_all(half.get(), "GET /text HTTP/1.1\r\n"));
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  const int64_t start = monotonic_ns();
  server_.reset();
  const int64_t limit_ns = kSystemCivetweb ? 3'000'000'000 : 1'000'000'000;
  EXPECT_LT(monotonic_ns() - start, limit_ns);
  EXPECT_EQ(get(address_, "/text"), "");
}

Result<std::unique_ptr<Server>> start_on(std::vector<std::string> addresses) {
  ServerOptions options;
  options.listen_addresses = std::move(addresses);
  options.admission.connections = 1;
  return Server::start(options, {{"/", {[](const Request& r) { return text_of("hi" + r.client); }}}});
}

TEST_F(ServerTest, SaysWhichAddressIsInUse) {
  const auto second = start_on({address_});
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, EADDRINUSE);
  EXPECT_EQ(second.error().message(), "cannot listen on " + address_ + ": Address already in use");
}

TEST_F(ServerTest, ListensOnAllAddressesOrOnNone) {
  ASSERT_FALSE(start_on({"127.0.0.1:0", address_}));
  EXPECT_THAT(start_on({"127.0.0.1:0", address_}).error().message(), HasSubstr(address_));
  const std::string everywhere = address_.substr(address_.rfind(':'));
  EXPECT_THAT(start_on({everywhere}).error().message(), HasSubstr(everywhere + ": Address already in use"));
}

TEST(Server, ListensOnSeveralAddresses) {
  auto server = start_on({"127.0.0.1:0", "localhost:0", ":0"});
  ASSERT_TRUE(server) << server.error().message();
  ASSERT_EQ((*server)->addresses().size(), 3u);
  EXPECT_THAT(get((*server)->addresses()[0], "/"), HasSubstr("\r\n\r\nhi"));
  const std::string everywhere = (*server)->addresses()[2];
  EXPECT_THAT(get("127.0.0.1" + everywhere.substr(everywhere.rfind(':')), "/"), HasSubstr("\r\n\r\nhi"));
}

TEST(Server, ListensOnIpv6) {
  auto server = start_on({"[::1]:0"});
  if (!server && server.error().message().find("IPv6") != std::string::npos) GTEST_SKIP() << server.error().message();
  ASSERT_TRUE(server) << server.error().message();
  EXPECT_THAT((*server)->addresses()[0], StartsWith("[::1]:"));
  EXPECT_THAT(get((*server)->addresses()[0], "/"), HasSubstr("\r\n\r\nhi"));
}

TEST(Server, RefusesAnAddressThatIsNotOurs) {
  const auto server = start_on({"203.0.113.1:0"});
  ASSERT_FALSE(server);
  EXPECT_EQ(server.error().code, EADDRNOTAVAIL);
  EXPECT_THAT(server.error().message(), HasSubstr("203.0.113.1:0"));
}

TEST(Server, RefusesNoAddressAtAll) { EXPECT_FALSE(start_on({})); }

TEST(ListenAddress, TakesGosForms) {
  EXPECT_EQ(parse_listen_address("127.0.0.1:1876", true)->text(), "127.0.0.1:1876");
  EXPECT_EQ(parse_listen_address("[::1]:0", true)->text(), "[::1]:0");
  EXPECT_EQ(parse_listen_address("localhost:80", false)->text(), "127.0.0.1:80");
  EXPECT_EQ(parse_listen_address("1.2.3.4:00080", true)->text(), "1.2.3.4:80");
}

TEST(ListenAddress, PortAloneIsEveryAddress) {
  EXPECT_EQ(parse_listen_address(":1876", true)->text(), "[::]:1876");
  EXPECT_TRUE(parse_listen_address(":1876", true)->dual_stack);
  EXPECT_EQ(parse_listen_address(":1876", false)->text(), "0.0.0.0:1876");
  EXPECT_FALSE(parse_listen_address("[::]:1876", true)->dual_stack);
}

TEST(ListenAddress, TakesUnixSockets) {
  const auto address = parse_listen_address("unix:/run/a-b/c.sock", true);
  ASSERT_TRUE(address);
  EXPECT_EQ(address->path, "/run/a-b/c.sock");
  EXPECT_EQ(address->text(), "unix:/run/a-b/c.sock");
  for (const std::string& text :
       {std::string("unix:"), std::string("unix:a.sock"), std::string("unix:@a"), std::string("unix:/run/"),
        std::string("unix:/a,b"), std::string("unix:/a b"), std::string("unix:/a:1"), "unix:/" + std::string(106, 'a')})
    EXPECT_FALSE(parse_listen_address(text, true)) << text;
}

TEST(ListenAddress, NamesWhatIsWrong) {
  const std::pair<const char*, const char*> cases[] = {
      {"", "has no port"},
      {"1876", "has no port"},
      {"host:", "a port that is no number"},
      {"127.0.0.1:65536", "a port that is no number"},
      {"127.0.0.1:80s", "a port that is no number"},
      {"127.0.0.1:-1", "a port that is no number"},
      {"[::1]", "a port that is no number"},
      {"::1:80", "needs brackets"},
      {"[::g]:80", "no IPv6 address between its brackets"},
      {"[127.0.0.1]:80", "no IPv6 address between its brackets"},
      {"999.1.1.1:80", "has no address"},
      {"no such host:80", "has no address"},
  };
  for (const auto& [text, what] : cases) {
    const auto address = parse_listen_address(text, true);
    ASSERT_FALSE(address) << text;
    EXPECT_THAT(address.error().message(), HasSubstr(what));
    EXPECT_THAT(address.error().message(), HasSubstr("'" + std::string(text) + "'"));
  }
  EXPECT_THAT(parse_listen_address("[::1]:80", false).error().message(), HasSubstr("choose an IPv4 address"));
}

TEST(LandingPage, ListsLinksAndEscapes) {
  const Link links[] = {{"/metrics", "all <of> it & \"more\""}};
  const std::string page = landing_page("Plim<b>", "1.0", links);
  EXPECT_THAT(page, StartsWith("<!DOCTYPE html>"));
  EXPECT_THAT(page, HasSubstr("<h1>Plim&lt;b&gt; 1.0</h1>"));
  EXPECT_THAT(page, HasSubstr("<a href=\"/metrics\">/metrics</a>: all &lt;of&gt; it &amp; &quot;more&quot;"));
}

}  // namespace
}  // namespace plimsoll::exporter
