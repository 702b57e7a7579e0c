// SPDX-License-Identifier: Apache-2.0
#include "exporter/access/web_config.h"

#include <algorithm>
#include <array>

#include "base/yaml.h"
#include "exporter/access/bcrypt.h"

namespace plimsoll::exporter {
namespace {

using yaml::Fields;
using yaml::Node;

// 2^16 rounds take four seconds, during which a client waits and holds a thread.
constexpr int kHighestCost = 16;

template <typename Value>
struct Named {
  std::string_view name;
  Value value;
};

constexpr Named<ClientAuth> kClientAuths[] = {
    {"NoClientCert", ClientAuth::kNone},
    {"RequestClientCert", ClientAuth::kRequest},
    {"RequireAnyClientCert", ClientAuth::kRequireAny},
    {"RequireClientCert", ClientAuth::kRequireAny},  // its older name
    {"VerifyClientCertIfGiven", ClientAuth::kVerifyIfGiven},
    {"RequireAndVerifyClientCert", ClientAuth::kRequireAndVerify},
};

constexpr Named<int> kVersions[] = {{"TLS10", 0x0301}, {"TLS11", 0x0302}, {"TLS12", 0x0303}, {"TLS13", 0x0304}};

// Those that Go holds for secure. Of TLS 1.3 all are always on, in Go as here: naming one changes nothing.
constexpr Named<std::string_view> kCiphers[] = {
    {"TLS_AES_128_GCM_SHA256", ""},
    {"TLS_AES_256_GCM_SHA384", ""},
    {"TLS_CHACHA20_POLY1305_SHA256", ""},
    {"TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", "ECDHE-ECDSA-AES128-GCM-SHA256"},
    {"TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384", "ECDHE-ECDSA-AES256-GCM-SHA384"},
    {"TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", "ECDHE-RSA-AES128-GCM-SHA256"},
    {"TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384", "ECDHE-RSA-AES256-GCM-SHA384"},
    {"TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256", "ECDHE-ECDSA-CHACHA20-POLY1305"},
    {"TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256", "ECDHE-RSA-CHACHA20-POLY1305"},
    {"TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA", "ECDHE-ECDSA-AES128-SHA"},
    {"TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA", "ECDHE-ECDSA-AES256-SHA"},
    {"TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA", "ECDHE-RSA-AES128-SHA"},
    {"TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA", "ECDHE-RSA-AES256-SHA"},
};

constexpr Named<std::string_view> kCurves[] = {
    {"CurveP256", "P-256"}, {"CurveP384", "P-384"}, {"CurveP521", "P-521"}, {"X25519", "X25519"}};

struct HeaderRule {
  std::string_view name;
  std::array<std::string_view, 2> values;  // the only ones it may have, unless all are ""
};
constexpr HeaderRule kHeaders[] = {
    {"Content-Security-Policy", {}},
    {"Strict-Transport-Security", {}},
    {"X-Content-Type-Options", {"nosniff"}},
    {"X-Frame-Options", {"deny", "sameorigin"}},
    {"X-XSS-Protection", {}},
};

template <typename Table>
std::string names_in(const Table& table) {
  std::string names;
  for (const auto& entry : table) names += (names.empty() ? "" : ", ") + std::string(entry.name);
  return names;
}

// The value that `word` stands for; complains about `field` when there is none.
template <typename Value, size_t N>
std::optional<Value> lookup(Fields& fields, std::string_view field, const Named<Value> (&table)[N],
                            const std::string& word) {
  for (const auto& entry : table) {
    if (entry.name == word) return entry.value;
  }
  fields.complain(field, "'" + word + "' is unknown; there are: " + names_in(table));
  return std::nullopt;
}

// Go takes an empty text as absent.
std::string text_or_empty(Fields& fields, const std::string& name) { return fields.text(name).value_or(""); }

std::string below(const std::string& directory, const std::string& file) {
  return file.empty() || file.front() == '/' || directory.empty() ? file : directory + "/" + file;
}

PemSource read_pem(Fields& fields, const Node& map, const std::string& name, const std::string& directory) {
  PemSource source;
  const std::string file_name = name + "_file";
  source.text = text_or_empty(fields, name);
  source.file = below(directory, text_or_empty(fields, file_name));
  if (!source.file.empty() && !source.text.empty())
    fields.complain(name, "is given, and so is " + file_name + "; leave out one of them");
  const std::string& used = source.text.empty() ? file_name : name;
  if (const Node* node = map.find(used); node != nullptr)
    source.place = "line " + std::to_string(node->line) + ": tls_server_config." + used;
  return source;
}

// The names of a list in OpenSSL's words, separated by colons; nullopt without the list.
template <size_t N>
std::optional<std::string> read_list(Fields& fields, const std::string& name,
                                     const Named<std::string_view> (&table)[N]) {
  const auto words = fields.texts(name);
  if (!words || words->empty()) return std::nullopt;
  std::string list;
  for (const std::string& word : *words) {
    const auto known = lookup(fields, name, table, word);
    if (!known || known->empty()) continue;
    list.append(list.empty() ? "" : ":").append(*known);
  }
  return list;
}

void read_versions(Fields& fields, TlsConfig& tls) {
  const auto version = [&](const std::string& name, int usual) {
    const auto word = fields.text(name);
    return word ? lookup(fields, name, kVersions, *word).value_or(usual) : usual;
  };
  tls.min_version = version("min_version", tls.min_version);
  tls.max_version = version("max_version", tls.max_version);
  if (tls.min_version > tls.max_version) fields.complain("min_version", "is above max_version: nobody could connect");
  if (tls.max_version < 0x0304 && tls.ciphers && tls.ciphers->empty())
    fields.complain("cipher_suites", "has only suites of TLS 1.3, which max_version excludes");
}

void read_client_rules(Fields& fields, TlsConfig& tls) {
  const std::string word = text_or_empty(fields, "client_auth_type");
  if (!word.empty()) tls.client_auth = lookup(fields, "client_auth_type", kClientAuths, word).value_or(tls.client_auth);
  tls.client_allowed_sans = fields.texts("client_allowed_sans").value_or(std::vector<std::string>());
  const bool required = tls.client_auth == ClientAuth::kRequireAny || tls.client_auth == ClientAuth::kRequireAndVerify;
  if (tls.client_ca.given() && tls.client_auth == ClientAuth::kNone)
    fields.complain(tls.client_ca.file.empty() ? "client_ca" : "client_ca_file",
                    "has no effect without client_auth_type; RequireAndVerifyClientCert uses it");
  // Go would take every certificate that an authority known to the system has signed.
  if (tls.client_auth == ClientAuth::kRequireAndVerify && !tls.client_ca.given())
    fields.complain("client_auth_type", "RequireAndVerifyClientCert needs client_ca_file: who may sign clients");
  if (!tls.client_allowed_sans.empty() && !required)
    fields.complain(
        "client_allowed_sans",
        "needs client_auth_type: RequireAndVerifyClientCert; otherwise a client need not show a certificate");
}

// An empty pair would be plain HTTP where somebody wrote about TLS.
void check_pair(Fields& fields, const TlsConfig& tls) {
  if (!tls.certificate.given()) fields.complain("cert_file", "is missing (or cert): TLS needs a certificate");
  if (!tls.key.given()) fields.complain("key_file", "is missing (or key): TLS needs the certificate's key");
}

void add_remarks(const TlsConfig& tls, std::vector<std::string>& remarks) {
  if (tls.min_version < 0x0303)
    remarks.push_back("tls_server_config.min_version: TLS below 1.2 is no longer safe (RFC 8996)");
  if (tls.client_auth == ClientAuth::kRequest || tls.client_auth == ClientAuth::kRequireAny)
    remarks.push_back(
        "tls_server_config.client_auth_type: clients' certificates are not verified: anybody can make one; " +
        std::string("RequireAndVerifyClientCert verifies"));
}

Result<TlsConfig> read_tls(const Node& map, const std::string& directory) {
  Fields fields(map, "tls_server_config");
  TlsConfig tls;
  tls.certificate = read_pem(fields, map, "cert", directory);
  tls.key = read_pem(fields, map, "key", directory);
  tls.client_ca = read_pem(fields, map, "client_ca", directory);
  tls.ciphers = read_list(fields, "cipher_suites", kCiphers);
  tls.curves = read_list(fields, "curve_preferences", kCurves).value_or("");
  tls.prefer_server_ciphers = fields.on_off("prefer_server_cipher_suites").value_or(true);
  read_versions(fields, tls);
  read_client_rules(fields, tls);
  check_pair(fields, tls);
  if (auto fine = fields.finish(); !fine) return unexpected(fine.error());
  return tls;
}

bool is_field_value(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](unsigned char c) { return c >= 0x20 && c != 0x7f; });
}

void check_header(Fields& fields, const HeaderRule& rule, const std::string& value) {
  if (!is_field_value(value)) fields.complain(rule.name, "has a line end or another control character");
  const bool listed = std::find(rule.values.begin(), rule.values.end(), value) != rule.values.end();
  if (rule.values[0].empty() || (listed && !value.empty())) return;
  fields.complain(rule.name, "must be " + std::string(rule.values[0]) +
                                 (rule.values[1].empty() ? "" : " or " + std::string(rule.values[1])));
}

Result<void> read_headers(const Node& map, WebConfig& config) {
  Fields fields(map, "http_server_config.headers");
  for (const HeaderRule& rule : kHeaders) {
    const auto value = fields.text(rule.name);
    if (!value) continue;
    check_header(fields, rule, *value);
    if (!value->empty()) config.headers.emplace_back(rule.name, *value);
  }
  return fields.finish();
}

Result<void> read_http(const Node& map, WebConfig& config) {
  Fields fields(map, "http_server_config");
  if (fields.on_off("http2").value_or(false))
    config.remarks.emplace_back("http_server_config.http2: has no effect, HTTP/1.1 is served");
  const Node* headers = fields.node("headers", Node::Kind::kMap);
  if (headers != nullptr && !fields.failed()) {
    if (auto fine = read_headers(*headers, config); !fine) return fine;
  }
  return fields.finish();
}

// Its own loop, since the names are the user's; a hash, or what was meant to be one, is never shown.
Result<void> read_users(const Node& map, WebConfig& config) {
  for (const auto& [name, hash] : map.fields) {
    const auto wrong = [&, line = hash.line, &user = name](const std::string& what) {
      return fail("line " + std::to_string(line) + ": basic_auth_users." + user + ": " + what);
    };
    if (name.find(':') != std::string::npos) return wrong("a name with ':' cannot be sent by a client (RFC 7617)");
    const auto cost = hash.kind == Node::Kind::kScalar ? bcrypt_cost(hash.scalar) : std::nullopt;
    if (!cost) return wrong("is no bcrypt hash ($2y$10$...); htpasswd -nBC 10 USER makes one");
    if (*cost > kHighestCost)
      return wrong("its cost of " + std::to_string(*cost) + " would take 8 seconds or more at a login; 16 is the most");
    config.users.emplace(name, hash.scalar);
  }
  return {};
}

Result<void> read_rate_limit(const Node& map, WebConfig& config) {
  Fields fields(map, "rate_limit");
  const auto interval = fields.duration("interval");
  const auto burst = fields.number("burst").value_or(0);
  if (interval && interval->count() > 0) {
    if (burst == 0) fields.complain("burst", "must be at least 1: nothing would ever pass");
    config.rate_limit = RateLimit{*interval, burst};
  }
  return fields.finish();
}

}  // namespace

Result<WebConfig> parse_web_config(std::string_view text, const std::string& directory) {
  const auto root = yaml::parse(text);
  if (!root) return unexpected(root.error());
  Fields fields(*root, "");
  WebConfig config;
  const auto section = [&](const char* name, auto read) -> Result<void> {
    const Node* map = fields.node(name, Node::Kind::kMap);
    return map == nullptr || map->fields.empty() || fields.failed() ? Result<void>() : read(*map);
  };
  const auto tls = [&](const Node& map) -> Result<void> {
    auto read = read_tls(map, directory);
    if (!read) return unexpected(read.error());
    config.tls = std::move(*read);
    add_remarks(*config.tls, config.remarks);
    return {};
  };
  if (auto fine = section("tls_server_config", tls); !fine) return unexpected(fine.error());
  if (auto fine = section("http_server_config", [&](const Node& map) { return read_http(map, config); }); !fine)
    return unexpected(fine.error());
  if (auto fine = section("basic_auth_users", [&](const Node& map) { return read_users(map, config); }); !fine)
    return unexpected(fine.error());
  if (auto fine = section("rate_limit", [&](const Node& map) { return read_rate_limit(map, config); }); !fine)
    return unexpected(fine.error());
  if (auto fine = fields.finish(); !fine) return unexpected(fine.error());
  if (!config.users.empty() && !config.tls)
    config.remarks.emplace_back("basic_auth_users without tls_server_config: passwords travel readable");
  return config;
}

}  // namespace plimsoll::exporter
