// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/err.h>

#include <cstdlib>
#include <new>

#include "exporter/access/tls_context.h"
#include "exporter/access/tls_settings.h"
#include "tests/unit/certificates.h"
#include "tests/unit/temp_tree.h"

namespace {

// Which of the next allocations of this thread fails; below 0: none.
thread_local int allocations_until_failure = -1;

}  // namespace

[[gnu::noinline]] void* operator new(size_t size) {
  if (allocations_until_failure >= 0 && allocations_until_failure-- == 0) throw std::bad_alloc();
  if (void* const memory = std::malloc(size == 0 ? 1 : size)) return memory;
  throw std::bad_alloc();
}
[[gnu::noinline]] void operator delete(void* memory) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, size_t) noexcept { std::free(memory); }

namespace plimsoll::exporter {
namespace {

using test::Client;
using test::connect;
using test::Identity;
using test::make_identity;
using testing::HasSubstr;

// A server, an authority of clients, and clients good and bad.
class Tls : public testing::Test {
 protected:
  Tls() {
    config_.certificate = pem(server_.certificate_pem, "line 2: tls_server_config.cert");
    config_.key = pem(server_.key_pem, "line 3: tls_server_config.key");
  }

  static PemSource pem(const std::string& text, const std::string& place) {
    PemSource source;
    source.text = text;
    source.place = place;
    return source;
  }

  // The context of a server with config_.
  SSL_CTX* context() {
    auto settings = TlsSettings::load(config_);
    EXPECT_TRUE(settings) << settings.error().message();
    settings_ = settings ? *settings : nullptr;
    if (!context_) {
      auto made = TlsContext::make([this] { return settings_; });
      EXPECT_TRUE(made);
      context_ = std::move(*made);
    }
    return context_->get();
  }

  std::string problem() const {
    const auto settings = TlsSettings::load(config_);
    EXPECT_EQ(ERR_peek_error(), 0u) << "OpenSSL's queue is left empty";
    return settings ? "" : settings.error().message();
  }

  void ask_clients(ClientAuth how) {
    config_.client_auth = how;
    config_.client_ca = pem(authority_.certificate_pem, "line 4: tls_server_config.client_ca");
  }

  static Client only(int version) {
    Client client;
    client.set_up = [version](SSL_CTX*, SSL* ssl) {
      SSL_set_min_proto_version(ssl, version);
      SSL_set_max_proto_version(ssl, version);
    };
    return client;
  }

  const Identity server_ = make_identity({.name = "one"});
  const Identity authority_ = make_identity({.name = "authority", .authority = true});
  const Identity good_ = make_identity({.name = "good", .signer = &authority_, .sans = "DNS:prometheus.example"});
  const Identity stranger_ = make_identity({.name = "stranger", .sans = "DNS:prometheus.example"});
  TlsConfig config_;
  std::shared_ptr<const TlsSettings> settings_;
  std::unique_ptr<TlsContext> context_;
};

TEST_F(Tls, Connects) {
  const auto session = connect(context(), {.alpn = "\x02h2\x08http/1.1"});
  EXPECT_TRUE(session.made) << session.client_error << session.server_error;
  EXPECT_EQ(session.peer, "one");
  EXPECT_EQ(session.version, "TLSv1.3");
  EXPECT_EQ(session.alpn, "http/1.1");
  EXPECT_FALSE(session.certificate_asked);
  EXPECT_EQ(connect(context()).alpn, "");
}

TEST_F(Tls, WhoSpeaksOnlyHttp2IsTurnedAway) { EXPECT_FALSE(connect(context(), {.alpn = "\x02h2"}).made); }

TEST_F(Tls, TheChainIsSent) {
  const Identity middle = make_identity({.name = "middle", .signer = &authority_, .authority = true});
  const Identity leaf = make_identity({.name = "leaf", .signer = &middle});
  config_.certificate.text = leaf.certificate_pem + middle.certificate_pem;
  config_.key.text = leaf.key_pem;
  Client client;
  client.set_up = [this](SSL_CTX* trust, SSL* ssl) {
    X509_STORE_add_cert(SSL_CTX_get_cert_store(trust), authority_.certificate.get());
    SSL_set_verify(ssl, SSL_VERIFY_PEER, nullptr);
  };
  const auto session = connect(context(), client);
  EXPECT_TRUE(session.made) << session.client_error;
  EXPECT_EQ(session.peer, "leaf");
}

TEST_F(Tls, Versions) {
  EXPECT_FALSE(connect(context(), only(TLS1_1_VERSION)).made);
  EXPECT_TRUE(connect(context(), only(TLS1_2_VERSION)).made);
  config_.min_version = TLS1_3_VERSION;
  EXPECT_FALSE(connect(context(), only(TLS1_2_VERSION)).made);
  EXPECT_TRUE(connect(context(), only(TLS1_3_VERSION)).made);
  config_.min_version = TLS1_2_VERSION;
  config_.max_version = TLS1_2_VERSION;
  EXPECT_FALSE(connect(context(), only(TLS1_3_VERSION)).made);
  EXPECT_EQ(connect(context()).version, "TLSv1.2");
}

TEST_F(Tls, OldVersionsWhenSomebodyInsists) {
  config_.min_version = TLS1_VERSION;
  EXPECT_EQ(connect(context(), only(TLS1_VERSION)).version, "TLSv1");
  EXPECT_TRUE(connect(context(), only(TLS1_VERSION)).made);
  EXPECT_TRUE(connect(context(), only(TLS1_1_VERSION)).made);
  EXPECT_TRUE(connect(context(), only(TLS1_3_VERSION)).made);
}

TEST_F(Tls, Ciphers) {
  Client client = only(TLS1_2_VERSION);
  EXPECT_THAT(connect(context(), client).cipher, HasSubstr("GCM"));
  const auto set_up = client.set_up;
  client.set_up = [set_up](SSL_CTX* trust, SSL* ssl) {
    set_up(trust, ssl);
    SSL_set_cipher_list(ssl, "ECDHE-ECDSA-AES128-SHA:ECDHE-ECDSA-AES256-GCM-SHA384");
  };
  EXPECT_EQ(connect(context(), client).cipher, "ECDHE-ECDSA-AES256-GCM-SHA384") << "no CBC unless asked for";
  config_.ciphers = "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-ECDSA-AES128-SHA";
  EXPECT_EQ(connect(context(), client).cipher, "ECDHE-ECDSA-AES256-GCM-SHA384") << "the server prefers";
  config_.prefer_server_ciphers = false;
  EXPECT_EQ(connect(context(), client).cipher, "ECDHE-ECDSA-AES128-SHA") << "the client prefers";
  config_.ciphers = "ECDHE-ECDSA-CHACHA20-POLY1305";
  EXPECT_FALSE(connect(context(), client).made);
}

TEST_F(Tls, OnlyCiphersOfTls13MeansOnlyTls13) {
  config_.ciphers = "";
  EXPECT_FALSE(connect(context(), only(TLS1_2_VERSION)).made);
  EXPECT_TRUE(connect(context(), only(TLS1_3_VERSION)).made);
}

TEST_F(Tls, Curves) {
  config_.curves = "P-384";
  EXPECT_EQ(connect(context()).group, "secp384r1");
  Client client;
  client.set_up = [](SSL_CTX*, SSL* ssl) { SSL_set1_groups_list(ssl, "X25519"); };
  EXPECT_FALSE(connect(context(), client).made);
}

TEST_F(Tls, NothingIsResumed) {
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    SSL_SESSION* kept = nullptr;
    Client client = only(version);
    const auto set_up = client.set_up;
    client.set_up = [&](SSL_CTX* trust, SSL* ssl) {
      set_up(trust, ssl);
      SSL_CTX_set_session_cache_mode(trust, SSL_SESS_CACHE_CLIENT);
      SSL_CTX_set_app_data(trust, &kept);
      SSL_CTX_sess_set_new_cb(trust, [](SSL* connection, SSL_SESSION* session) {
        SSL_SESSION*& place = *static_cast<SSL_SESSION**>(SSL_CTX_get_app_data(SSL_get_SSL_CTX(connection)));
        if (place != nullptr) SSL_SESSION_free(place);
        place = session;
        return 1;
      });
      if (kept != nullptr) SSL_set_session(ssl, kept);
    };
    EXPECT_TRUE(connect(context(), client).made);
    EXPECT_TRUE(kept == nullptr || SSL_SESSION_has_ticket(kept) == 0);
    const auto again = connect(context(), client);
    EXPECT_TRUE(again.made);
    EXPECT_FALSE(again.resumed) << version;
    SSL_SESSION_free(kept);
  }
}

TEST_F(Tls, ClientsCertificates) {
  const Identity expired = make_identity({.name = "old", .signer = &authority_, .begin_s = -100, .end_s = -50});
  const Identity other_use = make_identity({.name = "web", .signer = &authority_, .usage = "serverAuth"});
  struct Case {
    ClientAuth how;
    bool none, good, stranger, old, other;
  };
  const Case table[] = {
      {ClientAuth::kNone, true, true, true, true, true},
      {ClientAuth::kRequest, true, true, true, true, true},
      {ClientAuth::kRequireAny, false, true, true, true, true},
      {ClientAuth::kVerifyIfGiven, true, true, false, false, false},
      {ClientAuth::kRequireAndVerify, false, true, false, false, false},
  };
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    for (const Case& each : table) {
      ask_clients(each.how);
      const auto made = [&](const Identity* identity) {
        Client client = only(version);
        client.identity = identity;
        const auto session = connect(context(), client);
        EXPECT_EQ(session.certificate_asked, each.how != ClientAuth::kNone);
        return session.made;
      };
      EXPECT_EQ(made(nullptr), each.none) << static_cast<int>(each.how);
      EXPECT_EQ(made(&good_), each.good) << static_cast<int>(each.how);
      EXPECT_EQ(made(&stranger_), each.stranger) << static_cast<int>(each.how);
      EXPECT_EQ(made(&expired), each.old) << static_cast<int>(each.how);
      EXPECT_EQ(made(&other_use), each.other) << static_cast<int>(each.how);
    }
  }
}

TEST_F(Tls, WithoutAnAuthorityNoCertificateIsGood) {
  config_.client_auth = ClientAuth::kVerifyIfGiven;
  EXPECT_TRUE(connect(context()).made);
  EXPECT_FALSE(connect(context(), {.identity = &good_}).made);
}

TEST_F(Tls, AllowedNames) {
  ask_clients(ClientAuth::kRequireAndVerify);
  const Identity many = make_identity(
      {.name = "many", .signer = &authority_, .sans = "email:a@b.example,URI:spiffe://b/c,IP:10.0.0.1,IP:2001:db8::1"});
  const Identity nameless = make_identity({.name = "prometheus.example", .signer = &authority_});
  const auto allowed = [&](const std::string& name, const Identity& who) {
    config_.client_allowed_sans = {"other.example", name};
    return connect(context(), {.identity = &who}).made;
  };
  EXPECT_TRUE(allowed("prometheus.example", good_));
  EXPECT_FALSE(allowed("PROMETHEUS.example", good_)) << "exact, as written";
  EXPECT_FALSE(allowed("example", good_));
  EXPECT_FALSE(allowed("", good_));
  EXPECT_FALSE(allowed("prometheus.example", stranger_)) << "the name alone is not enough";
  EXPECT_FALSE(allowed("prometheus.example", nameless)) << "a subject's common name is no SAN";
  for (const char* name : {"a@b.example", "spiffe://b/c", "10.0.0.1", "2001:db8::1", "2001:DB8:0::1"})
    EXPECT_TRUE(allowed(name, many)) << name;
  EXPECT_FALSE(allowed("10.0.0.2", many));
}

// In the callbacks an exception would have to cross OpenSSL's frames.
TEST_F(Tls, WithoutMemoryThereIsNoHandshake) {
  ask_clients(ClientAuth::kRequireAndVerify);
  config_.client_allowed_sans = {"email-of-somebody@prometheus.example"};
  const Identity client =
      make_identity({.name = "client", .signer = &authority_, .sans = "email:email-of-somebody@prometheus.example"});
  (void)context();
  int failing = 0;
  const auto own = TlsContext::make([&] {
    allocations_until_failure = failing;
    return settings_;
  });
  ASSERT_TRUE(own);
  int refused = 0;
  for (bool ended = false; !ended && failing < 100; ++failing) {
    try {
      ended = connect((*own)->get(), {.identity = &client}).made;
      refused += !ended;
    } catch (const std::bad_alloc&) {
      ended = true;  // in what this test does after the handshake, or, were it not caught, through OpenSSL
    }
    allocations_until_failure = -1;
  }
  EXPECT_GE(refused, 2) << "the settings that are kept, and the name that is compared";
  EXPECT_TRUE(connect(context(), {.identity = &client}).made);
}

TEST_F(Tls, WhatAClientSendsIsBounded) {
  ask_clients(ClientAuth::kRequireAndVerify);
  std::string names = "DNS:prometheus.example";
  for (int i = 0; i < 2000; ++i) names += ",DNS:" + std::to_string(i) + ".prometheus.example";
  const Identity huge = make_identity({.name = "huge", .signer = &authority_, .sans = names});
  EXPECT_FALSE(connect(context(), {.identity = &huge}).made);
  EXPECT_TRUE(connect(context(), {.identity = &good_}).made);
}

TEST_F(Tls, SettingsChangeForTheNextConnection) {
  SSL_CTX* const same = context();
  EXPECT_EQ(connect(same).peer, "one");
  const Identity next = make_identity({.name = "two", .kind = "RSA"});
  config_.certificate.text = next.certificate_pem;
  config_.key.text = next.key_pem;
  ask_clients(ClientAuth::kRequireAndVerify);
  EXPECT_EQ(context(), same);
  EXPECT_FALSE(connect(same).made);
  EXPECT_EQ(connect(same, {.identity = &good_}).peer, "two");
  EXPECT_TRUE(connect(same, {.identity = &good_}).made);
}

TEST_F(Tls, GarbageIsRefused) {
  SSL_CTX* const server_context = context();
  for (const std::string& garbage :
       {std::string("GET / HTTP/1.1\r\n\r\n"), std::string(300, '\xff'),
        std::string("\x16\x03\x01\x00\x05\x01\x00\x00\x01\x03", 10), std::string(1, '\x16')}) {
    const OpensslPtr<SSL> server(SSL_new(server_context));
    BIO* const input = BIO_new_mem_buf(garbage.data(), static_cast<int>(garbage.size()));
    SSL_set_bio(server.get(), input, BIO_new(BIO_s_mem()));
    EXPECT_NE(SSL_accept(server.get()), 1);
    ERR_clear_error();
  }
  EXPECT_TRUE(connect(server_context).made);
}

TEST_F(Tls, SaysWhatIsWrongWithFiles) {
  const test::TempTree tree({{"good.crt", server_.certificate_pem},
                             {"good.key", server_.key_pem},
                             {"empty", ""},
                             {"junk", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"}});
  tree.make_dir("dir");
  config_.certificate = {tree.at("good.crt"), "", "line 2: tls_server_config.cert_file"};
  config_.key = {tree.at("good.key"), "", "line 3: tls_server_config.key_file"};
  EXPECT_EQ(problem(), "");
  const auto with_certificate = [&](const std::string& file) {
    config_.certificate.file = tree.at(file);
    const std::string what = problem();
    config_.certificate.file = tree.at("good.crt");
    return what;
  };
  EXPECT_EQ(with_certificate("none"),
            "line 2: tls_server_config.cert_file: " + tree.at("none") + ": No such file or directory");
  EXPECT_THAT(with_certificate("dir"), HasSubstr("is no regular file"));
  EXPECT_THAT(with_certificate("empty"), HasSubstr("holds no certificate in PEM"));
  EXPECT_THAT(with_certificate("good.key"), HasSubstr("holds no certificate in PEM"));
  EXPECT_THAT(with_certificate("junk"), HasSubstr("certificate 1: "));
  config_.key.file = tree.at("good.crt");
  EXPECT_THAT(problem(), testing::AllOf(HasSubstr("line 3: tls_server_config.key_file"), HasSubstr("no private key")));
}

TEST_F(Tls, SaysWhatIsWrongWithKeys) {
  config_.key.text = good_.key_pem;
  EXPECT_EQ(problem(), "line 3: tls_server_config.key: is not the key of the certificate");
  config_.key.text = test::pem_of([&](BIO* bio) {
    return PEM_write_bio_PKCS8PrivateKey(bio, server_.key.get(), EVP_aes_128_cbc(), "secret", 6, nullptr, nullptr);
  });
  EXPECT_THAT(problem(), HasSubstr("the key is encrypted"));
  const Identity small = make_identity({.name = "small", .kind = "RSA", .bits = 1024});
  config_.certificate.text = small.certificate_pem;
  config_.key.text = small.key_pem;
  EXPECT_THAT(problem(), testing::AllOf(HasSubstr("line 2: tls_server_config.cert"), HasSubstr("key too small")));
}

TEST_F(Tls, SaysWhatIsWrongWithAuthorities) {
  ask_clients(ClientAuth::kRequireAndVerify);
  config_.client_ca.text = "nothing";
  EXPECT_EQ(problem(), "line 4: tls_server_config.client_ca: holds no certificate in PEM");
}

TEST_F(Tls, KnowsWhenACertificateEnds) {
  (void)context();
  EXPECT_EQ(settings_->out_of_date(), "");
  const auto shared = settings_;
  (void)context();
  EXPECT_TRUE(settings_->same_certificate(*shared));
  const Identity old = make_identity({.begin_s = -100, .end_s = -50});
  config_.certificate.text = old.certificate_pem;
  config_.key.text = old.key_pem;
  (void)context();
  EXPECT_THAT(settings_->out_of_date(), HasSubstr("it expired on 20"));
  EXPECT_FALSE(settings_->same_certificate(*shared));
  const Identity early = make_identity({.begin_s = 100, .end_s = 200});
  config_.certificate.text = early.certificate_pem;
  config_.key.text = early.key_pem;
  (void)context();
  EXPECT_THAT(settings_->out_of_date(), HasSubstr("it is valid only from 20"));
}

}  // namespace
}  // namespace plimsoll::exporter
