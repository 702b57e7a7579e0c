// SPDX-License-Identifier: Apache-2.0
// Annotations of a configuration that ask the runtime for something that the specification has no member for. crun's
// names, crun(1): Podman writes the first for `--group-add keep-groups`.
#pragma once

namespace plimsoll::oci {

// Being there is enough: the caller's supplementary groups stay.
inline constexpr char kKeepGroups[] = "run.oci.keep_original_groups";
// Being there is enough: a system call that no architecture has is an error, not ignored.
inline constexpr char kFailUnknownCall[] = "run.oci.seccomp_fail_unknown_syscall";
// Not taken: run.oci.hooks.stdout and .stderr. Engines hand on an image's annotations, and these name files of the host
// that would be written as root.

}  // namespace plimsoll::oci
