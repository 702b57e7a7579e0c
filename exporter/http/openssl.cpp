// SPDX-License-Identifier: Apache-2.0
// A table like the one by which a linked program reaches a shared library (PLT and GOT in the System V ABI),
// filled by dlopen(3) instead of by the loader:
//
//   SSL_new:       jmp *pointer         pointer: at first late_SSL_new, then the function itself
//   late_SSL_new:  fill the table, jump there
#include "exporter/http/openssl.h"

#ifndef PLIMSOLL_OPENSSL_LINKED
#include <dlfcn.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "exporter/http/openssl_functions.h"

#define PLIMSOLL_NAME(name) #name,
#define PLIMSOLL_COUNT(name) +1
#define PLIMSOLL_MACRO(name) "FUNCTION " #name "\n"

namespace plimsoll::exporter {
namespace {

constexpr size_t kCount = 0 PLIMSOLL_OPENSSL_FUNCTIONS(PLIMSOLL_COUNT);
constexpr std::array<const char*, kCount> kNames = {PLIMSOLL_OPENSSL_FUNCTIONS(PLIMSOLL_NAME)};

// libssl brings libcrypto; a look-up in it sees both.
Result<void*> open_library() {
  void* const library = ::dlopen("libssl.so.3", RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) return fail("cannot load OpenSSL: " + std::string(::dlerror()) + "; install libssl3");
  return library;
}

}  // namespace
}  // namespace plimsoll::exporter

// A pointer for each function, in the list's order; filled by any thread, always with the same value.
extern "C" std::atomic<void*> plimsoll_openssl_table[];

extern "C" __attribute__((visibility("hidden"), used)) void* plimsoll_openssl_resolve(std::atomic<void*>* pointer) {
  if (auto loaded = plimsoll::exporter::load_openssl(); !loaded) {
    std::fprintf(stderr, "plimsoll: %s\n", loaded.error().message().c_str());
    std::abort();
  }
  return *pointer;
}

// `late` keeps what may hold arguments; none of these functions takes a floating-point number.
asm(R"(
.macro FUNCTION name
.pushsection .data.plimsoll_openssl, "aw"
pointer_\name: .quad late_\name
.popsection
.hidden \name
.globl \name
.type \name, @function
\name: jmp *pointer_\name(%rip)
late_\name: lea pointer_\name(%rip), %r11
  push %r11
  jmp late
.endm
.pushsection .data.plimsoll_openssl, "aw"
.balign 8
.hidden plimsoll_openssl_table
.globl plimsoll_openssl_table
plimsoll_openssl_table:
.popsection
.pushsection .text.plimsoll_openssl, "ax"
late:
  push %rax; push %rdi; push %rsi; push %rdx; push %rcx; push %r8; push %r9
  sub $8, %rsp
  mov 64(%rsp), %rdi
  call plimsoll_openssl_resolve
  mov %rax, %r11
  add $8, %rsp
  pop %r9; pop %r8; pop %rcx; pop %rdx; pop %rsi; pop %rdi; pop %rax
  add $8, %rsp
  jmp *%r11
)" PLIMSOLL_OPENSSL_FUNCTIONS(PLIMSOLL_MACRO) ".popsection\n");

namespace plimsoll::exporter {

Result<void> load_openssl() {
  static const Result<void*> library = open_library();
  if (!library) return unexpected(library.error());
  for (size_t i = 0; i < kCount; ++i) {
    void* const function = ::dlsym(*library, kNames[i]);
    if (function == nullptr) return fail(std::string("libssl.so.3 is too old: it has no ") + kNames[i]);
    plimsoll_openssl_table[i] = function;
  }
  return {};
}

}  // namespace plimsoll::exporter

#else

namespace plimsoll::exporter {

Result<void> load_openssl() { return {}; }  // the linker has done it

}  // namespace plimsoll::exporter

#endif
