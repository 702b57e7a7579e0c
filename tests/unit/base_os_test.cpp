// SPDX-License-Identifier: Apache-2.0
#include "base/os.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include "temp_tree.h"

namespace plimsoll {
namespace {

using test::TempTree;

bool is_open(int fd) { return ::fcntl(fd, F_GETFD) >= 0; }

TEST(UniqueFd, ClosesOnceAndMoves) {
  const int raw = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  {
    UniqueFd first(raw);
    UniqueFd second(std::move(first));
    EXPECT_FALSE(first.valid());
    EXPECT_EQ(second.get(), raw);
    UniqueFd third;
    third = std::move(second);
    EXPECT_TRUE(is_open(raw));
  }
  EXPECT_FALSE(is_open(raw));
}

TEST(UniqueFd, ReleaseLeavesItOpen) {
  const int raw = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  { EXPECT_EQ(UniqueFd(raw).release(), raw); }
  EXPECT_TRUE(is_open(raw));
  UniqueFd(raw).reset();
  EXPECT_FALSE(is_open(raw));
}

TEST(ReadBuffer, ReadsFilesOfEverySizeAroundItsOwn) {
  const TempTree tree;
  for (size_t size : {0u, 1u, 63u, 64u, 65u, 2047u, 2048u, 2049u, 100'000u}) {
    std::string text(size, 'x');
    if (size > 0) text.back() = 'y';
    tree.write("file", text);
    ReadBuffer buffer(64);
    const auto read = buffer.read_at(AT_FDCWD, tree.at("file").c_str());
    ASSERT_TRUE(read) << size;
    EXPECT_TRUE(*read == text) << size;
  }
}

TEST(ReadBuffer, ReadsFromTheStartEveryTime) {
  const TempTree tree({{"file", "abc"}});
  const UniqueFd fd(::open(tree.at("file").c_str(), O_RDONLY | O_CLOEXEC));
  ReadBuffer buffer;
  for (int i = 0; i < 2; ++i) EXPECT_EQ(buffer.read(fd.get()).value_or(""), "abc");
  EXPECT_EQ(buffer.read(fd.get(), ReadBuffer::Until::kEnd).value_or(""), "abc");
}

TEST(ReadBuffer, BoundsWhatAFileMayCost) {
  const TempTree tree({{"large", std::string(10'000, 'x')}});
  ReadBuffer buffer(64, 4096);
  const auto read = buffer.read_at(AT_FDCWD, tree.at("large").c_str());
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().code, EFBIG);
  EXPECT_THAT(read.error().message(), testing::HasSubstr("large"));
}

TEST(ReadBuffer, NamesTheMissingFile) {
  ReadBuffer buffer;
  const auto read = buffer.read_at(AT_FDCWD, "/nonexistent/file");
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().code, ENOENT);
  EXPECT_THAT(read.error().message(), testing::StartsWith("/nonexistent/file: "));
}

TEST(ReadBuffer, RefusesADirectoryAndABadDescriptor) {
  ReadBuffer buffer;
  EXPECT_EQ(buffer.read_at(AT_FDCWD, "/").error().code, EISDIR);
  EXPECT_EQ(buffer.read(-1).error().code, EBADF);
}

TEST(ReadBuffer, DoesNotWaitForAFifo) {
  const TempTree tree;
  ASSERT_EQ(::mkfifo(tree.at("fifo").c_str(), 0600), 0);
  ReadBuffer buffer;
  EXPECT_FALSE(buffer.read_at(AT_FDCWD, tree.at("fifo").c_str()));  // pread on a pipe: ESPIPE
}

TEST(Dir, ListsAndReads) {
  const TempTree tree({{"sub/file", "text"}, {"other", ""}});
  ASSERT_EQ(::symlink("sub", tree.at("link").c_str()), 0);
  const auto dir = Dir::open(tree.path());
  ASSERT_TRUE(dir);
  auto entries = dir->list();
  ASSERT_TRUE(entries);
  std::sort(entries->begin(), entries->end(), [](const auto& a, const auto& b) { return a.name < b.name; });
  ASSERT_EQ(entries->size(), 3u);
  EXPECT_EQ((*entries)[0].name, "link");
  EXPECT_FALSE((*entries)[0].is_directory);
  EXPECT_EQ((*entries)[2].name, "sub");
  EXPECT_TRUE((*entries)[2].is_directory);
  EXPECT_EQ(dir->list()->size(), 3u) << "a second listing starts anew";
  EXPECT_EQ(dir->open_dir("sub")->read("file").value_or(""), "text");
}

TEST(Dir, ErrorsNameWhatIsMissing) {
  const TempTree tree({{"file", ""}});
  EXPECT_THAT(Dir::open(tree.at("none")).error().message(), testing::HasSubstr("none"));
  EXPECT_EQ(Dir::open(tree.at("file")).error().code, ENOTDIR);
  const auto dir = Dir::open(tree.path());
  EXPECT_EQ(dir->open_dir("none").error().code, ENOENT);
  EXPECT_EQ(dir->read("none").error().code, ENOENT);
  EXPECT_EQ(dir->open_file("none", O_RDONLY).error().context, "none");
}

TEST(Dir, StaysTheSameWhenItsPathIsTakenOver) {
  const TempTree tree({{"sub/file", "old"}});
  const auto dir = Dir::open(tree.at("sub"));
  ASSERT_TRUE(remove_tree(tree.at("sub")));
  tree.write("sub/file", "new");
  EXPECT_EQ(dir->read("file").error().code, ENOENT);
}

TEST(WriteExisting, WritesButDoesNotCreate) {
  const TempTree tree({{"file", "..."}});
  const auto dir = Dir::open(tree.path());
  EXPECT_TRUE(write_existing(dir->fd(), "file", "100"));
  EXPECT_EQ(dir->read("file").value_or(""), "100");
  const auto missing = write_existing(dir->fd(), "none", "1");
  EXPECT_EQ(missing.error().message(), "none: No such file or directory");
}

TEST(ReplaceFile, LeavesTheNewContentAndNothingElse) {
  const TempTree tree({{"file", "old"}});
  ASSERT_TRUE(replace_file(tree.at("file"), "new", 0640));
  EXPECT_EQ(read_file(tree.at("file")).value_or(""), "new");
  struct stat st;
  ASSERT_EQ(::stat(tree.at("file").c_str(), &st), 0);
  EXPECT_EQ(st.st_mode & 0777, 0640u);
  EXPECT_EQ(Dir::open(tree.path())->list()->size(), 1u) << "no temporary file stays";
}

TEST(ReplaceFile, FailsWithoutItsDirectory) {
  const TempTree tree;
  const auto replaced = replace_file(tree.at("none/file"), "x");
  ASSERT_FALSE(replaced);
  EXPECT_EQ(replaced.error().code, ENOENT);
}

TEST(MakeDirectories, MakesWhatIsMissing) {
  const TempTree tree({{"file", ""}});
  EXPECT_TRUE(make_directories(tree.at("a/b/c")));
  EXPECT_TRUE(make_directories(tree.at("a/b/c")));
  EXPECT_TRUE(Dir::open(tree.at("a/b/c")));
  EXPECT_EQ(make_directories(tree.at("file")).error().code, ENOTDIR);
  EXPECT_FALSE(make_directories(tree.at("file/below")));
}

TEST(RemoveTree, DoesNotFollowLinks) {
  const TempTree tree({{"kept/file", "x"}, {"gone/deep/file", "y"}});
  ASSERT_EQ(::symlink(tree.at("kept").c_str(), tree.at("gone/link").c_str()), 0);
  EXPECT_TRUE(remove_tree(tree.at("gone")));
  EXPECT_EQ(Dir::open(tree.at("gone")).error().code, ENOENT);
  EXPECT_EQ(read_file(tree.at("kept/file")).value_or(""), "x");
  EXPECT_TRUE(remove_tree(tree.at("gone"))) << "what is not there is removed";
}

TEST(WriteAll, WritesAndReports) {
  std::array<int, 2> ends;
  ASSERT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
  UniqueFd reader(ends[0]), writer(ends[1]);
  EXPECT_TRUE(write_all(writer.get(), "hello"));
  char text[8] = {};
  EXPECT_EQ(::read(reader.get(), text, sizeof text), 5);
  EXPECT_STREQ(text, "hello");
  EXPECT_EQ(write_all(-1, "x").error().code, EBADF);
  EXPECT_TRUE(write_all(-1, "")) << "nothing to write cannot fail";
}

TEST(Clocks, RunForwards) {
  const int64_t first = monotonic_ns();
  EXPECT_GE(monotonic_ns(), first);
  EXPECT_GT(wall_clock_ns(), int64_t{1'600'000'000} * 1'000'000'000);
}

}  // namespace
}  // namespace plimsoll
