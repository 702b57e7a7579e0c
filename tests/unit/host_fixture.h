// SPDX-License-Identifier: Apache-2.0
// What the tests of the host collectors share: roots below a TempTree, and one collection's result.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>

#include "collectors/host/table.h"
#include "tests/unit/page_text.h"
#include "tests/unit/temp_tree.h"

namespace plimsoll::test {

// Names used in a tree: proc/..., sys/..., root/... (the host's root).
inline HostRoots roots_of(const TempTree& tree) {
  return {tree.at("proc"), tree.at("sys"), tree.at("sys/fs/cgroup"), tree.at("root")};
}

struct Collected {
  Result<void> result;
  MetricPage page;

  std::string text(std::string_view prefix = {}) const { return page_text(page, prefix); }
  std::string error() const { return result ? "" : result.error().message(); }
};

inline Collected collect(collectors::Collector& collector) {
  MetricWriter writer;
  auto result = collector.collect(writer);
  return {std::move(result), writer.finish()};
}

// One collection over a tree with one file.
inline Collected collect_file(const collectors::host::Entry& entry, const char* name, const std::string& content) {
  const TempTree tree({{name, content}});
  return collect(*entry.make(roots_of(tree)));
}

// Each content must be refused with an error that names the file, and must not yield a sample.
inline void expect_refused(const collectors::host::Entry& entry, const char* name,
                           std::initializer_list<std::string> contents) {
  for (const std::string& content : contents) {
    const auto collected = collect_file(entry, name, content);
    EXPECT_FALSE(collected.result) << "accepted: " << content;
    EXPECT_NE(collected.error().find(name), std::string::npos) << collected.error();
    EXPECT_EQ(collected.text(), "") << "from: " << content;
  }
}

// A file that is not there is an error of the system call that opened it.
inline void expect_error_without_file(const collectors::host::Entry& entry, const char* name) {
  const TempTree tree;
  const auto collected = collect(*entry.make(roots_of(tree)));
  ASSERT_FALSE(collected.result);
  EXPECT_EQ(collected.result.error().code, ENOENT);
  EXPECT_NE(collected.error().find(name), std::string::npos) << collected.error();
}

}  // namespace plimsoll::test
