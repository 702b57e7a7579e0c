// SPDX-License-Identifier: Apache-2.0
// runtime-spec: config-linux.md "Control groups"
#include <algorithm>

#include "runtime/spec/parts.h"

namespace plimsoll::spec {
namespace {

using json::Object;

// A device number of which a negative one, as some clients write it, means every one.
void read_device_number(Object& object, std::string_view name, std::optional<uint32_t>& target) {
  std::optional<int64_t> number;
  object.get(name, number);
  if (!number || *number == -1) return;
  if (*number < 0 || *number > int64_t{UINT32_MAX}) return object.reject(name, "is no device number");
  target = static_cast<uint32_t>(*number);
}

void read_device_rule(Object& object, DeviceRule& rule) {
  std::string type;
  object.need("allow", rule.allow);
  object.get("type", type);
  if (!type.empty() && type != "a" && type != "b" && type != "c")
    return object.reject("type", json::quote(type) + " is none of a, b, c");
  if (!type.empty()) rule.type = type[0];
  read_device_number(object, "major", rule.major);
  read_device_number(object, "minor", rule.minor);
  object.get("access", rule.access);
  if (rule.access.find_first_not_of("rwm") != std::string::npos)
    object.reject("access", json::quote(rule.access) + " has other letters than r, w and m");
}

void read_bytes(Object& object, std::string_view name, std::optional<int64_t>& target) {
  object.get(name, target);
  if (target.value_or(0) < -1) object.reject(name, "must be a number of bytes, or -1 for no limit");
}

void read_memory(Object& object, Memory& memory) {
  read_bytes(object, "limit", memory.limit);
  read_bytes(object, "reservation", memory.reservation);
  read_bytes(object, "swap", memory.swap);
  read_bytes(object, "kernel", memory.kernel);
  read_bytes(object, "kernelTCP", memory.kernel_tcp);
  object.get("swappiness", memory.swappiness);
  if (memory.swappiness.value_or(0) > 100) object.reject("swappiness", "must be from 0 to 100");
  object.get("disableOOMKiller", memory.disable_oom_killer);
  object.get("useHierarchy", memory.use_hierarchy);
  object.get("checkBeforeUpdate", memory.check_before_update);
}

void read_cpu(Object& object, Cpu& cpu) {
  object.get("shares", cpu.shares);
  object.get("burst", cpu.burst);
  object.get("period", cpu.period);
  object.get("realtimePeriod", cpu.realtime_period);
  object.get("quota", cpu.quota);
  object.get("realtimeRuntime", cpu.realtime_runtime);
  object.get("idle", cpu.idle);
  object.get("cpus", cpu.cpus);
  object.get("mems", cpu.mems);
}

void read_block_device(Object& object, BlockDevice& device) {
  object.need("major", device.major);
  object.need("minor", device.minor);
}

void read_weight_device(Object& object, std::vector<WeightDevice>& devices) {
  WeightDevice& one = devices.emplace_back();
  read_block_device(object, one.device);
  object.get("weight", one.weight);
  object.get("leafWeight", one.leaf_weight);
  if (!one.weight && !one.leaf_weight) object.reject("weight", "weight or leafWeight must be there");
}

void read_throttle(Object& object, std::string_view name, std::vector<ThrottleDevice>& devices) {
  object.each(name, [&](Object& entry) {
    ThrottleDevice& one = devices.emplace_back();
    read_block_device(entry, one.device);
    entry.need("rate", one.rate);
  });
}

void read_block_io(Object& object, BlockIo& io) {
  object.get("weight", io.weight);
  object.get("leafWeight", io.leaf_weight);
  object.each("weightDevice", [&](Object& entry) { read_weight_device(entry, io.weight_devices); });
  read_throttle(object, "throttleReadBpsDevice", io.read_bps);
  read_throttle(object, "throttleWriteBpsDevice", io.write_bps);
  read_throttle(object, "throttleReadIOPSDevice", io.read_iops);
  read_throttle(object, "throttleWriteIOPSDevice", io.write_iops);
}

// "64KB", "2MB", "1GB": part of a file's name.
bool is_page_size(std::string_view text) {
  const size_t digits = std::min(text.find_first_not_of("0123456789"), text.size());
  const std::string_view unit = text.substr(digits);
  if (digits == 0 || digits > 18 || text[0] == '0') return false;
  return unit == "B" || (unit.size() == 2 && unit[1] == 'B' && std::string_view("KMGTPE").find(unit[0]) != unit.npos);
}

void read_hugepage_limit(Object& object, HugepageLimit& limit) {
  object.need("pageSize", limit.page_size);
  if (!is_page_size(limit.page_size))
    object.reject("pageSize", json::quote(limit.page_size) + " must be a size as in '2MB' or '64KB'");
  object.need("limit", limit.limit);
}

void read_network(Object& object, Resources& resources) {
  object.get("classID", resources.network_class_id);
  object.each("priorities", [&](Object& entry) {
    InterfacePriority& one = resources.network_priorities.emplace_back();
    entry.need("name", one.name);
    entry.need("priority", one.priority);
  });
}

void read_rdma(std::string& device, Object& object, Rdma& rdma) {
  rdma.device = std::move(device);
  object.get("hcaHandles", rdma.hca_handles);
  object.get("hcaObjects", rdma.hca_objects);
  if (!rdma.hca_handles && !rdma.hca_objects) object.reject("hcaHandles", "hcaHandles or hcaObjects must be there");
}

// A file of the group's directory; not "../other/memory.max".
bool is_file_name(std::string_view name) {
  return !name.empty() && name != "." && name != ".." && name.find('/') == name.npos;
}

void read_unified(Object& object, Resources& resources) {
  object.get("unified", resources.unified);
  for (const auto& [file, value] : resources.unified)
    if (!is_file_name(file)) return object.reject("unified", json::quote(file) + " must be a file's name");
}

}  // namespace

void read_resources(Object& object, Resources& resources) {
  object.each("devices", [&](Object& rule) { read_device_rule(rule, resources.devices.emplace_back()); });
  object.object("memory", [&](Object& memory) { read_memory(memory, resources.memory.emplace()); });
  object.object("cpu", [&](Object& cpu) { read_cpu(cpu, resources.cpu.emplace()); });
  object.object("pids", [&](Object& pids) { pids.get("limit", resources.pids_limit); });
  object.object("blockIO", [&](Object& io) { read_block_io(io, resources.block_io.emplace()); });
  object.each("hugepageLimits",
              [&](Object& one) { read_hugepage_limit(one, resources.hugepage_limits.emplace_back()); });
  object.object("network", [&](Object& network) { read_network(network, resources); });
  object.entries("rdma", [&](std::string& key, Object& one) { read_rdma(key, one, resources.rdma.emplace_back()); });
  read_unified(object, resources);
}

}  // namespace plimsoll::spec
