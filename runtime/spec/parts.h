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

// "0-3,7": a list of CPUs or memory nodes.
bool is_number_list(std::string_view text);

}  // namespace plimsoll::spec
