// SPDX-License-Identifier: Apache-2.0
// The parts of config.json, each read from its object; for read.cpp. A problem is left in the object's document.
#pragma once

#include "runtime/spec/json.h"
#include "runtime/spec/read.h"
#include "runtime/spec/spec.h"

namespace plimsoll::spec {

void read_process(json::Object& object, Process& process, Warnings& warnings);
void read_linux(json::Object& object, Spec& spec, Warnings& warnings);
void read_resources(json::Object& object, Resources& resources);
void read_seccomp(json::Object& object, Seccomp& seccomp);
void read_mappings(json::Object& object, std::string_view name, IdMappings& mappings);
void read_mounts(json::Object& object, std::vector<Mount>& mounts, Warnings& warnings);

// What one part of a configuration needs of another: namespaces for the most part.
Result<void> check_spec(const Spec& spec);
// "net.ipv4.ip_forward" and "net/ipv4/ip_forward" as the path below /proc/sys; "" when it could be none.
std::string sysctl_path(std::string_view name);

// As an id (uid_t)-1 is "no change" to setresuid(2), setresgid(2), fchown(2) and to setgroups(2) wrong.
constexpr uint32_t kNoId = UINT32_MAX;
// Rejects it.
void check_id(json::Object& object, std::string_view name, uint32_t id);

// "0-3,7": a list of CPUs or memory nodes.
bool is_number_list(std::string_view text);

}  // namespace plimsoll::spec
