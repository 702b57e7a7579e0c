// SPDX-License-Identifier: Apache-2.0
// Who `exec --user` means, with files that a hostile container could have written.
#include "runtime/oci/user.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/os.h"
#include "runtime/oci/exec_process.h"
#include "temp_tree.h"

namespace plimsoll::oci {
namespace {

using ::testing::HasSubstr;

const UserFiles kFiles = {
    "root:x:0:0:root:/root:/bin/sh\nweb:x:33:34:www:/var/www:/bin/false\n1000:x:7:8::/seven:/bin/sh\n",
    "root:x:0:\nwww:x:34:web\nstaff:x:50:a,b\n"};

TEST(OciUser, NumbersAndNames) {
  const struct {
    const char* text;
    uint32_t uid, gid;
  } cases[] = {{"0", 0, 0},       {"33", 33, 34},   {"12", 12, 0},
               {"12:13", 12, 13}, {"web", 33, 34},  {"web:staff", 33, 50},
               {"web:0", 33, 0},  {"0:www", 0, 34}, {"4294967294:4294967294", 4294967294, 4294967294}};
  for (const auto& one : cases) {
    auto user = parse_user(one.text, kFiles);
    ASSERT_TRUE(user) << one.text << ": " << user.error().message();
    EXPECT_EQ(user->uid, one.uid) << one.text;
    EXPECT_EQ(user->gid, one.gid) << one.text;
  }
}

TEST(OciUser, ANumberIsNeverAName) { EXPECT_EQ(parse_user("1000", kFiles)->uid, 1000U); }

TEST(OciUser, WhatIsNotExactlyAUserIsRefused) {
  for (const char* text : {"",
                           ":",
                           ":0",
                           "0:",
                           "1000:",
                           "-1",
                           "+1",
                           " 0",
                           "0 ",
                           "0x10",
                           "4294967295",
                           "4294967296",
                           "99999999999999999999",
                           "0:4294967295",
                           "nobody",
                           "web:nothing",
                           "0:0:0",
                           "1000foo",
                           "0:-1",
                           "1:1x",
                           "web:staff:"}) {
    EXPECT_FALSE(parse_user(text, kFiles)) << "'" << text << "'";
  }
}

TEST(OciUser, OnlyNamesNeedTheFiles) {
  EXPECT_FALSE(names_somebody("0"));
  EXPECT_FALSE(names_somebody("0:1"));
  EXPECT_TRUE(names_somebody("web"));
  EXPECT_TRUE(names_somebody("0:staff"));
}

TEST(OciUser, LinesThatAreNotWellFormedArePassedOver) {
  const std::string passwd =
      "web\nweb:x:abc:0::/:\nweb:x:-1:0::/:\nweb:x:4294967295:0::/:\nweb:x:0:0:too:many:fields:here\n:x:0:0::/:\n"
      "web:x:33:34::/home:/bin/sh";
  const auto account = find_account(passwd, "web");
  ASSERT_TRUE(account);
  EXPECT_EQ(account->uid, 33U);
  EXPECT_EQ(account->home, "/home");
  EXPECT_FALSE(find_account(passwd, ""));
}

TEST(OciUser, AHomeWithANulIsNoHome) { EXPECT_FALSE(find_account(std::string("web:x:1:1::/a\0b:/bin/sh", 23), "web")); }

TEST(OciUser, TheFirstLineOfANameCounts) {
  EXPECT_EQ(find_account("a:x:1:1::/:\na:x:0:0::/:\n", "a")->uid, 1U);
  EXPECT_EQ(find_group("g:x:1:\ng:x:0:\n", "g"), 1U);
}

class OciUserFiles : public ::testing::Test {
 protected:
  Result<UserFiles> read() {
    const UniqueFd root(::open(tree_.path().c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    return read_user_files(root.get());
  }
  test::TempTree tree_;
};

TEST_F(OciUserFiles, MissingFilesAreEmpty) {
  auto files = read();
  ASSERT_TRUE(files) << files.error().message();
  EXPECT_EQ(files->passwd, "");
}

TEST_F(OciUserFiles, ALinkStaysInTheRoot) {
  tree_.write("usr/share/passwd", "inside");
  ASSERT_EQ(::mkdir((tree_.path() + "/etc").c_str(), 0755), 0);
  ASSERT_EQ(::symlink("/../../usr/share/passwd", (tree_.path() + "/etc/passwd").c_str()), 0);
  EXPECT_EQ(read()->passwd, "inside");
}

TEST_F(OciUserFiles, ALinkToTheHostsFileLeadsNowhere) {
  ASSERT_EQ(::mkdir((tree_.path() + "/etc").c_str(), 0755), 0);
  ASSERT_EQ(::symlink("/etc/passwd-of-the-host", (tree_.path() + "/etc/passwd").c_str()), 0);
  EXPECT_EQ(read()->passwd, "");
}

TEST_F(OciUserFiles, AFifoDoesNotHoldUsUp) {
  ASSERT_EQ(::mkdir((tree_.path() + "/etc").c_str(), 0755), 0);
  ASSERT_EQ(::mkfifo((tree_.path() + "/etc/passwd").c_str(), 0644), 0);
  auto files = read();
  ASSERT_FALSE(files);
  EXPECT_THAT(files.error().message(), HasSubstr("no regular file"));
}

TEST_F(OciUserFiles, AHugeFileIsCut) {
  tree_.write("etc/passwd", "a:x:1:1::/:\n");
  ASSERT_EQ(::truncate((tree_.path() + "/etc/passwd").c_str(), off_t{1} << 33), 0);
  auto files = read();
  ASSERT_TRUE(files);
  EXPECT_EQ(files->passwd.size(), kLargestUserFile);
  EXPECT_EQ(find_account(files->passwd, "a")->uid, 1U);
}

}  // namespace
}  // namespace plimsoll::oci
