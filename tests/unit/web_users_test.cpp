// SPDX-License-Identifier: Apache-2.0
#include "exporter/access/users.h"

#include <gtest/gtest.h>

#include <atomic>
#include <ctime>
#include <thread>

#include "base/os.h"

namespace plimsoll::exporter {
namespace {

using Verdict = Users::Verdict;

// htpasswd -nbBC 4 alice secret; the same for bob, hunter2.
const std::string kAlice = "$2y$04$xCGKfqiFNTrgkYGb3LrKjO0Z0k2Ij6S1p4v7DY2HVP9NeHAYtvbHO";
const std::string kBob = "$2y$04$54gAwvlE06rZHXTY5iyAzemOpg/LhkMtj1kskliyd6I8glPl5RO1y";
const UserHashes kUsers = {{"alice", kAlice}, {"bob", kBob}};

constexpr int64_t kSecond = 1'000'000'000;

// One whose cost of 12 takes a quarter of a second: two wrong ones use up an address' reserve.
const UserHashes kSlow = {{"alice", "$2y$12" + kAlice.substr(6)}};

std::unique_ptr<Users> make_users() {
  auto users = Users::make();
  EXPECT_TRUE(users);
  return users ? std::move(*users) : nullptr;
}

Credentials who(const std::string& user, const std::string& password) { return {user, password}; }

TEST(Bcrypt, KnowsAHash) {
  EXPECT_EQ(bcrypt_cost(kAlice), 4);
  EXPECT_EQ(bcrypt_cost("$2a$10" + kAlice.substr(6)), 10);
  EXPECT_EQ(bcrypt_cost(bcrypt_of_nobody(4)), 4);
  EXPECT_EQ(bcrypt_cost(bcrypt_of_nobody(12)), 12);
  for (const std::string& text :
       {std::string(), std::string("secret"), kAlice + "x", kAlice.substr(1), "$2x" + kAlice.substr(3),
        "$1$abc$" + kAlice.substr(7), "$2y$03" + kAlice.substr(6), "$2y$32" + kAlice.substr(6),
        "$2y$+4" + kAlice.substr(6), kAlice.substr(0, 59) + "!", kAlice.substr(0, 59) + std::string(1, '\0')})
    EXPECT_FALSE(bcrypt_cost(text)) << text;
}

TEST(Bcrypt, ComparesPasswords) {
  Bcrypt bcrypt;
  EXPECT_TRUE(bcrypt.matches(kAlice, "secret"));
  for (const char* wrong : {"", "Secret", "secret ", "secre"}) EXPECT_FALSE(bcrypt.matches(kAlice, wrong)) << wrong;
  EXPECT_FALSE(bcrypt.matches(kAlice, std::string_view("secret\0x", 8)));
  EXPECT_FALSE(bcrypt.matches("secret", "secret"));
  EXPECT_FALSE(bcrypt.matches(bcrypt_of_nobody(4), "secret"));
  EXPECT_FALSE(bcrypt.matches(bcrypt_of_nobody(4), ""));
}

TEST(Bcrypt, ThreeNamesOfOneAlgorithm) {
  Bcrypt bcrypt;
  for (const char letter : {'a', 'b', 'y'})
    EXPECT_TRUE(
        bcrypt.matches(std::string("$2") + letter + "$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW", "U*U"))
        << letter;
}

TEST(Bcrypt, SeventyTwoBytesCount) {
  Bcrypt bcrypt;  // made from "s\xc3\xa9" "cret" twenty times
  const std::string hash = "$2b$04$abcdefghijklmnopqrstuujSC0drOtPIs1Fi9mRRqSxzUAO4gfkrW";
  std::string password;
  for (int i = 0; i < 20; ++i)
    password +=
        "s\xc3\xa9"
        "cret";
  EXPECT_TRUE(bcrypt.matches(hash, password));
  EXPECT_TRUE(bcrypt.matches(hash, password + std::string(5000, 'x')));
  EXPECT_TRUE(bcrypt.matches(hash, password.substr(0, 72)));
  EXPECT_FALSE(bcrypt.matches(hash, password.substr(0, 71)));
}

TEST(BasicAuth, ReadsNameAndPassword) {
  const auto alice = parse_basic_auth("Basic YWxpY2U6c2VjcmV0");
  ASSERT_TRUE(alice);
  EXPECT_EQ(alice->user, "alice");
  EXPECT_EQ(alice->password, "secret");
  EXPECT_TRUE(parse_basic_auth("bASIC   YWxpY2U6c2VjcmV0 "));
  EXPECT_EQ(parse_basic_auth("Basic Og==")->user, "");
  EXPECT_EQ(parse_basic_auth("Basic YTpiOmM=")->password, "b:c");
}

TEST(BasicAuth, RefusesAllElse) {
  for (const char* header :
       {"", "Basic", "Basic ", "Bearer YWxpY2U6c2VjcmV0", "BasicYWxpY2U6c2VjcmV0",
        "Basic YWxpY2U=", "Basic YWxpY2U6c2VjcmV", "Basic YWxpY2U6c2VjcmV0====", "Basic YTpiOmM", "Basic YT*i",
        "Basic =", "Basic ====", "Basic YTpiOmN=", "Basic OQ=:", "Basic Y TpiOmM=", "Basic YTpi-_M=", "Basic YQA6Yg=="})
    EXPECT_FALSE(parse_basic_auth(header)) << header;
  EXPECT_FALSE(parse_basic_auth("Basic " + std::string(4096, 'A')));
  EXPECT_TRUE(parse_basic_auth("Basic Og=="));
}

TEST(Users, RightAndWrong) {
  const auto users = make_users();
  EXPECT_EQ(users->check(kUsers, who("alice", "secret"), "::1").verdict, Verdict::kRight);
  EXPECT_EQ(users->check(kUsers, who("bob", "hunter2"), "::1").verdict, Verdict::kRight);
  EXPECT_EQ(users->check(kUsers, who("alice", "hunter2"), "::1").verdict, Verdict::kWrong);
  EXPECT_EQ(users->check(kUsers, who("bob", ""), "::1").verdict, Verdict::kWrong);
  EXPECT_EQ(users->check(kUsers, who("carol", "secret"), "::1").verdict, Verdict::kWrong);
  EXPECT_EQ(users->check(kUsers, who("", ""), "::1").verdict, Verdict::kWrong);
}

TEST(Users, ARightPasswordIsComputedOnce) {
  const auto users = make_users();
  for (int i = 0; i < 100; ++i) EXPECT_EQ(users->check(kUsers, who("alice", "secret"), "").verdict, Verdict::kRight);
  EXPECT_EQ(users->computed(), 1u);
  EXPECT_EQ(users->check(kUsers, who("alice", "wrong"), "").verdict, Verdict::kWrong);
  EXPECT_EQ(users->check(kUsers, who("alice", "wrong"), "").verdict, Verdict::kWrong);
  EXPECT_EQ(users->computed(), 3u) << "wrong ones are not remembered";
}

TEST(Users, AnUnknownNameIsComputedToo) {
  const auto users = make_users();
  EXPECT_EQ(users->check(kUsers, who("mallory", "x"), "").verdict, Verdict::kWrong);
  EXPECT_EQ(users->computed(), 1u);
}

TEST(Users, WhatIsRememberedEndsWithTheHash) {
  const auto users = make_users();
  EXPECT_EQ(users->check(kUsers, who("alice", "secret"), "").verdict, Verdict::kRight);
  EXPECT_EQ(users->check({{"alice", kBob}}, who("alice", "secret"), "").verdict, Verdict::kWrong);
  EXPECT_EQ(users->check({{"bob", kAlice}}, who("alice", "secret"), "").verdict, Verdict::kWrong);
  EXPECT_EQ(users->check({{"bob", kAlice}}, who("bob", "secret"), "").verdict, Verdict::kRight);
}

TEST(Users, WrongPasswordsAreRationedByAddress) {
  const auto users = make_users();
  int wrong = 0;
  Users::Answer answer{Verdict::kWrong};
  for (; answer.verdict == Verdict::kWrong && wrong < 50; ++wrong)
    answer = users->check(kSlow, who("alice", "x"), "10.0.0.1");
  EXPECT_EQ(answer.verdict, Verdict::kLater);
  EXPECT_GE(wrong, 2);
  EXPECT_GE(answer.retry_after, 1);
  const uint64_t computed = users->computed();
  for (int i = 0; i < 1000; ++i)
    EXPECT_EQ(users->check(kSlow, who("alice", "x" + std::to_string(i)), "10.0.0.1").verdict, Verdict::kLater);
  EXPECT_EQ(users->computed(), computed) << "nothing is computed for whoever is sent away";
  EXPECT_EQ(users->check(kUsers, who("alice", "secret"), "10.0.0.2").verdict, Verdict::kRight) << "others go on";
}

TEST(Users, WhoIsRememberedIsNeverSentAway) {
  const auto users = make_users();
  UserHashes both = kSlow;
  both["bob"] = kBob;
  EXPECT_EQ(users->check(both, who("bob", "hunter2"), "10.0.0.1").verdict, Verdict::kRight);
  for (int i = 0; i < 50; ++i) (void)users->check(both, who("alice", "x"), "10.0.0.1").verdict;
  EXPECT_EQ(users->check(both, who("alice", "x"), "10.0.0.1").verdict, Verdict::kLater);
  EXPECT_EQ(users->check(both, who("bob", "hunter2"), "10.0.0.1").verdict, Verdict::kRight);
  EXPECT_EQ(users->check(both, who("bob", "wrong"), "10.0.0.1").verdict, Verdict::kLater);
}

TEST(Users, StrangersDoNotGuessPastTheRation) {
  const auto users = make_users();
  UserHashes both = kSlow;
  both["bob"] = kBob;
  for (const char* client : {"10.0.0.1", ""})
    EXPECT_EQ(users->check(both, who("bob", "hunter2"), client).verdict, Verdict::kRight);
  for (int i = 0; i < 50; ++i) (void)users->check(both, who("alice", "x"), "10.0.0.2").verdict;
  for (const char* guess : {"wrong", "hunter2"})
    EXPECT_EQ(users->check(both, who("bob", guess), "10.0.0.2").verdict, Verdict::kLater) << guess;
  EXPECT_EQ(users->check(both, who("bob", "hunter2"), "::ffff:10.0.0.1").verdict, Verdict::kRight);
  EXPECT_EQ(users->check(both, who("bob", "hunter2"), "").verdict, Verdict::kRight);
}

TEST(Users, AUserIsRememberedAtTheLatestSixteenAddresses) {
  const auto users = make_users();
  const auto client = [](int i) { return "10.0.0." + std::to_string(i); };
  UserHashes both = kSlow;
  both["bob"] = kBob;
  for (int i = 0; i < 16; ++i) EXPECT_EQ(users->check(both, who("bob", "hunter2"), client(i)).verdict, Verdict::kRight);
  EXPECT_EQ(users->check(both, who("bob", "hunter2"), client(0)).verdict, Verdict::kRight);
  EXPECT_EQ(users->check(both, who("bob", "hunter2"), client(16)).verdict, Verdict::kRight);
  EXPECT_EQ(users->computed(), 1u) << "the password itself is known";
  for (const int i : {0, 1, 2}) {
    for (int k = 0; k < 5; ++k) (void)users->check(both, who("alice", "x"), client(i)).verdict;
    EXPECT_EQ(users->check(both, who("bob", "hunter2"), client(i)).verdict, i == 1 ? Verdict::kLater : Verdict::kRight)
        << i;
  }
}

TEST(Users, CheapHashesAreNotGuessedFaster) {
  const auto users = make_users();
  int wrong = 0;
  while (wrong < 1000 && users->check(kUsers, who("alice", "x"), "10.0.0.1").verdict == Verdict::kWrong) ++wrong;
  EXPECT_GE(wrong, 50);
  EXPECT_LT(wrong, 100) << "half a second in reserve, ten milliseconds each";
}

TEST(Users, ManyAddressesTogetherAreRationedToo) {
  const auto users = make_users();
  int computed = 0;
  timespec begin = {}, end = {};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &begin);
  for (int i = 0; i < 300; ++i) {
    const std::string client = "10.1." + std::to_string(i / 250) + "." + std::to_string(i % 250);
    computed += users->check(kSlow, who("alice", "x"), client).verdict == Verdict::kWrong;
  }
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &end);
  EXPECT_LT(end.tv_sec - begin.tv_sec, 10) << "two seconds and a tenth of the time that passed";
  EXPECT_LT(computed, 100);
}

TEST(Users, OfSeveralAtOnceOneIsComputed) {
  const auto users = make_users();
  std::atomic<int> right = 0, later = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&, i] {
      const auto verdict = users->check(kUsers, who("alice", "secret"), "10.0.0." + std::to_string(i)).verdict;
      right += verdict == Verdict::kRight;
      later += verdict == Verdict::kLater;
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(right + later, 8);
  EXPECT_GE(right, 1);
  EXPECT_EQ(users->computed(), 1u);
}

TEST(Attempts, AreBoundedInNumber) {
  Attempts attempts;
  for (int i = 0; i < 3; ++i) EXPECT_FALSE(attempts.begin("10.0.0.1", 0));
  EXPECT_TRUE(attempts.begin("10.0.0.1", 0)) << "three of one address at once";
  for (int i = 0; i < 3; ++i) EXPECT_FALSE(attempts.begin("10.0.0.2", 0));
  EXPECT_FALSE(attempts.begin("10.0.0.3", 0)) << "two more for the first of an address";
  EXPECT_TRUE(attempts.begin("10.0.0.3", 0)) << "six in all";
  EXPECT_FALSE(attempts.begin("10.0.0.4", 0));
  EXPECT_TRUE(attempts.begin("10.0.0.5", 0));
  attempts.end("10.0.0.1", 0, 0);
  EXPECT_FALSE(attempts.begin("10.0.0.5", 0));
}

TEST(Attempts, EndWithTheirTime) {
  Attempts attempts;
  EXPECT_FALSE(attempts.begin("a", 0));
  attempts.end("a", 1.5, 0);
  EXPECT_EQ(attempts.begin("a", kSecond), 39) << "a debt of one second at a fortieth";
  EXPECT_FALSE(attempts.begin("b", kSecond));
  attempts.end("b", 0, kSecond);
  EXPECT_FALSE(attempts.begin("a", 50 * kSecond));
  attempts.end("a", 0, 50 * kSecond);
}

// Passwords of 60 ms, as many as are let in.
int guess_from(Attempts& attempts, const std::string& client, int64_t now) {
  int guesses = 0;
  for (; !attempts.begin(client, now); ++guesses) attempts.end(client, 0.06, now);
  return guesses;
}

TEST(Attempts, FewWhoGuessKeepNobodyOut) {
  // Two hundred come in a burst when their ten minutes are over.
  for (const auto& [addresses, most] : {std::pair(5, 0), std::pair(30, 0), std::pair(200, 170)}) {
    Attempts attempts;
    int guesses = 0, kept_out = 0;
    for (int64_t second = 0; second < 1800; ++second) {
      for (int i = 0; i < addresses; ++i)
        guesses += guess_from(attempts, "10.1.0." + std::to_string(i), second * kSecond);
      if (second < 60) continue;  // until all have been wrong once
      const bool in = !attempts.begin("10.0.0.1", second * kSecond);
      if (in) attempts.end("10.0.0.1", 0, second * kSecond);
      kept_out += !in;
    }
    EXPECT_GT(guesses, 1800 / 0.6 * 0.9) << "they use up what is theirs";
    EXPECT_LT(guesses, 1800 / 0.6 * 2.1) << "a tenth, and another at most";
    EXPECT_LE(kept_out, most) << addresses;
  }
}

TEST(Attempts, WhoHasBeenWrongIsFreshAgainMuchLater) {
  Attempts attempts;
  EXPECT_EQ(guess_from(attempts, "10.0.0.1", 0), 9);
  for (int i = 0; i < 60; ++i) (void)guess_from(attempts, "10.1.0." + std::to_string(i), 0);
  const auto is_let_in = [&](int64_t now) {
    for (int i = 0; i < 5; ++i) (void)guess_from(attempts, "10.1.0." + std::to_string(i), now);
    const bool in = !attempts.begin("10.0.0.1", now);
    if (in) attempts.end("10.0.0.1", 0, now);
    return in;
  };
  for (int64_t second = 100; second < 598; ++second) (void)is_let_in(second * kSecond);
  EXPECT_FALSE(is_let_in(598 * kSecond));
  EXPECT_TRUE(is_let_in(600 * kSecond));
}

TEST(Attempts, RememberFewAddresses) {
  Attempts attempts;
  for (int i = 0; i < 5000; ++i) {
    const std::string client = "10." + std::to_string(i / 250) + ".0." + std::to_string(i % 250);
    if (attempts.begin(client, i * kSecond)) continue;
    attempts.end(client, 0.01, i * kSecond);
  }
  EXPECT_LE(attempts.addresses(), 2048u);
  EXPECT_GT(attempts.addresses(), 1000u);
}

TEST(Attempts, RightOnesLeaveNothing) {
  Attempts attempts;
  EXPECT_FALSE(attempts.begin("a", 0));
  attempts.end("a", 0, 0);
  EXPECT_EQ(attempts.addresses(), 0u);
}

TEST(Attempts, OneClientHasManyAddresses) {
  EXPECT_EQ(address_key("10.0.0.1"), address_key("::ffff:10.0.0.1"));
  EXPECT_NE(address_key("10.0.0.1"), address_key("10.0.0.2"));
  EXPECT_EQ(address_key("2001:db8::1"), address_key("2001:db8::ffff:0:2"));
  EXPECT_NE(address_key("2001:db8::1"), address_key("2001:db8:0:1::1"));
  EXPECT_EQ(address_key("fe80::1%eth0"), address_key("fe80::2%eth0"));
  EXPECT_EQ(address_key(""), "unix");
  EXPECT_NE(address_key(""), address_key("117.110.105.120")) << "whose bytes spell unix";
}

TEST(Bucket, FillsWithTime) {
  Bucket bucket(2, 1);
  EXPECT_EQ(bucket.level(0), 2);
  bucket.take(3, 0);
  EXPECT_EQ(bucket.level(0), -1);
  EXPECT_EQ(bucket.seconds_until(1, 0), 2);
  EXPECT_EQ(bucket.level(kSecond / 2), -0.5);
  EXPECT_EQ(bucket.level(0), -0.5) << "a clock that goes back gives nothing";
  EXPECT_EQ(bucket.level(100 * kSecond), 2);
  EXPECT_TRUE(bucket.full(100 * kSecond));
}

}  // namespace
}  // namespace plimsoll::exporter
