// SPDX-License-Identifier: Apache-2.0
// docs/METRICS.md is made from the tables that the pages are written by; and those have every container family of
// cAdvisor (tests/golden/container/families.tsv) with its type, labels and kind. After an intended change:
// UPDATE_GOLDEN=1 metrics_doc_test, then read the difference.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <map>
#include <set>

#include "base/os.h"
#include "base/text.h"
#include "collectors/container/machine.h"
#include "collectors/container/rows.h"
#include "tests/unit/container_machine.h"

namespace plimsoll::collectors::container {
namespace {

constexpr std::string_view kHead = R"(# Metrics of containers and of the machine

Made from the tables in the code by a test (`metrics_doc_test`); do not edit by hand. The host's `node_*` families are
node_exporter's and are described there.

Every family belongs to a *kind*. `--disable_metrics` and `--enable_metrics` turn kinds on and off, by the names that
cAdvisor has for them and a few more. A kind that is off costs nothing: its files are neither opened nor read. Families
without a kind are always written.

A value that this kernel, this cgroup version or this container does not have has no sample; it is never shown as 0. A
counter whose source exists is there from the first scrape on, also at 0.

Samples of a group carry `id`, the path of its cgroup; those of a container also `image` and `name`, and in Kubernetes
`container`, `namespace` and `pod`. Everything else that is known about it is on `container_info`. A container that has
ended keeps its counters, `container_info` and `plimsoll_container_state` until its retention is over.

Files without a directory are the cgroup's own; `PID/...` is below `/proc`, for each process or for one of them.
A kind marked `(off)` has to be asked for. `(none)`: that version of cgroups does not offer it, so there is no sample. On a
hybrid machine, with a v2 tree beside v1's, user and system time and pressure come from the v2 tree, as long as the
group's processes are in it.

)";

std::string_view type_name(MetricType type) {
  return type == MetricType::kCounter ? "counter" : type == MetricType::kGauge ? "gauge" : "untyped";
}

std::string kind_name(Kind kind) {
  for (const KindInfo& info : kinds()) {
    if (info.kind == kind) return std::string(info.name) + (info.on ? "" : " (off)");
  }
  return "";
}

// The help says it ("..., in bytes."), else the name does.
std::string unit_of(const MetricDesc& desc) {
  constexpr std::string_view kIn = ", in ";
  const size_t at = desc.help.rfind(kIn);
  if (at != std::string_view::npos) {
    const std::string_view rest = desc.help.substr(at + kIn.size());
    return std::string(rest.substr(0, rest.find_first_of(".;")));
  }
  if (desc.name.find("bytes") != std::string_view::npos || desc.name == "container_blkio_device_usage_total")
    return "bytes";
  if (desc.name.ends_with("_info") || desc.name.ends_with("_state") || desc.name.ends_with("_error")) return "";
  return "count";
}

// Labels as `a`, `b`.
std::string code_list(std::string_view labels) {
  if (labels.find(' ') != std::string_view::npos) return std::string(labels);
  std::string list;
  while (!labels.empty()) list += (list.empty() ? "`" : ", `") + std::string(take(labels, ',')) + "`";
  return list;
}

std::string cell(std::string_view text) {
  std::string escaped;
  for (char c : text) escaped += c == '|' ? std::string("\\|") : std::string(1, c);
  return " " + escaped + (escaped.empty() ? "|" : " |");
}

std::string line_of(std::initializer_list<std::string> cells) {
  std::string line = "|";
  for (const std::string& text : cells) line += cell(text);
  return line + "\n";
}

std::string title(std::string_view text, std::initializer_list<std::string> columns) {
  std::string rule = "|";
  for (size_t i = 0; i < columns.size(); ++i) rule += "---|";
  return "\n## " + std::string(text) + "\n\n" + line_of(columns) + rule + "\n";
}

std::string kinds_table() {
  std::string text = "## Kinds\n\n" + line_of({"kind", "by default", "what"}) + "|---|---|---|\n";
  for (const KindInfo& info : kinds())
    text += line_of({"`" + std::string(info.name) + "`", info.on ? "on" : "off", std::string(info.summary)});
  return text;
}

std::string source(std::string_view text) { return text.empty() ? "(none)" : std::string(text); }

std::string rows_table() {
  std::string text = title("Groups and containers",
                           {"family", "type", "what", "labels", "unit", "kind", "source on v1", "source on v2"});
  for (const Row* row : all_rows())
    text += line_of({"`" + std::string(row->desc.name) + "`", std::string(type_name(row->desc.type)),
                     std::string(row->desc.help), code_list(row->labels), unit_of(row->desc), kind_name(row->kind),
                     source(row->v1), source(row->v2)});
  return text;
}

std::string machine_table() {
  std::string text = title("Machine", {"family", "type", "what", "labels", "unit", "kind", "source"});
  for (const MachineFamily& family : machine_descriptions())
    text += line_of({"`" + std::string(family.desc.name) + "`", std::string(type_name(family.desc.type)),
                     std::string(family.desc.help), code_list(family.labels), unit_of(family.desc),
                     kind_name(family.kind), std::string(family.source)});
  return text;
}

// What the container collector writes beside the rows, as a page with an ended container shows it.
std::string others_table() {
  test::Machine machine(test::Machine::Cgroups::kV1);
  machine.container(5);
  machine.put(machine.record(machine.inode(test::kPath)));
  const auto collector = make_container_collector(machine.options());
  EXPECT_TRUE(collector);
  if (!collector) return "";
  MetricWriter writer;
  EXPECT_TRUE((*collector)->collect(writer));
  const MetricPage page = writer.finish();
  std::set<std::string_view> known;
  for (const Row* row : all_rows()) known.insert(row->desc.name);
  std::string text = title("Ended containers, and the agent's own", {"family", "type", "what", "unit"});
  for (const auto& family : page.families()) {
    if (known.contains(family.desc.name)) continue;
    text += line_of({"`" + std::string(family.desc.name) + "`", std::string(type_name(family.desc.type)),
                     std::string(family.desc.help), unit_of(family.desc)});
  }
  return text;
}

TEST(MetricsDoc, IsAsTheTablesAre) {
  const std::string path = std::string(PLIMSOLL_SOURCE_DIR) + "/docs/METRICS.md";
  const std::string text = std::string(kHead) + kinds_table() + rows_table() + others_table() + machine_table();
  if (std::getenv("UPDATE_GOLDEN") != nullptr) std::ofstream(path) << text;
  const auto golden = read_file(path);
  ASSERT_TRUE(golden) << golden.error().message();
  EXPECT_EQ(text, *golden);
}

TEST(MetricsDoc, UnitsComeFromHelpAndName) {
  constexpr MetricType kType = MetricType::kGauge;
  EXPECT_EQ(unit_of({"a", "Time, in seconds of unix time.", kType}), "seconds of unix time");
  EXPECT_EQ(unit_of({"a", "Limit, in bytes; 0 is none.", kType}), "bytes");
  EXPECT_EQ(unit_of({"a_bytes_total", "Bytes received.", kType}), "bytes");
  EXPECT_EQ(unit_of({"a_info", "1.", kType}), "");
  EXPECT_EQ(unit_of({"a_total", "Things.", kType}), "count");
}

struct Deviation {
  std::string_view name, reason;
};

// Where a row is not as in the list.
constexpr Deviation kOtherKinds[] = {
    {"container_threads", "one cheap file, so a kind of its own that is on"},
    {"container_threads_max", "the same"},
};

std::string sorted(std::string_view labels) {
  std::set<std::string_view> names;
  while (!labels.empty()) names.insert(take(labels, ','));
  std::string joined;
  for (std::string_view name : names) joined += (joined.empty() ? "" : ",") + std::string(name);
  return joined.empty() ? "-" : joined;
}

TEST(MetricsDoc, EveryContainerFamilyOfCAdvisorIsThere) {
  const auto text = read_file(PLIMSOLL_SOURCE_DIR "/tests/golden/container/families.tsv");
  ASSERT_TRUE(text) << text.error().message();
  std::map<std::string_view, const Row*> rows;
  for (const Row* row : all_rows()) rows[row->desc.name] = row;
  size_t checked = 0;
  for (std::string_view rest = *text; !rest.empty();) {
    std::string_view line = take(rest, '\n');
    if (line.starts_with('#')) continue;
    const std::string_view name = take(line, '\t'), type = take(line, '\t'), labels = take(line, '\t');
    const std::string_view kind = take(line, '\t');
    const auto found = rows.find(name);
    EXPECT_EQ(found == rows.end(), !line.empty()) << name << " " << line;
    if (found == rows.end()) continue;
    const Row& row = *found->second;
    EXPECT_EQ(type_name(row.desc.type), type) << name;
    EXPECT_EQ(sorted(row.labels), labels) << name;
    const bool other_kind = std::any_of(std::begin(kOtherKinds), std::end(kOtherKinds),
                                        [&](const Deviation& deviation) { return deviation.name == name; });
    EXPECT_EQ(row.kind == (kind == "always" ? Kind::kAlways : *kind_named(kind)), !other_kind) << name;
    ++checked;
  }
  EXPECT_GT(checked, 90u);
}

}  // namespace
}  // namespace plimsoll::collectors::container
