// SPDX-License-Identifier: Apache-2.0
// The section `remote_write` of the file that --config.file names.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "exporter/remote_write/config.h"

namespace plimsoll::agent {

// "" as path: no receivers. Error: one line with the path, the line and what is wrong there.
Result<std::vector<exporter::RemoteWriteConfig>> read_remote_write(const std::string& path);

}  // namespace plimsoll::agent
