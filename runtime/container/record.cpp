// SPDX-License-Identifier: Apache-2.0
#include "runtime/container/record.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "runtime/container/json_reader.h"

namespace plimsoll::container {
namespace {

using nlohmann::json;

struct CounterMember {
  const char* name;
  cgroup::Count cgroup::Counters::*member;
};

constexpr CounterMember kCounters[] = {
    {"cpu_usage_ns", &cgroup::Counters::cpu_usage_ns},
    {"cpu_user_ns", &cgroup::Counters::cpu_user_ns},
    {"cpu_system_ns", &cgroup::Counters::cpu_system_ns},
    {"cfs_periods", &cgroup::Counters::cfs_periods},
    {"cfs_throttled_periods", &cgroup::Counters::cfs_throttled_periods},
    {"cfs_throttled_ns", &cgroup::Counters::cfs_throttled_ns},
    {"cfs_burst_periods", &cgroup::Counters::cfs_burst_periods},
    {"cfs_burst_ns", &cgroup::Counters::cfs_burst_ns},
    {"memory_failures", &cgroup::Counters::memory_failures},
    {"page_faults", &cgroup::Counters::page_faults},
    {"major_page_faults", &cgroup::Counters::major_page_faults},
    {"memory_high_events", &cgroup::Counters::memory_high_events},
    {"memory_max_events", &cgroup::Counters::memory_max_events},
    {"oom_kills", &cgroup::Counters::oom_kills},
    {"pages_scanned", &cgroup::Counters::pages_scanned},
    {"pages_stolen", &cgroup::Counters::pages_stolen},
    {"refaults_file", &cgroup::Counters::refaults_file},
    {"refaults_anon", &cgroup::Counters::refaults_anon},
};

struct InterfaceMember {
  const char* name;
  uint64_t cgroup::NetworkInterface::*member;
};

constexpr InterfaceMember kInterface[] = {
    {"receive_bytes", &cgroup::NetworkInterface::receive_bytes},
    {"receive_packets", &cgroup::NetworkInterface::receive_packets},
    {"receive_errors", &cgroup::NetworkInterface::receive_errors},
    {"receive_dropped", &cgroup::NetworkInterface::receive_dropped},
    {"transmit_bytes", &cgroup::NetworkInterface::transmit_bytes},
    {"transmit_packets", &cgroup::NetworkInterface::transmit_packets},
    {"transmit_errors", &cgroup::NetworkInterface::transmit_errors},
    {"transmit_dropped", &cgroup::NetworkInterface::transmit_dropped},
};

struct IoMember {
  const char* name;
  cgroup::Count cgroup::IoDevice::*member;
};

constexpr IoMember kIo[] = {
    {"read_bytes", &cgroup::IoDevice::read_bytes},
    {"written_bytes", &cgroup::IoDevice::written_bytes},
    {"reads", &cgroup::IoDevice::reads},
    {"writes", &cgroup::IoDevice::writes},
    {"discarded_bytes", &cgroup::IoDevice::discarded_bytes},
    {"sync_bytes", &cgroup::IoDevice::sync_bytes},
    {"async_bytes", &cgroup::IoDevice::async_bytes},
    {"total_bytes", &cgroup::IoDevice::total_bytes},
    {"cost_usage_ns", &cgroup::IoDevice::cost_usage_ns},
    {"cost_wait_ns", &cgroup::IoDevice::cost_wait_ns},
    {"cost_indebt_ns", &cgroup::IoDevice::cost_indebt_ns},
    {"cost_indelay_ns", &cgroup::IoDevice::cost_indelay_ns},
};

// An absent counter is an absent member.
void put(json& object, const char* name, const cgroup::Count& count) {
  if (count) object[name] = *count;
}

struct PressureField {
  const char* some;
  const char* full;
  cgroup::Pressure cgroup::Counters::*member;
};
constexpr PressureField kPressures[] = {
    {"cpu_pressure_some_ns", "cpu_pressure_full_ns", &cgroup::Counters::cpu_pressure},
    {"memory_pressure_some_ns", "memory_pressure_full_ns", &cgroup::Counters::memory_pressure},
    {"io_pressure_some_ns", "io_pressure_full_ns", &cgroup::Counters::io_pressure},
    {"irq_pressure_some_ns", "irq_pressure_full_ns", &cgroup::Counters::irq_pressure},
};

json io_to_json(const std::vector<cgroup::IoDevice>& devices) {
  json array = json::array();
  for (const auto& device : devices) {
    json& object = array.emplace_back(json{{"major", device.major}, {"minor", device.minor}});
    for (const auto& [name, member] : kIo) put(object, name, device.*member);
  }
  return array;
}

json network_to_json(const std::vector<cgroup::NetworkInterface>& interfaces) {
  json array = json::array();
  for (const auto& interface : interfaces) {
    json& object = array.emplace_back(json{{"name", interface.name}});
    for (const auto& [name, member] : kInterface) object[name] = interface.*member;
  }
  return array;
}

json counters_to_json(const cgroup::Counters& counters) {
  json object = json::object();
  for (const auto& [name, member] : kCounters) put(object, name, counters.*member);
  for (const auto& [some, full, member] : kPressures) {
    put(object, some, (counters.*member).some_ns);
    put(object, full, (counters.*member).full_ns);
  }
  if (!counters.cpu_usage_percpu_ns.empty()) object["cpu_usage_percpu_ns"] = counters.cpu_usage_percpu_ns;
  if (!counters.io.empty()) object["io"] = io_to_json(counters.io);
  if (!counters.network.empty()) object["network"] = network_to_json(counters.network);
  return object;
}

cgroup::IoDevice io_from_json(JsonReader& outer, const json& object) {
  JsonReader reader(object);
  cgroup::IoDevice device;
  uint64_t major = 0, minor = 0;
  reader.get("major", major);
  reader.get("minor", minor);
  if (major > UINT32_MAX) reader.reject("major", "too large");
  if (minor > UINT32_MAX) reader.reject("minor", "too large");
  device.major = static_cast<uint32_t>(major);
  device.minor = static_cast<uint32_t>(minor);
  for (const auto& [name, member] : kIo) reader.get(name, device.*member);
  outer.adopt(reader);
  return device;
}

cgroup::NetworkInterface interface_from_json(JsonReader& outer, const json& object) {
  JsonReader reader(object);
  cgroup::NetworkInterface interface;
  reader.get("name", interface.name);
  for (const auto& [name, member] : kInterface) reader.get(name, interface.*member);
  outer.adopt(reader);
  return interface;
}

cgroup::Counters counters_from_json(JsonReader& outer, const json& object) {
  JsonReader reader(object);
  cgroup::Counters counters;
  for (const auto& [name, member] : kCounters) reader.get(name, counters.*member);
  for (const auto& [some, full, member] : kPressures) {
    reader.get(some, (counters.*member).some_ns);
    reader.get(full, (counters.*member).full_ns);
  }
  reader.get("cpu_usage_percpu_ns", counters.cpu_usage_percpu_ns);
  if (const json* devices = reader.objects("io")) {
    for (const json& device : *devices) counters.io.push_back(io_from_json(reader, device));
  }
  if (const json* interfaces = reader.objects("network")) {
    for (const json& interface : *interfaces) counters.network.push_back(interface_from_json(reader, interface));
  }
  outer.adopt(reader);
  return counters;
}

json binds_to_json(const std::vector<BindMount>& binds) {
  json array = json::array();
  for (const auto& bind : binds) {
    array.push_back({{"source", bytes_to_json(bind.source)},
                     {"target", bytes_to_json(bind.target)},
                     {"read_only", bind.read_only}});
  }
  return array;
}

BindMount bind_from_json(JsonReader& outer, const json& object) {
  JsonReader reader(object);
  BindMount bind;
  reader.get("source", bind.source);
  reader.get("target", bind.target);
  reader.get("read_only", bind.read_only);
  outer.adopt(reader);
  return bind;
}

json strings_to_json(const std::vector<std::string>& strings) {
  json array = json::array();
  for (const auto& string : strings) array.push_back(bytes_to_json(string));
  return array;
}

// The value of an enumeration by its to_string(); a problem when there is none of that name.
template <typename Enum, size_t kSize>
void get_enum(JsonReader& reader, const char* name, const Enum (&values)[kSize], Enum& target) {
  std::string text = to_string(target);
  reader.get(name, text);
  const auto* found = std::find_if(values, values + kSize, [&](Enum value) { return text == to_string(value); });
  if (found == values + kSize) return reader.reject(name, "unknown: '" + text + "'");
  target = *found;
}

// An id becomes a file name: nothing that could leave its directory.
void get_id(JsonReader& reader, std::string& target) {
  reader.get("id", target);
  const auto harmless = [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '-';
  };
  const bool good = !target.empty() && target.size() <= 128 && std::all_of(target.begin(), target.end(), harmless);
  if (!good) reader.reject("id", "no container id");
}

json record_to_json(const ExitRecord& record) {
  json object = {{"format", kFormatVersion},
                 {"id", record.id},
                 {"name", record.name},
                 {"image", record.image},
                 {"cgroup_path", record.cgroup_path},
                 {"labels", record.labels},
                 {"cgroup_inode", record.cgroup_inode},
                 {"created_ns", record.created_ns},
                 {"started_ns", record.started_ns},
                 {"finished_ns", record.finished_ns},
                 {"exit_code", record.exit_code},
                 {"oom_killed", record.oom_killed},
                 {"counters", counters_to_json(record.counters)}};
  put(object, "memory_peak_bytes", record.memory_peak_bytes);
  return object;
}

Result<ExitRecord> record_from_json(const json& object) {
  JsonReader reader(object);
  ExitRecord record;
  get_id(reader, record.id);
  reader.get("name", record.name);
  reader.get("image", record.image);
  reader.get("cgroup_path", record.cgroup_path);
  reader.get("labels", record.labels);
  reader.get("cgroup_inode", record.cgroup_inode);
  reader.get("created_ns", record.created_ns);
  reader.get("started_ns", record.started_ns);
  reader.get("finished_ns", record.finished_ns);
  reader.get("exit_code", record.exit_code);
  reader.get("oom_killed", record.oom_killed);
  reader.get("memory_peak_bytes", record.memory_peak_bytes);
  if (const json* counters = reader.object("counters")) record.counters = counters_from_json(reader, *counters);
  if (auto good = reader.finish(); !good) return unexpected(good.error());
  return record;
}

}  // namespace

std::string StateRoots::container_dir(std::string_view id) const { return root + "/containers/" + std::string(id); }

std::string StateRoots::exited_dir() const { return runroot + "/exited"; }

const char* to_string(Network network) {
  switch (network) {
    case Network::kNone:
      return "none";
    case Network::kHost:
      return "host";
    case Network::kVeth:
      return "veth";
  }
  return "?";
}

const char* to_string(Status status) {
  switch (status) {
    case Status::kCreated:
      return "created";
    case Status::kRunning:
      return "running";
    case Status::kExited:
      return "exited";
  }
  return "?";
}

std::string to_json(const Config& config) {
  return dump({{"format", kFormatVersion},
               {"id", config.id},
               {"name", config.name},
               {"image", config.image},
               {"rootfs", bytes_to_json(config.rootfs)},
               {"argv", strings_to_json(config.argv)},
               {"env", strings_to_json(config.env)},
               {"cwd", bytes_to_json(config.cwd)},
               {"hostname", config.hostname},
               {"binds", binds_to_json(config.binds)},
               {"network", to_string(config.network)},
               {"memory_bytes", config.memory_bytes},
               {"cpu_quota_us", config.cpu_quota_us},
               {"pids", config.pids},
               {"cgroup_path", config.cgroup_path},
               {"labels", config.labels},
               {"created_ns", config.created_ns},
               {"auto_remove", config.auto_remove},
               {"log_limit_bytes", config.log_limit_bytes}});
}

Result<Config> parse_config(std::string_view text) {
  auto object = parse_object(text, kFormatVersion);
  if (!object) return unexpected(object.error());
  JsonReader reader(*object);
  Config config;
  get_id(reader, config.id);
  reader.get("name", config.name);
  reader.get("image", config.image);
  reader.get("rootfs", config.rootfs);
  reader.get("argv", config.argv);
  reader.get("env", config.env);
  reader.get("cwd", config.cwd);
  reader.get("hostname", config.hostname);
  if (const json* binds = reader.objects("binds")) {
    for (const json& bind : *binds) config.binds.push_back(bind_from_json(reader, bind));
  }
  get_enum(reader, "network", {Network::kNone, Network::kHost, Network::kVeth}, config.network);
  reader.get("memory_bytes", config.memory_bytes);
  reader.get("cpu_quota_us", config.cpu_quota_us);
  reader.get("pids", config.pids);
  reader.get("cgroup_path", config.cgroup_path);
  reader.get("labels", config.labels);
  reader.get("created_ns", config.created_ns);
  reader.get("auto_remove", config.auto_remove);
  reader.get("log_limit_bytes", config.log_limit_bytes);
  if (auto good = reader.finish(); !good) return unexpected(good.error());
  return config;
}

std::string to_json(const State& state) {
  json object = {{"format", kFormatVersion},
                 {"status", to_string(state.status)},
                 {"pid", state.pid},
                 {"pid_start_ticks", state.pid_start_ticks},
                 {"monitor_pid", state.monitor_pid},
                 {"started_ns", state.started_ns},
                 {"address", state.address},
                 {"error", state.error}};
  if (state.status == Status::kExited) object["exit"] = record_to_json(state.exit);
  return dump(object);
}

Result<State> parse_state(std::string_view text) {
  auto object = parse_object(text, kFormatVersion);
  if (!object) return unexpected(object.error());
  JsonReader reader(*object);
  State state;
  get_enum(reader, "status", {Status::kCreated, Status::kRunning, Status::kExited}, state.status);
  reader.get("pid", state.pid);
  reader.get("pid_start_ticks", state.pid_start_ticks);
  reader.get("monitor_pid", state.monitor_pid);
  reader.get("started_ns", state.started_ns);
  reader.get("address", state.address);
  reader.get("error", state.error);
  const json* exit = state.status == Status::kExited ? reader.object("exit") : nullptr;
  if (state.status == Status::kExited && exit == nullptr) reader.reject("exit", "missing");
  if (auto good = reader.finish(); !good) return unexpected(good.error());
  if (exit == nullptr) return state;
  auto record = record_from_json(*exit);
  if (!record) return unexpected(record.error().within("exit"));
  state.exit = std::move(*record);
  return state;
}

std::string to_json(const ExitRecord& record) { return dump(record_to_json(record)); }

Result<ExitRecord> parse_exit_record(std::string_view text) {
  auto object = parse_object(text, kFormatVersion);
  if (!object) return unexpected(object.error());
  return record_from_json(*object);
}

}  // namespace plimsoll::container
