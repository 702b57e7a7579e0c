// SPDX-License-Identifier: Apache-2.0
#include "runtime/seccomp/rules.h"

#include <algorithm>

namespace plimsoll::seccomp {
namespace {

using Condition = spec::SeccompArgument;
using Operator = spec::SeccompOperator;

constexpr uint32_t kAllBits = UINT32_MAX;

uint32_t low(uint64_t value) { return static_cast<uint32_t>(value); }
uint32_t high(uint64_t value) { return static_cast<uint32_t>(value >> 32); }

struct Comparison {
  uint64_t mask, value;
};

Comparison comparison_of(const Condition& condition) {
  if (condition.op == Operator::kMaskedEqual) return {condition.value, condition.value_two & condition.value};
  return {UINT64_MAX, condition.value};
}

Label half_equal(Program& program, uint32_t offset, uint32_t mask, uint32_t value, Label then, Label otherwise) {
  if (mask == 0) return then;
  Label test = program.if_equal(value, then, otherwise);
  if (mask != kAllBits) test = program.keep_bits(mask, test);
  return program.load(offset, test);
}

Label equal(Program& program, const Condition& condition, Label then, Label otherwise, bool wide) {
  const auto [mask, value] = comparison_of(condition);
  const Label lower = half_equal(program, argument_low(condition.index), low(mask), low(value), then, otherwise);
  if (!wide) return lower;
  return half_equal(program, argument_high(condition.index), high(mask), high(value), lower, otherwise);
}

// Greater, or with `also_equal` not less.
Label greater(Program& program, const Condition& condition, bool also_equal, Label then, Label otherwise, bool wide) {
  const uint32_t value = low(condition.value);
  const Label test =
      also_equal ? program.if_at_least(value, then, otherwise) : program.if_greater(value, then, otherwise);
  const Label lower = program.load(argument_low(condition.index), test);
  if (!wide) return lower;
  const Label upper =
      program.if_greater(high(condition.value), then, program.if_equal(high(condition.value), lower, otherwise));
  return program.load(argument_high(condition.index), upper);
}

Label holds(Program& program, const Condition& condition, Label then, Label otherwise, bool wide) {
  switch (condition.op) {
    case Operator::kNotEqual:
      return equal(program, condition, otherwise, then, wide);
    case Operator::kEqual:
    case Operator::kMaskedEqual:
      return equal(program, condition, then, otherwise, wide);
    case Operator::kLess:
      return greater(program, condition, true, otherwise, then, wide);
    case Operator::kLessOrEqual:
      return greater(program, condition, false, otherwise, then, wide);
    case Operator::kGreaterOrEqual:
      return greater(program, condition, true, then, otherwise, wide);
    case Operator::kGreater:
      return greater(program, condition, false, then, otherwise, wide);
  }
  return otherwise;
}

// libseccomp looks for equality first, then for the narrower of two ranges.
int rank(Operator op) {
  if (op == Operator::kLess || op == Operator::kLessOrEqual) return 1;
  return op == Operator::kGreater || op == Operator::kGreaterOrEqual ? 2 : 0;
}

bool comes_before(const Condition& a, const Condition& b) {
  if (a.index != b.index) return a.index > b.index;
  if (rank(a.op) != rank(b.op)) return rank(a.op) < rank(b.op);
  const uint64_t left = comparison_of(a).value, right = comparison_of(b).value;
  return rank(a.op) == 1 ? left < right : left > right;
}

bool earlier(const Alternative& a, const Alternative& b) {
  return std::lexicographical_compare(a.conditions.begin(), a.conditions.end(), b.conditions.begin(),
                                      b.conditions.end(), comes_before);
}

}  // namespace

void simplify(Alternative& alternative, bool wide) {
  std::erase_if(alternative.conditions, [wide](const Condition& condition) {
    const uint64_t mask = comparison_of(condition).mask;
    return (wide ? mask : low(mask)) == 0;
  });
}

Label decide_alternatives(Program& program, std::vector<Alternative> alternatives, Label otherwise, bool wide) {
  for (const Alternative& one : alternatives) {
    if (one.conditions.empty()) return program.answer(one.action);
  }
  std::stable_sort(alternatives.begin(), alternatives.end(), earlier);
  for (auto one = alternatives.rbegin(); one != alternatives.rend(); ++one) {
    Label then = program.answer(one->action);
    for (auto condition = one->conditions.rbegin(); condition != one->conditions.rend(); ++condition)
      then = holds(program, *condition, then, otherwise, wide);
    otherwise = then;
  }
  return otherwise;
}

}  // namespace plimsoll::seccomp
