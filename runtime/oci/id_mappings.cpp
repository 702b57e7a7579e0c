// SPDX-License-Identifier: Apache-2.0
#include "runtime/oci/id_mappings.h"

#include <unistd.h>

#include <optional>
#include <string>

#include "base/text.h"
#include "runtime/oci/user.h"

namespace plimsoll::oci {
namespace {

std::optional<uint32_t> parse_u32(std::string_view text) {
  const auto number = parse_u64(text);
  return number && *number <= UINT32_MAX ? std::optional(static_cast<uint32_t>(*number)) : std::nullopt;
}

// newuidmap(1) is needed for more than one's own id.
std::string read_ranges(const HostRoots& host, const char* file) {
  if (::access((host.rootfs + "/usr/bin/newuidmap").c_str(), X_OK) != 0) return "";
  return read_file(host.rootfs + file).value_or("");
}

}  // namespace

spec::IdMappings same_ids(std::string_view map) {
  spec::IdMappings mappings;
  while (!map.empty()) {
    std::string_view line = take(map, '\n');
    const auto inside = parse_u32(take_field(line));
    take_field(line);
    const auto size = parse_u32(take_field(line));
    if (inside && size && *size > 0) mappings.push_back({*inside, *inside, *size});
  }
  return mappings;
}

spec::IdMappings subordinate_ids(uint32_t own, std::string_view ranges, uint32_t id, std::string_view name) {
  spec::IdMappings mappings = {{0, own, 1}};
  uint32_t next = 1;
  while (!ranges.empty()) {
    std::string_view line = take(ranges, '\n');
    const std::string_view user = take(line, ':');
    if (user != std::to_string(id) && (name.empty() || user != name)) continue;
    const auto first = parse_u32(take(line, ':'));
    const auto size = parse_u32(trim(line));
    if (!first || !size || *size == 0 || *size > UINT32_MAX - next) continue;
    mappings.push_back({next, *first, *size});
    next += *size;
  }
  return mappings;
}

Result<void> complete_id_mappings(spec::Spec& spec, const HostRoots& host) {
  if (!spec::makes_namespace(spec, spec::NamespaceType::kUser) || !spec.uid_mappings.empty()) return {};
  const uint32_t uid = ::geteuid();
  if (uid != 0) {
    const auto account = find_account(read_file(host.rootfs + "/etc/passwd").value_or(""), uid);
    const std::string name = account ? account->name : "";
    spec.uid_mappings = subordinate_ids(uid, read_ranges(host, "/etc/subuid"), uid, name);
    spec.gid_mappings = subordinate_ids(::getegid(), read_ranges(host, "/etc/subgid"), uid, name);
    return {};
  }
  for (const auto& [file, mappings] :
       {std::pair("/self/uid_map", &spec.uid_mappings), std::pair("/self/gid_map", &spec.gid_mappings)}) {
    auto map = read_file(host.proc + file);
    if (!map) return unexpected(map.error().within("ids of the new user namespace"));
    *mappings = same_ids(*map);
  }
  return {};
}

}  // namespace plimsoll::oci
