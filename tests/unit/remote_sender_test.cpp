// SPDX-License-Identifier: Apache-2.0
// What the sender makes of answers, and how requests look on the wire: against a server that misbehaves on demand.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "exporter/remote_write/http_post.h"
#include "exporter/remote_write/sender.h"
#include "http_receiver.h"
#include "temp_tree.h"

namespace plimsoll::exporter {
namespace {

using test::HttpReceiver;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;
using namespace std::chrono_literals;

template <typename Check>
bool within_ten_seconds(Check check) {
  for (int i = 0; i < 1000; ++i) {
    if (check()) return true;
    std::this_thread::sleep_for(10ms);
  }
  return false;
}

TEST(SenderVerdict, FollowsTheStatus) {
  for (const int done : {200, 202, 204, 299}) EXPECT_EQ(verdict_on(done, false), Verdict::kDone) << done;
  for (const int again : {0, 301, 307, 500, 502, 503, 599, 700})
    EXPECT_EQ(verdict_on(again, false), Verdict::kAgain) << again;
  for (const int drop : {400, 401, 403, 404, 413, 415, 499}) EXPECT_EQ(verdict_on(drop, true), Verdict::kDrop) << drop;
  EXPECT_EQ(verdict_on(429, false), Verdict::kDrop);
  EXPECT_EQ(verdict_on(429, true), Verdict::kAgain);
}

// A transport whose answers are a list; after it every answer is 200.
class Script : public Transport {
 public:
  explicit Script(std::vector<Answer> answers) : answers_(std::move(answers)) {}
  Answer post(const std::string& body) override {
    const std::lock_guard lock(mutex_);
    bodies_.push_back(body);
    times_.push_back(monotonic_ns());
    return bodies_.size() <= answers_.size() ? answers_[bodies_.size() - 1] : Answer{200, {}, ""};
  }
  void abort() override {}
  std::vector<std::string> bodies() const {
    const std::lock_guard lock(mutex_);
    return bodies_;
  }
  int64_t pause_ns(size_t before) const {
    const std::lock_guard lock(mutex_);
    return times_.at(before) - times_.at(before - 1);
  }

 private:
  const std::vector<Answer> answers_;
  mutable std::mutex mutex_;
  std::vector<std::string> bodies_;
  std::vector<int64_t> times_;
};

class SenderTest : public testing::Test {
 protected:
  test::TempTree tree;
  std::unique_ptr<Queue> queue = std::move(*Queue::open(tree.at("queue"), 1 << 30));
  std::mutex mutex;
  std::vector<std::string> warnings, notes;
  Sender::Options options = {1ms, 4ms, false};
  Script* script = nullptr;
  std::unique_ptr<Sender> sender;

  void start(std::unique_ptr<Transport> transport) {
    sender = std::make_unique<Sender>(
        options, *queue, std::move(transport), [this](const std::string& text) { keep(warnings, text); },
        [this](const std::string& text) { keep(notes, text); });
  }
  void start(std::vector<Answer> answers) {
    auto transport = std::make_unique<Script>(std::move(answers));
    script = transport.get();
    start(std::unique_ptr<Transport>(std::move(transport)));
  }
  void keep(std::vector<std::string>& list, const std::string& text) {
    const std::lock_guard lock(mutex);
    list.push_back(text);
  }
  void push(const std::string& body, int64_t time = 5) { ASSERT_TRUE(queue->push(body, time, 10)); }
  bool drained() {
    return within_ten_seconds([this] { return queue->stats().batches == 0; });
  }
};

TEST_F(SenderTest, SendsInOrderAndCounts) {
  push("one", 1);
  start(std::vector<Answer>{});
  ASSERT_TRUE(drained());
  push("two", 2);
  push("three", 3);
  sender->wake();
  ASSERT_TRUE(drained());
  EXPECT_THAT(script->bodies(), ElementsAre("one", "two", "three"));
  const auto stats = sender->stats();
  EXPECT_EQ(stats.samples, 30u);
  EXPECT_EQ(stats.bytes, 11u);
  EXPECT_EQ(stats.last_timestamp_ms, 3);
  EXPECT_EQ(stats.failed_requests, 0u);
  EXPECT_THAT(warnings, IsEmpty());
}

TEST_F(SenderTest, TriesAgainUntilItIsTaken) {
  push("one");
  push("two");
  start({{500, {}, "busy"}, {0, {}, "no route"}, {503, {}, ""}, {301, {}, "it redirects to x"}});
  ASSERT_TRUE(drained());
  EXPECT_THAT(script->bodies(), ElementsAre("one", "one", "one", "one", "one", "two"));
  EXPECT_EQ(sender->stats().failed_requests, 4u);
  EXPECT_EQ(sender->stats().samples, 20u);
  sender.reset();
  EXPECT_THAT(warnings, SizeIs(4));
  EXPECT_THAT(warnings[0], HasSubstr("HTTP status 500: busy"));
  EXPECT_THAT(notes, ElementsAre("the receiver takes samples again"));
}

TEST_F(SenderTest, TheSameFailureIsSaidOnce) {
  push("one");
  start(std::vector<Answer>(20, Answer{500, {}, "busy"}));
  ASSERT_TRUE(drained());
  sender.reset();
  EXPECT_THAT(warnings, SizeIs(1));
}

TEST_F(SenderTest, TextsThatDifferAreTheSameFailure) {
  for (int i = 0; i < 8; ++i) push("body " + std::to_string(i));
  std::vector<Answer> answers;
  for (int i = 0; i < 24; ++i) {
    const int status = i % 3 == 0 ? 503 : i % 3 == 1 ? 400 : 200;
    answers.push_back({status, {}, "request " + std::to_string(i)});
  }
  start(answers);
  ASSERT_TRUE(drained());
  sender.reset();
  EXPECT_THAT(warnings, ElementsAre(HasSubstr("HTTP status 503: request 0"), HasSubstr("HTTP status 400: request 1")));
  EXPECT_THAT(notes, SizeIs(1));
}

TEST(Trouble, IsSaidAgainAfterTheQuietTime) {
  std::vector<std::string> said;
  const auto keep = [&](const std::string& text) { said.push_back(text); };
  Trouble trouble(keep, keep);
  trouble.ends("never began");
  trouble.begins("a", "a1", 0);
  trouble.begins("b", "b1", 1);
  trouble.ends("over");
  trouble.begins("a", "a2", Trouble::kQuietNs - 1);
  trouble.ends("unsaid, as its begin");
  trouble.begins("a", "a3", Trouble::kQuietNs);
  trouble.begins("a", "a4", Trouble::kQuietNs + 1);
  trouble.ends("over again");
  EXPECT_THAT(said, ElementsAre("a1", "b1", "over", "a3", "over again"));
}

TEST_F(SenderTest, WhatIsRefusedIsDroppedAndCounted) {
  push("one");
  push("two");
  push("three");
  start({{400, {}, "out of order"}, {429, {}, "slow"}});
  ASSERT_TRUE(drained());
  EXPECT_THAT(script->bodies(), ElementsAre("one", "two", "three"));
  EXPECT_EQ(sender->stats().refused_samples, 20u);
  EXPECT_EQ(sender->stats().samples, 10u);
  sender.reset();
  EXPECT_THAT(warnings.at(0), HasSubstr("dropped: HTTP status 400: out of order"));
}

TEST_F(SenderTest, TooManyRequestsMayBeTriedAgain) {
  options.retry_on_429 = true;
  push("one");
  start({{429, {}, ""}});
  ASSERT_TRUE(drained());
  EXPECT_THAT(script->bodies(), ElementsAre("one", "one"));
}

TEST_F(SenderTest, WaitsAsLongAsTheReceiverAsks) {
  push("one");
  start({{503, 1s, ""}});
  ASSERT_TRUE(drained());
  EXPECT_GE(script->pause_ns(1), 1'000'000'000);
}

TEST_F(SenderTest, PatienceWithoutMeasureIsNotHaste) {
  push("one");
  start({{503, 15'000'000'000s, ""}});
  ASSERT_TRUE(within_ten_seconds([this] { return sender->stats().failed_requests == 1; }));
  std::this_thread::sleep_for(300ms);
  EXPECT_THAT(script->bodies(), SizeIs(1)) << "five minutes, not the least back-off";
}

TEST_F(SenderTest, PausesGrowFromTheLeastToTheMost) {
  options = {20ms, 40ms, false};
  push("one");
  start(std::vector<Answer>(6, Answer{500, {}, ""}));
  ASSERT_TRUE(drained());
  for (size_t i = 1; i <= 6; ++i) {
    EXPECT_GE(script->pause_ns(i), 20'000'000) << i;
    EXPECT_LT(script->pause_ns(i), 5'000'000'000) << i;
  }
}

TEST_F(SenderTest, EndsInABackOffAndKeepsTheBatch) {
  options = {1h, 1h, false};
  push("one");
  start({{500, {}, ""}});
  ASSERT_TRUE(within_ten_seconds([this] { return sender->stats().failed_requests == 1; }));
  const int64_t begin = monotonic_ns();
  sender.reset();
  EXPECT_LT(monotonic_ns() - begin, 2'000'000'000);
  EXPECT_EQ(queue->stats().batches, 1u);
}

// --- by libcurl ------------------------------------------------------------------------------------

class HttpPost : public SenderTest {
 protected:
  RemoteWriteConfig config;

  std::unique_ptr<Transport> transport(const HttpReceiver& receiver) {
    config.url = receiver.url();
    auto made = make_http_transport(config);
    EXPECT_TRUE(made) << made.error().message();
    return std::move(*made);
  }
  Answer post(const HttpReceiver::Reply& reply) {
    HttpReceiver receiver(reply);
    return transport(receiver)->post("body");
  }
  Answer post(const std::string& reply) {
    return post([&](size_t) { return reply; });
  }
};

TEST_F(HttpPost, SaysWhatItSends) {
  config.headers = {{"X-Scope-OrgID", "7"}, {"X-Empty", ""}};
  HttpReceiver receiver([](size_t) { return HttpReceiver::status("204 No Content"); });
  EXPECT_EQ(transport(receiver)->post(std::string("a\0b", 3)).status, 204);
  const auto got = receiver.wait_for(1).at(0);
  EXPECT_EQ(got.body, std::string("a\0b", 3));
  EXPECT_THAT(got.head, testing::StartsWith("POST /api/v1/write HTTP/1.1\r\n"));
  for (const char* header :
       {"Content-Type: application/x-protobuf", "Content-Encoding: snappy", "X-Prometheus-Remote-Write-Version: 0.1.0",
        "User-Agent: plimsoll/" PLIMSOLL_VERSION, "X-Scope-OrgID: 7", "X-Empty:", "Content-Length: 3"})
    EXPECT_THAT(got.head, HasSubstr("\r\n" + std::string(header) + "\r\n"));
  EXPECT_THAT(got.head, Not(HasSubstr("Authorization")));
  EXPECT_THAT(got.head, Not(HasSubstr("Expect")));
}

TEST_F(HttpPost, ALargeBodyGoesAtOnce) {
  HttpReceiver receiver([](size_t) { return HttpReceiver::status("200 OK"); });
  const std::string body(3 << 20, 'x');
  EXPECT_EQ(transport(receiver)->post(body).status, 200);
  const auto got = receiver.wait_for(1).at(0);
  EXPECT_EQ(got.body.size(), body.size());
  EXPECT_THAT(got.head, Not(HasSubstr("Expect")));
}

TEST_F(HttpPost, UsesItsConnectionAgain) {
  HttpReceiver receiver([](size_t) { return HttpReceiver::status("200 OK", "", "fine"); });
  const auto post = transport(receiver);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(post->post("body").status, 200);
  EXPECT_EQ(receiver.wait_for(3).at(2).connection, 1);
}

TEST_F(HttpPost, PasswordsAreReadEachTime) {
  tree.write("password", "first\n");
  config.username = "me";
  config.password.file = tree.at("password");
  HttpReceiver receiver([](size_t) { return HttpReceiver::status("200 OK"); });
  const auto post = transport(receiver);
  post->post("body");
  tree.write("password", "second\n");
  post->post("body");
  const auto got = receiver.wait_for(2);
  EXPECT_THAT(got.at(0).head, HasSubstr("Authorization: Basic bWU6Zmlyc3Q=\r\n"));
  EXPECT_THAT(got.at(1).head, HasSubstr("Authorization: Basic bWU6c2Vjb25k\r\n"));
  tree.write("password", "two\nlines\n");
  EXPECT_THAT(post->post("body").text, HasSubstr("must be one line"));
}

TEST_F(HttpPost, TokensAndMissingFiles) {
  config.auth_scheme = "Bearer";
  config.credentials.text = "abc";
  HttpReceiver receiver([](size_t) { return HttpReceiver::status("200 OK"); });
  transport(receiver)->post("body");
  EXPECT_THAT(receiver.wait_for(1).at(0).head, HasSubstr("Authorization: Bearer abc\r\n"));
  config.credentials = {"", tree.at("nothing")};
  const Answer answer = transport(receiver)->post("body");
  EXPECT_EQ(answer.status, 0);
  EXPECT_THAT(answer.text, HasSubstr("nothing: No such file"));
}

TEST_F(HttpPost, AnswersAreReadAsFarAsNeeded) {
  Answer answer = post(HttpReceiver::status("400 Bad Request", "", "out of order\nsample \x1b[1m"));
  EXPECT_EQ(answer.status, 400);
  EXPECT_EQ(answer.text, "out of order");
  answer = post(HttpReceiver::status("503 Busy", "Retry-After: 7\r\n", "\x1b[31mred"));
  EXPECT_EQ(answer.retry_after, 7s);
  EXPECT_EQ(answer.text, "?[31mred");
  answer = post(HttpReceiver::status("500 Error", "", std::string(20 << 20, 'x')));
  EXPECT_EQ(answer.status, 500) << "a body without measure";
  EXPECT_EQ(answer.text.size(), 512u);
  std::string headers;
  for (int i = 0; i < 3000; ++i) headers += "X-" + std::to_string(i) + ": " + std::string(100, 'x') + "\r\n";
  post(HttpReceiver::status("200 OK", headers));  // whatever it is called, it ends
}

TEST_F(HttpPost, RedirectsAreNotFollowed) {
  HttpReceiver other([](size_t) { return HttpReceiver::status("200 OK"); });
  const Answer answer = post(HttpReceiver::status("307 Elsewhere", "Location: " + other.url() + "\r\n"));
  EXPECT_EQ(answer.status, 307);
  EXPECT_EQ(answer.text, "it redirects to " + other.url());
}

TEST_F(HttpPost, WhatARedirectHoldsOfSecretsIsNotSaid) {
  for (const char* address :
       {"https://me:secret@a.example/p", "https://a.example/p?token=secret", "https://a.example/p#secret",
        "https://me:secret@a.example/p?a=secret@b#secret", "https://se@cret:@a.example/p"}) {
    const Answer answer = post(HttpReceiver::status("302 Found", std::string("Location: ") + address + "\r\n"));
    EXPECT_EQ(answer.text, "it redirects to https://a.example/p") << address;
  }
  EXPECT_EQ(post(HttpReceiver::status("302 Found", "Location: https://a.example?secret\r\n")).text.find("secret"),
            std::string::npos);
}

TEST_F(HttpPost, NoAnswerIsNoStatus) {
  config.timeout = 300ms;
  for (const char* reply : {"", "hang", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf", "nonsense\r\n\r\n"}) {
    const Answer answer = post(reply);
    EXPECT_EQ(answer.status, 0) << reply;
    EXPECT_THAT(answer.text, Not(IsEmpty())) << reply;
  }
  config.url = "http://127.0.0.1:1/";
  EXPECT_EQ((*make_http_transport(config))->post("body").status, 0);
}

TEST_F(HttpPost, TheEnvironmentsProxyIsOnlyUsedWhenAskedFor) {
  HttpReceiver proxy([](size_t) { return HttpReceiver::status("200 OK", "", "proxy"); });
  ::setenv("http_proxy", proxy.url().c_str(), 1);
  EXPECT_EQ(post(HttpReceiver::status("200 OK", "", "direct")).text, "direct");
  config.proxy_from_environment = true;
  EXPECT_EQ(post(HttpReceiver::status("200 OK", "", "direct")).text, "proxy");
  ::unsetenv("http_proxy");
  config.proxy_from_environment = false;
  config.proxy_url = proxy.url();
  EXPECT_EQ(post(HttpReceiver::status("200 OK", "", "direct")).text, "proxy");
}

TEST_F(HttpPost, ACertificateIsNeeded) {
  HttpReceiver receiver([](size_t) { return HttpReceiver::status("200 OK"); });
  config.timeout = 1s;
  config.url = "https" + receiver.url().substr(4);
  const Answer answer = (*make_http_transport(config))->post("body");
  EXPECT_EQ(answer.status, 0) << "what answers in plain text has none";
}

TEST_F(HttpPost, EndsWhileTheReceiverIsSilent) {
  HttpReceiver receiver([](size_t) { return "hang"; });
  push("one");
  start(transport(receiver));
  ASSERT_THAT(receiver.wait_for(1), SizeIs(1));
  const int64_t begin = monotonic_ns();
  sender.reset();
  EXPECT_LT(monotonic_ns() - begin, 3'000'000'000);
  EXPECT_EQ(queue->stats().batches, 1u);
  EXPECT_THAT(warnings, IsEmpty()) << "an end of our own is no failure";
}

TEST_F(HttpPost, GoesOnWhereItStopped) {
  HttpReceiver receiver([](size_t number) {
    return number % 3 == 0 ? "" : number % 3 == 1 ? HttpReceiver::status("500 Error") : HttpReceiver::status("200 OK");
  });
  for (int i = 0; i < 5; ++i) push(std::to_string(i));
  start(transport(receiver));
  ASSERT_TRUE(drained());
  std::vector<std::string> bodies;
  for (const auto& got : receiver.wait_for(15)) bodies.push_back(got.body);
  EXPECT_THAT(bodies, ElementsAre("0", "0", "0", "1", "1", "1", "2", "2", "2", "3", "3", "3", "4", "4", "4"));
}

}  // namespace
}  // namespace plimsoll::exporter
