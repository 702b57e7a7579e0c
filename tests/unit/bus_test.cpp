// SPDX-License-Identifier: Apache-2.0
// A connection to D-Bus: addresses, a real dbus-daemon, and peers that answer what they should not.
#include "runtime/limits/bus.h"

#include <gmock/gmock.h>
#include <poll.h>
#include <unistd.h>

#include <functional>
#include <thread>

#include "tests/unit/fake_bus.h"

namespace plimsoll::limits {
namespace {

using namespace std::string_literals;
using test::listen_at;
using test::PrivateBus;
using test::TempTree;
using ::testing::HasSubstr;
using ::testing::StartsWith;

int64_t soon() { return deadline_in(std::chrono::milliseconds(300)); }
int64_t late() { return deadline_in(std::chrono::seconds(20)); }

std::string place(const std::string& text) {
  const auto address = parse_bus_address(text);
  return !address ? "refused: " + address.error().message() : (address->abstract ? "@" : "") + address->path;
}

TEST(BusAddress, UnixSockets) {
  EXPECT_EQ(place("unix:path=/run/bus"), "/run/bus");
  EXPECT_EQ(place("unix:guid=00ff,path=/run/my%20bus"), "/run/my bus");
  EXPECT_EQ(place("unix:abstract=/tmp/dbus-x,guid=1"), "@/tmp/dbus-x");
  EXPECT_EQ(place("tcp:host=localhost,port=5;unix:tmpdir=/tmp;unix:path=/b"), "/b");
}

TEST(BusAddress, AllElseIsRefused) {
  for (const char* text : {"", "/run/bus", "unix:", "unix:path=", "unix:path=%2", "unix:path=%zz", "unix:path=a%00b",
                           "tcp:host=a", "unix:path", "autolaunch:", "unixexec:path=/bin/sh"})
    EXPECT_THAT(place(text), StartsWith("refused: D-Bus address '")) << text;
  EXPECT_THAT(place("unix:path=/" + std::string(200, 'a')), StartsWith("refused"));
}

TEST(Connection, NobodyThereNamesThePlace) {
  const TempTree tree;
  const auto bus = Bus::open({.path = tree.at("none")}, soon());
  ASSERT_FALSE(bus);
  EXPECT_EQ(bus.error().code, ENOENT);
  EXPECT_THAT(bus.error().message(), HasSubstr(tree.at("none")));
}

// Accepts one connection and does with it what the test says; the connection stays open until the end.
class Peer {
 public:
  using Part = std::function<void(int)>;
  explicit Peer(Part part) : listener_(listen_at(tree_.at("bus"))), thread_([this, part] { serve(part); }) {}
  ~Peer() { thread_.join(); }
  Peer(const Peer&) = delete;
  Peer& operator=(const Peer&) = delete;

  BusAddress address(bool broker = false) const { return {.path = tree_.at("bus"), .broker = broker}; }

 private:
  void serve(const Part& part) {
    pollfd wait = {.fd = listener_.get(), .events = POLLIN};
    if (::poll(&wait, 1, 5000) != 1) return;
    connection_.reset(::accept(listener_.get(), nullptr, nullptr));
    char greeting[512];
    EXPECT_GT(::read(connection_.get(), greeting, sizeof greeting), 0);
    part(connection_.get());
  }

  TempTree tree_;
  UniqueFd listener_, connection_;
  std::thread thread_;
};

Peer::Part says(std::string text) {
  return [text](int fd) { EXPECT_TRUE(write_all(fd, text)); };
}

constexpr const char* kOk = "OK 0123456789abcdef\r\n";

// A message with a serial number of the peer's own.
std::string message(BusType type, const std::string& fields, const std::string& body = "") {
  std::string out = "l"s + static_cast<char>(type) + "\0\1"s;
  BusWriter writer(out);
  writer.u32(static_cast<uint32_t>(body.size()));
  writer.u32(77);
  writer.u32(static_cast<uint32_t>(fields.size()));
  out += fields;
  out.resize((out.size() + 7) / 8 * 8, '\0');
  return out + body;
}
std::string answer_to(uint32_t serial) {
  return message(BusType::kReturn, "\5\1u\0"s + static_cast<char>(serial) + "\0\0\0"s);
}

std::string open_error(const std::string& text, bool broker = false) {
  const Peer peer(says(text));
  const auto bus = Bus::open(peer.address(broker), soon());
  return bus ? "" : bus.error().message();
}

TEST(Connection, AuthenticationThatIsRefusedIsNamed) {
  EXPECT_THAT(open_error("REJECTED EXTERNAL\r\n"), HasSubstr("was refused: REJECTED EXTERNAL"));
  EXPECT_THAT(open_error("\x1b[31mERROR\r\n"), HasSubstr("was refused: ?[31mERROR"));
  EXPECT_THAT(open_error("DATA\r\nDATA\r\nDATA\r\n"), HasSubstr("does not end"));
  EXPECT_THAT(open_error(std::string(2000, 'O')), HasSubstr("line without an end"));
  EXPECT_THAT(open_error("OK"), HasSubstr("no answer"));
}

TEST(Connection, HelloHasAnAnswer) {
  EXPECT_EQ(open_error(kOk), "");
  EXPECT_EQ(open_error("DATA\r\n"s + kOk), "");
  EXPECT_EQ(open_error(kOk + answer_to(1), true), "");
  EXPECT_THAT(open_error(kOk, true), HasSubstr("no answer"));
  EXPECT_THAT(open_error(kOk + answer_to(9), true), HasSubstr("no answer"));
  EXPECT_THAT(open_error(kOk + std::string(64, 'x'), true), HasSubstr("byte order"));
  const std::string error = message(BusType::kError, "\4\1s\0\3\0\0\0a.B\0\0\0\0\0\5\1u\0\1\0\0\0"s);
  EXPECT_THAT(open_error(kOk + error, true), HasSubstr("Hello: (a.B)"));
}

// What the peer says after its OK, as the answer to a call.
Result<uint32_t> answer_of(const std::string& text, int64_t deadline) {
  const Peer peer(says(kOk + text));
  auto bus = Bus::open(peer.address(), late());
  if (!bus) return unexpected(bus.error());
  const auto answer = bus->call({"a.b", "/", "a.b", "M", {}, {}}, deadline);
  if (!answer) return unexpected(answer.error());
  return answer->serial;
}

TEST(Connection, OtherMessagesBeforeTheAnswerAreDropped) {
  const std::string signal =
      message(BusType::kSignal, "\1\1o\0\1\0\0\0/\0\0\0\0\0\0\0\2\1s\0\3\0\0\0a.b\0\0\0\0\0\3\1s\0\1\0\0\0S\0"s);
  const auto answer = answer_of(signal + signal + answer_to(5) + answer_to(1), late());
  ASSERT_TRUE(answer) << answer.error().message();
  EXPECT_EQ(*answer, 77u);
}

TEST(Connection, MessagesTooLargeForUsArePassedOver) {
  const std::string large = message(BusType::kReturn, "\5\1u\0\1\0\0\0"s, std::string(300'000, 'x'));
  EXPECT_TRUE(answer_of(large + answer_to(1), late()));
  const auto only = answer_of(large, soon());
  ASSERT_FALSE(only);
  EXPECT_EQ(only.error().code, ETIMEDOUT);
}

TEST(Connection, HostileBytesAreAnErrorThatNamesTheCall) {
  for (const std::string& bytes :
       {std::string(16, '\0'), "l\2\0\1\xff\xff\xff\xff\1\0\0\0\0\0\0\0"s, "l\2\0\1\0\0\0\0\1\0\0\0\xff\xff\xff\xff"s,
        message(BusType::kReturn, "\5\1s\0\1\0\0\0"s), message(BusType::kReturn, "\5\1u\0"s)}) {
    const auto answer = answer_of(bytes, late());
    ASSERT_FALSE(answer);
    EXPECT_THAT(answer.error().message(), StartsWith("M: D-Bus at /"));
    EXPECT_THAT(answer.error().message(), HasSubstr("D-Bus message: "));
  }
}

TEST(Connection, AClosedConnectionIsAnError) {
  const Peer peer([](int fd) {
    EXPECT_TRUE(write_all(fd, kOk));
    ::shutdown(fd, SHUT_RDWR);
  });
  auto bus = Bus::open(peer.address(), late());
  ASSERT_TRUE(bus);
  EXPECT_FALSE(bus->call({"a.b", "/", "a.b", "M", {}, {}}, late()));
}

// A byte now and then does not make the wait longer.
TEST(Connection, ASlowPeerHasNoMoreTime) {
  const Peer peer([](int fd) {
    EXPECT_TRUE(write_all(fd, kOk));
    for (const char byte : "l\2\0\1\0\1\0\0\1\0\0\0"s) {
      ::usleep(40'000);
      EXPECT_TRUE(write_all(fd, {&byte, 1}));
    }
  });
  auto bus = Bus::open(peer.address(), late());
  ASSERT_TRUE(bus);
  const int64_t begin = monotonic_ns();
  const auto answer = bus->call({"a.b", "/", "a.b", "M", {}, {}}, soon());
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, ETIMEDOUT);
  EXPECT_LT(monotonic_ns() - begin, 5'000'000'000);
  ::usleep(600'000);  // while the peer still writes
}

class OnBroker : public ::testing::Test {
 protected:
  void SetUp() override {
    if (::system("command -v dbus-daemon >/dev/null") != 0) GTEST_SKIP() << "dbus-daemon is not installed";
  }
  TempTree tree_;
};

constexpr std::string_view kBroker = "org.freedesktop.DBus";

TEST_F(OnBroker, CallsHaveAnswers) {
  const PrivateBus daemon(tree_);
  for (const bool names_user : {true, false}) {
    auto address = *parse_bus_address(daemon.address());
    address.names_user = names_user;
    auto bus = Bus::open(address, late());
    ASSERT_TRUE(bus) << bus.error().message();
    const auto id = bus->call({kBroker, "/org/freedesktop/DBus", kBroker, "GetId", {}, {}}, late());
    ASSERT_TRUE(id) << id.error().message();
    BusReader reader = id->reader();
    EXPECT_EQ(reader.text().size(), 32u);
    EXPECT_EQ(id->sender, kBroker);
  }
}

TEST_F(OnBroker, ErrorsHaveTheirTextAndName) {
  const PrivateBus daemon(tree_);
  auto bus = Bus::open(*parse_bus_address(daemon.address()), late());
  ASSERT_TRUE(bus);
  const auto answer = bus->call({"no.such.Service", "/", "a.b", "Method", {}, {}}, late());
  ASSERT_FALSE(answer);
  EXPECT_THAT(answer.error().message(), StartsWith("Method: The name no.such.Service was not provided"));
  EXPECT_THAT(answer.error().message(), HasSubstr("(org.freedesktop.DBus.Error.ServiceUnknown)"));
}

TEST_F(OnBroker, AMatchRuleThatIsRefusedIsAnError) {
  const PrivateBus daemon(tree_);
  auto bus = Bus::open(*parse_bus_address(daemon.address()), late());
  ASSERT_TRUE(bus);
  bus->match("no rule at all");
  const auto answer = bus->call({kBroker, "/org/freedesktop/DBus", kBroker, "GetId", {}, {}}, late());
  ASSERT_FALSE(answer);
  EXPECT_THAT(answer.error().message(), HasSubstr("AddMatch"));
}

TEST_F(OnBroker, ASignalArrives) {
  const PrivateBus daemon(tree_);
  auto bus = Bus::open(*parse_bus_address(daemon.address()), late());
  ASSERT_TRUE(bus);
  bus->match("type='signal',member='NameOwnerChanged'");
  ASSERT_TRUE(bus->call({kBroker, "/org/freedesktop/DBus", kBroker, "GetId", {}, {}}, late()));
  auto other = Bus::open(*parse_bus_address(daemon.address()), late());
  ASSERT_TRUE(other);
  const auto signal = bus->receive(late());
  ASSERT_TRUE(signal) << signal.error().message();
  EXPECT_EQ(signal->member, "NameOwnerChanged");
  EXPECT_EQ(signal->signature, "sss");
}

}  // namespace
}  // namespace plimsoll::limits
