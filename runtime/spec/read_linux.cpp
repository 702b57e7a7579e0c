// SPDX-License-Identifier: Apache-2.0
// runtime-spec: config-linux.md
#include <algorithm>

#include "runtime/spec/names.h"
#include "runtime/spec/parts.h"

namespace plimsoll::spec {
namespace {

using json::Object;

void read_namespace(Object& object, std::vector<Namespace>& namespaces) {
  Namespace one;
  object.need("type", kNamespaceNames, one.type);
  object.get("path", one.path);
  if (!one.path.empty() && one.path[0] != '/') object.reject("path", "must be an absolute path");
  const bool twice =
      std::any_of(namespaces.begin(), namespaces.end(), [&](const Namespace& other) { return other.type == one.type; });
  if (twice) return object.reject("type", "a namespace of this type is there twice");
  namespaces.push_back(std::move(one));
}

void read_time_offset(std::string& clock, Object& object, TimeOffset& offset) {
  if (clock != "monotonic" && clock != "boottime")
    object.reject("secs", json::quote(clock) + " is none of monotonic, boottime");
  offset.clock = std::move(clock);
  object.get("secs", offset.secs);
  object.get("nanosecs", offset.nanosecs);
  if (offset.nanosecs >= 1'000'000'000) object.reject("nanosecs", "must be less than a second");
}

void read_device_type(Object& object, Device& device) {
  std::string type;
  object.need("type", type);
  if (type.size() != 1 || std::string_view("bcup").find(type[0]) == std::string_view::npos)
    return object.reject("type", json::quote(type) + " is none of b, c, u, p");
  device.type = type[0];
}

void read_device(Object& object, Device& device) {
  object.need("path", device.path);
  if (!device.path.starts_with('/')) object.reject("path", "must be an absolute path");
  read_device_type(object, device);
  if (device.type != 'p') {
    object.need("major", device.major);
    object.need("minor", device.minor);
  }
  object.get("fileMode", device.file_mode);
  if (device.file_mode) *device.file_mode &= 07777;  // some clients write the type too
  object.get("uid", device.uid);
  object.get("gid", device.gid);
  check_id(object, "uid", device.uid.value_or(0));
  check_id(object, "gid", device.gid.value_or(0));
}

// As the kernel's dev_valid_name().
bool is_interface_name(std::string_view name) {
  constexpr size_t kLongest = 15;
  return !name.empty() && name.size() <= kLongest && name != "." && name != ".." &&
         name.find_first_of("/: \t\n\v\f\r") == name.npos;
}

void read_net_device(std::string& host_name, Object& object, NetDevice& device) {
  device.host_name = std::move(host_name);
  object.get("name", device.name);
  for (const std::string& name : {device.host_name, device.name.empty() ? device.host_name : device.name})
    if (!is_interface_name(name)) object.reject("name", json::quote(name) + " cannot be a network interface's name");
}

void read_cgroups_path(Object& object, std::string& path) {
  object.get("cgroupsPath", path);
  if (("/" + path + "/").find("/../") != std::string::npos) object.reject("cgroupsPath", "must not lead upwards");
}

bool is_line(std::string_view text) { return text.find('\n') == text.npos; }

void check_intel_rdt(Object& object, const IntelRdt& rdt) {
  const std::string& id = rdt.clos_id;
  if (id == "." || id == ".." || (id.size() > 1 && id.find('/') != std::string::npos))
    object.reject("closID", "must be a directory's name, or '/'");
  if (!is_line(rdt.l3_cache_schema)) object.reject("l3CacheSchema", "must be one line");
  const bool bandwidth = rdt.mem_bw_schema.empty() || rdt.mem_bw_schema.starts_with("MB:");
  if (!bandwidth || !is_line(rdt.mem_bw_schema))
    object.reject("memBwSchema", "must be one line that begins with 'MB:'");
  if (!std::all_of(rdt.schemata.begin(), rdt.schemata.end(), is_line))
    object.reject("schemata", "each must be one line");
}

void read_intel_rdt(Object& object, IntelRdt& rdt) {
  object.get("closID", rdt.clos_id);
  object.get("l3CacheSchema", rdt.l3_cache_schema);
  object.get("memBwSchema", rdt.mem_bw_schema);
  object.get("schemata", rdt.schemata);
  object.get("enableMonitoring", rdt.enable_monitoring);
  check_intel_rdt(object, rdt);
}

void read_memory_policy(Object& object, MemoryPolicy& policy) {
  object.need("mode", kMemoryModes, policy.mode);
  object.get("nodes", policy.nodes);
  object.get_bits("flags", kMemoryFlags, policy.flags);
  if (!policy.nodes.empty() && !is_number_list(policy.nodes))
    return object.reject("nodes", "must be a list of memory nodes as in '0-3,7'");
  const std::string_view mode = name_of(kMemoryModes, policy.mode);
  const bool never = mode == "MPOL_DEFAULT" || mode == "MPOL_LOCAL";
  if (never && !policy.nodes.empty()) object.reject("nodes", "must be empty with " + std::string(mode));
  if (!never && mode != "MPOL_PREFERRED" && policy.nodes.empty())
    object.reject("nodes", "must name a node with " + std::string(mode));
}

void read_personality(Object& object, std::optional<uint64_t>& personality, Warnings& warnings) {
  object.need("domain", kPersonalities, personality.emplace());
  std::vector<std::string> flags;
  object.get("flags", flags);
  if (!flags.empty()) warnings.push_back(object.place("flags") + ": none is known, left out: " + json::quote(flags[0]));
}

void read_propagation(Object& object, std::string& propagation) {
  object.get("rootfsPropagation", propagation);
  if (!propagation.empty() && !find_name(kPropagations, propagation))
    object.reject("rootfsPropagation", json::quote(propagation) + " is none of " + list_names(kPropagations));
}

void read_sysctl(Object& object, std::vector<std::pair<std::string, std::string>>& sysctl) {
  object.get("sysctl", sysctl);
  for (auto& [name, value] : sysctl) {
    std::string path = sysctl_path(name);
    if (path.empty()) return object.reject("sysctl", json::quote(name) + " is no kernel parameter's name");
    name = std::move(path);
  }
}

void read_isolation(Object& object, Spec& spec) {
  object.each("namespaces", [&](Object& one) { read_namespace(one, spec.namespaces); });
  read_mappings(object, "uidMappings", spec.uid_mappings);
  read_mappings(object, "gidMappings", spec.gid_mappings);
  object.entries("timeOffsets", [&](std::string& clock, Object& one) {
    read_time_offset(clock, one, spec.time_offsets.emplace_back());
  });
  object.get_absolute("maskedPaths", spec.masked_paths);
  object.get_absolute("readonlyPaths", spec.readonly_paths);
  read_propagation(object, spec.rootfs_propagation);
  object.get("mountLabel", spec.mount_label);
}

}  // namespace

void read_mappings(Object& object, std::string_view name, IdMappings& mappings) {
  object.each(name, [&](Object& entry) {
    IdMapping& one = mappings.emplace_back();
    entry.need("containerID", one.container_id);
    entry.need("hostID", one.host_id);
    entry.need("size", one.size);
    const uint64_t first = std::max(one.container_id, one.host_id);
    if (one.size == 0 || first + one.size > kNoId) entry.reject("size", "must be above 0, and no id above 4294967294");
  });
}

void read_linux(Object& object, Spec& spec, Warnings& warnings) {
  read_isolation(object, spec);
  object.each("devices", [&](Object& one) { read_device(one, spec.devices.emplace_back()); });
  object.entries("netDevices",
                 [&](std::string& name, Object& one) { read_net_device(name, one, spec.net_devices.emplace_back()); });
  read_cgroups_path(object, spec.cgroups_path);
  object.object("resources", [&](Object& inner) { read_resources(inner, spec.resources); });
  object.object("intelRdt", [&](Object& inner) { read_intel_rdt(inner, spec.intel_rdt.emplace()); });
  object.object("memoryPolicy", [&](Object& inner) { read_memory_policy(inner, spec.memory_policy.emplace()); });
  object.object("personality", [&](Object& inner) { read_personality(inner, spec.personality, warnings); });
  read_sysctl(object, spec.sysctl);
  object.object("seccomp", [&](Object& inner) { read_seccomp(inner, spec.seccomp.emplace()); });
}

}  // namespace plimsoll::spec
