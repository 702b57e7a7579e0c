// SPDX-License-Identifier: Apache-2.0
// A listener's way to its agent: what arrives, by which paths, and what goes wrong.
#include "runtime/seccomp/notify.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <thread>

#include "base/os.h"
#include "tests/unit/temp_tree.h"

namespace plimsoll::seccomp {
namespace {

using testing::HasSubstr;

// Listens at a path of any length: bound from within its directory.
UniqueFd agent_at(const std::filesystem::path& path) {
  UniqueFd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const auto before = std::filesystem::current_path();
  std::filesystem::create_directories(path.parent_path());
  std::filesystem::current_path(path.parent_path());
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  path.filename().string().copy(address.sun_path, sizeof address.sun_path - 1);
  EXPECT_EQ(::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  EXPECT_EQ(::listen(socket.get(), 1), 0);
  std::filesystem::current_path(before);
  return socket;
}

struct Received {
  std::string text;
  UniqueFd descriptor;
};

// All that comes until the other end closes.
Received receive_from(const UniqueFd& agent) {
  Received received;
  const UniqueFd peer(::accept4(agent.get(), nullptr, nullptr, SOCK_CLOEXEC));
  for (;;) {
    char bytes[4096];
    alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))];
    iovec part = {bytes, sizeof bytes};
    msghdr message = {nullptr, 0, &part, 1, control, sizeof control, 0};
    const ssize_t got = ::recvmsg(peer.get(), &message, MSG_CMSG_CLOEXEC);
    if (got <= 0) return received;
    received.text.append(bytes, static_cast<size_t>(got));
    if (const cmsghdr* header = CMSG_FIRSTHDR(&message); header != nullptr) {
      int fd = -1;
      std::memcpy(&fd, CMSG_DATA(header), sizeof fd);
      EXPECT_LT(received.descriptor.get(), 0) << "a second descriptor";
      received.descriptor = UniqueFd(fd);
    }
  }
}

bool same_file(int a, int b) {
  struct stat first = {}, second = {};
  return ::fstat(a, &first) == 0 && ::fstat(b, &second) == 0 && first.st_ino == second.st_ino &&
         first.st_dev == second.st_dev;
}

Received sent_to(const std::filesystem::path& path, const std::string& state, int descriptor) {
  const UniqueFd agent = agent_at(path);
  Received received;
  std::thread reader([&] { received = receive_from(agent); });
  const auto sent = send_listener(path, state, descriptor);
  EXPECT_TRUE(sent) << sent.error().message();
  if (!sent) ::shutdown(agent.get(), SHUT_RDWR);
  reader.join();
  return received;
}

class SeccompNotify : public testing::Test {
 protected:
  test::TempTree tree_;
  UniqueFd file_{::open("/proc/self/maps", O_RDONLY | O_CLOEXEC)};
};

TEST_F(SeccompNotify, TheStateAndTheDescriptorArrive) {
  const auto received = sent_to(tree_.path() + "/agent", R"({"fds":["seccompFd"]})", file_.get());
  EXPECT_EQ(received.text, R"({"fds":["seccompFd"]})");
  EXPECT_TRUE(same_file(received.descriptor.get(), file_.get()));
}

TEST_F(SeccompNotify, LongPathsAndLongStatesArrive) {
  const std::string directory = tree_.path() + "/" + std::string(150, 'd') + "/" + std::string(100, 'e');
  const std::string state(1'000'000, 's');
  const auto received = sent_to(directory + "/agent", state, file_.get());
  EXPECT_EQ(received.text, state);
  EXPECT_TRUE(same_file(received.descriptor.get(), file_.get()));
}

TEST_F(SeccompNotify, ErrorsNameThePath) {
  const auto missing = send_listener(tree_.path() + "/nobody", "{}", file_.get());
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, ENOENT);
  EXPECT_THAT(missing.error().message(), HasSubstr("listenerPath: failed to connect with seccomp agent: " + tree_.path() + "/nobody"));
  const auto long_name = send_listener(tree_.path() + "/" + std::string(200, 'n'), "{}", file_.get());
  ASSERT_FALSE(long_name);
  EXPECT_EQ(long_name.error().code, ENAMETOOLONG);
  const UniqueFd agent = agent_at(tree_.path() + "/agent");
  const auto closed = send_listener(tree_.path() + "/agent", "{}", -1);
  ASSERT_FALSE(closed);
  EXPECT_EQ(closed.error().code, EBADF);
}

// An agent that has gone away after accepting: an error and no SIGPIPE.
TEST_F(SeccompNotify, AnAgentThatClosesIsAnError) {
  const UniqueFd agent = agent_at(tree_.path() + "/agent");
  std::thread closer([&] { UniqueFd(::accept4(agent.get(), nullptr, nullptr, SOCK_CLOEXEC)); });
  const auto sent = send_listener(tree_.path() + "/agent", std::string(4'000'000, 's'), file_.get());
  closer.join();
  ASSERT_FALSE(sent);
  EXPECT_TRUE(sent.error().code == EPIPE || sent.error().code == ECONNRESET) << sent.error().message();
}

}  // namespace
}  // namespace plimsoll::seccomp
