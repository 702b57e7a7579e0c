// SPDX-License-Identifier: Apache-2.0
// docs/HOST.md is made from the table of host collectors and their flags, and from the list of their families
// (tests/golden/host/families.tsv), to which the tests of each collector hold it. After an intended change:
// UPDATE_GOLDEN=1 host_doc_test, then read the difference.
#include <cstdlib>
#include <fstream>

#include "base/text.h"
#include "collectors/host/table.h"
#include "tests/unit/host_golden.h"

namespace plimsoll::collectors::host {
namespace {

constexpr std::string_view kHead = R"(# Metrics of the host

Made from the tables in the code by a test (`host_doc_test`); do not edit by hand.

Names, types and labels are node_exporter's, and so are the flags. On by default are those that are on in node_exporter,
and `interrupts`, `meminfo_numa` (with more than one node), `processes` and `tcpstat`. `--collector.NAME` turns a collector on, `--no-collector.NAME` off, `--collector.disable-defaults` leaves only
those that are turned on by name. `?collect[]=NAME` and `?exclude[]=NAME` choose for one request.

A collector whose source this machine does not have shows `node_scrape_collector_success{collector="NAME"} 0` and
nothing else; that is no failure and is not logged. Flags ending in `-include` and `-exclude` are regular expressions of
RE2's syntax, searched for anywhere unless they are anchored; of such a pair only one may be given.

)";

std::string code(std::string_view text) { return "`" + std::string(text) + "`"; }

std::string cell(std::string_view text) {
  std::string escaped;
  for (const char c : text) escaped += c == '|' ? std::string("\\|") : std::string(1, c);
  return escaped;
}

std::string overview() {
  std::string text = "| collector | by default | what it tells, and from where |\n|---|---|---|\n";
  for (const Entry* entry : table())
    text += "| [" + code(entry->name) + "](#" + std::string(entry->name) + ") | " +
            (entry->state == Default::kOn ? "on" : "off") + " | " + cell(entry->summary) + " |\n";
  return text;
}

std::string flags_of(const Entry& entry) {
  if (entry.flags.empty()) return "";
  std::string text = "| flag | default | what |\n|---|---|---|\n";
  for (const Flag* flag : entry.flags)
    text += "| `--collector." + std::string(flag->name) + "` | " +
            (flag->fallback.empty() ? "" : cell(code(flag->fallback))) + " | " + cell(flag->help) + " |\n";
  return text + "\n";
}

std::string families_of(const Entry& entry) {
  if (test::golden_families(entry.name).empty())
    return "Its families are declared in `collectors/host/" + std::string(entry.name) +
           ".cpp`; they are node_exporter's.\n";
  std::string text = "| family | type | labels |\n|---|---|---|\n", missing;
  for (const auto& [name, family] : test::golden_families(entry.name)) {
    if (!family.expected) {
      missing += (missing.empty() ? "" : ", ") + code(name);
      continue;
    }
    text +=
        "| " + code(name) + " | " + family.type + " | " + (family.labels == "-" ? "" : cell(family.labels)) + " |\n";
  }
  if (!missing.empty()) text += "\nNot shown, or only with a flag: " + missing + ".\n";
  return text;
}

TEST(HostDoc, IsAsTheTablesAre) {
  std::string text = std::string(kHead) + overview();
  for (const Entry* entry : table()) {
    text += "\n## " + std::string(entry->name) + "\n\n" + std::string(entry->summary) + "\n\n" + flags_of(*entry) +
            families_of(*entry);
  }
  const std::string path = PLIMSOLL_SOURCE_DIR "/docs/HOST.md";
  if (std::getenv("UPDATE_GOLDEN") != nullptr) std::ofstream(path) << text;
  const auto golden = read_file(path);
  ASSERT_TRUE(golden) << golden.error().message();
  EXPECT_EQ(text, *golden);
}

}  // namespace
}  // namespace plimsoll::collectors::host
