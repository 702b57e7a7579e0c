// SPDX-License-Identifier: Apache-2.0
// Certificates made on the spot, and a TLS client that talks to a server's context through memory.
#pragma once

#include <gtest/gtest.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <functional>
#include <string>

#include "exporter/access/tls_settings.h"

namespace plimsoll::test {

using exporter::OpensslPtr;

struct Identity {
  OpensslPtr<X509> certificate;
  OpensslPtr<EVP_PKEY> key;
  std::string certificate_pem, key_pem;
};

struct Wish {
  std::string name = "server";
  const Identity* signer = nullptr;  // nullptr: it signs itself
  bool authority = false;
  std::string sans;                    // "DNS:a.example,IP:10.0.0.1"
  std::string usage;                   // "clientAuth"
  long begin_s = -3600, end_s = 3600;  // from now
  const char* kind = "EC";             // or "RSA" with `bits`
  size_t bits = 2048;
};

inline std::string pem_of(const std::function<int(BIO*)>& write) {
  const OpensslPtr<BIO> bio(BIO_new(BIO_s_mem()));
  EXPECT_EQ(write(bio.get()), 1);
  char* text = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &text);
  return {text, static_cast<size_t>(size)};
}

inline void add_extension(X509* certificate, int nid, const std::string& value) {
  if (value.empty()) return;
  X509V3_CTX context;
  X509V3_set_ctx(&context, certificate, certificate, nullptr, nullptr, 0);
  X509_EXTENSION* const extension = X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str());
  ASSERT_NE(extension, nullptr) << value;
  X509_add_ext(certificate, extension, -1);
  X509_EXTENSION_free(extension);
}

inline Identity make_identity(const Wish& wish) {
  static long serial = 1;
  Identity made;
  made.key.reset(wish.kind == std::string("EC") ? EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", "P-256")
                                                : EVP_PKEY_Q_keygen(nullptr, nullptr, "RSA", wish.bits));
  made.certificate.reset(X509_new());
  X509* const certificate = made.certificate.get();
  X509_set_version(certificate, 2);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate), serial++);
  X509_gmtime_adj(X509_getm_notBefore(certificate), wish.begin_s);
  X509_gmtime_adj(X509_getm_notAfter(certificate), wish.end_s);
  X509_set_pubkey(certificate, made.key.get());
  X509_NAME* const name = X509_get_subject_name(certificate);
  X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, reinterpret_cast<const unsigned char*>(wish.name.c_str()), -1,
                             -1, 0);
  X509_set_issuer_name(certificate, wish.signer ? X509_get_subject_name(wish.signer->certificate.get()) : name);
  add_extension(certificate, NID_basic_constraints, wish.authority ? "critical,CA:TRUE" : "critical,CA:FALSE");
  add_extension(certificate, NID_subject_alt_name, wish.sans);
  add_extension(certificate, NID_ext_key_usage, wish.usage);
  EXPECT_GT(X509_sign(certificate, wish.signer ? wish.signer->key.get() : made.key.get(), EVP_sha256()), 0);
  made.certificate_pem = pem_of([&](BIO* bio) { return PEM_write_bio_X509(bio, certificate); });
  made.key_pem = pem_of(
      [&](BIO* bio) { return PEM_write_bio_PrivateKey(bio, made.key.get(), nullptr, nullptr, 0, nullptr, nullptr); });
  return made;
}

struct Session {
  bool made = false;    // both sides agree
  std::string peer;     // the server certificate's name
  std::string version;  // "TLSv1.3"
  std::string cipher, alpn, group;
  std::string client_error, server_error;
  bool resumed = false, certificate_asked = false;
  int tickets = 0;
};

// What the client does; `set_up` may do more.
struct Client {
  const Identity* identity = nullptr;
  std::string alpn;  // as on the wire: "\x08http/1.1"
  std::function<void(SSL_CTX*, SSL*)> set_up = [](SSL_CTX*, SSL*) {};
};

inline std::string last_reason() {
  const char* const reason = ERR_reason_error_string(ERR_peek_last_error());
  const std::string text = reason == nullptr ? "" : reason;
  ERR_clear_error();
  return text;
}

inline std::string name_of(X509* certificate) {
  char name[64] = "";
  if (certificate != nullptr)
    X509_NAME_get_text_by_NID(X509_get_subject_name(certificate), NID_commonName, name, sizeof name);
  return name;
}

inline int note_request(SSL*, void* seen) {
  *static_cast<bool*>(seen) = true;
  return 1;
}

// Gives both sides their turns until both have finished or one has failed.
inline void shake_hands(SSL* client, SSL* server, Session& session) {
  int client_done = 0, server_done = 0;
  for (int turn = 0; turn < 20 && (client_done != 1 || server_done != 1); ++turn) {
    for (auto [ssl, done, error] : {std::tuple{client, &client_done, &session.client_error},
                                    std::tuple{server, &server_done, &session.server_error}}) {
      if (*done == 1) continue;
      *done = SSL_do_handshake(ssl);
      if (*done != 1 && SSL_get_error(ssl, *done) == SSL_ERROR_SSL) *error = last_reason();
    }
    if (!session.server_error.empty()) break;
  }
  char byte = 'x';
  // In TLS 1.3 the client hears only now whether its certificate was taken.
  session.made =
      client_done == 1 && server_done == 1 && SSL_write(server, &byte, 1) == 1 && SSL_read(client, &byte, 1) == 1;
  ERR_clear_error();
}

inline Session connect(SSL_CTX* server_context, const Client& wish = {}) {
  Session session;
  const OpensslPtr<SSL_CTX> context(SSL_CTX_new(TLS_client_method()));
  SSL_CTX_set_cert_cb(context.get(), note_request, &session.certificate_asked);
  SSL_CTX_set_security_level(context.get(), 0);
  SSL_CTX_set_min_proto_version(context.get(), TLS1_VERSION);
  const OpensslPtr<SSL> client(SSL_new(context.get())), server(SSL_new(server_context));
  if (wish.identity != nullptr) {
    SSL_use_certificate(client.get(), wish.identity->certificate.get());
    SSL_use_PrivateKey(client.get(), wish.identity->key.get());
  }
  if (!wish.alpn.empty())
    SSL_set_alpn_protos(client.get(), reinterpret_cast<const unsigned char*>(wish.alpn.data()),
                        static_cast<unsigned>(wish.alpn.size()));
  wish.set_up(context.get(), client.get());
  BIO* client_end = nullptr;
  BIO* server_end = nullptr;
  EXPECT_EQ(BIO_new_bio_pair(&client_end, 1 << 16, &server_end, 1 << 16), 1);
  SSL_set_bio(client.get(), client_end, client_end);
  SSL_set_bio(server.get(), server_end, server_end);
  SSL_set_connect_state(client.get());
  SSL_set_accept_state(server.get());
  shake_hands(client.get(), server.get(), session);
  session.peer = name_of(SSL_get0_peer_certificate(client.get()));
  session.version = SSL_get_version(client.get());
  if (const auto* cipher = SSL_get_current_cipher(client.get())) session.cipher = SSL_CIPHER_get_name(cipher);
  const unsigned char* alpn = nullptr;
  unsigned alpn_size = 0;
  SSL_get0_alpn_selected(client.get(), &alpn, &alpn_size);
  session.alpn.assign(reinterpret_cast<const char*>(alpn), alpn_size);
  if (session.made) session.group = OBJ_nid2sn(static_cast<int>(SSL_get_negotiated_group(client.get())));
  session.resumed = SSL_session_reused(client.get()) == 1;
  return session;
}

}  // namespace plimsoll::test
