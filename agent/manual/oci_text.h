// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "agent/manual/text.h"

namespace plimsoll::agent {

// The command line of plimsoll-oci.
ProgramText oci_text();

}  // namespace plimsoll::agent
