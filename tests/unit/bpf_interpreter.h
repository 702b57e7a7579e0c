// SPDX-License-Identifier: Apache-2.0
// Runs a system call filter as the kernel does, on one call. Documentation/networking/filter.rst
#pragma once

#include <linux/filter.h>
#include <linux/seccomp.h>

#include <cstdint>
#include <cstring>
#include <optional>
#include <span>

namespace plimsoll::seccomp {

struct Outcome {
  uint32_t action = 0;
  unsigned executed = 0;  // instructions
};

// Whether a conditional jump is taken; nothing for one that the kernel does not know.
inline std::optional<bool> is_taken(const sock_filter& line, uint32_t accumulator) {
  switch (BPF_OP(line.code)) {
    case BPF_JEQ:
      return accumulator == line.k;
    case BPF_JGE:
      return accumulator >= line.k;
    case BPF_JGT:
      return accumulator > line.k;
    case BPF_JSET:
      return (accumulator & line.k) != 0;
    default:
      return std::nullopt;
  }
}

// Nothing when the program does what the kernel would refuse at loading.
inline std::optional<Outcome> interpret(std::span<const sock_filter> program, const seccomp_data& data) {
  uint32_t accumulator = 0;
  unsigned executed = 0;
  for (size_t at = 0; at < program.size(); ++at) {
    const sock_filter& line = program[at];
    ++executed;
    switch (BPF_CLASS(line.code)) {
      case BPF_RET:
        return Outcome{line.k, executed};
      case BPF_LD:
        if (line.code != (BPF_LD | BPF_W | BPF_ABS) || line.k + 4 > sizeof(data) || line.k % 4 != 0)
          return std::nullopt;
        std::memcpy(&accumulator, reinterpret_cast<const char*>(&data) + line.k, 4);
        break;
      case BPF_ALU:
        if (line.code != (BPF_ALU | BPF_AND | BPF_K)) return std::nullopt;
        accumulator &= line.k;
        break;
      case BPF_JMP: {
        if (BPF_OP(line.code) == BPF_JA) {
          at += line.k;
          break;
        }
        const auto taken = is_taken(line, accumulator);
        if (!taken) return std::nullopt;
        at += *taken ? line.jt : line.jf;
        break;
      }
      default:
        return std::nullopt;
    }
  }
  return std::nullopt;
}

inline std::optional<uint32_t> run(std::span<const sock_filter> program, const seccomp_data& data) {
  const auto outcome = interpret(program, data);
  return outcome ? std::optional(outcome->action) : std::nullopt;
}

}  // namespace plimsoll::seccomp
