// SPDX-License-Identifier: Apache-2.0
// The one context that a server gives to every connection. It holds no certificate of its own: each client-hello
// is answered by the settings that are in force at that moment.
#pragma once

#include <openssl/ssl.h>

#include <functional>
#include <memory>

#include "base/result.h"
#include "exporter/access/tls_settings.h"

namespace plimsoll::exporter {

class TlsContext {
 public:
  // `current` is called at each handshake, on the thread that makes it.
  using Current = std::function<std::shared_ptr<const TlsSettings>()>;
  static Result<std::unique_ptr<TlsContext>> make(Current current);

  // Stays the same while this lives, and must not be used afterwards.
  SSL_CTX* get() const { return context_.get(); }

 private:
  TlsContext(OpensslPtr<SSL_CTX> context, Current current);
  static int on_hello(SSL* ssl, int* alert, void* self);
  static int on_client_certificate(X509_STORE_CTX* context, void* self);

  OpensslPtr<SSL_CTX> context_;
  Current current_;
};

}  // namespace plimsoll::exporter
