// SPDX-License-Identifier: Apache-2.0
#include "exporter/access/tls_context.h"

#include <openssl/err.h>

#include <utility>

namespace plimsoll::exporter {
namespace {

using Kept = std::shared_ptr<const TlsSettings>;

void free_kept(void*, void* kept, CRYPTO_EX_DATA*, int, long, void*) { delete static_cast<Kept*>(kept); }

// Where a connection keeps the settings of its hello, by which its client's certificate is judged too.
int kept_index() {
  static const int index = SSL_get_ex_new_index(0, nullptr, nullptr, nullptr, free_kept);
  return index;
}

bool keep(SSL* ssl, Kept settings) {
  if (auto* const kept = static_cast<Kept*>(SSL_get_ex_data(ssl, kept_index()))) {
    *kept = std::move(settings);  // a second hello, after a retry request
    return true;
  }
  auto kept = std::make_unique<Kept>(std::move(settings));
  return SSL_set_ex_data(ssl, kept_index(), kept.get()) == 1 && kept.release() != nullptr;
}

// OpenSSL's frames are C: nothing, such as memory that has run out, may be thrown through them.
template <typename Work>
bool without_exception(Work work) {
  try {
    return work();
  } catch (...) {
    return false;
  }
}

}  // namespace

TlsContext::TlsContext(OpensslPtr<SSL_CTX> context, Current current)
    : context_(std::move(context)), current_(std::move(current)) {}

Result<std::unique_ptr<TlsContext>> TlsContext::make(Current current) {
  auto context = make_server_context();
  if (!context) return unexpected(context.error());
  std::unique_ptr<TlsContext> made(new TlsContext(std::move(*context), std::move(current)));
  SSL_CTX_set_client_hello_cb(made->get(), on_hello, made.get());
  SSL_CTX_set_cert_verify_callback(made->get(), on_client_certificate, made.get());
  return made;
}

int TlsContext::on_hello(SSL* ssl, int* alert, void* self) {
  const bool fine = without_exception([&] {
    Kept settings = static_cast<TlsContext*>(self)->current_();
    ERR_clear_error();  // what reading files again may have left would be taken for the connection's
    return settings && settings->apply(ssl) && keep(ssl, std::move(settings));
  });
  if (!fine) *alert = SSL_AD_INTERNAL_ERROR;
  return fine ? SSL_CLIENT_HELLO_SUCCESS : SSL_CLIENT_HELLO_ERROR;
}

int TlsContext::on_client_certificate(X509_STORE_CTX* context, void*) {
  const auto* ssl = static_cast<const SSL*>(X509_STORE_CTX_get_ex_data(context, SSL_get_ex_data_X509_STORE_CTX_idx()));
  const auto* kept = ssl == nullptr ? nullptr : static_cast<const Kept*>(SSL_get_ex_data(ssl, kept_index()));
  return kept != nullptr && without_exception([&] { return (*kept)->admits(context); }) ? 1 : 0;
}

}  // namespace plimsoll::exporter
