// SPDX-License-Identifier: Apache-2.0
#include "runtime/isolate/exec_stub.h"

#include <fcntl.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "runtime/isolate/protected_program.h"
#include "runtime/seccomp/evaluate.h"

#ifndef MFD_EXEC
#define MFD_EXEC 0x0010U
#endif

extern "C" const char plimsoll_exec_stub_begin[];  // exec_stub_image.S
extern "C" const char plimsoll_exec_stub_end[];

namespace plimsoll::isolate {
namespace {

#if defined(__x86_64__)
constexpr uint32_t kArchitecture = AUDIT_ARCH_X86_64;
#elif defined(__aarch64__)
constexpr uint32_t kArchitecture = AUDIT_ARCH_AARCH64;
#else
#error "stub/stub.cpp has to be taught this architecture's system calls"
#endif

bool allows_execveat(std::span<const sock_filter> program) {
  if (program.empty()) return true;
  seccomp_data call = {};
  call.nr = SYS_execveat;
  call.arch = kArchitecture;
  const uint32_t action = seccomp::evaluate(program, call) & SECCOMP_RET_ACTION_FULL;
  return action == SECCOMP_RET_ALLOW || action == SECCOMP_RET_LOG;
}

// Before Linux 6.3 there is no such flag, and what is in memory may be executed.
int make_memory_file() {
  const int fd = ::memfd_create("plimsoll-exec", MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_EXEC);
  return fd >= 0 || errno != EINVAL ? fd : ::memfd_create("plimsoll-exec", MFD_CLOEXEC | MFD_ALLOW_SEALING);
}

// Ambient ones stay (capabilities(7), "Transformation of capabilities during execve()").
bool loses_capabilities(const spec::Process& process) {
  const spec::Capabilities have = process.capabilities.value_or(spec::Capabilities());
  return process.user.uid != 0 && process.no_new_privileges && (have.permitted & have.bounding & ~have.ambient) != 0;
}

}  // namespace

Result<UniqueFd> secure_executable(const LoadedFilter& filter, const std::string& proc, const spec::Process* process) {
  if (process == nullptr || !loses_capabilities(*process)) {
    auto stub = make_exec_stub(filter);
    if (stub) return stub;
  }
  if (auto safe = protect_self(proc); !safe) return unexpected(safe.error());
  return UniqueFd();
}

Result<UniqueFd> make_exec_stub(const LoadedFilter& filter) {
  if (!allows_execveat(filter.program)) return fail("the seccomp filter does not allow execveat");
  UniqueFd fd(make_memory_file());
  if (!fd) return fail_errno("memfd_create");
  const std::string_view image(plimsoll_exec_stub_begin, plimsoll_exec_stub_end - plimsoll_exec_stub_begin);
  if (auto written = write_all(fd.get(), image); !written) return unexpected(written.error());
  // Who cannot read a program cannot look into its process either (ptrace(2)): nobody needs to.
  if (::fchmod(fd.get(), 0111) != 0) return fail_errno("change the mode of the copy in memory");
  constexpr int kSeals = F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE;
  if (::fcntl(fd.get(), F_ADD_SEALS, kSeals) != 0) return fail_errno("seal the copy in memory");
  return fd;
}

}  // namespace plimsoll::isolate
