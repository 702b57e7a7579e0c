// SPDX-License-Identifier: Apache-2.0
#include "runtime/limits/systemd.h"

#include <algorithm>
#include <cstdlib>
#include <optional>
#include <utility>

#include "base/os.h"
#include "base/text.h"
#include "runtime/limits/systemd_properties.h"

namespace plimsoll::limits {
namespace {

constexpr std::string_view kService = "org.freedesktop.systemd1";
constexpr std::string_view kPath = "/org/freedesktop/systemd1";
constexpr std::string_view kManager = "org.freedesktop.systemd1.Manager";
constexpr std::string_view kJobEnds =
    "type='signal',sender='org.freedesktop.systemd1',path='/org/freedesktop/systemd1',"
    "interface='org.freedesktop.systemd1.Manager',member='JobRemoved'";
constexpr size_t kMaxUnitName = 255;
constexpr std::chrono::seconds kAnswerTime{25};
constexpr size_t kMaxEarlyEnds = 16;  // of jobs of one unit, before the answer that names ours

BusCall manager_call(std::string_view member, std::string_view signature, std::string_view body) {
  return {kService, kPath, kManager, member, signature, body};
}

Result<void> check_unit(std::string_view unit) {
  constexpr std::string_view kAllowed = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789:-_.\\@";
  if (unit.size() > kMaxUnitName) return fail("unit " + printable(unit) + ": longer than 255 characters");
  if (!unit.ends_with(".scope") || unit.size() == 6 || unit.find_first_not_of(kAllowed) != std::string_view::npos)
    return fail("unit '" + printable(unit) + "': not the name of a scope (letters, digits, :-_.\\@, then .scope)");
  return {};
}

// --- A job: the call that makes it, and the signal of its end

struct JobEnd {
  std::string job, result, sender;
};

// "uoss": number, job, unit, result
std::optional<JobEnd> end_of_job(const BusMessage& message, std::string_view unit) {
  if (message.type != BusType::kSignal || message.member != "JobRemoved" || message.interface != kManager ||
      message.path != kPath || message.signature != "uoss")
    return {};
  BusReader reader = message.reader();
  reader.u32();
  const std::string_view job = reader.text();
  const std::string_view of_unit = reader.text();
  const std::string_view result = reader.text();
  if (!reader.ok() || of_unit != unit) return {};
  return JobEnd{std::string(job), std::string(result), std::string(message.sender)};
}

class Job {
 public:
  Job(Bus& bus, std::string_view unit, int64_t deadline) : bus_(bus), unit_(unit), deadline_(deadline) {}

  // Makes the call and waits for the end of the job that it answers with: "done", "failed", "canceled" ...
  Result<std::string> run(const BusCall& call) {
    bus_.match(kJobEnds);
    const auto serial = bus_.send(call, deadline_);
    if (!serial) return unexpected(serial.error());
    while (true) {
      const auto message = bus_.receive(deadline_);
      if (!message) return unexpected(message.error().within(call.member));
      const auto taken = take(*message, *serial);
      if (!taken) return unexpected(taken.error().within(call.member));
      for (const JobEnd& end : ends_)
        if (answered_ && end.job == job_ && end.sender == sender_) return end.result;
    }
  }

  // Whether systemd took the job; only then is there anything to undo.
  bool was_taken() const { return answered_; }

 private:
  // The end may come before the answer. Anybody on the bus may send such a signal to us: it counts when it comes from
  // whom the answer came from.
  Result<void> take(const BusMessage& message, uint32_t serial) {
    if (auto end = end_of_job(message, unit_); end && ends_.size() < kMaxEarlyEnds) {
      ends_.push_back(std::move(*end));
    } else if (message.reply_serial == serial && message.type == BusType::kError) {
      return unexpected(error_of(message));
    } else if (message.reply_serial == serial && message.type == BusType::kReturn) {
      BusReader reader = message.reader();
      job_ = message.signature == "o" ? reader.text() : std::string_view();
      if (job_.empty()) return fail("answer without a job");
      sender_ = message.sender;
      answered_ = true;
      std::erase_if(ends_, [&](const JobEnd& other) { return other.job != job_ || other.sender != sender_; });
    }
    return {};
  }

  Bus& bus_;
  std::string_view unit_;
  int64_t deadline_;
  std::vector<JobEnd> ends_;
  bool answered_ = false;
  std::string job_, sender_;
};

// --- Calls

std::string two_texts(std::string_view first, std::string_view second) {
  std::string body;
  BusWriter writer(body);
  writer.text(first);
  writer.text(second);
  return body;
}

Result<void> reset_failed(Bus& bus, std::string_view unit, int64_t deadline) {
  std::string body;
  BusWriter(body).text(unit);
  const auto answer = bus.call(manager_call("ResetFailedUnit", "s", body), deadline);
  if (!answer) return unexpected(answer.error());
  return {};
}

void append_properties(std::string& body, BusWriter& writer, const UnitProperties& properties) {
  const auto array = writer.open_array(8);
  body += properties.elements();
  writer.close_array(array);
}

// "252.39-1~deb12u2", "v257"
Result<unsigned> systemd_version(Bus& bus, int64_t deadline) {
  const std::string body = two_texts(kManager, "Version");
  const auto answer = bus.call({kService, kPath, "org.freedesktop.DBus.Properties", "Get", "ss", body}, deadline);
  if (!answer) return unexpected(answer.error());
  BusReader reader = answer->reader();
  std::string_view version = reader.signature() == "s" ? reader.text() : std::string_view();
  if (version.starts_with('v')) version.remove_prefix(1);
  const auto number = parse_u64(version.substr(0, version.find_first_not_of("0123456789")));
  if (!number || *number > 100'000) return fail("systemd's version: no number");
  return static_cast<unsigned>(*number);
}

void add_frame(UnitProperties& properties, const ScopeSpec& scope) {
  properties.text("Description", scope.description.empty() ? "Container " + scope.unit : scope.description);
  if (!scope.slice.empty()) properties.text("Slice", scope.slice);
  properties.flag("Delegate", true);
  properties.pid("PIDs", static_cast<uint32_t>(scope.pid));
  properties.flag("MemoryAccounting", true);
  properties.flag("CPUAccounting", true);
  properties.flag(scope.mode == cgroup::Mode::kV2 ? "IOAccounting" : "BlockIOAccounting", true);
  properties.flag("TasksAccounting", true);
  properties.flag("DefaultDependencies", false);  // or it would be stopped early when the machine goes down
}

// The call's body. Of several properties of one name the last one counts: the limits are stronger than annotations.
Result<std::string> start_body(const ScopeSpec& scope, unsigned version) {
  UnitProperties properties;
  add_frame(properties, scope);
  Result<void> added;
  if (scope.annotations != nullptr) added = add_annotations(properties, *scope.annotations);
  if (added && scope.resources != nullptr)
    added = add_resources(properties, *scope.resources, {scope.mode, version, true});
  if (!added) return unexpected(added.error());
  std::string body;
  body.reserve(properties.elements().size() + 2 * kMaxUnitName);
  BusWriter writer(body);
  writer.text(scope.unit);
  writer.text("replace");
  append_properties(body, writer, properties);
  writer.close_array(writer.open_array(8));  // no other units
  return body;
}

// Empty when there is nothing to set.
Result<std::string> update_body(std::string_view unit, const spec::Resources& resources, cgroup::Mode mode,
                                unsigned version) {
  UnitProperties properties;
  const auto added = add_resources(properties, resources, {mode, version, false});
  if (!added) return unexpected(added.error());
  if (properties.elements().empty()) return std::string();
  std::string body;
  BusWriter writer(body);
  writer.text(unit);
  writer.boolean(true);  // at run time only
  append_properties(body, writer, properties);
  return body;
}

Result<void> end_of_start(const std::string& unit, const std::string& result) {
  if (result == "done") return {};
  return fail("starting it ended with '" + printable(result) + "'; see journalctl --unit " + unit);
}

// What a start that failed may have left: the unit, running or failed.
void undo_start(Bus& bus, const std::string& unit) {
  const int64_t deadline = deadline_in(std::chrono::seconds(5));
  const std::string body = two_texts(unit, "replace");
  (void)bus.call(manager_call("StopUnit", "ss", body), deadline).has_value();
  (void)reset_failed(bus, unit, deadline).has_value();
}

Result<void> start_once(Bus& bus, const ScopeSpec& scope, std::string_view body, int64_t deadline) {
  Job job(bus, scope.unit, deadline);
  const auto result = job.run(manager_call("StartTransientUnit", "ssa(sv)a(sa(sv))", body));
  const auto started = result ? end_of_start(scope.unit, *result) : Result<void>(unexpected(result.error()));
  if (!started && (job.was_taken() || started.error().code == ETIMEDOUT)) undo_start(bus, scope.unit);
  return started;
}

// A leftover of the name that failed goes away when it is told to; one that runs stays.
Result<void> start_over_leftover(Bus& bus, const ScopeSpec& scope, std::string_view body, int64_t deadline) {
  auto started = start_once(bus, scope, body, deadline);
  if (started || started.error().code != EEXIST) return started;
  (void)reset_failed(bus, scope.unit, deadline).has_value();
  started = start_once(bus, scope, body, deadline);
  if (started || started.error().code != EEXIST) return started;
  return unexpected(
      {EEXIST, "there is one already, and it has not failed: choose another name, or systemctl stop " + scope.unit});
}

// Whether systemd may have refused a property because it is too old for it.
bool may_be_too_new(const Error& error) { return error.code == EROFS || error.code == EINVAL; }

std::vector<BusAddress> places_below(const std::string& bus, const std::string& own_socket, bool user) {
  return {{.path = bus, .broker = true, .names_user = !user},
          {.path = own_socket, .broker = false, .names_user = !user}};
}

std::string environment(const char* name) {
  const char* value = ::getenv(name);
  return value == nullptr ? "" : value;
}

bool is_nobody_there(const Error& error) { return error.code == ENOENT || error.code == ECONNREFUSED; }

}  // namespace

ManagerPlace manager_place(bool user) {
  ManagerPlace place;
  place.user = user;
  place.address = environment(user ? "DBUS_SESSION_BUS_ADDRESS" : "DBUS_SYSTEM_BUS_ADDRESS");
  place.runtime_dir = environment("XDG_RUNTIME_DIR");
  return place;
}

Result<std::vector<BusAddress>> manager_addresses(const ManagerPlace& place) {
  std::vector<BusAddress> addresses;
  if (!place.address.empty()) {
    auto given = parse_bus_address(place.address);
    if (!given)
      return unexpected(given.error().within(place.user ? "DBUS_SESSION_BUS_ADDRESS" : "DBUS_SYSTEM_BUS_ADDRESS"));
    given->names_user = !place.user;
    addresses.push_back(std::move(*given));
  } else if (!place.user) {
    return places_below(place.run + "/dbus/system_bus_socket", place.run + "/systemd/private", false);
  } else if (!place.runtime_dir.empty()) {
    return places_below(place.runtime_dir + "/bus", place.runtime_dir + "/systemd/private", true);
  } else {
    return fail("the user's systemd: neither DBUS_SESSION_BUS_ADDRESS nor XDG_RUNTIME_DIR is set; log in again, or " +
                std::string("leave out --systemd-cgroup"));
  }
  return addresses;
}

Result<Bus> open_manager(const ManagerPlace& place) {
  const auto addresses = manager_addresses(place);
  if (!addresses) return unexpected(addresses.error());
  const int64_t deadline = deadline_in(kAnswerTime);
  Error first;
  for (const BusAddress& address : *addresses) {
    auto bus = Bus::open(address, deadline);
    if (bus) return bus;
    if (first.context.empty()) first = bus.error();
    if (!is_nobody_there(bus.error())) return unexpected(bus.error().within("systemd"));
  }
  return unexpected(
      first.within("systemd cannot be reached (is it running here, and dbus? Else leave out "
                   "--systemd-cgroup)"));
}

Result<void> start_scope(Bus& bus, const ScopeSpec& scope) {
  const auto named = check_unit(scope.unit);
  if (!named) return named;
  if (scope.pid <= 0) return fail("unit " + scope.unit + ": no process to put into it");
  auto body = start_body(scope, UINT_MAX);
  if (!body) return unexpected(body.error().within("unit " + scope.unit));
  const int64_t deadline = deadline_in(scope.time_limit);
  auto started = start_over_leftover(bus, scope, *body, deadline);
  if (!started && may_be_too_new(started.error())) {
    const auto version = systemd_version(bus, deadline);
    auto older = version ? start_body(scope, *version) : Result<std::string>(*body);
    if (older && *older != *body) started = start_over_leftover(bus, scope, *older, deadline);
  }
  if (!started) return unexpected(started.error().within("unit " + scope.unit));
  return {};
}

Result<void> set_scope_properties(Bus& bus, const std::string& unit, const spec::Resources& resources,
                                  cgroup::Mode mode) {
  const auto named = check_unit(unit);
  if (!named) return named;
  const int64_t deadline = deadline_in(kAnswerTime);
  auto body = update_body(unit, resources, mode, UINT_MAX);
  if (!body) return unexpected(body.error().within("unit " + unit));
  if (body->empty()) return {};
  auto answer = bus.call(manager_call("SetUnitProperties", "sba(sv)", *body), deadline);
  if (!answer && may_be_too_new(answer.error())) {
    const auto version = systemd_version(bus, deadline);
    const auto older = version ? update_body(unit, resources, mode, *version) : Result<std::string>(*body);
    if (older && older->empty()) return {};
    if (older && *older != *body) answer = bus.call(manager_call("SetUnitProperties", "sba(sv)", *older), deadline);
  }
  if (!answer) return unexpected(answer.error().within("unit " + unit));
  return {};
}

Result<void> stop_scope(Bus& bus, const std::string& unit, std::chrono::milliseconds time_limit) {
  const auto named = check_unit(unit);
  if (!named) return named;
  const int64_t deadline = deadline_in(time_limit);
  Job job(bus, unit, deadline);
  const std::string body = two_texts(unit, "replace");
  const auto result = job.run(manager_call("StopUnit", "ss", body));
  if (!result && result.error().code == ENOENT) return {};
  if (!result) return unexpected(result.error().within("unit " + unit));
  // One that failed (its processes were killed for want of memory, say) stays in systemd's list otherwise.
  (void)reset_failed(bus, unit, deadline).has_value();
  if (*result == "done") return {};
  return fail("unit " + unit + ": stopping it ended with '" + printable(*result) + "'");
}

Result<void> attach_to_scope(Bus& bus, const std::string& unit, const std::string& subgroup, pid_t pid) {
  const auto named = check_unit(unit);
  if (!named) return named;
  std::string body;
  BusWriter writer(body);
  writer.text(unit);
  writer.text(subgroup);
  const auto array = writer.open_array(4);
  writer.u32(static_cast<uint32_t>(pid));
  writer.close_array(array);
  const auto answer = bus.call(manager_call("AttachProcessesToUnit", "ssau", body), deadline_in(kAnswerTime));
  if (!answer) return unexpected(answer.error().within("unit " + unit));
  return {};
}

std::vector<ProcessCgroup> parse_process_cgroups(std::string_view text) {
  std::vector<ProcessCgroup> groups;
  while (!text.empty()) {
    std::string_view line = take(text, '\n');
    take(line, ':');
    const std::string_view controllers = take(line, ':');
    if (line.starts_with('/')) groups.push_back({std::string(controllers), std::string(line)});
  }
  return groups;
}

Result<std::string> unit_cgroup_path(pid_t pid, const std::string& unit, const std::string& proc) {
  const std::string file = proc + "/" + std::to_string(pid) + "/cgroup";
  const auto text = read_file(file);
  if (!text) return unexpected(text.error());
  const std::string component = "/" + unit;
  for (const ProcessCgroup& group : parse_process_cgroups(*text)) {
    if (!group.controllers.empty() && group.controllers != "name=systemd") continue;
    // The process may be in a group below the unit's.
    for (size_t at = group.path.find(component); at != std::string::npos; at = group.path.find(component, at + 1)) {
      const size_t end = at + component.size();
      if (end == group.path.size() || group.path[end] == '/') return group.path.substr(0, end);
    }
  }
  return fail(file + ": the process is not in unit " + unit);
}

}  // namespace plimsoll::limits
