// SPDX-License-Identifier: Apache-2.0
// events: statistics of a container, once or again and again, a line of JSON each; for containerd's and cri-o's eyes.
#include <unistd.h>

#include "base/text.h"
#include "runtime/oci/cgroups.h"
#include "runtime/oci/command.h"
#include "runtime/oci/stats_json.h"

namespace plimsoll::oci {
namespace {

enum Key { kStats = 256, kInterval };
constexpr Option kOptions[] = {{kStats, "stats", "", "Once, then end"},
                               {kInterval, "interval", "TIME", "Time between two lines (5s)"}};

Result<void> print_stats(StatsReader& reader) {
  auto line = reader.line();
  if (!line) return unexpected(line.error());
  return write_all(STDOUT_FILENO, *line);
}

void sleep_for(std::chrono::nanoseconds time) {
  timespec rest{time.count() / 1'000'000'000, time.count() % 1'000'000'000};
  while (::nanosleep(&rest, &rest) != 0 && errno == EINTR) {
  }
}

// Until the container has stopped. A kill for want of memory is an event of its own.
Result<int> repeat(Context& context, const Container& container, StatsReader& reader,
                   std::chrono::nanoseconds interval) {
  while (container.status(context.host.proc) != Status::kStopped) {
    if (auto printed = print_stats(reader); !printed) {
      if (container.status(context.host.proc) == Status::kStopped) break;
      return unexpected(printed.error());
    }
    if (reader.new_oom_kills()) {
      if (auto written = write_all(STDOUT_FILENO, oom_line(container.id())); !written)
        return unexpected(written.error());
    }
    sleep_for(interval);
  }
  return 0;
}

Result<int> run(Context& context, const Words& words) {
  auto container = Container::open(context.root, words.arguments[0]);
  if (!container) return unexpected(container.error());
  const auto interval = parse_duration(words.value(kInterval, "5s"));
  if (!interval || interval->count() <= 0) return fail("--interval must be a time such as 5s, and more than nothing");
  if (container->status(context.host.proc) == Status::kStopped) {
    return fail("container not running: \"" + container->id() + "\"");
  }
  auto reader = StatsReader::open(container->record(), context.host);
  if (!reader) return unexpected(reader.error());
  if (!words.flag(kStats)) return repeat(context, *container, *reader, *interval);
  if (auto printed = print_stats(*reader); !printed) return unexpected(printed.error());
  return 0;
}

}  // namespace

const Command events_command = {{"events", "ID", "Show statistics of a container", kOptions, 1, 1}, run};

}  // namespace plimsoll::oci
