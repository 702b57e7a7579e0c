// SPDX-License-Identifier: Apache-2.0
// OCI bundles for benchmarks of runtimes: what `runc spec` proposes, without terminal and limits, with a cgroup
// namespace, and on demand with a system call filter of the size and shape of Docker's default.
// runtime-spec config.md, config-linux.md
#pragma once

#include <string>

#include "base/result.h"

namespace plimsoll::bench {

struct BundleOptions {
  std::string rootfs;
  std::string cgroup;  // cgroupsPath, absolute below every hierarchy
  bool ends = true;    // /bin/true; else /bin/sleeper
  bool filter = false;
};

std::string bundle_config(const BundleOptions& options);
// linux.seccomp; and how many names it allows.
std::string seccomp_config();
size_t allowed_names();

// DIRECTORY/config.json.
Result<void> write_bundle(const std::string& directory, const BundleOptions& options);

}  // namespace plimsoll::bench
