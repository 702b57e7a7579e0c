// SPDX-License-Identifier: Apache-2.0
#include "exporter/access/web_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace plimsoll::exporter {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::Pair;

constexpr const char* kHash = "$2y$04$xCGKfqiFNTrgkYGb3LrKjO0Z0k2Ij6S1p4v7DY2HVP9NeHAYtvbHO";

WebConfig parsed(const std::string& text) {
  auto config = parse_web_config(text, "/etc/plimsoll");
  EXPECT_TRUE(config) << text << config.error().message();
  return config ? *config : WebConfig();
}

std::string problem(const std::string& text) {
  const auto config = parse_web_config(text, "/etc/plimsoll");
  return config ? "" : config.error().message();
}

std::string tls(const std::string& more) {
  return "tls_server_config:\n  cert_file: a.crt\n  key_file: a.key\n" + more;
}

TEST(WebConfig, NothingIsNothing) {
  for (const char* text :
       {"", "# nothing\n", "tls_server_config:\n", "tls_server_config: {}\nbasic_auth_users: {}\n"}) {
    const WebConfig config = parsed(text);
    EXPECT_FALSE(config.tls) << text;
    EXPECT_TRUE(config.users.empty() && config.headers.empty() && !config.rate_limit) << text;
    EXPECT_THAT(config.remarks, IsEmpty()) << text;
  }
}

TEST(WebConfig, AllFieldsOfTls) {
  const WebConfig config = parsed(
      "tls_server_config:\n"
      "  cert_file: certs/a.crt\n"
      "  key_file: /run/a.key\n"
      "  client_ca_file: ca.crt\n"
      "  client_auth_type: RequireAndVerifyClientCert\n"
      "  client_allowed_sans: [prometheus.example, '10.0.0.1']\n"
      "  min_version: TLS13\n"
      "  max_version: TLS13\n"
      "  cipher_suites: [TLS_AES_128_GCM_SHA256, TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, "
      "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA]\n"
      "  prefer_server_cipher_suites: false\n"
      "  curve_preferences: [X25519, CurveP384]\n");
  ASSERT_TRUE(config.tls);
  EXPECT_EQ(config.tls->certificate.file, "/etc/plimsoll/certs/a.crt");
  EXPECT_EQ(config.tls->certificate.place, "line 2: tls_server_config.cert_file");
  EXPECT_EQ(config.tls->key.file, "/run/a.key");
  EXPECT_EQ(config.tls->client_ca.file, "/etc/plimsoll/ca.crt");
  EXPECT_EQ(config.tls->client_auth, ClientAuth::kRequireAndVerify);
  EXPECT_THAT(config.tls->client_allowed_sans, ElementsAre("prometheus.example", "10.0.0.1"));
  EXPECT_EQ(config.tls->min_version, 0x0304);
  EXPECT_EQ(config.tls->max_version, 0x0304);
  EXPECT_EQ(config.tls->ciphers, "ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-SHA");
  EXPECT_FALSE(config.tls->prefer_server_ciphers);
  EXPECT_EQ(config.tls->curves, "X25519:P-384");
  EXPECT_THAT(config.remarks, IsEmpty());
}

TEST(WebConfig, UsualValuesOfTls) {
  const WebConfig config = parsed(tls("  cert: ''\n  client_auth_type: ''\n  cipher_suites: []\n"));
  EXPECT_EQ(config.tls->min_version, 0x0303);
  EXPECT_EQ(config.tls->max_version, 0x0304);
  EXPECT_TRUE(config.tls->prefer_server_ciphers);
  EXPECT_EQ(config.tls->client_auth, ClientAuth::kNone);
  EXPECT_FALSE(config.tls->ciphers);
  EXPECT_EQ(config.tls->curves, "");
}

TEST(WebConfig, InlinePem) {
  const WebConfig config = parsed("tls_server_config:\n  cert: |\n    A\n    B\n  key: K\n");
  EXPECT_EQ(config.tls->certificate.text, "A\nB\n");
  EXPECT_EQ(config.tls->certificate.file, "");
  EXPECT_THAT(config.tls->certificate.place, HasSubstr("tls_server_config.cert"));
  EXPECT_EQ(config.tls->key.text, "K");
}

TEST(WebConfig, ClientAuthTypesHaveGosNames) {
  const std::pair<const char*, ClientAuth> table[] = {
      {"NoClientCert", ClientAuth::kNone},
      {"RequestClientCert", ClientAuth::kRequest},
      {"RequireAnyClientCert", ClientAuth::kRequireAny},
      {"RequireClientCert", ClientAuth::kRequireAny},
      {"VerifyClientCertIfGiven", ClientAuth::kVerifyIfGiven},
      {"RequireAndVerifyClientCert", ClientAuth::kRequireAndVerify},
  };
  for (const auto& [name, type] : table) {
    const std::string ca = type == ClientAuth::kNone ? "" : "  client_ca_file: ca\n";
    EXPECT_EQ(parsed(tls(ca + "  client_auth_type: " + name + "\n")).tls->client_auth, type) << name;
  }
}

TEST(WebConfig, RelativeToTheWorkingDirectory) {
  const auto config = parse_web_config(tls(""), "");
  EXPECT_EQ(config->tls->certificate.file, "a.crt");
}

TEST(WebConfig, UsersHeadersAndLimit) {
  const WebConfig config = parsed(std::string("basic_auth_users:\n  alice: ") + kHash + "\n  '7': '" + kHash +
                                  "'\nrate_limit:\n  interval: 1m30s\n  burst: 5\n"
                                  "http_server_config:\n  http2: true\n  headers:\n    X-Frame-Options: deny\n"
                                  "    Content-Security-Policy: \"default-src 'self'\"\n    X-XSS-Protection: ''\n"
                                  "    Strict-Transport-Security:\n");
  EXPECT_THAT(config.users, ElementsAre(Pair("7", kHash), Pair("alice", kHash)));
  EXPECT_THAT(config.headers, testing::UnorderedElementsAre(Pair("X-Frame-Options", "deny"),
                                                            Pair("Content-Security-Policy", "default-src 'self'")));
  ASSERT_TRUE(config.rate_limit);
  EXPECT_EQ(config.rate_limit->interval, std::chrono::seconds(90));
  EXPECT_EQ(config.rate_limit->burst, 5u);
  EXPECT_THAT(config.remarks, ElementsAre(HasSubstr("HTTP/1.1 is served"), HasSubstr("passwords travel readable")));
}

TEST(WebConfig, NoInterval_NoLimit) {
  EXPECT_FALSE(parsed("rate_limit:\n  interval: 0\n  burst: 0\n").rate_limit);
  EXPECT_FALSE(parsed("rate_limit:\n  burst: 7\n").rate_limit);
}

TEST(WebConfig, RemarksOnWhatIsWeak) {
  EXPECT_THAT(parsed(tls("  min_version: TLS10\n")).remarks, ElementsAre(HasSubstr("no longer safe")));
  EXPECT_THAT(parsed(tls("  client_auth_type: RequireAnyClientCert\n")).remarks,
              ElementsAre(HasSubstr("anybody can make one")));
}

TEST(WebConfig, SaysWhereWhatIsWrong) {
  const std::pair<std::string, const char*> table[] = {
      {"tls_config: {}\n", "line 1: unknown field 'tls_config'; there are: basic_auth_users, http_server_config"},
      {tls("  cert_filse: a\n"), "line 4: unknown field 'cert_filse' in tls_server_config"},
      {"tls_server_config: yes\n", "line 1: tls_server_config: is one value; it must be a map"},
      {"tls_server_config:\n  key_file: a\n", "tls_server_config.cert_file: is missing (or cert)"},
      {"tls_server_config:\n  cert_file: a\n", "tls_server_config.key_file: is missing (or key)"},
      {"tls_server_config:\n  cert_file: ''\n  key_file: a\n", "line 2: tls_server_config.cert_file: is missing"},
      {"tls_server_config:\n  min_version: TLS13\n", "tls_server_config.cert_file: is missing"},
      {tls("  cert: PEM\n"), "line 4: tls_server_config.cert: is given, and so is cert_file"},
      {tls("  min_version: TLS14\n"), "line 4: tls_server_config.min_version: 'TLS14' is unknown; there are: TLS10"},
      {tls("  min_version: TLS13\n  max_version: TLS12\n"), "line 4: tls_server_config.min_version: is above"},
      {tls("  max_version: TLS12\n  cipher_suites: [TLS_AES_128_GCM_SHA256]\n"), "only suites of TLS 1.3"},
      {tls("  cipher_suites: [TLS_RSA_WITH_RC4_128_SHA]\n"),
       "line 4: tls_server_config.cipher_suites: "
       "'TLS_RSA_WITH_RC4_128_SHA' is unknown"},
      {tls("  cipher_suites: TLS_AES_128_GCM_SHA256\n"), "it must be a list"},
      {tls("  cipher_suites: ['ALL:@SECLEVEL=0']\n"), "is unknown"},
      {tls("  curve_preferences: [CurveP257]\n"), "'CurveP257' is unknown; there are: CurveP256"},
      {tls("  prefer_server_cipher_suites: 7\n"), "is neither true nor false"},
      {tls("  client_auth_type: Maybe\n"), "line 4: tls_server_config.client_auth_type: 'Maybe' is unknown"},
      {tls("  client_ca_file: a\n"), "line 4: tls_server_config.client_ca_file: has no effect without"},
      {tls("  client_auth_type: RequireAndVerifyClientCert\n"), "needs client_ca_file"},
      {tls("  client_allowed_sans: [a]\n"), "needs client_auth_type: RequireAndVerifyClientCert"},
      {tls("  client_auth_type: VerifyClientCertIfGiven\n  client_allowed_sans: [a]\n"), "line 5"},
      {"http_server_config:\n  http3: true\n", "line 2: unknown field 'http3' in http_server_config"},
      {"http_server_config:\n  headers:\n    Server: me\n", "line 3: unknown field 'Server' in http_server_config.hea"},
      {"http_server_config:\n  headers:\n    X-Frame-Options: DENY\n",
       "line 3: http_server_config.headers."
       "X-Frame-Options: must be deny or sameorigin"},
      {"http_server_config:\n  headers:\n    X-Content-Type-Options: x\n", "must be nosniff"},
      {"http_server_config:\n  headers:\n    X-Content-Type-Options: ''\n", "must be nosniff"},
      {"http_server_config:\n  headers:\n    X-XSS-Protection: \"0\\r\\nX: y\"\n", "control character"},
      {"basic_auth_users: [alice]\n", "line 1: basic_auth_users: is a list"},
      {"basic_auth_users:\n  alice:\n", "basic_auth_users.alice: is no bcrypt hash"},
      {"basic_auth_users:\n  alice: {}\n", "line 2: basic_auth_users.alice: is no bcrypt hash"},
      {std::string("basic_auth_users:\n  'a:b': ") + kHash + "\n", "RFC 7617"},
      {std::string("basic_auth_users:\n  a: ") + kHash + "\n  a: " + kHash + "\n", "line 3: 'a' is given twice"},
      {"basic_auth_users:\n  a: $2y$17$xCGKfqiFNTrgkYGb3LrKjO0Z0k2Ij6S1p4v7DY2HVP9NeHAYtvbHO\n", "16 is the most"},
      {"rate_limit:\n  interval: 1s\n", "rate_limit.burst: must be at least 1"},
      {"rate_limit:\n  interval: often\n", "line 2: rate_limit.interval: 'often' is no duration"},
      {"rate_limit:\n  interval: 1s\n  burst: -1\n", "line 3: rate_limit.burst"},
      {"just words\n", "must be a map"},
      {"a: [\n", "line "},
      {"a: &a [*a]\n", "line 1"},
  };
  for (const auto& [text, expected] : table) EXPECT_THAT(problem(text), HasSubstr(expected)) << text;
}

TEST(WebConfig, NeverShowsASecret) {
  const std::string plain = "basic_auth_users:\n  alice: hunter2\n", listed = "basic_auth_users: {alice: [hunter2]}\n";
  EXPECT_THAT(problem(plain), testing::AllOf(HasSubstr("htpasswd"), Not(HasSubstr("hunter2"))));
  EXPECT_THAT(problem(listed), testing::AllOf(HasSubstr("alice"), Not(HasSubstr("hunter2"))));
  EXPECT_THAT(problem(tls("  key: hunter2\n")), Not(HasSubstr("hunter2")));
}

}  // namespace
}  // namespace plimsoll::exporter
