// SPDX-License-Identifier: Apache-2.0
// list: all containers of a root, as a table or as JSON.
#include <unistd.h>

#include <algorithm>

#include "runtime/oci/cgroups.h"
#include "runtime/oci/command.h"

namespace plimsoll::oci {
namespace {

constexpr Option kOptions[] = {{'f', "format", "FORMAT", "table or json"}, {'q', "quiet", "", "Names only"}};

struct Row {
  Container container;
  Status status;
  pid_t pid;
  std::string owner;
};

// A container that goes away meanwhile is left out; one that cannot be read is told about and left out.
std::vector<Row> read_rows(Context& context, const std::vector<std::string>& ids) {
  std::vector<Row> rows;
  PauseReader pauses(context.host);
  const std::string passwd = read_file(context.host.rootfs + "/etc/passwd").value_or("");
  for (const std::string& id : ids) {
    auto container = Container::open(context.root, id);
    if (!container && container.error().code != ENOENT) context.log.warn(message_of(container.error()));
    if (!container) continue;
    const Status status = status_of(*container, pauses, context.host);
    const pid_t pid = status == Status::kStopped ? 0 : container->record().pid;
    std::string owner = owner_name(passwd, container->owner());
    rows.push_back({*std::move(container), status, pid, std::move(owner)});
  }
  return rows;
}

using Cells = std::vector<std::string>;

// Columns as wide as their widest cell, three blanks between them.
std::string table(const std::vector<Cells>& lines) {
  std::vector<size_t> widths(lines[0].size());
  for (const Cells& line : lines) {
    for (size_t at = 0; at < line.size(); ++at) widths[at] = std::max(widths[at], line[at].size());
  }
  std::string text;
  for (const Cells& line : lines) {
    for (size_t at = 0; at + 1 < line.size(); ++at) {
      text += line[at];
      text.append(std::max<size_t>(widths[at], 9) + 3 - line[at].size(), ' ');
    }
    text += line.back() + "\n";
  }
  return text;
}

std::string as_table(const std::vector<Row>& rows) {
  std::vector<Cells> lines = {{"ID", "PID", "STATUS", "BUNDLE", "CREATED", "OWNER"}};
  for (const Row& row : rows) {
    const Record& record = row.container.record();
    lines.push_back({record.id, std::to_string(row.pid), std::string(status_name(row.status)), record.bundle,
                     record.created, row.owner});
  }
  return table(lines);
}

std::string as_json(const std::vector<Row>& rows) {
  std::string text = "[";
  for (const Row& row : rows) {
    if (text.size() > 1) text += ',';
    text += state_json(row.container.record(), {status_name(row.status), row.pid, row.owner, 0});
  }
  return text + "]\n";
}

Result<int> run(Context& context, const Words& words) {
  const std::string_view format = words.value('f', "table");
  if (format != "table" && format != "json") return fail("--format " + std::string(format) + ": must be table or json");
  auto ids = container_ids(context.root, !context.root_given);
  if (!ids) return unexpected(ids.error());
  std::string text;
  if (words.flag('q') && format == "table") {
    for (const std::string& id : *ids) text += id + "\n";
  } else {
    const std::vector<Row> rows = read_rows(context, *ids);
    text = format == "json" ? as_json(rows) : as_table(rows);
  }
  if (auto written = write_all(STDOUT_FILENO, text); !written) return unexpected(written.error());
  return 0;
}

}  // namespace

const Command list_command = {{"list", "", "List the containers", kOptions, 0, 0}, run};

}  // namespace plimsoll::oci
