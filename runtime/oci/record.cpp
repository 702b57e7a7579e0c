// SPDX-License-Identifier: Apache-2.0
#include "runtime/oci/record.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "runtime/container/json_reader.h"
#include "runtime/spec/json_writer.h"

namespace plimsoll::oci {
namespace {

using container::JsonReader;
using spec::JsonWriter;
using nlohmann::json;

constexpr int kFormat = 1;
// NAME_MAX: it names a directory.
constexpr size_t kLongestId = 255;
constexpr std::string_view kManagers[] = {"cgroupfs", "systemd", "disabled"};

void write_strings(JsonWriter& out, std::string_view name, const std::vector<std::string>& values) {
  out.key(name);
  out.open_array();
  for (const std::string& value : values) out.value(value);
  out.close_array();
}

void write_map(JsonWriter& out, std::string_view name, const std::map<std::string, std::string>& values) {
  if (values.empty()) return;
  out.key(name);
  out.open_object();
  for (const auto& [key, value] : values) out.member(key, value);
  out.close_object();
}

void write_hooks(JsonWriter& out, std::string_view name, const std::vector<spec::Hook>& hooks) {
  if (hooks.empty()) return;
  out.key(name);
  out.open_array();
  for (const spec::Hook& hook : hooks) {
    out.open_object();
    out.member("path", hook.path);
    write_strings(out, "args", hook.args);
    write_strings(out, "env", hook.env);
    if (hook.timeout) out.member("timeout", *hook.timeout);
    out.close_object();
  }
  out.close_array();
}

void read_hooks(JsonReader& reader, const char* name, std::vector<spec::Hook>& hooks) {
  const json* list = reader.objects(name);
  if (list == nullptr) return;
  for (const json& one : *list) {
    JsonReader inner(one);
    spec::Hook hook;
    inner.get("path", hook.path);
    inner.get("args", hook.args);
    inner.get("env", hook.env);
    if (one.contains("timeout")) inner.get("timeout", hook.timeout.emplace());
    reader.adopt(inner);
    hooks.push_back(std::move(hook));
  }
}

void write_filter(JsonWriter& out, const Record& record) {
  if (!record.has_filter) return;
  out.member("filter_flags", record.filter_flags);
  if (record.listener_path.empty()) return;
  out.member("listener_path", record.listener_path);
  out.member("listener_metadata", record.listener_metadata);
}

void read_filter(JsonReader& reader, const json& value, Record& record) {
  record.has_filter = value.contains("filter_flags");
  uint64_t flags = 0;
  reader.get("filter_flags", flags);
  record.filter_flags = static_cast<unsigned>(flags);
  reader.get("listener_path", record.listener_path);
  reader.get("listener_metadata", record.listener_metadata);
}

}  // namespace

std::string_view manager_name(CgroupManager manager) { return kManagers[static_cast<int>(manager)]; }

std::optional<CgroupManager> manager_of(std::string_view name) {
  const auto found = std::find(std::begin(kManagers), std::end(kManagers), name);
  if (found == std::end(kManagers)) return std::nullopt;
  return static_cast<CgroupManager>(found - std::begin(kManagers));
}

std::string write_record(const Record& record) {
  JsonWriter out;
  out.open_object();
  out.member("format", kFormat);
  out.member("ociVersion", record.version);
  out.member("id", record.id);
  out.member("pid", record.pid);
  out.member("start_ticks", record.start_ticks);
  out.member("bundle", record.bundle);
  out.member("rootfs", record.rootfs);
  out.member("created", record.created);
  write_map(out, "annotations", record.annotations);
  out.member("cgroup_path", record.cgroup_path);
  out.member("manager", manager_name(record.manager));
  if (!record.unit.empty()) out.member("unit", record.unit);
  if (record.ends_with_first) out.member("ends_with_first", true);
  out.member("namespaces", record.namespaces);
  if (record.personality) out.member("personality", *record.personality);
  write_filter(out, record);
  write_hooks(out, "poststart", record.poststart);
  write_hooks(out, "poststop", record.poststop);
  out.close_object();
  return std::move(out).text() + "\n";
}

Result<Record> read_record(std::string_view text) {
  auto value = container::parse_object(text, kFormat);
  if (!value) return unexpected(value.error());
  JsonReader reader(*value);
  Record record;
  std::string manager;
  reader.get("ociVersion", record.version);
  reader.get("id", record.id);
  reader.get("pid", record.pid);
  reader.get("start_ticks", record.start_ticks);
  reader.get("bundle", record.bundle);
  reader.get("rootfs", record.rootfs);
  reader.get("created", record.created);
  reader.get("annotations", record.annotations);
  reader.get("cgroup_path", record.cgroup_path);
  reader.get("manager", manager);
  reader.get("unit", record.unit);
  reader.get("ends_with_first", record.ends_with_first);
  reader.get("namespaces", record.namespaces);
  if (value->contains("personality")) reader.get("personality", record.personality.emplace());
  read_filter(reader, *value, record);
  read_hooks(reader, "poststart", record.poststart);
  read_hooks(reader, "poststop", record.poststop);
  if (auto finished = reader.finish(); !finished) return unexpected(finished.error());
  const auto known = manager_of(manager);
  if (!known) return fail("member 'manager': '" + manager + "' is not known");
  record.manager = *known;
  if (record.pid <= 0) return fail("member 'pid' is missing or no pid");
  return record;
}

Result<void> check_id(std::string_view id) {
  const auto letter = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '+' ||
           c == '-';
  };
  if (id.empty()) return fail("container id cannot be empty");
  const std::string whole = "container ID '" + std::string(id.substr(0, 64)) + "'";
  if (id.size() > kLongestId) return fail(whole + " is invalid: longer than " + std::to_string(kLongestId) + " bytes");
  const auto bad = letter(id[0]) ? std::find_if_not(id.begin(), id.end(), [&](char c) { return letter(c) || c == '.'; })
                                 : id.begin();
  if (bad == id.end()) return {};
  return fail(whole + " has an invalid character '" + *bad +
              "': letters, digits and _ + - . are allowed, and no . at its beginning");
}

std::string state_json(const Record& record, const StateText& text) {
  JsonWriter out(text.indent);
  out.open_object();
  out.member("ociVersion", record.version);
  out.member("id", record.id);
  out.member("pid", text.pid);
  out.member("status", text.status);
  out.member("bundle", record.bundle);
  if (!text.owner.empty()) {
    out.member("rootfs", record.rootfs);
    out.member("created", record.created);
  }
  write_map(out, "annotations", record.annotations);
  if (!text.owner.empty()) out.member("owner", text.owner);
  out.close_object();
  return std::move(out).text();
}

std::string process_state_json(const Record& record, std::string_view status, pid_t process) {
  JsonWriter out;
  out.open_object();
  out.member("ociVersion", record.version);
  write_strings(out, "fds", {"seccompFd"});
  out.member("pid", process);
  if (!record.listener_metadata.empty()) out.member("metadata", record.listener_metadata);
  out.key("state");
  out.raw(state_json(record, {status, record.pid}));
  out.close_object();
  return std::move(out).text();
}

}  // namespace plimsoll::oci
