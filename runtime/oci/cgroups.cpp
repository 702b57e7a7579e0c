// SPDX-License-Identifier: Apache-2.0
#include "runtime/oci/cgroups.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

#include "base/text.h"
#include "runtime/limits/delegate.h"
#include "runtime/limits/device_filter.h"
#include "runtime/limits/freezer.h"
#include "runtime/limits/resources.h"
#include "runtime/limits/systemd.h"

namespace plimsoll::oci {
namespace {

constexpr int kEndMs = 10'000;
constexpr int kGoneMs = 1'000;  // for what has been killed already

std::vector<spec::DeviceRule> device_rules(const spec::Spec& spec) {
  std::vector<spec::DeviceRule> rules = spec.resources.devices;
  if (rules.empty()) return rules;
  const std::vector<spec::DeviceRule> always = limits::default_device_rules();
  rules.insert(rules.end(), always.begin(), always.end());
  return rules;
}

bool runs_as_user() { return ::geteuid() != 0; }

// The host's user who is root in the container's user namespace.
std::optional<uid_t> container_root(const spec::Spec& spec) {
  for (const spec::IdMapping& mapping : spec.uid_mappings) {
    if (mapping.container_id == 0) return mapping.host_id;
  }
  return std::nullopt;
}

// The unit's group exists in the hierarchies that systemd manages; in the others nobody has moved the process yet.
Result<void> move_into(const limits::OwnCgroup& group, pid_t pid) {
  for (const limits::CgroupPlace& place : group.places()) {
    auto moved = write_existing(AT_FDCWD, place.directory + "/cgroup.procs", std::to_string(pid));
    if (!moved) return moved;
  }
  return {};
}

// "cpu,cpuacct" and "name=systemd" are what /proc/PID/cgroup calls hierarchies; "" is the v2 tree.
bool is_line_of(const limits::ProcessCgroup& line, const cgroup::Hierarchy& hierarchy) {
  if (hierarchy.v2 || line.controllers.empty()) return hierarchy.v2 && line.controllers.empty();
  std::string_view rest = line.controllers;
  if (rest.starts_with("name=")) rest.remove_prefix(5);
  while (!rest.empty()) {
    const std::string_view controller = take(rest, ',');
    if (!hierarchy.controllers.empty() && controller == hierarchy.controllers[0]) return true;
  }
  return false;
}

// A group that can be removed has no processes: the usual case after the container's end, and the cheapest way to know.
Result<void> end_group(limits::OwnCgroup& group, bool kill = true) {
  if (::rmdir(group.places().front().directory.c_str()) != 0) {
    if (kill) {
      if (auto killed = group.kill_all(); !killed) return killed;
    }
    auto emptied = group.wait_empty(kill ? kEndMs : kGoneMs);
    if (!emptied && !kill && emptied.error().code == ETIMEDOUT) {
      return unexpected(
          Error{EBUSY, "cgroup " + group.path() + " has processes that are not the container's: end them"});
    }
    if (!emptied) return emptied;
  }
  return group.remove();
}

// Whether a container may start in it: the first process of one that is frozen would stand still before it has become
// anything, and whoever is in it already would be killed with the container.
Result<void> check_idle(const limits::OwnCgroup& group) {
  const bool has_parent = group.path().rfind('/') != 0;
  if (group.is_new() && !has_parent) return {};
  const auto processes = group.is_new() ? std::vector<pid_t>() : group.processes().value_or({});
  if (!processes.empty()) {
    return fail("container's cgroup is not empty: " + group.path() +
                " has processes already: end them, or give another linux.cgroupsPath");
  }
  const auto state = limits::freezer_state(group);
  if (state && *state != limits::FreezerState::kThawed) {
    return fail("container's cgroup unexpectedly frozen: " + group.path() +
                ": thaw it, or give another linux.cgroupsPath");
  }
  return {};
}

Result<void> stop_unit(const std::string& unit) {
  auto bus = limits::open_manager(limits::manager_place(runs_as_user()));
  if (!bus) return unexpected(bus.error());
  return limits::stop_scope(*bus, unit);
}

}  // namespace

Result<NewCgroup> NewCgroup::make(const Request& request, const HostRoots& host) {
  NewCgroup cgroup;
  cgroup.spec_ = request.spec;
  cgroup.host_ = host;
  cgroup.manager_ = request.manager;
  cgroup.rootless_ = request.rootless;
  auto layout = cgroup::detect_layout(host.cgroup);
  if (request.manager == CgroupManager::kDisabled) {
    if (layout) cgroup.layout_ = *std::move(layout);
    return cgroup;
  }
  if (!layout) return unexpected(layout.error());
  cgroup.layout_ = *std::move(layout);
  if (request.manager == CgroupManager::kSystemd) {
    auto unit = limits::parse_systemd_path(request.spec->cgroups_path, request.id, request.rootless);
    if (!unit) return unexpected(unit.error());
    cgroup.unit_ = *std::move(unit);
    return cgroup;
  }
  if (auto made = cgroup.make_own(request); !made) return unexpected(made.error());
  return cgroup;
}

NewCgroup::NewCgroup(NewCgroup&& other) noexcept
    : spec_(other.spec_),
      host_(std::move(other.host_)),
      layout_(std::move(other.layout_)),
      manager_(other.manager_),
      rootless_(other.rootless_),
      kept_(other.kept_),
      group_(std::move(other.group_)),
      unit_(std::move(other.unit_)) {
  other.kept_ = true;
}

NewCgroup::~NewCgroup() {
  if (!kept_ && group_) (void)end();
}

Result<void> NewCgroup::end() {
  Result<void> ended = group_ ? end_group(*group_) : Result<void>();
  if (manager_ != CgroupManager::kSystemd) return ended;
  auto stopped = stop_unit(unit_.unit());
  return ended ? stopped : ended;
}

std::string NewCgroup::path(const Request& request) {
  if (request.manager != CgroupManager::kCgroupfs) return "";
  return limits::absolute_cgroup_path(request.spec->cgroups_path, request.id).value_or("");
}

Result<void> NewCgroup::make_own(const Request& request) {
  auto path = limits::absolute_cgroup_path(request.spec->cgroups_path, request.id);
  if (!path) return unexpected(path.error());
  limits::CreateOptions options;
  options.skip_forbidden = request.rootless && request.spec->cgroups_path.empty();
  auto group = limits::OwnCgroup::create(layout_, *path, options);
  if (!group) return unexpected(group.error());
  if (group->places().empty()) return {};
  if (auto idle = check_idle(*group); !idle) return idle;
  group_ = *std::move(group);
  return limit();
}

std::vector<limits::CgroupPlace> NewCgroup::places() const {
  std::vector<limits::CgroupPlace> places;
  if (group_) return places;
  std::vector<limits::ProcessCgroup> own;
  const bool by_systemd = manager_ == CgroupManager::kSystemd;
  if (!by_systemd) own = limits::parse_process_cgroups(read_file(host_.proc + "/self/cgroup").value_or(""));
  for (const cgroup::Hierarchy& hierarchy : layout_.hierarchies) {
    if (by_systemd) places.push_back(limits::place_in(hierarchy, unit_.cgroup_path()));
    for (const limits::ProcessCgroup& line : own) {
      if (is_line_of(line, hierarchy)) {
        places.push_back(limits::place_in(hierarchy, line.path == "/" ? "" : line.path));
      }
    }
  }
  return places;
}

Result<void> NewCgroup::limit() {
  if (auto applied = limits::apply(*group_, spec_->resources); !applied) return applied;
  if (auto restricted = limits::restrict_devices(*group_, device_rules(*spec_)); !restricted) return restricted;
  if (!limits::wants_delegation(*spec_)) return {};
  const auto owner = container_root(*spec_);
  return owner ? limits::delegate(*group_, *owner, host_.sys) : Result<void>();
}

Result<void> NewCgroup::configure(pid_t pid) {
  if (manager_ != CgroupManager::kSystemd) return {};
  auto bus = limits::open_manager(limits::manager_place(runs_as_user()));
  if (!bus) return unexpected(bus.error());
  spec::Resources resources = spec_->resources;
  resources.devices = device_rules(*spec_);
  limits::ScopeSpec scope;
  scope.unit = unit_.unit();
  scope.slice = unit_.slice;
  scope.pid = pid;
  scope.mode = layout_.mode;
  scope.resources = &resources;
  scope.annotations = &spec_->annotations;
  if (auto started = limits::start_scope(*bus, scope); !started) return started;
  auto adopted = adopt_scope(pid);
  if (!adopted && !group_) (void)limits::stop_scope(*bus, unit_.unit());
  return adopted;
}

Result<void> NewCgroup::adopt_scope(pid_t pid) {
  auto path = limits::unit_cgroup_path(pid, unit_.unit(), host_.proc);
  if (!path) return unexpected(path.error());
  limits::CreateOptions options;
  options.skip_forbidden = rootless_;
  auto group = limits::OwnCgroup::create(layout_, *path, options);
  if (!group) return unexpected(group.error());
  group_ = *std::move(group);
  if (auto moved = move_into(*group_, pid); !moved) return moved;
  return limit();
}

void NewCgroup::describe(Record& record) const {
  record.manager = manager_;
  if (group_ && !group_->places().empty()) record.cgroup_path = group_->path();
  if (manager_ == CgroupManager::kSystemd) record.unit = unit_.unit();
}

Result<std::optional<limits::OwnCgroup>> open_group(const Record& record, const HostRoots& host) {
  if (record.cgroup_path.empty()) return std::optional<limits::OwnCgroup>();
  auto layout = cgroup::detect_layout(host.cgroup);
  if (!layout) return unexpected(layout.error());
  auto group = limits::OwnCgroup::open(*layout, record.cgroup_path);
  if (!group && group.error().code == ENOENT) return std::optional<limits::OwnCgroup>();
  if (!group) return unexpected(group.error());
  return std::optional<limits::OwnCgroup>(*std::move(group));
}

Result<limits::OwnCgroup> need_group(const Record& record, const HostRoots& host) {
  auto group = open_group(record, host);
  if (!group) return unexpected(group.error());
  if (!*group) return fail("container \"" + record.id + "\" has no cgroup of its own");
  return **std::move(group);
}

Result<limits::OwnCgroup> open_subgroup(const Record& record, std::string_view path, const HostRoots& host) {
  if (record.cgroup_path.empty()) return fail("container \"" + record.id + "\" has no cgroup of its own");
  const size_t colon = path.find(':');
  const std::string_view controllers = colon == path.npos ? "" : path.substr(0, colon);
  if (colon != path.npos) path.remove_prefix(colon + 1);
  auto below = limits::absolute_cgroup_path(std::string(path), "");
  if (!below) return fail("bad sub cgroup path: " + std::string(path) + " is not a sub cgroup path");
  auto layout = cgroup::detect_layout(host.cgroup);
  if (!layout) return unexpected(layout.error());
  const std::string rest = *below == "/" ? "" : *below;
  auto group = limits::OwnCgroup::open(*layout, record.cgroup_path + (controllers.empty() ? rest : ""));
  if (!group) return unexpected(group.error().within("--cgroup"));
  if (controllers.empty()) return group;
  if (auto done = group->descend(controllers, rest); !done) return unexpected(done.error().within("--cgroup"));
  return group;
}

Result<void> attach_to_unit(const Record& record, pid_t pid) {
  auto bus = limits::open_manager(limits::manager_place(runs_as_user()));
  if (!bus) return unexpected(bus.error());
  return limits::attach_to_scope(*bus, record.unit, "", pid);
}

Result<void> remove_group(const Record& record, const HostRoots& host, bool kill) {
  auto group = open_group(record, host);
  if (!group) return unexpected(group.error());
  Result<void> ended;
  if (*group) ended = end_group(**group, kill);
  if (!ended && ended.error().code == EBUSY) return ended;
  if (record.manager != CgroupManager::kSystemd || record.unit.empty()) return ended;
  auto stopped = stop_unit(record.unit);
  return ended ? stopped : ended;
}

Result<void> update_group(const Record& record, const spec::Resources& resources, const HostRoots& host) {
  auto group = need_group(record, host);
  if (!group) return unexpected(group.error());
  if (record.manager == CgroupManager::kSystemd) {
    auto layout = cgroup::detect_layout(host.cgroup);
    if (!layout) return unexpected(layout.error());
    auto bus = limits::open_manager(limits::manager_place(runs_as_user()));
    if (!bus) return unexpected(bus.error());
    auto set = limits::set_scope_properties(*bus, record.unit, resources, layout->mode);
    if (!set) return set;
  }
  return limits::apply(*group, resources);
}

bool PauseReader::frozen(const Record& record) {
  if (record.cgroup_path.empty()) return false;
  if (!layout_) {
    auto layout = cgroup::detect_layout(cgroup_root_);
    layout_ = layout ? *std::move(layout) : cgroup::Layout();
  }
  const cgroup::Hierarchy* v1 = layout_->v1("freezer");
  const cgroup::Hierarchy* hierarchy = v1 != nullptr ? v1 : layout_->unified();
  if (hierarchy == nullptr) return false;
  const char* file = v1 != nullptr ? "/freezer.state" : "/cgroup.freeze";
  const UniqueFd fd(::open((hierarchy->mount_point + record.cgroup_path + file).c_str(), O_RDONLY | O_CLOEXEC));
  char text[32];
  const ssize_t length = fd ? ::read(fd.get(), text, sizeof text) : 0;
  const std::string_view state = trim({text, static_cast<size_t>(length > 0 ? length : 0)});
  return v1 != nullptr ? state == "FROZEN" || state == "FREEZING" : state == "1";
}

Status status_of(const Container& container, PauseReader& pauses, const HostRoots& host) {
  const Status status = container.status(host.proc);
  if (status != Status::kRunning && status != Status::kCreated) return status;
  return pauses.frozen(container.record()) ? Status::kPaused : status;
}

}  // namespace plimsoll::oci
