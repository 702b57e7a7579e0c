// SPDX-License-Identifier: Apache-2.0
// checkpoint, restore: known, so that callers get a reason instead of "unknown command"; their options are not looked
// at.
#include "runtime/oci/command.h"

namespace plimsoll::oci {
namespace {

Result<int> refuse(Context&, const Words&) {
  return fail(
      "checkpoint and restore are not supported: plimsoll-oci has no part for CRIU; use another runtime for it");
}

}  // namespace

const Command checkpoint_command = {{"checkpoint", "ID", "Not supported", {}, 0, SIZE_MAX, Order::kNoOptions}, refuse};
const Command restore_command = {{"restore", "ID", "Not supported", {}, 0, SIZE_MAX, Order::kNoOptions}, refuse};

}  // namespace plimsoll::oci
