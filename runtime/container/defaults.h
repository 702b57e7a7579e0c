// SPDX-License-Identifier: Apache-2.0
// What every container of `plimsoll run` gets, and how what was asked for changes it: the same as Docker's defaults,
// written as an OCI specification, which runtime/isolate makes a container of.
#pragma once

#include <string>
#include <vector>

#include "runtime/container/record.h"
#include "runtime/spec/spec.h"

namespace plimsoll::container {

// Namespaces of all kinds but user and time; /proc, /sys, /dev, the own cgroup read-only; fourteen capabilities, no new
// privileges. The process has no arguments yet.
spec::Spec default_spec();
spec::Spec container_spec(const Config& config);
// A directory or file of the host, with what is mounted below it.
spec::Mount bind_mount(const BindMount& bind);
// A further process in it, with the same rights.
spec::Process exec_process(std::vector<std::string> args, std::vector<std::string> env, std::string cwd);
// CLONE_NEW* of the namespaces that such a process enters.
uint64_t entered_namespaces();

// What the group of such a container is limited to.
spec::Resources container_resources(const Config& config);

}  // namespace plimsoll::container
