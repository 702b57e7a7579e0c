// SPDX-License-Identifier: Apache-2.0
#include "exporter/access/tls_settings.h"

#include <arpa/inet.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <sys/stat.h>

#include <algorithm>
#include <ctime>

#include "base/os.h"

namespace plimsoll::exporter {
namespace {

constexpr const char* kCiphers = "ECDHE+AESGCM:ECDHE+CHACHA20";
constexpr const char* kCiphersForOldClients = "ECDHE+AESGCM:ECDHE+CHACHA20:ECDHE+AES+SHA1";
constexpr const char* kCurves = "X25519:P-256:P-384:P-521";
constexpr int kLargestClientChain = 32 * 1024;  // bytes; anybody may send one
constexpr off_t kLargestPem = 1 << 20;

// OpenSSL's latest complaint; its queue is empty afterwards, since the next user of this thread would take what is
// left there for its own.
std::string take_openssl_reason() {
  const unsigned long code = ERR_peek_last_error();
  const char* const reason = ERR_reason_error_string(code);
  ERR_clear_error();
  return reason == nullptr ? "OpenSSL gives no reason" : reason;
}

Unexpected fail_openssl(const std::string& what) { return fail(what + ": " + take_openssl_reason()); }

// Regular files only: these are read again while the server runs, when nothing may block.
Result<std::string> read_pem_file(const std::string& path) {
  struct stat info = {};
  if (::stat(path.c_str(), &info) != 0) return fail_errno(path);
  if (!S_ISREG(info.st_mode)) return fail(path + ": is no regular file");
  if (info.st_size > kLargestPem) return fail(path + ": is larger than 1 MB");
  return read_file(path);
}

struct Pem {
  OpensslPtr<BIO> bio;  // of `text`
  std::string text;
  std::string place;  // for messages
  Pem() = default;
  Pem(Pem&&) = default;
  Pem& operator=(Pem&&) = delete;
  ~Pem() { OPENSSL_cleanse(text.data(), text.size()); }
};

Result<Pem> open_pem(const PemSource& source) {
  Pem pem;
  pem.place = source.place + (source.file.empty() ? "" : ": " + source.file);
  pem.text = source.text;
  if (!source.file.empty()) {
    auto text = read_pem_file(source.file);
    if (!text) return unexpected(text.error().within(source.place));
    pem.text = std::move(*text);
  }
  pem.bio.reset(BIO_new_mem_buf(pem.text.data(), static_cast<int>(pem.text.size())));
  return pem;
}

Result<std::vector<OpensslPtr<X509>>> read_certificates(const PemSource& source) {
  auto pem = open_pem(source);
  if (!pem) return unexpected(pem.error());
  std::vector<OpensslPtr<X509>> certificates;
  while (X509* const next = PEM_read_bio_X509(pem->bio.get(), nullptr, nullptr, nullptr))
    certificates.emplace_back(next);
  const bool at_end = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
  if (!at_end) return fail_openssl(pem->place + ": certificate " + std::to_string(certificates.size() + 1));
  ERR_clear_error();
  if (certificates.empty()) return fail(pem->place + ": holds no certificate in PEM");
  return certificates;
}

// Without it OpenSSL would ask for the password at the terminal.
int no_password(char*, int, int, void* asked) {
  *static_cast<bool*>(asked) = true;
  return -1;
}

Result<OpensslPtr<EVP_PKEY>> read_key(const PemSource& source) {
  auto pem = open_pem(source);
  if (!pem) return unexpected(pem.error());
  bool encrypted = false;
  OpensslPtr<EVP_PKEY> key(PEM_read_bio_PrivateKey(pem->bio.get(), nullptr, no_password, &encrypted));
  if (key) {
    ERR_clear_error();
    return key;
  }
  const std::string reason = take_openssl_reason();
  if (encrypted) return fail(pem->place + ": the key is encrypted; openssl pkey -in FILE -out NEW decrypts it");
  return fail(pem->place + ": holds no private key in PEM (" + reason + ")");
}

int select_http_1_1(SSL*, const unsigned char** chosen, unsigned char* size, const unsigned char* offered,
                    unsigned int offered_size, void*) {
  static constexpr unsigned char kOurs[] = "\x08http/1.1";
  unsigned char* found = nullptr;
  if (SSL_select_next_proto(&found, size, kOurs, sizeof kOurs - 1, offered, offered_size) != OPENSSL_NPN_NEGOTIATED)
    return SSL_TLSEXT_ERR_ALERT_FATAL;
  *chosen = found;
  return SSL_TLSEXT_ERR_OK;
}

std::string shown(const ASN1_TIME* time) {
  std::tm parts = {};
  char text[64] = "?";
  if (ASN1_TIME_to_tm(time, &parts) == 1) std::strftime(text, sizeof text, "%F %T UTC", &parts);
  return text;
}

// An address in the one spelling that inet_ntop gives; any other text as it is.
std::string in_one_spelling(const std::string& name) {
  unsigned char bytes[16];
  char text[INET6_ADDRSTRLEN] = "";
  for (const int family : {AF_INET, AF_INET6}) {
    if (::inet_pton(family, name.c_str(), bytes) == 1) return ::inet_ntop(family, bytes, text, sizeof text);
  }
  return name;
}

std::string san_text(const GENERAL_NAME& name) {
  int type = 0;
  const auto* value = static_cast<const ASN1_STRING*>(GENERAL_NAME_get0_value(&name, &type));
  if (type != GEN_DNS && type != GEN_EMAIL && type != GEN_URI && type != GEN_IPADD) return "";
  const unsigned char* bytes = ASN1_STRING_get0_data(value);
  const auto size = static_cast<size_t>(ASN1_STRING_length(value));
  if (type != GEN_IPADD) return {reinterpret_cast<const char*>(bytes), size};
  char text[INET6_ADDRSTRLEN] = "";
  if (size == 4 || size == 16) ::inet_ntop(size == 4 ? AF_INET : AF_INET6, bytes, text, sizeof text);
  return text;
}

}  // namespace

Result<OpensslPtr<SSL_CTX>> make_server_context() {
  OpensslPtr<SSL_CTX> context(SSL_CTX_new(TLS_server_method()));
  if (!context) return fail_openssl("TLS");
  SSL_CTX_set_options(context.get(), SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_NO_TICKET);
  SSL_CTX_set_session_cache_mode(context.get(), SSL_SESS_CACHE_OFF);
  SSL_CTX_set_num_tickets(context.get(), 0);
  SSL_CTX_set_max_cert_list(context.get(), kLargestClientChain);
  SSL_CTX_set_mode(context.get(), SSL_MODE_RELEASE_BUFFERS);
  // Otherwise a client that sends nothing but KeyUpdate keeps SSL_read(3) from returning to where deadlines are.
  SSL_CTX_clear_mode(context.get(), SSL_MODE_AUTO_RETRY);
  SSL_CTX_set_alpn_select_cb(context.get(), select_http_1_1, nullptr);
  if (SSL_CTX_set_cipher_list(context.get(), kCiphers) != 1 || SSL_CTX_set1_groups_list(context.get(), kCurves) != 1)
    return fail_openssl("TLS");
  return context;
}

Result<void> TlsSettings::load_pair(const TlsConfig& config) {
  auto certificates = read_certificates(config.certificate);
  if (!certificates) return unexpected(certificates.error());
  auto key = read_key(config.key);
  if (!key) return unexpected(key.error());
  certificate_ = std::move(certificates->front());
  key_ = std::move(*key);
  chain_.reset(sk_X509_new_null());
  for (size_t i = 1; i < certificates->size(); ++i) {
    if (sk_X509_push(chain_.get(), (*certificates)[i].get()) > 0) (void)(*certificates)[i].release();
  }
  if (X509_check_private_key(certificate_.get(), key_.get()) == 1) return {};
  ERR_clear_error();
  return fail(config.key.place + ": is not the key of the certificate" +
              (config.certificate.file.empty() ? "" : " in " + config.certificate.file));
}

Result<void> TlsSettings::load_client_ca(const PemSource& source) {
  authorities_.reset(X509_STORE_new());
  authority_names_.reset(sk_X509_NAME_new_null());
  if (!source.given()) return {};
  const auto certificates = read_certificates(source);
  if (!certificates) return unexpected(certificates.error());
  for (const auto& certificate : *certificates) {
    X509_STORE_add_cert(authorities_.get(), certificate.get());  // the same one twice is fine
    X509_NAME* const name = X509_NAME_dup(X509_get_subject_name(certificate.get()));
    if (sk_X509_NAME_push(authority_names_.get(), name) <= 0) X509_NAME_free(name);
  }
  return {};
}

Result<std::shared_ptr<const TlsSettings>> TlsSettings::load(const TlsConfig& config) {
  const std::shared_ptr<TlsSettings> settings(new TlsSettings);
  settings->config_ = config;
  for (std::string& name : settings->config_.client_allowed_sans) name = in_one_spelling(name);
  if (config.min_version < TLS1_2_VERSION && !config.ciphers) settings->config_.ciphers = kCiphersForOldClients;
  if (auto fine = settings->load_pair(config); !fine) return unexpected(fine.error());
  if (auto fine = settings->load_client_ca(config.client_ca); !fine) return unexpected(fine.error());
  auto context = make_server_context();
  if (!context) return unexpected(context.error());
  const OpensslPtr<SSL> trial(SSL_new(context->get()));
  if (!trial) return fail_openssl("TLS");
  if (auto fine = settings->apply(trial.get()); !fine) return unexpected(fine.error());
  return std::shared_ptr<const TlsSettings>(settings);
}

Result<void> TlsSettings::apply(SSL* ssl) const {
  if (config_.min_version < TLS1_2_VERSION) SSL_set_security_level(ssl, 0);  // they sign with SHA-1
  const bool only_1_3 = config_.ciphers && config_.ciphers->empty();
  const int min_version = only_1_3 ? TLS1_3_VERSION : config_.min_version;
  if (SSL_set_min_proto_version(ssl, min_version) != 1 || SSL_set_max_proto_version(ssl, config_.max_version) != 1)
    return fail_openssl("tls_server_config.min_version");
  if (config_.ciphers && !only_1_3 && SSL_set_cipher_list(ssl, config_.ciphers->c_str()) != 1)
    return fail_openssl("tls_server_config.cipher_suites");
  if (!config_.curves.empty() && SSL_set1_groups_list(ssl, config_.curves.c_str()) != 1)
    return fail_openssl("tls_server_config.curve_preferences");
  if (config_.prefer_server_ciphers) SSL_set_options(ssl, SSL_OP_CIPHER_SERVER_PREFERENCE);
  if (SSL_use_cert_and_key(ssl, certificate_.get(), key_.get(), chain_.get(), 1) != 1)
    return fail_openssl(config_.certificate.place);
  if (config_.client_auth == ClientAuth::kNone) return {};
  const bool required =
      config_.client_auth == ClientAuth::kRequireAny || config_.client_auth == ClientAuth::kRequireAndVerify;
  SSL_set_verify(ssl, SSL_VERIFY_PEER | (required ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0), nullptr);
  SSL_set_client_CA_list(ssl, SSL_dup_CA_list(authority_names_.get()));
  return SSL_set1_verify_cert_store(ssl, authorities_.get()) == 1 ? Result<void>() : fail_openssl("client_ca");
}

bool TlsSettings::has_allowed_san(X509* certificate) const {
  const OpensslPtr<GENERAL_NAMES> names(
      static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr)));
  if (!names) return false;
  bool found = false;
  for (int i = 0; i < sk_GENERAL_NAME_num(names.get()) && !found; ++i) {
    const std::string text = san_text(*sk_GENERAL_NAME_value(names.get(), i));
    const auto& allowed = config_.client_allowed_sans;
    found = !text.empty() && std::find(allowed.begin(), allowed.end(), text) != allowed.end();
  }
  return found;
}

bool TlsSettings::admits(X509_STORE_CTX* context) const {
  const bool verify =
      config_.client_auth == ClientAuth::kVerifyIfGiven || config_.client_auth == ClientAuth::kRequireAndVerify;
  if (verify && X509_verify_cert(context) != 1) return false;
  if (config_.client_allowed_sans.empty() || has_allowed_san(X509_STORE_CTX_get0_cert(context))) {
    X509_STORE_CTX_set_error(context, X509_V_OK);
    return true;
  }
  X509_STORE_CTX_set_error(context, X509_V_ERR_APPLICATION_VERIFICATION);
  return false;
}

std::string TlsSettings::out_of_date() const {
  const ASN1_TIME* const begin = X509_get0_notBefore(certificate_.get());
  const ASN1_TIME* const end = X509_get0_notAfter(certificate_.get());
  if (X509_cmp_current_time(end) < 0) return "it expired on " + shown(end);
  if (X509_cmp_current_time(begin) > 0) return "it is valid only from " + shown(begin) + " on";
  return "";
}

bool TlsSettings::same_certificate(const TlsSettings& other) const {
  return X509_cmp(certificate_.get(), other.certificate_.get()) == 0;
}

}  // namespace plimsoll::exporter
