// SPDX-License-Identifier: Apache-2.0
// The end of a container: its processes, its cgroup, its directory, its last hooks. runtime.md "Lifecycle", steps 12,
// 13
#pragma once

#include "runtime/oci/command.h"

namespace plimsoll::oci {

// SIGKILL to the first process, and to all of the group when `everything`; waits for the first one's end.
Result<void> kill_container(const Context& context, const Container& container, bool everything);
// Undoes what `create` made. Hooks that fail are warnings. `kill`: see remove_group().
Result<void> destroy_container(Context& context, const Container& container, bool kill = true);
// The mounts of a container without a mount namespace; of any other the kernel does it.
void unmount_container(const Record& record);
// The hooks for after the end alone, as destroy_container() runs them.
void run_poststop_hooks(Context& context, const Record& record);
// Hooks for after the start. When one fails the container is killed and destroyed.
Result<void> run_poststart_hooks(Context& context, const Container& container);

}  // namespace plimsoll::oci
