// SPDX-License-Identifier: Apache-2.0
// The options that `create` and `run` share.
#pragma once

#include "runtime/oci/creation.h"
#include "runtime/oci/options.h"

namespace plimsoll::oci {

enum CreateKey { kConsoleSocket = 256, kPidFile, kPidfdSocket, kPreserveFds, kNoPivot, kNoNewKeyring, kFirstOwnKey };

inline constexpr Option kBundleOption = {'b', "bundle", "DIR", "The bundle's directory (.)"};
inline constexpr Option kConfigOption = {'f', "config", "FILE", "The configuration instead of config.json"};
inline constexpr Option kConsoleSocketOption = {kConsoleSocket, "console-socket", "PATH",
                                                "Unix socket that gets the terminal's main side"};
inline constexpr Option kPidFileOption = {kPidFile, "pid-file", "FILE", "Write the process id there"};
inline constexpr Option kPidfdSocketOption = {kPidfdSocket, "pidfd-socket", "PATH", "Unix socket that gets a pidfd"};
inline constexpr Option kPreserveFdsOption = {kPreserveFds, "preserve-fds", "N",
                                              "Leave N descriptors open for the program, from 3 on"};
inline constexpr Option kNoPivotOption = {kNoPivot, "no-pivot", "", "Move the root instead of pivot_root(2)"};
inline constexpr Option kNoNewKeyringOption = {kNoNewKeyring, "no-new-keyring", "",
                                               "Keep the caller's session keyring"};

Result<CreationOptions> creation_options(const Words& words);

}  // namespace plimsoll::oci
