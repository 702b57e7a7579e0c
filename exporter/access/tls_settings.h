// SPDX-License-Identifier: Apache-2.0
// The TLS half of a web configuration with what its files hold: checked once, then applied to connection after
// connection and never changed. OpenSSL 3: see SSL_CTX_set_client_hello_cb(3).
#pragma once

#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "exporter/access/web_config.h"

namespace plimsoll::exporter {

struct OpensslFree {
  void operator()(X509* certificate) const { X509_free(certificate); }
  void operator()(STACK_OF(X509) * chain) const { sk_X509_pop_free(chain, X509_free); }
  void operator()(STACK_OF(X509_NAME) * names) const { sk_X509_NAME_pop_free(names, X509_NAME_free); }
  void operator()(GENERAL_NAMES* names) const { GENERAL_NAMES_free(names); }
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
  void operator()(X509_STORE* store) const { X509_STORE_free(store); }
  void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
  void operator()(SSL* ssl) const { SSL_free(ssl); }
  void operator()(BIO* bio) const { BIO_free(bio); }
};
template <typename T>
using OpensslPtr = std::unique_ptr<T, OpensslFree>;

// A server's context without a certificate: no renegotiation, no compression, no resumption (a client that came
// back by a ticket would keep rights that have been taken away), strong ciphers, ALPN http/1.1.
Result<OpensslPtr<SSL_CTX>> make_server_context();

// Immutable, hence for any number of threads.
class TlsSettings {
 public:
  // Reads the files and tries everything on a connection that is never made. Error: line, field, file and what is
  // wrong: missing, no PEM, key of another certificate, encrypted key, key too short.
  static Result<std::shared_ptr<const TlsSettings>> load(const TlsConfig& config);

  // Sets up a connection of a context of make_server_context(), in its client-hello callback.
  Result<void> apply(SSL* ssl) const;
  // Whether the client whose certificate is in `context` may connect; as a callback of
  // SSL_CTX_set_cert_verify_callback(3).
  bool admits(X509_STORE_CTX* context) const;

  // "it expired on 2026-11-01 12:00:00 UTC", "it is valid only from ..."; "" while it is valid.
  std::string out_of_date() const;
  bool same_certificate(const TlsSettings& other) const;

 private:
  TlsSettings() = default;
  Result<void> load_pair(const TlsConfig& config);
  Result<void> load_client_ca(const PemSource& source);
  bool has_allowed_san(X509* certificate) const;

  TlsConfig config_;
  OpensslPtr<X509> certificate_;
  OpensslPtr<STACK_OF(X509)> chain_;
  OpensslPtr<EVP_PKEY> key_;
  OpensslPtr<X509_STORE> authorities_;               // of clients; empty without a client CA
  OpensslPtr<STACK_OF(X509_NAME)> authority_names_;  // told to clients
};

}  // namespace plimsoll::exporter
