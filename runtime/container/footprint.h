// SPDX-License-Identifier: Apache-2.0
// Gives memory back before a long wait.
#pragma once

namespace plimsoll::container {

// Returns free heap to the kernel and unmaps the pages of the executable file; those that are needed
// again are mapped again from the page cache. For a process that is about to wait for hours, most of
// the pages touched by its start are never needed again.
void shrink_footprint();

}  // namespace plimsoll::container
