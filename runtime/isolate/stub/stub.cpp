// SPDX-License-Identifier: Apache-2.0
// The program that a container's process is for a moment between the runtime and the container's program. It has no C
// library, so that its start costs a fraction of a static program's. Its arguments:
//
//   NAME CONTROL PROCFS LABEL_FILE LABEL COUNT CANDIDATE... ARGUMENT...
//
// With a LABEL it is written to LABEL_FILE below the descriptor PROCFS: it holds for the next execve(2). Then the
// candidates are tried with the arguments. What goes wrong is told to the descriptor CONTROL, as a Report (child.h),
// the exit code is seen by nobody. exec_stub.h
#include <asm/unistd.h>
#include <linux/errno.h>
#include <linux/fcntl.h>

#include "runtime/isolate/report.h"

namespace {

#if defined(__x86_64__)
long call(long number, long a = 0, long b = 0, long c = 0, long d = 0) {
  long result;
  register long r10 __asm__("r10") = d;
  __asm__ volatile("syscall" : "=a"(result) : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10) : "rcx", "r11", "memory");
  return result;
}
__asm__(
    ".globl _start\n"
    "_start:\n"
    "  mov %rsp, %rdi\n"
    "  and $-16, %rsp\n"
    "  call run\n");
#elif defined(__aarch64__)
long call(long number, long a = 0, long b = 0, long c = 0, long d = 0) {
  register long x8 __asm__("x8") = number;
  register long x0 __asm__("x0") = a;
  register long x1 __asm__("x1") = b;
  register long x2 __asm__("x2") = c;
  register long x3 __asm__("x3") = d;
  __asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3) : "memory");
  return x0;
}
__asm__(
    ".globl _start\n"
    "_start:\n"
    "  mov x0, sp\n"
    "  bl run\n");
#endif

template <typename T>
long word(T* pointer) {
  return reinterpret_cast<long>(pointer);
}

int number(const char* text) {
  if (*text == '-') return -1;
  int value = 0;
  for (; *text != '\0'; ++text) value = value * 10 + (*text - '0');
  return value;
}

void copy_cut(char* target, unsigned long size, const char* source) {
  unsigned long at = 0;
  for (; at + 1 < size && source[at] != '\0'; ++at) target[at] = source[at];
  target[at] = '\0';
}

[[noreturn]] void fail(int control, long error, const char* step, const char* place) {
  plimsoll::isolate::Report report;
  report.value = static_cast<int>(-error);
  copy_cut(report.step, sizeof(report.step), step);
  copy_cut(report.place, sizeof(report.place), place);
  call(__NR_write, control, word(&report), sizeof(report));
  while (true) call(__NR_exit_group, 1);
}

void set_label(int control, int procfs, const char* file, const char* label) {
  unsigned long size = 0;
  while (label[size] != '\0') ++size;
  const long fd = call(__NR_openat, procfs, word(file), O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
  const long done = fd < 0 ? fd : call(__NR_write, fd, word(label), static_cast<long>(size));
  if (done < 0) fail(control, done, "set security label", label);
}

bool means_absent(long error) { return error == -ENOENT || error == -ENOTDIR; }

// A candidate that is there but cannot be run is what the message should be about; one that is not
// there hands on to the next.
void execute(int control, char** candidates, int count, char** argv, char** env) {
  long remembered = -ENOENT;
  const char* place = argv[0];
  for (int i = 0; i < count; ++i) {
    const long error = call(__NR_execve, word(candidates[i]), word(argv), word(env));
    if (!means_absent(error)) {
      remembered = error;
      place = candidates[i];
      if (error != -EACCES) break;
    } else if (remembered == -ENOENT && call(__NR_faccessat, AT_FDCWD, word(candidates[i])) == 0) {
      remembered = -ELIBACC;  // there, but its interpreter is not
      place = candidates[i];
    }
  }
  fail(control, remembered, plimsoll::isolate::kExecuteStep, place);
}

}  // namespace

// `stack` as the kernel leaves it: argc, argv, nullptr, environment, nullptr.
extern "C" [[noreturn, gnu::used]] void run(long* stack) {
  const long argc = stack[0];
  char** const argv = reinterpret_cast<char**>(stack + 1);
  char** const env = argv + argc + 1;
  const int control = number(argv[1]), procfs = number(argv[2]), count = number(argv[5]);
  call(__NR_fcntl, control, F_SETFD, FD_CLOEXEC);
  if (procfs >= 0) {
    call(__NR_fcntl, procfs, F_SETFD, FD_CLOEXEC);
    set_label(control, procfs, argv[3], argv[4]);
  }
  execute(control, argv + 6, count, argv + 6 + count, env);
  __builtin_unreachable();
}
