// SPDX-License-Identifier: Apache-2.0
#include "agent/service_manager.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstddef>
#include <cstdlib>

#include "base/os.h"

namespace plimsoll::agent {
namespace {

// A service manager's end of the socket.
class Listener {
 public:
  explicit Listener(const std::string& path) : fd_(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof address.sun_path - 1);
    if (path[0] == '@') address.sun_path[0] = '\0';
    const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size());
    bound_ = ::bind(fd_.get(), reinterpret_cast<const sockaddr*>(&address), length) == 0;
  }

  bool bound() const { return bound_; }
  // "" when nothing has come.
  std::string next() const {
    char bytes[512];
    const ssize_t length = ::recv(fd_.get(), bytes, sizeof bytes, 0);
    return {bytes, length > 0 ? static_cast<size_t>(length) : 0};
  }

 private:
  UniqueFd fd_;
  bool bound_ = false;
};

class ServiceManagerTest : public testing::Test {
 protected:
  void SetUp() override { ASSERT_NE(::mkdtemp(directory_), nullptr); }
  void TearDown() override { (void)remove_tree(directory_).has_value(); }
  std::string path(const std::string& name) const { return std::string(directory_) + "/" + name; }

 private:
  char directory_[32] = "/tmp/plimsoll-notify-XXXXXX";
};

TEST_F(ServiceManagerTest, EachStateIsOneDatagram) {
  const Listener listener(path("notify"));
  ASSERT_TRUE(listener.bound());
  const ServiceManager manager(path("notify"));
  ASSERT_TRUE(manager.ready("serving"));
  EXPECT_EQ(listener.next(), "READY=1\nSTATUS=serving\n");
  ASSERT_TRUE(manager.reloading());
  const std::string reloading = listener.next();
  EXPECT_TRUE(reloading.starts_with("RELOADING=1\nMONOTONIC_USEC=")) << reloading;
  EXPECT_GT(std::strtoull(reloading.substr(27).c_str(), nullptr, 10), 0u) << reloading;
  ASSERT_TRUE(manager.stopping());
  EXPECT_EQ(listener.next(), "STOPPING=1\n");
  EXPECT_EQ(listener.next(), "");
}

TEST_F(ServiceManagerTest, AbstractSocket) {
  const std::string name = "@plimsoll-notify-" + std::to_string(::getpid());
  const Listener listener(name);
  ASSERT_TRUE(listener.bound());
  ASSERT_TRUE(ServiceManager(name).ready("x"));
  EXPECT_EQ(listener.next(), "READY=1\nSTATUS=x\n");
}

// What a broken configuration file is called must not become a statement.
TEST_F(ServiceManagerTest, AStatusCannotAddStatements) {
  const Listener listener(path("notify"));
  ASSERT_TRUE(ServiceManager(path("notify")).ready("a\nMAINPID=1\n"));
  EXPECT_EQ(listener.next(), "READY=1\nSTATUS=a MAINPID=1 \n");
}

TEST_F(ServiceManagerTest, WithoutOneNothingHappens) {
  EXPECT_TRUE(ServiceManager("").ready("serving"));
  EXPECT_TRUE(ServiceManager("").stopping());
}

TEST_F(ServiceManagerTest, ErrorsNameTheSocket) {
  const auto absent = ServiceManager(path("absent")).ready("x");
  ASSERT_FALSE(absent);
  EXPECT_EQ(absent.error().message(), "NOTIFY_SOCKET: " + path("absent") + ": No such file or directory");
  for (const std::string& bad : {std::string("notify"), std::string("/"), "/" + std::string(200, 'x')}) {
    const auto told = ServiceManager(bad).ready("x");
    ASSERT_FALSE(told) << bad;
    EXPECT_EQ(told.error().message(), "NOTIFY_SOCKET: '" + bad + "' is no address of a unix socket");
  }
}

}  // namespace
}  // namespace plimsoll::agent
