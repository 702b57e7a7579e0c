// SPDX-License-Identifier: Apache-2.0
// Keeps the runtime's executable out of the container's reach.
//
// What a container starts may be a link to /proc/self/exe, or a script that names it: then the process would become the
// runtime's own executable on the host, and once it has ended, root in the container could open that for writing
// through /proc/PID/exe (CVE-2019-5736). So the process becomes a tiny program first (stub/stub.cpp), whose file is a
// sealed copy in memory: from there /proc/self/exe leads to something that nobody can write to and that is good for
// nothing. It costs a fifth of a millisecond, where starting the whole runtime again from such a copy costs a whole
// one. memfd_create(2), fcntl(2) "File Sealing", execveat(2)
#pragma once

#include <span>

#include "base/os.h"
#include "base/result.h"
#include "runtime/isolate/launch.h"
#include "runtime/spec/spec.h"

namespace plimsoll::isolate {

// A launch or a join with that filter is safe for the caller's executable afterwards. With the stub as a rule; where
// that is not possible the calling program starts itself again from a protected copy (protect_self()), with its
// arguments: call it before anything is made that must not be made twice. Invalid: it runs from such a copy already.
//
// `process` is what will be launched; nullptr for root's. On the way through the stub another user loses permitted
// capabilities, and with no_new_privs the program's file gives back only those that are permitted: such a process is
// executed directly.
Result<UniqueFd> secure_executable(const LoadedFilter& filter, const std::string& proc, const spec::Process* process = nullptr);

// The stub, ready for execveat(2). Error where the kernel lets nothing be executed from memory (vm.memfd_noexec) or
// `filter`, which is loaded before, does not allow execveat: then the caller has to be safe by itself (protect_self()).
Result<UniqueFd> make_exec_stub(const LoadedFilter& filter);

}  // namespace plimsoll::isolate
