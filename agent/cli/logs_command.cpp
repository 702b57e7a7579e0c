// SPDX-License-Identifier: Apache-2.0
// plimsoll logs: what a container has written, each stream to its own of ours.
#include <poll.h>
#include <sys/inotify.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <optional>

#include "agent/cli/options.h"
#include "agent/cli/session.h"
#include "agent/command.h"
#include "base/text.h"
#include "runtime/container/log.h"

namespace plimsoll::agent {
namespace {

// How long a death of the monitor that nobody announces can go unnoticed.
constexpr int kCheckMs = 1000;

struct LogsWords {
  bool follow = false, timestamps = false;
  std::string tail = "all", since, reference;
};

struct Selection {
  uint64_t skip = 0;  // lines at the beginning
  int64_t since_ns = 0;
  bool timestamps = false;
};

// Prints entries; remembers what could not be printed.
class Printer {
 public:
  explicit Printer(Selection selection) : selection_(selection) {}

  void print(std::string_view line) {
    if (skipped_ < selection_.skip) {
      ++skipped_;
      return;
    }
    auto entry = container::parse_log_entry(line);
    if (!entry) {
      ++damaged_;
      return;
    }
    if (entry->time_ns < selection_.since_ns) return;
    const bool errors = entry->stream == container::Stream::kStderr;
    bool& at_line_start = at_line_start_[errors ? 1 : 0];
    if (selection_.timestamps && at_line_start) put(errors, container::format_time(entry->time_ns) + " ");
    put(errors, entry->text);
    at_line_start = entry->text.ends_with('\n');
  }

  bool broken() const { return broken_; }
  uint64_t damaged() const { return damaged_; }

  void flush() {
    for (const bool errors : {false, true}) {
      std::string& text = text_[errors ? 1 : 0];
      if (!text.empty() && !write_all(errors ? STDERR_FILENO : STDOUT_FILENO, text)) broken_ = true;
      text.clear();
    }
  }

 private:
  // The two streams may be one terminal: keep their order.
  void put(bool errors, std::string_view text) {
    if (!text_[errors ? 0 : 1].empty() || text_[errors ? 1 : 0].size() > 64 * 1024) flush();
    text_[errors ? 1 : 0] += text;
  }

  Selection selection_;
  uint64_t skipped_ = 0, damaged_ = 0;
  bool at_line_start_[2] = {true, true};
  bool broken_ = false;
  std::string text_[2];
};

// "90s", "10m", "2h" ago, a time, or seconds since 1970.
Result<int64_t> parse_since(const std::string& text) {
  constexpr int64_t kSecond = 1'000'000'000;
  if (const auto seconds = parse_u64(text); seconds && *seconds < uint64_t{INT64_MAX / kSecond}) {
    return static_cast<int64_t>(*seconds) * kSecond;
  }
  const int64_t unit = text.ends_with('s') ? 1 : text.ends_with('m') ? 60 : text.ends_with('h') ? 3600 : 0;
  const auto number = parse_u64(std::string_view(text).substr(0, text.empty() ? 0 : text.size() - 1));
  if (unit != 0 && number && *number < 1'000'000)
    return wall_clock_ns() - static_cast<int64_t>(*number) * unit * kSecond;
  auto time = container::parse_time(text);
  if (time) return time;
  return fail("--since '" + text + "' is no time: give one such as 10m or 2026-03-01T12:00:00Z");
}

Result<Selection> select(const LogsWords& words, const std::string& directory) {
  Selection selection;
  selection.timestamps = words.timestamps;
  if (!words.since.empty()) {
    auto since = parse_since(words.since);
    if (!since) return unexpected(since.error());
    selection.since_ns = *since;
  }
  if (words.tail == "all" || words.tail == "-1") return selection;
  const auto wanted = parse_u64(words.tail);
  if (!wanted) return fail("--tail '" + words.tail + "' is no number: give one, or all");
  auto lines = container::LogReader::count(directory);
  if (!lines) return unexpected(lines.error());
  selection.skip = *lines > *wanted ? *lines - *wanted : 0;
  return selection;
}

// Whether more may come: false once the container has ended, or is removed.
bool is_live(const container::Engine& engine, const std::string& id) {
  auto container = container::load(engine, id);
  return container && *container && (*container)->state.status != container::Status::kExited && (*container)->monitored;
}

Result<void> follow(const container::Engine& engine, const std::string& id, container::LogReader& reader,
                    Printer& printer) {
  const UniqueFd changes(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
  const std::string directory = engine.store.roots().container_dir(id);
  // state.json is replaced at the end, the log grows or is rotated: all of it shows here.
  ::inotify_add_watch(changes.get(), directory.c_str(),
                      IN_MODIFY | IN_CREATE | IN_MOVED_TO | IN_DELETE_SELF | IN_MOVE_SELF);
  while (true) {
    // Asked first: what was written before the end is read after the question.
    const bool live = is_live(engine, id);
    auto read = reader.read([&](std::string_view line) { printer.print(line); });
    if (!read) return read;
    printer.flush();
    if (!live || printer.broken()) return {};
    pollfd polled{changes.get(), POLLIN, 0};
    ::poll(&polled, 1, kCheckMs);
    char events[4096];
    while (::read(changes.get(), events, sizeof events) > 0) {
    }
  }
}

Result<void> print_log(const container::Engine& engine, const LogsWords& words) {
  auto container = find(engine, words.reference);
  if (!container) return unexpected(container.error());
  const std::string& id = container->config.id;
  const std::string directory = engine.store.roots().container_dir(id);
  auto selection = select(words, directory);
  if (!selection) return unexpected(selection.error());
  Printer printer(*selection);
  container::LogReader reader(directory);
  auto read = words.follow ? follow(engine, id, reader, printer)
                           : reader.read([&](std::string_view line) { printer.print(line); });
  printer.flush();
  if (read && printer.damaged() > 0) {
    return fail("the log of " + container->config.name + " has " + std::to_string(printer.damaged()) +
                " damaged lines, which were left out");
  }
  return read;
}

}  // namespace

int logs_command(const GlobalOptions& globals, const std::vector<std::string>& arguments) {
  LogsWords words;
  std::vector<std::string> references;
  Options options("logs", "[OPTIONS] CONTAINER", "Prints what a container has written.");
  options.flag("-f,--follow", words.follow, "Go on until the container ends");
  options.value("-n,--tail", words.tail, "N", "Only the last N lines");
  options.flag("-t,--timestamps", words.timestamps, "The time before each line");
  options.value("--since", words.since, "TIME", "Only from then on: 10m (ago) or 2026-03-01T12:00:00Z");
  options.words(references, 1);
  if (auto code = options.parse(arguments, globals.describe)) return *code;
  if (references.size() > 1) return complain(2, "logs: one container at a time: leave '" + references[1] + "' out");
  words.reference = references[0];
  auto engine = open_engine(globals);
  if (!engine) return complain(1, engine.error().message());
  ::signal(SIGPIPE, SIG_IGN);
  if (auto printed = print_log(*engine, words); !printed) return complain(1, printed.error().message());
  tidy_up(*engine);
  return 0;
}

}  // namespace plimsoll::agent
