// SPDX-License-Identifier: Apache-2.0
// Mounts whose files belong to other ids than on disk. mount_setattr(2) MOUNT_ATTR_IDMAP
#pragma once

#include <string>

#include "base/os.h"
#include "base/result.h"
#include "runtime/spec/spec.h"

namespace plimsoll::isolate {

// A user namespace with these maps, held by its descriptor alone: the process that made it is gone. Needs CAP_SETUID.
Result<UniqueFd> make_user_namespace(const std::string& proc, const spec::IdMappings& uids,
                                     const spec::IdMappings& gids);

// Of a mount that is attached nowhere yet.
Result<void> map_ids(int mount_fd, int user_namespace_fd, bool recursive);

}  // namespace plimsoll::isolate
