// SPDX-License-Identifier: Apache-2.0
#include "runtime/isolate/home.h"

#include <fcntl.h>
#include <gtest/gtest.h>

#include <string>

#include "base/os.h"
#include "temp_tree.h"

namespace plimsoll::isolate {
namespace {

class IsolateHome : public ::testing::Test {
 protected:
  std::string home(const std::string& passwd, uid_t uid) {
    tree_.write("passwd", passwd);
    const UniqueFd file(::open(tree_.at("passwd").c_str(), O_RDONLY | O_CLOEXEC));
    char found[kLongestHome] = "before";
    find_home(file.get(), uid, found);
    return found;
  }
  test::TempTree tree_;
};

TEST_F(IsolateHome, OfTheFirstLineOfTheUser) {
  const std::string passwd = "root:x:0:0:root:/root:/bin/sh\nweb:x:33:0::/var/www:\nlater:x:33:0::/late:\n";
  EXPECT_EQ(home(passwd, 0), "/root");
  EXPECT_EQ(home(passwd, 33), "/var/www");
  EXPECT_EQ(home(passwd, 3), "");
  EXPECT_EQ(home("web:x:4294967294:0::/top:", 4294967294U), "/top") << "without an end of line";
  EXPECT_EQ(home("", 0), "");
}

TEST_F(IsolateHome, LinesThatAreNoneAreLeftOut) {
  EXPECT_EQ(home("\n#\nroot:x:0:0:root:/short\nx::0:0:::/bin/sh\nroot:x:0:0:root:/root:/bin/sh\n", 0), "/root");
  EXPECT_EQ(home("a:x::0::/none:\nb:x:0x:0::/letters:\nc:x:x0:0::/letters:\nd:x:0:0::/more:/bin/sh:more\n", 0), "");
  EXPECT_EQ(home("a:x:4294967296:0::/overflow:\nb:x:18446744073709551616:0::/overflow:\n", 0), "");
}

TEST_F(IsolateHome, LongLinesAndFiles) {
  const std::string long_home = "/" + std::string(kLongestHome - 2, 'h');
  EXPECT_EQ(home("a:x:1:0::" + long_home + ":\n", 1), long_home);
  EXPECT_EQ(home("a:x:1:0::" + long_home + "h:\nb:x:1:0::/b:\n", 1), "/b");
  EXPECT_EQ(home(std::string(100'000, 'c') + ":x:2:0::/two:\na:x:1:0::/one:\n", 1), "/one");
  EXPECT_EQ(home(std::string(2'000'000, '\n') + "a:x:1:0::/one:\n", 1), "") << "no end to the reading";
}

}  // namespace
}  // namespace plimsoll::isolate
