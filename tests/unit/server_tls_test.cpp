// SPDX-License-Identifier: Apache-2.0
// The server with a guard before it: its TLS context, its refusals, its headers.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <atomic>
#include <mutex>
#include <thread>

#include "exporter/http/guard.h"
#include "http_client.h"

namespace plimsoll::exporter {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

struct Free {
  void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
  void operator()(SSL* ssl) const { SSL_free(ssl); }
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
  void operator()(X509* certificate) const { X509_free(certificate); }
};
template <typename T>
using Owned = std::unique_ptr<T, Free>;

// A context with a certificate for "test" that it has signed itself.
Owned<SSL_CTX> self_signed() {
  const Owned<EVP_PKEY> key(EVP_EC_gen("P-256"));
  const Owned<X509> certificate(X509_new());
  X509_set_version(certificate.get(), 2);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate.get()), 1);
  X509_gmtime_adj(X509_getm_notBefore(certificate.get()), 0);
  X509_gmtime_adj(X509_getm_notAfter(certificate.get()), 3600);
  X509_NAME* const name = X509_get_subject_name(certificate.get());
  X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, reinterpret_cast<const unsigned char*>("test"), -1, -1, 0);
  X509_set_issuer_name(certificate.get(), name);
  X509_set_pubkey(certificate.get(), key.get());
  X509_sign(certificate.get(), key.get(), EVP_sha256());
  Owned<SSL_CTX> context(SSL_CTX_new(TLS_server_method()));
  SSL_CTX_use_certificate(context.get(), certificate.get());
  SSL_CTX_use_PrivateKey(context.get(), key.get());
  return context;
}

// Lets in who sends "Pass: yes".
class FakeGuard : public Guard {
 public:
  explicit FakeGuard(bool tls) : context_(tls ? self_signed() : nullptr) {}
  SSL_CTX* tls_context() override { return context_.get(); }
  std::optional<Response> refuse(const Request& request) override {
    ++asked_;
    if (request.header("pass") == "yes") return std::nullopt;
    Response response;
    response.status = 401;
    response.headers = {{"WWW-Authenticate", "Basic"}};
    response.body = "401: not you\n";
    return response;
  }
  Headers headers() const override { return {{"X-Content-Type-Options", "nosniff"}, {"X-Frame-Options", "deny"}}; }
  Result<void> reload() override { return {}; }
  int asked() const { return asked_; }

 private:
  Owned<SSL_CTX> context_;
  std::atomic<int> asked_ = 0;
};

// What comes back for `request` over TLS; "" when there is no handshake.
std::string tls_exchange(const std::string& address, const std::string& request) {
  const Owned<SSL_CTX> context(SSL_CTX_new(TLS_client_method()));
  const Owned<SSL> ssl(SSL_new(context.get()));
  const UniqueFd fd = test::connect_to(address);
  SSL_set_fd(ssl.get(), fd.get());
  if (SSL_connect(ssl.get()) != 1) return "";
  SSL_write(ssl.get(), request.data(), static_cast<int>(request.size()));
  std::string answer;
  char piece[4096];
  for (int n; (n = SSL_read(ssl.get(), piece, sizeof piece)) > 0;) answer.append(piece, static_cast<size_t>(n));
  return answer;
}

std::string request_of(const std::string& path, const std::string& headers = "Pass: yes\r\n") {
  return "GET " + path + " HTTP/1.1\r\nHost: x\r\n" + headers + "\r\n";
}

class GuardTest : public testing::TestWithParam<bool> {
 protected:
  GuardTest() : guard_(GetParam()) {
    ServerOptions options;
    options.listen_addresses = {"127.0.0.1:0"};
    options.admission = {8, 8, 500ms, [this](Dropped why) {
                           const std::lock_guard lock(mutex_);
                           dropped_.emplace_back(dropped_name(why));
                         }};
    options.guard = &guard_;
    auto started = Server::start(options, {{"/text", {[](const Request&) {
                                              Response response;
                                              response.body = "hello";
                                              return response;
                                            }}},
                                           {"/large", {[](const Request&) {
                                              Response response;
                                              response.body.assign(3'000'000, 'x');
                                              return response;
                                            }}}});
    EXPECT_TRUE(started) << (started ? "" : started.error().message());
    server_ = std::move(*started);
    address_ = server_->addresses().at(0);
  }

  std::string exchange(const std::string& request) const {
    return GetParam() ? tls_exchange(address_, request) : test::http_exchange(address_, request);
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

  FakeGuard guard_;
  std::mutex mutex_;
  std::vector<std::string> dropped_;
  std::string address_;
  std::unique_ptr<Server> server_;
};

INSTANTIATE_TEST_SUITE_P(Plain, GuardTest, testing::Values(false));
INSTANTIATE_TEST_SUITE_P(Tls, GuardTest, testing::Values(true));

TEST_P(GuardTest, LetsIn) {
  EXPECT_EQ(server_->has_tls(), GetParam());
  EXPECT_THAT(exchange(request_of("/text")), EndsWith("\r\n\r\nhello"));
  EXPECT_EQ(exchange(request_of("/large")).substr(0, 12), "HTTP/1.1 200");
  EXPECT_GT(exchange(request_of("/large")).size(), 3'000'000u);
}

TEST_P(GuardTest, IsAskedBeforeAnythingIsLookedUp) {
  for (const char* path : {"/text", "/none", "/"}) {
    const std::string answer = exchange(request_of(path, ""));
    EXPECT_THAT(answer, StartsWith("HTTP/1.1 401 ")) << path;
    EXPECT_THAT(answer, HasSubstr("WWW-Authenticate: Basic\r\n"));
  }
  EXPECT_THAT(exchange("POST /text HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nab"), StartsWith("HTTP/1.1 401 "));
  EXPECT_EQ(guard_.asked(), 4);
}

TEST_P(GuardTest, ItsHeadersAreOnEveryAnswer) {
  const std::string requests[] = {
      request_of("/text"),     request_of("/none"),
      request_of("/text", ""), "POST /text HTTP/1.1\r\nPass: yes\r\n\r\n",
      "garbage\r\n\r\n",       "GET /text HTTP/1.1\r\nHost: x\r\nContent-Length: x\r\n\r\n"};
  for (const std::string& request : requests) {
    const std::string answer = exchange(request);
    EXPECT_THAT(answer, HasSubstr("X-Frame-Options: deny\r\n")) << request;
    const std::string once = "X-Content-Type-Options: nosniff\r\n";
    EXPECT_NE(answer.find(once), std::string::npos);
    EXPECT_EQ(answer.find(once), answer.rfind(once)) << "not twice";
  }
}

TEST_P(GuardTest, SeveralAtOnce) {
  std::vector<std::thread> clients;
  std::atomic<int> good = 0;
  for (int i = 0; i < 4; ++i) {
    clients.emplace_back([&] {
      for (int k = 0; k < 20; ++k) good += exchange(request_of("/text")).ends_with("hello") ? 1 : 0;
    });
  }
  for (std::thread& client : clients) client.join();
  EXPECT_EQ(good, 80);
}

TEST_P(GuardTest, OneServerMayFollowAnother) {
  server_.reset();
  ServerOptions options;
  options.listen_addresses = {address_};
  options.guard = &guard_;
  const auto again = Server::start(options, {{"/", {[](const Request&) { return Response{}; }}}});
  ASSERT_TRUE(again) << again.error().message();
  EXPECT_THAT(exchange(request_of("/")), StartsWith("HTTP/1.1 200 "));
}

using TlsTest = GuardTest;
INSTANTIATE_TEST_SUITE_P(Tls, TlsTest, testing::Values(true));

TEST_P(TlsTest, WhatIsNoTlsEndsCleanly) {
  const std::string hellos[] = {request_of("/text"),         "\x16\x03\x01\xff\xff\x01",
                                std::string(70'000, '\x16'), std::string("\x16\x03\x01\0\x05\x01\0\0\x01\0", 10),
                                std::string(1, '\0'),        "\x80\x2e\x01\x03\x01"};
  for (const std::string& hello : hellos) {
    const UniqueFd fd = test::connect_to(address_);
    // A server that has gone already refuses the rest of a long one.
    (void)::send(fd.get(), hello.data(), hello.size(), MSG_NOSIGNAL);
    EXPECT_THAT(test::receive_all(fd.get()), Not(HasSubstr("hello")));
    EXPECT_THAT(exchange(request_of("/text")), EndsWith("hello"));
  }
  EXPECT_EQ(guard_.asked(), 6);
}

TEST_P(TlsTest, AHandshakeHasToComeInTime) {
  const UniqueFd silent = test::connect_to(address_), slow = test::connect_to(address_);
  const std::string hello("\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03", 11);
  ASSERT_TRUE(write_all(slow.get(), hello));
  for (int i = 0; i < 200 && ::send(slow.get(), "x", 1, MSG_NOSIGNAL) == 1; ++i) std::this_thread::sleep_for(10ms);
  EXPECT_EQ(test::receive_all(silent.get()), "");
  EXPECT_THAT(dropped(2), ElementsAre("late", "late"));
  EXPECT_THAT(exchange(request_of("/text")), EndsWith("hello"));
}

TEST_P(TlsTest, EndsAtOnceUnderHalfAHandshake) {
  const UniqueFd silent = test::connect_to(address_);
  std::this_thread::sleep_for(50ms);
  const int64_t begin_ns = monotonic_ns();
  server_.reset();
  EXPECT_LT(monotonic_ns() - begin_ns, 400'000'000) << "before its deadline";
}

}  // namespace
}  // namespace plimsoll::exporter
