// SPDX-License-Identifier: Apache-2.0
#include "runtime/seccomp/evaluate.h"

#include <cstring>
#include <optional>

namespace plimsoll::seccomp {
namespace {

std::optional<bool> compare(uint32_t accumulator, const sock_filter& line) {
  switch (BPF_OP(line.code)) {
    case BPF_JEQ:
      return accumulator == line.k;
    case BPF_JGT:
      return accumulator > line.k;
    case BPF_JGE:
      return accumulator >= line.k;
    case BPF_JSET:
      return (accumulator & line.k) != 0;
    default:
      return std::nullopt;
  }
}

}  // namespace

// Jumps lead forward only, so it ends.
uint32_t evaluate(std::span<const sock_filter> program, const seccomp_data& call) {
  uint32_t accumulator = 0;
  for (size_t at = 0; at < program.size(); ++at) {
    const sock_filter& line = program[at];
    if (line.code == (BPF_RET | BPF_K)) return line.k;
    if (line.code == (BPF_LD | BPF_W | BPF_ABS) && line.k % 4 == 0 && line.k + 4 <= sizeof(call)) {
      std::memcpy(&accumulator, reinterpret_cast<const char*>(&call) + line.k, 4);
    } else if (line.code == (BPF_ALU | BPF_AND | BPF_K)) {
      accumulator &= line.k;
    } else if (line.code == (BPF_JMP | BPF_JA)) {
      at += line.k;
    } else if (const auto holds = compare(accumulator, line); BPF_CLASS(line.code) == BPF_JMP && holds) {
      at += *holds ? line.jt : line.jf;
    } else {
      break;
    }
  }
  return SECCOMP_RET_KILL_THREAD;
}

}  // namespace plimsoll::seccomp
