// SPDX-License-Identifier: Apache-2.0
#include "exporter/access/web_guard.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/err.h>
#include <unistd.h>

#include <thread>

#include "tests/unit/certificates.h"
#include "tests/unit/temp_tree.h"

namespace plimsoll::exporter {
namespace {

using test::connect;
using test::Identity;
using test::make_identity;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Pair;

constexpr const char* kUsers =
    "basic_auth_users:\n  alice: $2y$04$xCGKfqiFNTrgkYGb3LrKjO0Z0k2Ij6S1p4v7DY2HVP9NeHAYtvbHO\n";
constexpr const char* kBob = "basic_auth_users:\n  bob: $2y$04$54gAwvlE06rZHXTY5iyAzemOpg/LhkMtj1kskliyd6I8glPl5RO1y\n";
constexpr const char* kTls = "tls_server_config:\n  cert_file: server.crt\n  key_file: server.key\n";
constexpr const char* kAlice = "Basic YWxpY2U6c2VjcmV0";
constexpr const char* kWrong = "Basic YWxpY2U6c2VjcmV1";

// A guard with a directory of its own files.
class WebGuardTest : public testing::Test {
 protected:
  void write(const std::string& text) const { tree_.write("web.yml", text); }
  // As certificates are renewed: the new file takes the old one's place.
  void replace(const std::string& name, const std::string& text) const {
    tree_.write(name + ".new", text);
    EXPECT_EQ(::rename(tree_.at(name + ".new").c_str(), tree_.at(name).c_str()), 0);
  }
  void replace(const Identity& identity) const {
    replace("server.key", identity.key_pem);
    replace("server.crt", identity.certificate_pem);
  }

  WebGuard& start(const std::string& text, std::chrono::milliseconds look_every = std::chrono::milliseconds(20)) {
    write(text);
    WebGuardOptions options{tree_.at("web.yml")};
    options.look_every = look_every;
    options.try_every = 2 * look_every;
    options.warn = [this](const std::string& line) { warnings_.push_back(line); };
    options.inform = [this](const std::string& line) { news_.push_back(line); };
    auto guard = WebGuard::make(options);
    EXPECT_TRUE(guard) << guard.error().message();
    guard_ = std::move(*guard);
    return *guard_;
  }

  std::string start_problem(const std::string& text) const {
    write(text);
    const auto guard = WebGuard::make({tree_.at("web.yml")});
    return guard ? "" : guard.error().message();
  }

  // The status that a request is refused with; 200 when it is not.
  int ask(const char* authorization = nullptr, const std::string& client = "10.0.0.1") {
    answer_ = guard_->refuse(request(authorization, client));
    return answer_ ? answer_->status : 200;
  }
  static Request request(const char* authorization, const std::string& client) {
    Request request;
    request.method = "GET";
    request.path = "/metrics";
    if (authorization != nullptr) request.headers.emplace_back("authorization", authorization);
    request.client = client;
    return request;
  }

  std::string reload_problem() {
    const auto done = guard_->reload();
    return done ? "" : done.error().message();
  }
  static void let_some_time_pass() { std::this_thread::sleep_for(std::chrono::milliseconds(25)); }

  const test::TempTree tree_;
  const Identity one_ = make_identity({.name = "one"}), two_ = make_identity({.name = "two"});
  const Identity expired_ = make_identity({.name = "expired", .begin_s = -100, .end_s = -50});
  std::vector<std::string> warnings_, news_;
  std::unique_ptr<WebGuard> guard_;
  std::optional<Response> answer_;
};

TEST_F(WebGuardTest, AnEmptyFileLetsAllPass) {
  WebGuard& guard = start("");
  EXPECT_EQ(guard.tls_context(), nullptr);
  EXPECT_EQ(ask(), 200);
  EXPECT_THAT(guard.headers(), IsEmpty());
  EXPECT_THAT(warnings_, IsEmpty());
}

TEST_F(WebGuardTest, AsksForAPassword) {
  start(kUsers);
  EXPECT_EQ(ask(kAlice), 200);
  for (const char* header : {"", "Basic", "Bearer x", kWrong, "Basic bWFsbG9yeTpzZWNyZXQ="})
    EXPECT_EQ(ask(header), 401);
  EXPECT_THAT(warnings_, ElementsAre(HasSubstr("passwords travel readable")));
}

TEST_F(WebGuardTest, NoPasswordAndAWrongOneLookTheSame) {
  start(kUsers);
  EXPECT_EQ(ask(), 401);
  const Response none = *answer_;
  for (const char* header : {kWrong, "Basic bWFsbG9yeTpzZWNyZXQ=", "nonsense"}) {
    EXPECT_EQ(ask(header), 401);
    EXPECT_EQ(answer_->body, none.body);
    EXPECT_EQ(answer_->headers, none.headers);
  }
  ASSERT_EQ(none.headers.size(), 1u);
  EXPECT_EQ(none.headers[0].first, "WWW-Authenticate");
  EXPECT_THAT(none.headers[0].second, testing::StartsWith("Basic realm="));
}

TEST_F(WebGuardTest, WhoGuessesIsSentAway) {
  start("basic_auth_users:\n  alice: $2y$12$xCGKfqiFNTrgkYGb3LrKjO0Z0k2Ij6S1p4v7DY2HVP9NeHAYtvbHO\n");
  int status = 401;
  for (int i = 0; i < 20 && status == 401; ++i) status = ask(kWrong);
  EXPECT_EQ(status, 429);
  ASSERT_EQ(answer_->headers.size(), 1u);
  EXPECT_EQ(answer_->headers[0].first, "Retry-After");
  EXPECT_EQ(ask(kWrong, "10.0.0.2"), 401) << "others are not concerned";
  EXPECT_EQ(ask(), 401) << "nor who shows no password";
}

TEST_F(WebGuardTest, LimitsRequests) {
  start(std::string(kUsers) + "rate_limit:\n  interval: 1h\n  burst: 3\n");
  for (int i = 0; i < 10; ++i) EXPECT_EQ(ask(), 401) << "strangers use up nothing";
  for (int i = 0; i < 3; ++i) EXPECT_EQ(ask(kAlice), 200);
  EXPECT_EQ(ask(kAlice), 429);
  EXPECT_THAT(answer_->headers, ElementsAre(Pair("Retry-After", testing::AnyOf("3600", "3599"))));
  EXPECT_EQ(reload_problem(), "");
  EXPECT_EQ(ask(kAlice), 429) << "the same limit goes on";
  write(std::string(kUsers) + "rate_limit:\n  interval: 1h\n  burst: 4\n");
  EXPECT_EQ(reload_problem(), "");
  EXPECT_EQ(ask(kAlice), 200);
}

TEST_F(WebGuardTest, Headers) {
  start("http_server_config:\n  headers:\n    X-Frame-Options: deny\n    X-Content-Type-Options: nosniff\n");
  EXPECT_THAT(guard_->headers(), ElementsAre(Pair("X-Frame-Options", "deny"))) << "the other one is always sent";
}

TEST_F(WebGuardTest, ReloadsUsersAndHeaders) {
  start(kUsers);
  EXPECT_EQ(ask(kAlice), 200);
  write(
      "basic_auth_users:\n  bob: $2y$04$54gAwvlE06rZHXTY5iyAzemOpg/LhkMtj1kskliyd6I8glPl5RO1y\n"
      "http_server_config: {headers: {X-XSS-Protection: '0'}}\n");
  EXPECT_EQ(reload_problem(), "");
  EXPECT_EQ(ask(kAlice), 401);
  EXPECT_EQ(ask("Basic Ym9iOmh1bnRlcjI="), 200);
  EXPECT_THAT(guard_->headers(), ElementsAre(Pair("X-XSS-Protection", "0")));
}

TEST_F(WebGuardTest, ABadFileChangesNothing) {
  start(kUsers);
  write("basic_auth_users: {}\nnonsense: 1\n");
  EXPECT_THAT(reload_problem(), testing::AllOf(HasSubstr("web.yml: line 2"), HasSubstr("nonsense")));
  EXPECT_EQ(ask(), 401);
  EXPECT_EQ(ask(kAlice), 200);
  EXPECT_EQ(::unlink(tree_.at("web.yml").c_str()), 0);
  EXPECT_THAT(reload_problem(), HasSubstr("No such file"));
  EXPECT_EQ(ask(), 401);
}

TEST_F(WebGuardTest, AChangedFileIsSeen) {
  start(kUsers);
  EXPECT_EQ(ask(), 401);
  write("basic_auth_users: nonsense\n");
  let_some_time_pass();
  warnings_.clear();
  EXPECT_EQ(ask(), 401);
  EXPECT_EQ(ask(kAlice), 200);
  EXPECT_THAT(warnings_, ElementsAre(HasSubstr("line 1"))) << "told once";
  let_some_time_pass();
  EXPECT_EQ(ask(), 401);
  EXPECT_EQ(warnings_.size(), 1u);
  write(kBob);
  let_some_time_pass();
  EXPECT_EQ(ask("Basic Ym9iOmh1bnRlcjI="), 200);
  EXPECT_THAT(news_, ElementsAre(HasSubstr("has changed")));
}

TEST_F(WebGuardTest, AnEmptiedFileOpensNothing) {
  replace(one_);
  const std::string all = std::string(kTls) + "  client_auth_type: RequireAnyClientCert\n" + kUsers;
  const std::pair<std::string, const char*> table[] = {
      {"", "TLS cannot be turned off without a restart"},
      {kUsers, "TLS cannot be turned off without a restart"},
      {all.substr(0, all.find("basic_auth")), "basic_auth_users cannot be turned off without a restart"},
      {std::string(kTls) + kUsers, "client_auth_type cannot be weakened without a restart"},
  };
  SSL_CTX* const context = start(all).tls_context();
  for (const auto& [text, expected] : table) {
    warnings_.clear();
    write(text);
    for (int i = 0; i < 4; ++i) {  // longer than it takes until it is tried again
      let_some_time_pass();
      EXPECT_EQ(ask(), 401);
      EXPECT_FALSE(connect(context).made);
    }
    EXPECT_THAT(warnings_, ElementsAre(testing::AllOf(HasSubstr(expected), HasSubstr("all stays as it was"))));
    EXPECT_THAT(reload_problem(), HasSubstr(expected));
    let_some_time_pass();
    EXPECT_EQ(ask(), 401);
    EXPECT_EQ(warnings_.size(), 1u);
  }
  EXPECT_THAT(news_, IsEmpty());
  EXPECT_EQ(ask(kAlice), 200);
  write(std::string(kTls) + "  client_auth_type: RequireAnyClientCert\n" + kBob);
  EXPECT_EQ(reload_problem(), "") << "other users are fine";
}

TEST_F(WebGuardTest, NamesOfClientsStayAskedFor) {
  replace(one_);
  tree_.write("ca.crt", one_.certificate_pem);
  const std::string before =
      std::string(kTls) + "  client_auth_type: RequireAndVerifyClientCert\n  client_ca_file: ca.crt\n";
  start(before + "  client_allowed_sans: [a]\n");
  write(before);
  EXPECT_THAT(reload_problem(), HasSubstr("client_allowed_sans cannot be turned off without a restart"));
  write(before + "  client_allowed_sans: [b]\n");
  EXPECT_EQ(reload_problem(), "");
}

TEST_F(WebGuardTest, WhatMayHealIsTriedAgain) {
  replace(one_);
  const Identity early = make_identity({.name = "early", .begin_s = 2});
  start(std::string(kTls) + kUsers);
  replace(early);
  write(std::string(kTls) + kBob);
  EXPECT_THAT(reload_problem(), HasSubstr("it is valid only from"));
  EXPECT_EQ(ask(kAlice), 200) << "all stays as it was";
  for (int i = 0; i < 200 && ask("Basic Ym9iOmh1bnRlcjI=") != 200; ++i) let_some_time_pass();
  EXPECT_EQ(connect(guard_->tls_context()).peer, "early");
  EXPECT_EQ(ask("Basic Ym9iOmh1bnRlcjI="), 200);
}

TEST_F(WebGuardTest, ABrokenFileIsNotReportedAsTaken) {
  start(kUsers);
  write("nonsense\n");
  for (int i = 0; i < 5; ++i) {
    let_some_time_pass();
    EXPECT_EQ(ask(), 401);
  }
  EXPECT_THAT(news_, IsEmpty());
  EXPECT_THAT(warnings_, ElementsAre(HasSubstr("passwords travel readable"), HasSubstr("line 1")));
}

TEST_F(WebGuardTest, StartNamesWhatIsWrong) {
  EXPECT_THAT(start_problem(kTls), testing::AllOf(HasSubstr("web.yml: line 2: tls_server_config.cert_file"),
                                                  HasSubstr("server.crt: No such file")));
  EXPECT_THAT(start_problem("x: 1\n"), HasSubstr("web.yml: line 1: unknown field"));
  const auto missing = WebGuard::make({tree_.at("none.yml")});
  EXPECT_THAT(missing.error().message(), HasSubstr("none.yml: No such file"));
  EXPECT_EQ(ERR_peek_error(), 0u);
}

TEST_F(WebGuardTest, ARenewedCertificateIsServed) {
  replace(one_);
  SSL_CTX* const context = start(kTls).tls_context();
  EXPECT_EQ(connect(context).peer, "one");
  replace(two_);
  let_some_time_pass();
  EXPECT_EQ(connect(context).peer, "two");
  EXPECT_THAT(news_, ElementsAre(HasSubstr("is in force")));
  EXPECT_EQ(guard_->tls_context(), context);
  replace(one_);
  EXPECT_EQ(reload_problem(), "");
  EXPECT_EQ(connect(context).peer, "one") << "at once when told to";
}

TEST_F(WebGuardTest, FilesAreNotLookedAtForEachConnection) {
  replace(one_);
  SSL_CTX* const context = start(kTls, std::chrono::hours(1)).tls_context();
  replace(two_);
  EXPECT_EQ(connect(context).peer, "one");
}

TEST_F(WebGuardTest, ABadNewCertificateIsNotTaken) {
  replace(one_);
  SSL_CTX* const context = start(kTls).tls_context();
  const std::pair<const Identity*, const char*> table[] = {{&two_, "is not the key of"}, {&expired_, "it expired on"}};
  for (const auto& [identity, expected] : table) {
    warnings_.clear();
    if (identity == &expired_) replace("server.key", identity->key_pem);
    replace("server.crt", identity->certificate_pem);
    let_some_time_pass();
    for (int i = 0; i < 3; ++i) EXPECT_EQ(connect(context).peer, "one");
    EXPECT_THAT(warnings_, ElementsAre(testing::AllOf(HasSubstr(expected), HasSubstr("all stays as it was"))));
    EXPECT_THAT(reload_problem(), HasSubstr(expected));
    EXPECT_TRUE(connect(context).made);
  }
  replace(two_);
  let_some_time_pass();
  EXPECT_EQ(connect(context).peer, "two");
}

TEST_F(WebGuardTest, AnExpiredCertificateAtTheStartIsAWarning) {
  replace(expired_);
  SSL_CTX* const context = start(kTls).tls_context();
  EXPECT_THAT(warnings_, ElementsAre(HasSubstr("it expired on")));
  EXPECT_EQ(connect(context).peer, "expired");
  EXPECT_EQ(reload_problem(), "") << "other changes are not kept out by it";
}

TEST_F(WebGuardTest, ABadFileDoesNotKeepARenewedCertificateOut) {
  replace(one_);
  SSL_CTX* const context = start(kTls).tls_context();
  write("nonsense\n");
  replace(two_);
  let_some_time_pass();
  EXPECT_EQ(connect(context).peer, "two");
  EXPECT_THAT(warnings_, ElementsAre(HasSubstr("web.yml: line 1")));
}

TEST_F(WebGuardTest, ChangedRulesForClientsHoldAtOnce) {
  replace(one_);
  const Identity authority = make_identity({.name = "authority", .authority = true});
  const Identity client = make_identity({.name = "client", .signer = &authority});
  tree_.write("ca.crt", authority.certificate_pem);
  SSL_CTX* const context = start(kTls).tls_context();
  EXPECT_TRUE(connect(context).made);
  write(std::string(kTls) + "  client_auth_type: RequireAndVerifyClientCert\n  client_ca_file: ca.crt\n");
  EXPECT_EQ(reload_problem(), "");
  EXPECT_FALSE(connect(context).made);
  EXPECT_TRUE(connect(context, {.identity = &client}).made);
  replace("ca.crt", two_.certificate_pem);
  let_some_time_pass();
  EXPECT_FALSE(connect(context, {.identity = &client}).made);
}

TEST_F(WebGuardTest, TlsIsTurnedOnOrOffByARestartOnly) {
  replace(one_);
  start("");
  write(kTls);
  EXPECT_THAT(reload_problem(), HasSubstr("TLS cannot be turned on without a restart"));
  EXPECT_EQ(ask(), 200);
  SSL_CTX* const context = start(kTls).tls_context();
  write(kUsers);
  EXPECT_THAT(reload_problem(), HasSubstr("TLS cannot be turned off without a restart"));
  EXPECT_TRUE(connect(context).made);
  EXPECT_EQ(ask(), 200) << "all of the file or nothing";
}

TEST_F(WebGuardTest, ManyThreads) {
  replace(one_);
  SSL_CTX* const context = start(std::string(kTls) + kUsers).tls_context();
  std::vector<std::thread> threads;
  std::atomic<int> wrong = 0;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 40; ++i) {
        wrong += !connect(context).made;
        wrong += guard_->refuse(request(kAlice, "10.0.0.1")).has_value();
        wrong += !guard_->headers().empty();
      }
    });
  }
  for (int i = 0; i < 20; ++i) {
    replace(i % 2 == 0 ? two_ : one_);
    EXPECT_EQ(reload_problem(), "");
  }
  for (auto& thread : threads) thread.join();
  // The first of them may have waited in a line that was full.
  EXPECT_LE(wrong, 4);
}

}  // namespace
}  // namespace plimsoll::exporter
