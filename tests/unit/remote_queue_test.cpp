// SPDX-License-Identifier: Apache-2.0
// The queue on disk: order, bound, what an end at any moment leaves, and what others may put into its directory.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "exporter/remote_write/queue.h"
#include "temp_tree.h"

namespace plimsoll::exporter {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
namespace fs = std::filesystem;

constexpr uint64_t kLarge = 1 << 30;
constexpr uint64_t kBlock = 4096;

class QueueTest : public testing::Test {
 protected:
  test::TempTree tree;
  const std::string directory = tree.at("queue");
  std::unique_ptr<Queue> queue;

  void open(uint64_t max_bytes = kLarge) {
    queue.reset();
    auto opened = Queue::open(directory, max_bytes);
    ASSERT_TRUE(opened) << opened.error().message();
    queue = std::move(*opened);
  }
  void push(const std::string& body, int64_t time = 5, uint64_t samples = 10) {
    const auto pushed = queue->push(body, time, samples);
    EXPECT_TRUE(pushed) << pushed.error().message();
  }
  std::string front() {
    auto batch = queue->front();
    EXPECT_TRUE(batch) << batch.error().message();
    return batch && *batch ? (*batch)->body : "";
  }
  std::vector<std::string> drain() {
    std::vector<std::string> all;
    for (std::string body; !(body = front()).empty(); queue->pop()) all.push_back(body);
    return all;
  }
  std::vector<std::string> files() const {
    std::vector<std::string> names;
    for (const auto& entry : fs::directory_iterator(directory)) names.push_back(entry.path().filename());
    std::sort(names.begin(), names.end());
    return names;
  }
  std::string file(int number) const {
    const std::string digits = std::to_string(number);
    return directory + "/" + std::string(20 - digits.size(), '0') + digits + ".batch";
  }
  void write(const std::string& path, const std::string& text) const { std::ofstream(path, std::ios::binary) << text; }
};

TEST_F(QueueTest, FirstInFirstOut) {
  open();
  EXPECT_EQ(front(), "");
  push("one", 1, 3);
  push("two", 2, 4);
  auto batch = queue->front();
  ASSERT_TRUE(batch && *batch);
  EXPECT_EQ((*batch)->body, "one");
  EXPECT_EQ((*batch)->timestamp_ms, 1);
  EXPECT_EQ((*batch)->samples, 3u);
  EXPECT_EQ(queue->stats().batches, 2u);
  EXPECT_EQ(queue->stats().bytes, 2 * kBlock);
  EXPECT_EQ(queue->stats().oldest_ms, 1);
  EXPECT_THAT(drain(), ElementsAre("one", "two"));
  EXPECT_EQ(queue->stats().bytes, 0u);
  EXPECT_THAT(files(), ElementsAre("lock"));
}

TEST_F(QueueTest, SurvivesTheProcess) {
  open();
  for (int i = 0; i < 12; ++i) push("body " + std::to_string(i));
  EXPECT_EQ(front(), "body 0");
  queue->pop();
  EXPECT_EQ(front(), "body 1");  // being sent when the process ends
  open();
  EXPECT_EQ(queue->stats().batches, 11u);
  push("later");
  const auto all = drain();
  ASSERT_EQ(all.size(), 12u);
  EXPECT_EQ(all.front(), "body 1");
  EXPECT_EQ(all[9], "body 10") << "in the order of numbers, not of names' lengths";
  EXPECT_EQ(all.back(), "later");
}

TEST_F(QueueTest, DropsTheOldestButNotTheOneBeingSent) {
  open(3 * kBlock);
  push("one", 1, 1);
  push("two", 2, 2);
  push("three", 3, 4);
  EXPECT_EQ(front(), "one");
  push("four", 4, 8);
  EXPECT_EQ(queue->stats().dropped_samples, 2u);
  EXPECT_THAT(drain(), ElementsAre("one", "three", "four"));
}

TEST_F(QueueTest, ASmallerBoundHoldsAtTheNextStart) {
  open();
  for (int i = 0; i < 5; ++i) push("body " + std::to_string(i), i, 3);
  open(2 * kBlock);
  EXPECT_EQ(queue->stats().dropped_samples, 9u);
  EXPECT_THAT(drain(), ElementsAre("body 3", "body 4"));
}

TEST_F(QueueTest, IsForOneProcessAndOneUser) {
  open();
  struct stat st;
  ASSERT_EQ(::stat(directory.c_str(), &st), 0);
  EXPECT_EQ(st.st_mode & 07777, 0700u);
  push("x");
  ASSERT_EQ(::stat(file(1).c_str(), &st), 0);
  EXPECT_EQ(st.st_mode & 07777, 0600u);
  const auto second = Queue::open(directory, kLarge);
  ASSERT_FALSE(second);
  EXPECT_THAT(second.error().message(), HasSubstr("another process sends from there"));
}

TEST_F(QueueTest, ADirectoryThatIsOpenToOthersIsClosed) {
  fs::create_directory(directory);
  fs::permissions(directory, fs::perms::all);
  open();
  EXPECT_EQ(fs::status(directory).permissions(), fs::perms::owner_all);
}

TEST_F(QueueTest, AnotherUsersDirectoryIsRefused) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root to give a directory away";
  fs::create_directory(directory);
  ASSERT_EQ(::chown(directory.c_str(), 65534, 65534), 0);
  const auto opened = Queue::open(directory, kLarge);
  ASSERT_FALSE(opened);
  EXPECT_THAT(opened.error().message(), HasSubstr("belongs to another user"));
}

TEST_F(QueueTest, WhatIsNoDirectoryIsRefused) {
  write(directory, "x");
  EXPECT_FALSE(Queue::open(directory, kLarge));
  fs::remove(directory);
  fs::create_directory(tree.at("elsewhere"));
  fs::create_symlink(tree.at("elsewhere"), directory);
  EXPECT_FALSE(Queue::open(directory, kLarge)) << "a link may lead anywhere";
}

TEST_F(QueueTest, DraftsOfTheDeadAreRemoved) {
  open();
  push("one");
  write(directory + "/00000000000000000002.tmp", "half");
  open();
  EXPECT_THAT(files(), ElementsAre("00000000000000000001.batch", "lock"));
  push("two");
  EXPECT_THAT(drain(), ElementsAre("one", "two"));
}

// What a crash of the machine may leave of the second of three files, and what somebody may do to it.
TEST_F(QueueTest, DamagedFilesAreDroppedAndCounted) {
  const std::string good = to_queue_file({"the body of the second file", 2, 5, 10});
  std::vector<std::pair<std::string, std::string>> cases = {{"empty", ""},
                                                            {"text", "hello"},
                                                            {"zeros", std::string(good.size(), '\0')},
                                                            {"longer", good + "x"},
                                                            {"renamed", to_queue_file({"the third one", 3, 5, 10})},
                                                            {"no body", to_queue_file({"", 2, 5, 10})}};
  for (size_t length = 0; length < good.size(); length += 7) cases.emplace_back("cut", good.substr(0, length));
  for (size_t at = 0; at < good.size(); at += 5) {
    std::string flipped = good;
    flipped[at] = static_cast<char>(flipped[at] ^ 0x10);
    cases.emplace_back("flipped at " + std::to_string(at), flipped);
  }
  for (const auto& [what, text] : cases) {
    fs::remove_all(directory);
    open();
    for (const char* body : {"one", "two", "three"}) push(body);
    write(file(2), text);
    open();
    EXPECT_THAT(drain(), ElementsAre("one", "three")) << what;
    EXPECT_EQ(queue->stats().damaged_files, 1u) << what;
    EXPECT_THAT(files(), ElementsAre("lock")) << what;
  }
}

TEST_F(QueueTest, AFileThatIsTakenAwayIsPassedOver) {
  open();
  for (const char* body : {"one", "two", "three"}) push(body);
  fs::remove(file(2));
  EXPECT_THAT(drain(), ElementsAre("one", "three"));
}

TEST_F(QueueTest, WhatIsNotOursStaysAndIsNotSent) {
  open();
  push("one");
  queue.reset();
  for (const char* name : {"README", "1.batch", "0000000000000000000a.batch", "00000000000000000009.batch.bak",
                           "99999999999999999999.batch", "18446744073709551615.batch", "-0000000000000000001.batch"})
    write(directory + "/" + name, to_queue_file({"foreign", 9, 5, 10}));
  fs::create_directory(directory + "/00000000000000000007.batch");
  fs::create_symlink("/etc/passwd", directory + "/00000000000000000008.batch");
  ASSERT_EQ(::mkfifo((directory + "/00000000000000000006.batch").c_str(), 0600), 0);
  open();
  EXPECT_EQ(queue->stats().batches, 1u);
  EXPECT_THAT(drain(), ElementsAre("one"));
  EXPECT_EQ(files().size(), 11u);
}

TEST_F(QueueTest, AFifoInTheirPlaceBlocksNobody) {
  open();
  push("one");
  push("two");
  fs::remove(file(1));
  ASSERT_EQ(::mkfifo(file(1).c_str(), 0600), 0);
  EXPECT_THAT(drain(), ElementsAre("two"));
}

TEST_F(QueueTest, TheSameErrorHasTheSameText) {
  open();
  rlimit before = {};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  const rlimit none = {0, before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);
  const auto first = queue->push("one", 5, 10), second = queue->push("two", 5, 10);
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
  ASSERT_FALSE(first);
  ASSERT_FALSE(second);
  EXPECT_EQ(first.error().message(), "writing a file: Too many open files");
  EXPECT_EQ(second.error().message(), first.error().message()) << "no number in it";
}

TEST_F(QueueTest, AFullDiskCostsTheBatchOnly) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root to mount a small file system";
  fs::create_directory(directory);
  if (::mount("plimsoll-test", directory.c_str(), "tmpfs", 0, "size=64k,mode=0700") != 0)
    GTEST_SKIP() << "needs CAP_SYS_ADMIN to mount a small file system";
  open();
  push(std::string(20'000, 'x'));
  EXPECT_FALSE(queue->push(std::string(100'000, 'y'), 5, 7));
  EXPECT_EQ(queue->stats().unwritten_samples, 7u);
  EXPECT_EQ(files().size(), 2u) << "nothing half written stays";
  push(std::string(10'000, 'z'));
  EXPECT_EQ(drain().size(), 2u);
  queue.reset();
  EXPECT_EQ(::umount2(directory.c_str(), MNT_DETACH), 0);
}

TEST_F(QueueTest, ALostDirectoryIsMadeAgain) {
  open();
  for (const char* body : {"one", "two", "three"}) push(body, 5, 3);
  EXPECT_EQ(front(), "one");  // being sent
  fs::remove_all(directory);
  push("four");
  EXPECT_EQ(queue->stats().unwritten_samples, 6u) << "two and three";
  EXPECT_EQ(queue->stats().bytes, 2 * kBlock);
  EXPECT_EQ(fs::status(directory).permissions(), fs::perms::owner_all);
  EXPECT_FALSE(Queue::open(directory, kLarge)) << "it is ours alone, as before";
  queue->pop();
  EXPECT_EQ(queue->stats().bytes, kBlock);
  EXPECT_THAT(drain(), ElementsAre("four"));
  EXPECT_EQ(queue->stats().bytes, 0u);
  EXPECT_EQ(queue->stats().damaged_files, 0u);
  push("five");
  open();
  EXPECT_THAT(drain(), ElementsAre("five"));
}

TEST_F(QueueTest, WhatIsFoundInTheirPlaceIsSentToo) {
  open();
  push("one");
  fs::remove_all(directory);
  fs::create_directory(directory);
  write(file(40), to_queue_file({"forty", 40, 5, 10}));
  push("two");
  EXPECT_EQ(queue->stats().bytes, 2 * kBlock);
  EXPECT_THAT(drain(), ElementsAre("forty", "two"));
}

TEST_F(QueueTest, ALostDirectoryThatCannotBeMadeIsAnErrorNotAnEnd) {
  open();
  push("one", 5, 3);
  fs::remove_all(directory);
  write(directory, "x");
  const auto pushed = queue->push("two", 5, 10);
  ASSERT_FALSE(pushed);
  EXPECT_EQ(pushed.error().message().find(".tmp"), std::string::npos);
  EXPECT_EQ(queue->stats().unwritten_samples, 13u);
  EXPECT_EQ(queue->stats().bytes, 0u);
  EXPECT_THAT(drain(), IsEmpty());
  fs::remove(directory);
  push("three");
  EXPECT_THAT(drain(), ElementsAre("three"));
}

}  // namespace
}  // namespace plimsoll::exporter
