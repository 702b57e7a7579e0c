// SPDX-License-Identifier: Apache-2.0
// What one part of a configuration needs of another. runtime-spec: config-linux.md; namespaces(7): which kernel
// parameters belong to a namespace.
#include <sys/stat.h>

#include <algorithm>

#include "runtime/spec/json.h"
#include "runtime/spec/names.h"
#include "runtime/spec/parts.h"

namespace plimsoll::spec {
namespace {

// Parameters of the ipc namespace below kernel/. ipc_namespaces(7)
constexpr std::array<std::string_view, 10> kIpcParameters = {
    "kernel/msgmax",      "kernel/msgmnb", "kernel/msgmni", "kernel/msg_next_id", "kernel/sem",
    "kernel/sem_next_id", "kernel/shmall", "kernel/shmmax", "kernel/shmmni",      "kernel/shm_rmid_forced",
};

bool has(const Spec& spec, NamespaceType type) { return find_namespace(spec, type) != nullptr; }

// The namespace that a parameter belongs to; nullopt: it is the whole machine's.
std::optional<NamespaceType> namespace_of(std::string_view parameter) {
  if (parameter.starts_with("net/")) return NamespaceType::kNetwork;
  if (parameter.starts_with("user/")) return NamespaceType::kUser;
  if (parameter == "kernel/domainname") return NamespaceType::kUts;
  const bool ipc = parameter.starts_with("fs/mqueue/") ||
                   std::find(kIpcParameters.begin(), kIpcParameters.end(), parameter) != kIpcParameters.end();
  return ipc ? std::optional(NamespaceType::kIpc) : std::nullopt;
}

// Whether the namespace is joined by a path and is the one that this program is in. A path that leads nowhere is for
// whoever opens it to tell.
bool is_own(const Namespace& one) {
  if (one.path.empty()) return false;
  const bool network = one.type == NamespaceType::kNetwork;
  const std::string own = "/proc/self/ns/" + std::string(network ? "net" : name_of(kNamespaceNames, one.type));
  struct stat joined, mine;
  if (stat(one.path.c_str(), &joined) != 0 || stat(own.c_str(), &mine) != 0) return false;
  return joined.st_dev == mine.st_dev && joined.st_ino == mine.st_ino;
}

Result<void> check_sysctl(const Spec& spec) {
  for (const auto& [parameter, value] : spec.sysctl) {
    const std::string place = "linux.sysctl: " + json::quote(parameter);
    if (parameter == "kernel/domainname" && !spec.domainname.empty() && value != spec.domainname)
      return fail(place + ": the member 'domainname' says something else");
    if (parameter == "kernel/hostname") return fail(place + ": use the member 'hostname'");
    const auto type = namespace_of(parameter);
    if (!type) return fail(place + " belongs to no namespace: it would change the host");
    const Namespace* const found = find_namespace(spec, *type);
    if (found != nullptr && !is_own(*found)) continue;
    return fail(place + " would change the host: it needs a " + std::string(name_of(kNamespaceNames, *type)) +
                " namespace");
  }
  return {};
}

Result<void> check_user(const Spec& spec) {
  const bool mapped = !spec.uid_mappings.empty() || !spec.gid_mappings.empty();
  if (mapped && !has(spec, NamespaceType::kUser))
    return fail("linux.uidMappings: ids are only mapped in a user namespace");
  if (!makes_namespace(spec, NamespaceType::kUser)) return {};
  if (spec.uid_mappings.empty() == spec.gid_mappings.empty()) return {};
  const std::string missing = spec.uid_mappings.empty() ? "uidMappings" : "gidMappings";
  return fail("linux." + missing + ": missing; give both, or neither for the runtime's own choice");
}

Result<void> check_mounts(const Spec& spec) {
  for (size_t at = 0; at < spec.mounts.size(); ++at) {
    const Mount& mount = spec.mounts[at];
    const auto is_idmap = [](const std::string& option) { return option == "idmap" || option == "ridmap"; };
    if (!mount.uid_mappings.empty() || has(spec, NamespaceType::kUser)) continue;
    if (std::none_of(mount.options.begin(), mount.options.end(), is_idmap)) continue;
    return fail("mounts[" + std::to_string(at) +
                "].options: idmap needs uidMappings and gidMappings, or a user namespace");
  }
  return {};
}

// Members that change something which belongs to the host unless there is a namespace.
Result<void> check_needs(const Spec& spec) {
  struct Need {
    const char* member;
    bool there;
    NamespaceType type;
  };
  const Need needs[] = {
      {"hostname", !spec.hostname.empty(), NamespaceType::kUts},
      {"domainname", !spec.domainname.empty(), NamespaceType::kUts},
      {"linux.timeOffsets", !spec.time_offsets.empty(), NamespaceType::kTime},
      {"linux.netDevices", !spec.net_devices.empty(), NamespaceType::kNetwork},
      {"linux.maskedPaths", !spec.masked_paths.empty(), NamespaceType::kMount},
      {"linux.readonlyPaths", !spec.readonly_paths.empty(), NamespaceType::kMount},
  };
  for (const Need& need : needs) {
    if (!need.there || has(spec, need.type)) continue;
    return fail(std::string(need.member) + ": needs a " + std::string(name_of(kNamespaceNames, need.type)) +
                " namespace, or it would change the host");
  }
  const Namespace* const time = find_namespace(spec, NamespaceType::kTime);
  if (time != nullptr && !time->path.empty() && !spec.time_offsets.empty())
    return fail("linux.timeOffsets: a time namespace that is joined has its offsets already");
  return {};
}

}  // namespace

// As sysctl(8): the first separator tells which of the two spellings it is, and the other one is a point within a part
// ("net/ipv4/conf/eth0.100/forwarding", "net.ipv4.conf.eth0/100.forwarding").
std::string sysctl_path(std::string_view name) {
  const size_t first = name.find_first_of("./");
  if (first == name.npos) return "";
  std::string path(name);
  if (name[first] == '.') {
    for (char& c : path) c = c == '.' ? '/' : c == '/' ? '.' : c;
  }
  const std::string framed = "/" + path + "/";
  for (const char* impossible : {"//", "/./", "/../"})
    if (framed.find(impossible) != std::string::npos) return "";
  return path;
}

Result<void> check_spec(const Spec& spec) {
  for (const auto check : {check_needs, check_user, check_mounts, check_sysctl})
    if (auto good = check(spec); !good) return good;
  return {};
}

}  // namespace plimsoll::spec
