// SPDX-License-Identifier: Apache-2.0
// A container's bundle: a directory with its configuration and, as a rule, its root file system. runtime-spec:
// bundle.md
#pragma once

#include <string>

#include "base/result.h"
#include "runtime/spec/read.h"
#include "runtime/spec/spec.h"

namespace plimsoll::oci {

struct Bundle {
  std::string path;    // absolute, without symbolic links
  std::string rootfs;  // the same
  spec::Spec spec;
  spec::Warnings warnings;
};

// `config` is a file in the bundle, or anywhere when it is absolute; it may be a symbolic link to a regular file.
// Everything that can be known about it before anything is made is checked.
Result<Bundle> open_bundle(const std::string& path, const std::string& config);

// A regular file of at most spec::kLargestConfig bytes; "-" is standard input.
Result<std::string> read_config_file(const std::string& path);

}  // namespace plimsoll::oci
