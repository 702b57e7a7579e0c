// SPDX-License-Identifier: Apache-2.0
// From ranges of numbers to classic BPF: a balanced tree of comparisons, so that a decision takes about
// ten instructions and the filter is smaller than a list of single comparisons (the kernel
// translates every instruction of it at each container's start).
// Documentation/userspace-api/seccomp_filter.rst, networking/filter.rst
#pragma once

#include <linux/filter.h>

#include <cstdint>
#include <map>
#include <vector>

namespace plimsoll::seccomp {

using Code = std::vector<sock_filter>;

// Where an argument's halves are in struct seccomp_data.
uint32_t argument_low(int index);
uint32_t argument_high(int index);

inline constexpr uint32_t kArchitectureOffset = 4, kNumberOffset = 0;

Code load(uint32_t offset);
Code answer(uint32_t action);
Code joined(std::initializer_list<Code> parts);
// `if (accumulator != value) otherwise; else then`. `then` and `otherwise` must end in an answer.
Code if_equal(uint32_t value, const Code& then, const Code& otherwise);
Code if_any_bit(uint32_t mask, const Code& then, const Code& otherwise);
Code if_at_least(uint32_t value, const Code& then, const Code& otherwise);

// What to do with each value of the accumulator: the code under the greatest key that is not greater
// than the value. Key 0 must be there; every code must end in an answer.
using Decisions = std::map<uint32_t, Code>;
// Sets [first, last] to `code`, leaving what is beside it as it was.
void assign(Decisions& decisions, uint32_t first, uint32_t last, const Code& code);
Code decide(const Decisions& decisions);

}  // namespace plimsoll::seccomp
