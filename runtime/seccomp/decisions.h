// SPDX-License-Identifier: Apache-2.0
// Classic BPF, written from its end: all jumps of it go forward, so that whatever an instruction can lead to is
// there before it, equal answers are shared, and a decision about a number is a balanced tree of
// comparisons. A decision takes about ten instructions, and the filter is smaller than a list of single
// comparisons (the kernel translates every instruction of it at each container's start).
// Documentation/userspace-api/seccomp_filter.rst, networking/filter.rst
#pragma once

#include <linux/filter.h>

#include <cstddef>
#include <cstdint>
#include <vector>

namespace plimsoll::seccomp {

// Where an argument's halves are in struct seccomp_data.
uint32_t argument_low(uint32_t index);
uint32_t argument_high(uint32_t index);

inline constexpr uint32_t kArchitectureOffset = 4, kNumberOffset = 0;

// A place in a program that has been written, or one of its answers.
struct Label {
  uint32_t value = 0;
  bool operator==(const Label&) const = default;
};

class Decisions;

// Every function puts an instruction in front of what is there and returns its place.
class Program {
 public:
  // Ends the program; written where it is first needed, and again where a jump does not reach it.
  Label answer(uint32_t action);
  // Of seccomp_data into the accumulator.
  Label load(uint32_t offset, Label next);
  Label keep_bits(uint32_t mask, Label next);
  Label if_equal(uint32_t value, Label then, Label otherwise) { return branch(BPF_JEQ, value, then, otherwise); }
  Label if_greater(uint32_t value, Label then, Label otherwise) { return branch(BPF_JGT, value, then, otherwise); }
  Label if_at_least(uint32_t value, Label then, Label otherwise) { return branch(BPF_JGE, value, then, otherwise); }
  Label if_any_bit(uint32_t mask, Label then, Label otherwise) { return branch(BPF_JSET, mask, then, otherwise); }
  // By the accumulator.
  Label decide(const Decisions& decisions);

  // The whole of it, `start` first.
  std::vector<sock_filter> finish(Label start);

 private:
  struct Answer {
    uint32_t action = 0;
    uint32_t place = UINT32_MAX;  // the one nearest to the beginning
  };

  Label branch(int comparison, uint32_t value, Label then, Label otherwise);
  Label decide_between(const Decisions& decisions, size_t first, size_t last);
  uint32_t push(int code, uint32_t k, uint32_t jump_true = 0, uint32_t jump_false = 0);
  uint32_t within_reach(Label label, uint32_t reach);
  void make_next(Label label);

  std::vector<sock_filter> backwards_;
  std::vector<Answer> answers_;
};

// What to do with each value of the accumulator.
class Decisions {
 public:
  explicit Decisions(Label everywhere) : pieces_{{0, everywhere}} {}
  // Sets [first, last], leaving what is beside it as it was. Fastest with ascending numbers.
  void assign(uint32_t first, uint32_t last, Label label);

 private:
  friend class Program;
  struct Piece {
    uint32_t first;  // up to the next one's
    Label label;
  };
  std::vector<Piece>::iterator not_before(uint32_t value);
  std::vector<Piece>::iterator boundary(uint32_t value);
  bool extend(uint32_t first, uint32_t last, Label label);

  std::vector<Piece> pieces_;
};

}  // namespace plimsoll::seccomp
