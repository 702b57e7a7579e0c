// SPDX-License-Identifier: Apache-2.0
// The host half as a drop-in: tests/golden/host/families.tsv lists node_exporter's families by
// collector, with types and label names, and the reason for each that we do not write.
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <set>
#include <string>
#include <string_view>

#include "base/metric.h"
#include "base/os.h"
#include "base/text.h"
#include "tests/unit/page_text.h"

namespace plimsoll::test {

struct GoldenFamily {
  std::string type;
  std::string labels;  // sorted, joined by commas; "-" for none
  bool expected;
};

// Lines of "collector name type labels [why not written]", separated by tabs.
inline std::map<std::string, GoldenFamily> golden_families(std::string_view collector) {
  std::map<std::string, GoldenFamily> families;
  const auto text = read_file(PLIMSOLL_SOURCE_DIR "/tests/golden/host/families.tsv");
  if (!text) ADD_FAILURE() << text.error().message();
  std::string_view rest = text ? std::string_view(*text) : std::string_view{};
  while (!rest.empty()) {
    std::string_view line = take(rest, '\n');
    if (line.starts_with('#') || take(line, '\t') != collector) continue;
    const std::string name(take(line, '\t'));
    const std::string type(take(line, '\t'));
    const std::string labels(take(line, '\t'));
    families[name] = {type, labels, line.empty()};
  }
  return families;
}

// The label names of rendered labels without escaped quotes.
inline std::string label_names(std::string text) {
  std::set<std::string> names;
  for (size_t at = text.find("=\""); at != std::string::npos; at = text.find("=\"")) {
    names.insert(text.substr(0, at));
    text = text.substr(text.find('"', at + 2) + 1);
    if (text.starts_with(',')) text = text.substr(1);
  }
  std::string joined;
  for (const std::string& name : names) joined += (joined.empty() ? "" : ",") + name;
  return joined.empty() ? "-" : joined;
}

// `page`: written by `collector` over a machine that has everything. Each of its families must be
// node_exporter's (those of the golden list), and each of the golden list must be there, but for those
// marked with a reason.
inline void expect_golden_families(std::string_view collector, const MetricPage& page) {
  const auto expected = golden_families(collector);
  EXPECT_FALSE(expected.empty()) << collector;
  std::set<std::string> written;
  for (size_t i = 0; i < page.families().size(); ++i) {
    if (!page.families()[i].starts) continue;
    const std::string name(page.families()[i].desc.name);
    EXPECT_TRUE(written.insert(name).second) << name << " is written twice";
    const auto found = expected.find(name);
    if (found == expected.end() || !found->second.expected) {
      ADD_FAILURE() << name << (found == expected.end() ? " is not node_exporter's" : " is marked as not written");
      continue;
    }
    const Sample& sample = *page.samples(i).first;
    const std::string base(page.labels(sample.base)), extra(page.labels(sample.extra));
    EXPECT_EQ(type_of(page, name), found->second.type) << name;
    EXPECT_EQ(label_names(base.empty() ? extra : base + "," + extra), found->second.labels) << name;
  }
  for (const auto& [name, family] : expected)
    EXPECT_EQ(written.contains(name), family.expected) << collector << " does not write " << name;
}

}  // namespace plimsoll::test
