// SPDX-License-Identifier: Apache-2.0
// The state of systemd's units, asked of its manager over D-Bus.
//
//   ListUnits() -> [("cron.service", "Regular background program processing daemon", "loaded", "active", "running",
//                    "", "/org/freedesktop/systemd1/unit/cron_2eservice", 0, "", "/")]
//   Manager: Version "252.33-1", Virtualization "kvm", SystemState "running"
//   Service: Type "forking", NRestarts 0, TasksCurrent 1, TasksMax 4915    Timer: LastTriggerUSec
//   Socket: NAccepted, NConnections, NRefused                              Unit: ActiveEnterTimestamp
//
// org.freedesktop.systemd1(5)
#include <algorithm>
#include <map>
#include <optional>
#include <unordered_set>

#include "base/text.h"
#include "collectors/host/parts/bus.h"
#include "collectors/host/parts/name_filter.h"
#include "collectors/host/table.h"

namespace plimsoll::collectors::host {
namespace {

constexpr MetricDesc kVersion = {"node_systemd_version", "systemd's version as a number.", MetricType::kGauge};
constexpr MetricDesc kVirtualization = {"node_systemd_virtualization_info",
                                        "Always 1; what systemd found itself to be virtualized by, none if nothing.",
                                        MetricType::kGauge};
constexpr MetricDesc kRunning = {"node_systemd_system_running",
                                 "1 when the system is fully up and no unit has failed, 0 when not.",
                                 MetricType::kGauge};
constexpr MetricDesc kUnits = {"node_systemd_units", "Units of all kinds in each state.", MetricType::kGauge};
constexpr MetricDesc kUnitState = {"node_systemd_unit_state", "1 for the state that the unit is in, 0 for the others.",
                                   MetricType::kGauge};
constexpr MetricDesc kRestarts = {"node_systemd_service_restart_total", "Times systemd started the service again.",
                                  MetricType::kCounter};
constexpr MetricDesc kStartTime = {"node_systemd_unit_start_time_seconds",
                                   "When the unit became active, in seconds since 1970; 0 when it is not active.",
                                   MetricType::kGauge};
constexpr MetricDesc kTasks = {"node_systemd_unit_tasks_current", "Processes and threads of the service.",
                               MetricType::kGauge};
constexpr MetricDesc kMaxTasks = {"node_systemd_unit_tasks_max",
                                  "Processes and threads that the service may have at most.", MetricType::kGauge};
constexpr MetricDesc kTrigger = {"node_systemd_timer_last_trigger_seconds",
                                 "When the timer last went off, in seconds since 1970.", MetricType::kGauge};
constexpr MetricDesc kAccepted = {"node_systemd_socket_accepted_connections_total",
                                  "Connections that the socket unit has accepted.", MetricType::kCounter};
constexpr MetricDesc kConnections = {"node_systemd_socket_current_connections",
                                     "Connections of the socket unit that are open.", MetricType::kGauge};
constexpr MetricDesc kRefused = {"node_systemd_socket_refused_connections_total",
                                 "Connections that the socket unit has refused.", MetricType::kGauge};

// Both hold, and giving one leaves the other's default as it is. They must match the whole name.
constexpr Flag kInclude = {"systemd.unit-include", FlagKind::kRegex, ".+", "Units to show"};
constexpr Flag kExclude = {"systemd.unit-exclude", FlagKind::kRegex, ".+\\.(automount|device|mount|scope|slice)",
                           "Units not to show"};
constexpr Flag kTaskMetrics = {"systemd.enable-task-metrics", FlagKind::kSwitch, "false", "Show tasks of services"};
constexpr Flag kRestartMetrics = {"systemd.enable-restarts-metrics", FlagKind::kSwitch, "false",
                                  "Show how often services were restarted"};
constexpr Flag kStartTimeMetrics = {"systemd.enable-start-time-metrics", FlagKind::kSwitch, "false",
                                    "Show when units became active"};
constexpr Flag kPrivate = {"systemd.private", FlagKind::kSwitch, "false",
                           "Ask systemd by its own socket instead of D-Bus; needs root"};

constexpr std::string_view kStates[] = {"active", "activating", "deactivating", "inactive", "failed"};
constexpr const char* kManager = "org.freedesktop.systemd1.Manager";

struct Unit {
  std::string name;
  std::string active;  // its state
  std::string path;
  std::string type;  // of a service or a mount
  std::optional<uint64_t> restarts, start_us, tasks, max_tasks, trigger_us, accepted, connections, refused;
};

// The first number of three digits or more, with a fraction if it has one: 252.33 of "v252.33-1".
std::optional<double> version_number(std::string_view text) {
  constexpr std::string_view kDigits = "0123456789";
  while (true) {
    text.remove_prefix(std::min(text.find_first_of(kDigits), text.size()));
    const size_t whole = std::min(text.find_first_not_of(kDigits), text.size());
    if (whole == 0) return std::nullopt;
    const size_t fraction = std::min(text.find_first_not_of(kDigits, whole + 1), text.size());
    const bool has_fraction = whole < text.size() && text[whole] == '.' && fraction > whole + 1;
    if (whole >= 3) return parse_double(text.substr(0, has_fraction ? fraction : whole));
    text.remove_prefix(whole);
  }
}

Pattern whole_name(const std::string& expression) { return Pattern("^(?:" + expression + ")$"); }

class SystemdCollector : public Collector {
 public:
  explicit SystemdCollector(const Setup& setup)
      : bus_(setup.flags.on(kPrivate) ? systemd_socket(setup.roots) : system_bus(setup.roots)),
        include_(whole_name(setup.flags.text(kInclude))),
        exclude_(whole_name(setup.flags.text(kExclude))),
        tasks_(setup.flags.on(kTaskMetrics)),
        restarts_(setup.flags.on(kRestartMetrics)),
        start_times_(setup.flags.on(kStartTimeMetrics)) {}
  std::string_view name() const override { return "systemd"; }
  Result<void> collect(MetricWriter& writer) override;

 private:
  struct Units {
    std::vector<Unit> shown;
    std::map<std::string, uint64_t> states;  // of all units
  };

  Result<void> collect_manager(MetricWriter& writer);
  Result<Units> list_units();
  Result<void> read_unit(Unit& unit);
  Result<void> read_service(const BusObject& object, Unit& unit);
  Result<void> read_socket(const BusObject& object, Unit& unit);
  Result<void> read_number(const BusObject& object, std::string_view kind, const char* name,
                           std::optional<uint64_t>& number);
  Result<void> read_type(const BusObject& object, std::string_view kind, Unit& unit);

  Bus bus_;
  Pattern include_;
  Pattern exclude_;
  bool tasks_;
  bool restarts_;
  bool start_times_;
  const BusObject manager_ = {"org.freedesktop.systemd1", "/org/freedesktop/systemd1"};
};

// A property that this systemd or this unit does not have is left out; an error means that there is no more to ask.
Result<void> SystemdCollector::read_number(const BusObject& object, std::string_view kind, const char* name,
                                           std::optional<uint64_t>& number) {
  const auto value = bus_.property(object, "org.freedesktop.systemd1." + std::string(kind), name);
  if (value) number = value->number;
  return value || !ends_talk(value.error()) ? Result<void>{} : Result<void>(unexpected(value.error()));
}

Result<void> SystemdCollector::read_type(const BusObject& object, std::string_view kind, Unit& unit) {
  auto value = bus_.property(object, "org.freedesktop.systemd1." + std::string(kind), "Type");
  if (value) unit.type = std::move(value->text);
  return value || !ends_talk(value.error()) ? Result<void>{} : Result<void>(unexpected(value.error()));
}

Result<void> SystemdCollector::read_service(const BusObject& object, Unit& unit) {
  auto done = read_type(object, "Service", unit);
  if (done && restarts_) done = read_number(object, "Service", "NRestarts", unit.restarts);
  if (done && tasks_) done = read_number(object, "Service", "TasksCurrent", unit.tasks);
  if (done && tasks_) done = read_number(object, "Service", "TasksMax", unit.max_tasks);
  for (auto* number : {&unit.tasks, &unit.max_tasks}) {
    if (*number == UINT64_MAX) number->reset();  // not counted, no limit
  }
  return done;
}

Result<void> SystemdCollector::read_socket(const BusObject& object, Unit& unit) {
  auto done = read_number(object, "Socket", "NAccepted", unit.accepted);
  if (done && unit.accepted) done = read_number(object, "Socket", "NConnections", unit.connections);
  if (done && unit.connections) done = read_number(object, "Socket", "NRefused", unit.refused);
  return done;
}

Result<void> SystemdCollector::read_unit(Unit& unit) {
  const BusObject object = {manager_.service, unit.path};
  Result<void> done;
  if (unit.name.ends_with(".service")) done = read_service(object, unit);
  if (unit.name.ends_with(".mount")) done = read_type(object, "Mount", unit);
  if (unit.name.ends_with(".socket")) done = read_socket(object, unit);
  if (unit.name.ends_with(".timer")) done = read_number(object, "Timer", "LastTriggerUSec", unit.trigger_us);
  if (!done || !start_times_) return done;
  unit.start_us = 0;
  if (unit.active != "active") return {};
  unit.start_us.reset();
  return read_number(object, "Unit", "ActiveEnterTimestamp", unit.start_us);
}

Result<SystemdCollector::Units> SystemdCollector::list_units() {
  auto rows = bus_.rows(manager_, kManager, "ListUnits");
  if (!rows) return unexpected(rows.error());
  Units units;
  std::unordered_set<std::string> names;
  for (const std::string_view state : kStates) units.states[std::string(state)] = 0;
  for (BusRow& row : *rows) {
    if (row.size() < 7) return fail("ListUnits: fewer than seven members");
    ++units.states[row[3]];
    const bool shown = row[2] == "loaded" && include_.matches(row[0]) && !exclude_.matches(row[0]);
    if (!shown || !names.insert(row[0]).second) continue;
    units.shown.push_back({.name = std::move(row[0]), .active = std::move(row[3]), .path = std::move(row[6])});
  }
  return units;
}

Result<void> SystemdCollector::collect_manager(MetricWriter& writer) {
  const auto version = bus_.property(manager_, kManager, "Version");
  if (!version && (is_not_present(version.error()) || ends_talk(version.error()))) return unexpected(version.error());
  const auto number = version ? version_number(version->text) : std::nullopt;
  if (number) {
    writer.family(kVersion);
    writer.sample(writer.labels(LabelSet{{"version", version->text}}), *number);
  }
  const auto virtualization = bus_.property(manager_, kManager, "Virtualization");
  const std::string_view kind = virtualization ? std::string_view(virtualization->text) : "unknown";
  writer.family(kVirtualization);
  writer.sample(writer.labels(LabelSet{{"virtualization_type", kind.empty() ? "none" : kind}}), 1);
  const auto state = bus_.property(manager_, kManager, "SystemState");
  if (!state) return unexpected(state.error());
  writer.single(kRunning, state->text == "running");
  return {};
}

void write_states(MetricWriter& writer, const std::vector<Unit>& units) {
  writer.family(kUnitState);
  for (const Unit& unit : units) {
    for (const std::string_view state : kStates) {
      const LabelSet labels({{"name", unit.name}, {"state", state}, {"type", unit.type}});
      writer.sample(writer.labels(labels), unit.active == state);
    }
  }
}

struct NumberFamily {
  const MetricDesc& desc;
  std::optional<uint64_t> Unit::*number;
  bool microseconds = false;
};

constexpr NumberFamily kNumbers[] = {
    {kRestarts, &Unit::restarts},       {kStartTime, &Unit::start_us, true}, {kTasks, &Unit::tasks},
    {kMaxTasks, &Unit::max_tasks},      {kTrigger, &Unit::trigger_us, true}, {kAccepted, &Unit::accepted},
    {kConnections, &Unit::connections}, {kRefused, &Unit::refused},
};

void write_numbers(MetricWriter& writer, const std::vector<Unit>& units) {
  for (const NumberFamily& family : kNumbers) {
    writer.family(family.desc);
    for (const Unit& unit : units) {
      const auto& number = unit.*family.number;
      if (!number) continue;
      const Value value = family.microseconds ? Value(static_cast<double>(*number) / 1e6) : Value(*number);
      writer.sample(writer.labels(LabelSet{{"name", unit.name}}), value);
    }
  }
}

Result<void> SystemdCollector::collect(MetricWriter& writer) {
  const auto begun = bus_.begin(writer.deadline_ns());
  if (!begun) return begun;
  const auto manager = collect_manager(writer);
  if (!manager && (is_not_present(manager.error()) || ends_talk(manager.error()))) return manager;
  auto units = list_units();
  if (!units) return unexpected(units.error());
  writer.family(kUnits);
  for (const auto& [state, count] : units->states) writer.sample(writer.labels(LabelSet{{"state", state}}), count);
  for (Unit& unit : units->shown) {
    const auto read = read_unit(unit);
    if (!read) return unexpected(read.error().within(unit.name));
  }
  write_states(writer, units->shown);
  write_numbers(writer, units->shown);
  return manager;
}

constexpr const Flag* kFlags[] = {&kInclude, &kExclude, &kTaskMetrics, &kRestartMetrics, &kStartTimeMetrics, &kPrivate};

}  // namespace

const Entry kSystemdCollector = {"systemd", "Units of systemd: D-Bus", Default::kOff, make<SystemdCollector>, kFlags};

}  // namespace plimsoll::collectors::host
