// SPDX-License-Identifier: Apache-2.0
// The ids of a new user namespace for which the configuration maps none. The specification leaves them to the runtime:
// root maps every id that it has itself onto the same one; everybody else becomes the container's root, with the
// subordinate ids that the administrator has given them from 1 on. user_namespaces(7), subuid(5), newuidmap(1)
#pragma once

#include <cstdint>
#include <string_view>

#include "base/os.h"
#include "base/result.h"
#include "runtime/spec/spec.h"

namespace plimsoll::oci {

// Every id of the own namespace as itself. `map` is the text of /proc/self/uid_map.
spec::IdMappings same_ids(std::string_view map);
// `own` as 0, then what `ranges` (the text of /etc/subuid) gives to the user `id`, also under `name`.
spec::IdMappings subordinate_ids(uint32_t own, std::string_view ranges, uint32_t id, std::string_view name);
// Gives a configuration that makes a user namespace without mappings its mappings.
Result<void> complete_id_mappings(spec::Spec& spec, const HostRoots& host);

}  // namespace plimsoll::oci
