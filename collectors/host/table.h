// SPDX-License-Identifier: Apache-2.0
// The host collectors: one file, one flag (--collector.NAME), one line in the table each.
// Names, types and labels of their families are node_exporter's.
#pragma once

#include <memory>
#include <span>
#include <string>

#include "base/os.h"
#include "collectors/collector.h"

namespace plimsoll::collectors::host {

struct Entry {
  const char* name;
  const char* summary;  // for --help: what it reads
  std::unique_ptr<Collector> (*make)(const HostRoots& roots);
};

// All host collectors in alphabetical order; every one is on by default.
std::span<const Entry> table();

}  // namespace plimsoll::collectors::host
