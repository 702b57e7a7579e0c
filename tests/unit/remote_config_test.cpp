// SPDX-License-Identifier: Apache-2.0
// The section remote_write: what Prometheus' users write, and what is said to mistakes.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "exporter/remote_write/config.h"

namespace plimsoll::exporter {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Pair;
using testing::SizeIs;

Result<std::vector<RemoteWriteConfig>> parse(const std::string& text) {
  auto root = yaml::parse(text);
  if (!root) return unexpected(root.error());
  return parse_remote_write(root->items);
}

std::string problem(const std::string& text) {
  const auto configs = parse(text);
  return configs ? "" : configs.error().message();
}

const std::string kUrl = "- url: http://a/\n";

TEST(RemoteConfig, ThereNeedNotBeAny) {
  const auto configs = parse("");
  ASSERT_TRUE(configs);
  EXPECT_THAT(*configs, SizeIs(0));
  EXPECT_THAT(parse("[]").value(), SizeIs(0));
}

TEST(RemoteConfig, AnAddressIsEnough) {
  const auto configs = parse("- url: http://127.0.0.1:9090/api/v1/write\n");
  ASSERT_TRUE(configs) << configs.error().message();
  const RemoteWriteConfig& config = configs->at(0);
  EXPECT_EQ(config.name, "127.0.0.1_9090");
  EXPECT_EQ(config.interval, std::chrono::seconds(15));
  EXPECT_EQ(config.timeout, std::chrono::seconds(30));
  EXPECT_EQ(config.page, RemoteWritePage::kAll);
  EXPECT_EQ(config.job, "plimsoll");
  EXPECT_TRUE(config.tls.verify);
  EXPECT_EQ(config.tls.min_version, 12);
  EXPECT_EQ(config.queue_max_bytes, 512u << 20);
  EXPECT_FALSE(config.retry_on_http_429);
  EXPECT_TRUE(config.notices.empty());
}

TEST(RemoteConfig, EveryField) {
  const auto configs = parse(R"(
- url: https://mimir.example:8443/api/v1/push?tenant=a
  name: far
  remote_timeout: 10s
  headers: {X-Scope-OrgID: "7"}
  basic_auth: {username: me, password_file: /etc/p}
  tls_config:
    ca_file: /etc/ca.pem
    cert_file: /etc/c.pem
    key_file: /etc/k.pem
    server_name: mimir.internal
    insecure_skip_verify: true
    min_version: TLS13
    max_version: TLS13
  proxy_url: http://proxy:3128
  no_proxy: localhost
  queue_config: {min_backoff: 1s, max_backoff: 1m, max_samples_per_send: 500, retry_on_http_429: true}
  interval: 30s
  page: node
  job: hosts
  instance: node7
  external_labels: {zone: b, cluster: a}
  queue_directory: /var/spool/far
  queue_max_bytes: 1GB
)");
  ASSERT_TRUE(configs) << configs.error().message();
  const RemoteWriteConfig& config = configs->at(0);
  EXPECT_EQ(config.name, "far");
  EXPECT_EQ(config.timeout, std::chrono::seconds(10));
  EXPECT_THAT(config.headers, ElementsAre(Pair("X-Scope-OrgID", "7")));
  EXPECT_EQ(config.username, "me");
  EXPECT_EQ(config.password.file, "/etc/p");
  EXPECT_EQ(config.tls.ca_file + config.tls.cert_file + config.tls.key_file, "/etc/ca.pem/etc/c.pem/etc/k.pem");
  EXPECT_EQ(config.tls.server_name, "mimir.internal");
  EXPECT_FALSE(config.tls.verify);
  EXPECT_EQ(config.tls.min_version, 13);
  EXPECT_EQ(config.tls.max_version, 13);
  EXPECT_EQ(config.proxy_url + config.no_proxy, "http://proxy:3128localhost");
  EXPECT_EQ(config.min_backoff, std::chrono::seconds(1));
  EXPECT_EQ(config.max_backoff, std::chrono::minutes(1));
  EXPECT_EQ(config.max_samples_per_send, 500u);
  EXPECT_TRUE(config.retry_on_http_429);
  EXPECT_EQ(config.interval, std::chrono::seconds(30));
  EXPECT_EQ(config.page, RemoteWritePage::kNode);
  EXPECT_EQ(config.job + config.instance, "hostsnode7");
  EXPECT_THAT(config.external_labels, ElementsAre(Pair("cluster", "a"), Pair("zone", "b")));
  EXPECT_EQ(config.queue_directory, "/var/spool/far");
  EXPECT_EQ(config.queue_max_bytes, 1u << 30);
}

TEST(RemoteConfig, ABearerTokenIsAnAuthorization) {
  const auto configs = parse(kUrl + "  authorization: {credentials: abc}\n");
  ASSERT_TRUE(configs) << configs.error().message();
  EXPECT_EQ(configs->at(0).auth_scheme, "Bearer");
  EXPECT_EQ(configs->at(0).credentials.text, "abc");
}

TEST(RemoteConfig, WhatHasNoEffectIsNoted) {
  const auto configs =
      parse(kUrl + "  send_exemplars: true\n  metadata_config: {send: true}\n  queue_config: {capacity: 9}\n");
  ASSERT_TRUE(configs) << configs.error().message();
  EXPECT_THAT(configs->at(0).notices, SizeIs(3));
  EXPECT_THAT(configs->at(0).notices.back(), HasSubstr("remote_write[0].queue_config.capacity has no effect"));
}

struct Mistake {
  const char* text;     // below the url
  const char* message;  // part of what is said
};

class RemoteConfigMistakes : public testing::TestWithParam<Mistake> {};

TEST_P(RemoteConfigMistakes, AreNamedWithTheirLine) {
  EXPECT_THAT(problem(kUrl + "  " + GetParam().text + "\n"), HasSubstr(GetParam().message));
}

INSTANTIATE_TEST_SUITE_P(
    Fields, RemoteConfigMistakes,
    testing::Values(Mistake{"urll: x", "line 2: unknown field 'urll' in remote_write[0]"},
                    Mistake{"interval: 10ms", "line 2: remote_write[0].interval: must be from 1s to 1h"},
                    Mistake{"interval: soon", "line 2: remote_write[0].interval: 'soon' is no duration"},
                    Mistake{"remote_timeout: 0s", "remote_timeout: must be from 1ms to 1h"},
                    Mistake{"page: containers", "page: 'containers' is none of all, node, cadvisor"},
                    Mistake{"name: ../up", "name: must be up to 64 letters"},
                    Mistake{"name: .hidden", "name: must be up to 64 letters"},
                    Mistake{"headers: {Host: a}", "'Host' is set by the agent itself"},
                    Mistake{"headers: {X-A: 1, b: 2, x-a: 3}", "remote_write[0].headers: 'x-a' is there twice"},
                    Mistake{"headers: {'a b': a}", "'a b' is no name of a header"},
                    Mistake{"headers: {a: \"x\\r\\nEvil: 1\"}", "'a' must be one line of text"},
                    Mistake{"external_labels: {__name__: a}", "'__name__' is no name of a label"},
                    Mistake{"external_labels: {9a: a}", "'9a' is no name of a label"},
                    Mistake{"external_labels: {job: a}", "'job' is a field of its own"},
                    Mistake{"external_labels: {a: [1]}", "'a' must be one line of text"},
                    Mistake{"basic_auth: {password: a}", "line 2: remote_write[0].basic_auth.username: is missing"},
                    Mistake{"basic_auth: {username: a, password: b, password_file: c}", "says the same as password"},
                    Mistake{"basic_auth: {username: 'a:b'}", "username: is missing, or has a ':'"},
                    Mistake{"authorization: {type: Bearer}", "credentials: is missing"},
                    Mistake{"authorization: {type: Basic, credentials: a}", "Basic is what basic_auth is for"},
                    Mistake{"authorization: {credentials: \"a\\nb\"}", "credentials: is more than one line"},
                    Mistake{"basic_auth: {username: a}\n  authorization: {credentials: a}",
                            "line 3: remote_write[0].authorization: says who we are"},
                    Mistake{"tls_config: {min_version: SSL3}", "'SSL3' is none of TLS10"},
                    Mistake{"tls_config: {min_version: TLS13, max_version: TLS12}",
                            "max_version: is below min_version"},
                    Mistake{"tls_config: {cert_file: a}", "cert_file: is half of a pair; give cert_file and key_file"},
                    Mistake{"tls_config: {ca: PEM}", "write it to a file and give ca_file"},
                    Mistake{"tls_config: {server_name: 'a b'}", "server_name: 'a b' is no host name"},
                    Mistake{"tls_config: {server_name: 'a.example:9/evil?x='}", "is no host name"},
                    Mistake{"tls_config: {server_name: 'a.example:9'}", "is no host name"},
                    Mistake{"tls_config: {server_name: 'a.example/'}", "is no host name"},
                    Mistake{"tls_config: {server_name: 'a.example#b'}", "is no host name"},
                    Mistake{"tls_config: {insecure: true}", "unknown field 'insecure' in remote_write[0].tls_config"},
                    Mistake{"queue_config: {max_samples_per_send: 0}", "must be a number from 1 to 100000"},
                    Mistake{"queue_config: {min_backoff: 10s}", "max_backoff: is less than min_backoff"},
                    Mistake{"queue_config: {max_backoff: 2h}", "max_backoff: must be 1h or less"},
                    Mistake{"queue_config: [1]", "is a list; it must be a map"},
                    Mistake{"queue_max_bytes: 1k", "'1k' is no size of 1MB or more"},
                    Mistake{"queue_directory: a/b", "'a/b' must start with '/'"},
                    Mistake{"proxy_url: ftp://a", "proxy_url: must start with http://"},
                    Mistake{"proxy_url: http://a\n  proxy_from_environment: true", "says the same as proxy_url"},
                    Mistake{"write_relabel_configs: [{}]", "write_relabel_configs: is not supported"},
                    Mistake{"sigv4: {region: a}", "sigv4: is not supported"},
                    Mistake{"oauth2: {client_id: a}", "oauth2: is not supported"},
                    Mistake{"azuread: {cloud: a}", "azuread: is not supported"},
                    Mistake{"bearer_token: a", "write authorization: {credentials: ...}"},
                    Mistake{"follow_redirects: true", "samples go nowhere else than to url"},
                    Mistake{"protobuf_message: io.prometheus.write.v2.Request", "only prometheus.WriteRequest"}));

TEST(RemoteConfig, AddressesAreChecked) {
  EXPECT_THAT(problem("- name: a\n"), HasSubstr("line 1: remote_write[0].url: is missing"));
  EXPECT_THAT(problem("- url: 127.0.0.1:9090\n"), HasSubstr("must start with http:// or https://"));
  EXPECT_THAT(problem("- url: http://\n"), HasSubstr("there is no host in it"));
  EXPECT_THAT(problem("- url: http://a:99999/\n"), HasSubstr("its port is no number from 1 to 65535"));
  EXPECT_THAT(problem("- url: http://a:/\n"), HasSubstr("its port"));
  EXPECT_THAT(problem("- url: http://[::1/\n"), HasSubstr("there is no host in it"));
  EXPECT_THAT(problem("- url: \"http://a/\\r\\nX: 1\"\n"), HasSubstr("has a blank"));
  const std::string with_password = problem("- url: http://me:secret@a/\n");
  EXPECT_THAT(with_password, HasSubstr("give them as basic_auth"));
  EXPECT_EQ(with_password.find("secret"), std::string::npos);
}

TEST(RemoteConfig, AnAddressIsTakenApart) {
  const auto url = parse_url("https://[fd00::1]:8443/a/b?c=d#e");
  ASSERT_TRUE(url) << url.error().message();
  EXPECT_EQ(url->text(), "https://[fd00::1]:8443/a/b?c=d");
  EXPECT_EQ(parse_url("http://a")->text(), "http://a:80/");
  EXPECT_EQ(parse_url("https://a?b")->text(), "https://a:443/?b");
  EXPECT_EQ(parse_url("http://[::1]")->port, "80");
}

TEST(RemoteConfig, EachHasANameAndAQueueOfItsOwn) {
  EXPECT_THAT(problem(kUrl + kUrl), HasSubstr("line 2: remote_write[1].name: 'a_80' is an earlier one's"));
  EXPECT_EQ(problem(kUrl + "- {url: http://a/, name: b}\n"), "");
  EXPECT_THAT(problem("- {url: http://a, queue_directory: /q}\n- {url: http://b, queue_directory: /q}\n"),
              HasSubstr("remote_write[1].queue_directory: '/q' is an earlier one's"));
  EXPECT_THAT(problem("- {url: http://a, queue_directory: /q/r}\n- {url: http://b, queue_directory: //q/./r/}\n"),
              HasSubstr("remote_write[1].queue_directory: '/q/r' is an earlier one's"));
  EXPECT_EQ(tidy_path("/"), "/");
  EXPECT_EQ(tidy_path("//"), "/");
  EXPECT_EQ(tidy_path("/a/.b/../c./"), "/a/.b/../c.") << "what may lead through a link is left";
  EXPECT_EQ(tidy_path("a//b/"), "a/b");
  std::string many;
  for (int i = 0; i < 17; ++i) many += "- url: http://a" + std::to_string(i) + "\n";
  EXPECT_THAT(problem(many), HasSubstr("more than 16"));
  EXPECT_THAT(problem("- a\n"), HasSubstr("line 1: remote_write[0] is one value; it must be a map"));
}

}  // namespace
}  // namespace plimsoll::exporter
