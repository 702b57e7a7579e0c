// SPDX-License-Identifier: Apache-2.0
// Sessions of users as systemd-logind knows them, counted by seat, kind and whether they came over the network.
//
//   ListSeats()     -> [("seat0", "/org/freedesktop/login1/seat/seat0")]
//   ListSessions()  -> [("3", 1000, "anna", "seat0", "/org/freedesktop/login1/session/_33")]
//   Session: Remote, Type ("tty", "x11" ...), Class ("user", "greeter" ...)
//
// A session over the network has no seat. org.freedesktop.login1(5)
#include <algorithm>
#include <array>
#include <map>
#include <tuple>

#include "collectors/host/parts/bus.h"
#include "collectors/host/table.h"

namespace plimsoll::collectors::host {
namespace {

constexpr MetricDesc kSessions = {"node_logind_sessions", "Sessions of users that logind has, by what they are.",
                                  MetricType::kGauge};

constexpr std::string_view kRemotes[] = {"true", "false"};
constexpr std::string_view kTypes[] = {"other", "unspecified", "tty", "x11", "wayland", "mir", "web"};
constexpr std::string_view kClasses[] = {"other", "user", "greeter", "lock-screen", "background"};
constexpr const char* kManager = "org.freedesktop.login1.Manager";
constexpr const char* kSession = "org.freedesktop.login1.Session";

template <size_t size>
std::string_view known_or_other(std::string_view value, const std::string_view (&known)[size]) {
  const auto found = std::find(std::begin(known), std::end(known), value);
  return found == std::end(known) ? "other" : *found;
}

// Seat, remote, type, class.
using SessionKind = std::tuple<std::string, std::string_view, std::string_view, std::string_view>;
using SessionCounts = std::map<SessionKind, uint64_t>;

class LogindCollector : public Collector {
 public:
  explicit LogindCollector(const Setup& setup) : bus_(system_bus(setup.roots)) {}
  std::string_view name() const override { return "logind"; }

  Result<void> collect(MetricWriter& writer) override {
    const auto begun = bus_.begin(writer.deadline_ns());
    if (!begun) return begun;
    const auto seats = list_seats();
    if (!seats) return unexpected(seats.error());
    const auto counts = count_sessions();
    if (!counts) return unexpected(counts.error());
    write(writer, *seats, *counts);
    return {};
  }

 private:
  Result<std::vector<std::string>> list_seats();
  Result<SessionCounts> count_sessions();
  Result<void> count_session(const std::string& seat, const std::string& path, SessionCounts& counts);
  static void write(MetricWriter& writer, const std::vector<std::string>& seats, const SessionCounts& counts);

  Bus bus_;
  const BusObject manager_ = {"org.freedesktop.login1", "/org/freedesktop/login1"};
};

// With "", the seat of those who have none.
Result<std::vector<std::string>> LogindCollector::list_seats() {
  auto rows = bus_.rows(manager_, kManager, "ListSeats");
  if (!rows) return unexpected(rows.error());
  std::vector<std::string> seats;
  for (BusRow& row : *rows) {
    if (!row.empty() && !row[0].empty()) seats.push_back(std::move(row[0]));
  }
  std::sort(seats.begin(), seats.end());
  seats.erase(std::unique(seats.begin(), seats.end()), seats.end());
  seats.emplace_back();
  return seats;
}

Result<SessionCounts> LogindCollector::count_sessions() {
  const auto rows = bus_.rows(manager_, kManager, "ListSessions");
  if (!rows) return unexpected(rows.error());
  SessionCounts counts;
  for (const BusRow& row : *rows) {
    if (row.size() < 5) return fail("ListSessions: fewer than five members");
    const auto counted = count_session(row[3], row[4], counts);
    if (!counted && ends_talk(counted.error())) return unexpected(counted.error());
  }
  return counts;
}

// An error also for a session that has ended meanwhile.
Result<void> LogindCollector::count_session(const std::string& seat, const std::string& path, SessionCounts& counts) {
  const BusObject session = {manager_.service, path};
  const auto remote = bus_.property(session, kSession, "Remote");
  if (!remote) return unexpected(remote.error());
  const auto type = bus_.property(session, kSession, "Type");
  if (!type) return unexpected(type.error());
  const auto session_class = bus_.property(session, kSession, "Class");
  if (!session_class) return unexpected(session_class.error());
  ++counts[{seat, remote->number != 0 ? "true" : "false", known_or_other(type->text, kTypes),
            known_or_other(session_class->text, kClasses)}];
  return {};
}

void LogindCollector::write(MetricWriter& writer, const std::vector<std::string>& seats, const SessionCounts& counts) {
  writer.family(kSessions);
  for (const std::string_view remote : kRemotes) {
    for (const std::string_view type : kTypes) {
      for (const std::string_view session_class : kClasses) {
        for (const std::string& seat : seats) {
          const auto found = counts.find({seat, remote, type, session_class});
          const LabelSet labels({{"seat", seat}, {"remote", remote}, {"type", type}, {"class", session_class}});
          writer.sample(writer.labels(labels), found == counts.end() ? uint64_t{0} : found->second);
        }
      }
    }
  }
}

}  // namespace

const Entry kLogindCollector = {"logind", "Sessions of users: D-Bus, systemd-logind", Default::kOff,
                                make<LogindCollector>};

}  // namespace plimsoll::collectors::host
