// SPDX-License-Identifier: Apache-2.0
// A throw-away directory tree that a test declares in place:
//   TempTree tree({{"proc/loadavg", "0.1 0.2 0.3 1/2 3\n"}});
#pragma once

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <initializer_list>
#include <string>
#include <utility>

#include "base/os.h"

namespace plimsoll::test {

class TempTree {
 public:
  TempTree(std::initializer_list<std::pair<const char*, std::string>> files = {}) {
    char pattern[] = "/tmp/plimsoll-test-XXXXXX";
    path_ = ::mkdtemp(pattern);
    for (const auto& [name, text] : files) write(name, text);
  }
  ~TempTree() { (void)remove_tree(path_).has_value(); }
  TempTree(const TempTree&) = delete;
  TempTree& operator=(const TempTree&) = delete;

  const std::string& path() const { return path_; }
  std::string at(const std::string& name) const { return path_ + "/" + name; }

  // Writes a file, making the directories above it.
  void write(const std::string& name, const std::string& text) const {
    const std::string full = at(name);
    EXPECT_TRUE(make_directories(full.substr(0, full.rfind('/'))));
    std::ofstream(full, std::ios::binary) << text;
  }
  void make_dir(const std::string& name) const { EXPECT_TRUE(make_directories(at(name))); }

 private:
  std::string path_;
};

}  // namespace plimsoll::test
