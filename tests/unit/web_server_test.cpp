// SPDX-License-Identifier: Apache-2.0
// The server with the real TLS context: what a client may do with TLS once its handshake is made.
#include <gtest/gtest.h>
#include <openssl/ssl.h>

#include <atomic>
#include <thread>

#include "exporter/access/tls_context.h"
#include "exporter/http/guard.h"
#include "exporter/http/server.h"
#include "http_client.h"
#include "tests/unit/certificates.h"

namespace plimsoll::exporter {
namespace {

using namespace std::chrono_literals;

// Lets everybody in.
class OpenGuard : public Guard {
 public:
  OpenGuard() {
    const test::Identity identity = test::make_identity({});
    TlsConfig config;
    config.certificate.text = identity.certificate_pem;
    config.key.text = identity.key_pem;
    auto settings = TlsSettings::load(config);
    EXPECT_TRUE(settings) << settings.error().message();
    auto context = TlsContext::make([kept = *settings] { return kept; });
    EXPECT_TRUE(context);
    context_ = std::move(*context);
  }
  SSL_CTX* tls_context() override { return context_->get(); }
  std::optional<Response> refuse(const Request&) override { return std::nullopt; }
  Headers headers() const override { return {}; }
  Result<void> reload() override { return {}; }

 private:
  std::unique_ptr<TlsContext> context_;
};

class WebServer : public testing::Test {
 protected:
  WebServer() : context_(SSL_CTX_new(TLS_client_method())) {
    ServerOptions options;
    options.listen_addresses = {"127.0.0.1:0"};
    options.admission = {8, 8, 500ms, [this](Dropped why) { late_ += why == Dropped::kLate; }};
    options.guard = &guard_;
    auto started = Server::start(options, {{"/large", {[](const Request&) {
                                              Response response;
                                              response.body.assign(3'000'000, 'x');
                                              return response;
                                            }}}});
    EXPECT_TRUE(started) << (started ? "" : started.error().message());
    server_ = std::move(*started);
    fd_ = test::connect_to(server_->addresses().at(0));
    ssl_.reset(SSL_new(context_.get()));
    SSL_set_min_proto_version(ssl_.get(), TLS1_3_VERSION);
    SSL_set_fd(ssl_.get(), fd_.get());
    EXPECT_EQ(SSL_connect(ssl_.get()), 1);
  }

  bool update_keys(int type) { return SSL_key_update(ssl_.get(), type) == 1 && SSL_do_handshake(ssl_.get()) == 1; }
  bool send(const std::string& text) {
    return SSL_write(ssl_.get(), text.data(), static_cast<int>(text.size())) == static_cast<int>(text.size());
  }
  size_t received() {
    size_t size = 0;
    char piece[16384];
    for (int n; (n = SSL_read(ssl_.get(), piece, sizeof piece)) > 0;) size += static_cast<size_t>(n);
    return size;
  }

  OpenGuard guard_;
  std::atomic<int> late_ = 0;
  std::unique_ptr<Server> server_;
  OpensslPtr<SSL_CTX> context_;
  UniqueFd fd_;
  OpensslPtr<SSL> ssl_;
};

TEST_F(WebServer, ChangesKeysInTheMiddleOfARequest) {
  EXPECT_TRUE(send("GET /large HT"));
  EXPECT_TRUE(update_keys(SSL_KEY_UPDATE_REQUESTED));
  EXPECT_TRUE(send("TP/1.1\r\nHost: x\r\n"));
  EXPECT_TRUE(update_keys(SSL_KEY_UPDATE_NOT_REQUESTED));
  EXPECT_TRUE(send("\r\n"));
  EXPECT_GT(received(), 3'000'000u);
}

// Thousands at a time, so that the server has always more to read.
TEST_F(WebServer, EndlessChangesOfKeysEndInTime) {
  BIO* const written = BIO_new(BIO_s_mem());
  SSL_set0_wbio(ssl_.get(), written);
  const int64_t begin = monotonic_ns();
  for (bool sent = true; sent && late_ == 0 && monotonic_ns() - begin < 10'000'000'000;) {
    for (int i = 0; i < 5000; ++i) ASSERT_TRUE(update_keys(SSL_KEY_UPDATE_NOT_REQUESTED));
    char* bytes = nullptr;
    const auto size = BIO_get_mem_data(written, &bytes);
    sent = ::send(fd_.get(), bytes, static_cast<size_t>(size), MSG_NOSIGNAL) == size;
    (void)BIO_reset(written);
  }
  for (int i = 0; i < 100 && late_ == 0; ++i) std::this_thread::sleep_for(10ms);
  EXPECT_LT(monotonic_ns() - begin, 4'000'000'000) << "the header was to be there in half a second";
  EXPECT_EQ(late_, 1);
}

}  // namespace
}  // namespace plimsoll::exporter
