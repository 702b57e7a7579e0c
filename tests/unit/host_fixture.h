// SPDX-License-Identifier: Apache-2.0
// What the tests of the host collectors share: roots below a TempTree, and one collection's result.
#pragma once

#include <gtest/gtest.h>

#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
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

// The flag of a collector that has this name, as in "cpu.info".
inline const collectors::host::Flag& flag_of(const collectors::host::Entry& entry, std::string_view name) {
  for (const collectors::host::Flag* flag : entry.flags)
    if (flag->name == name) return *flag;
  ADD_FAILURE() << "no flag " << name;
  static const collectors::host::Flag none = {};
  return none;
}

// Flags by their names, with values; a list's is given once for each of its items.
using FlagValues = std::initializer_list<std::pair<std::string_view, std::string>>;

// A set-up with some flags of the collector given.
inline collectors::host::Setup setup_of(const collectors::host::Entry& entry, HostRoots roots, FlagValues values) {
  collectors::host::Setup setup(std::move(roots));
  for (const auto& [name, value] : values) setup.flags.set(flag_of(entry, name), value);
  return setup;
}

inline collectors::host::Setup setup_of(const collectors::host::Entry& entry, const TempTree& tree, FlagValues values) {
  return setup_of(entry, roots_of(tree), values);
}

// One collection over a tree, with some flags given.
inline Collected collect_with(const collectors::host::Entry& entry, const TempTree& tree, FlagValues values = {}) {
  return collect(*entry.make(setup_of(entry, tree, values)));
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

// A machine without what the collector is about: nothing is shown, and nothing is said.
inline void expect_not_present(const collectors::host::Entry& entry, const TempTree& tree = {}) {
  const auto collected = collect_with(entry, tree);
  ASSERT_FALSE(collected.result) << entry.name;
  EXPECT_TRUE(collectors::is_not_present(collected.result.error())) << entry.name << ": " << collected.error();
  EXPECT_EQ(collected.text(), "") << entry.name;
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
