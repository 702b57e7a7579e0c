// SPDX-License-Identifier: Apache-2.0
#include "runtime/seccomp/decisions.h"

#include <linux/seccomp.h>

#include <algorithm>
#include <bit>
#include <cstddef>

namespace plimsoll::seccomp {
namespace {

constexpr bool kLittleEndian = std::endian::native == std::endian::little;
constexpr uint32_t kLongestShortJump = 255;
constexpr uint32_t kIsAnswer = 0x80000000;  // of a label: the rest is an index

uint32_t argument(uint32_t index) { return static_cast<uint32_t>(offsetof(seccomp_data, args)) + index * 8; }

}  // namespace

uint32_t argument_low(uint32_t index) { return argument(index) + (kLittleEndian ? 0 : 4); }
uint32_t argument_high(uint32_t index) { return argument(index) + (kLittleEndian ? 4 : 0); }

Label Program::answer(uint32_t action) {
  uint32_t index = 0;
  while (index < answers_.size() && answers_[index].action != action) ++index;
  if (index == answers_.size()) answers_.push_back({action});
  return {kIsAnswer | index};
}

uint32_t Program::push(int code, uint32_t k, uint32_t jump_true, uint32_t jump_false) {
  backwards_.push_back(
      {static_cast<uint16_t>(code), static_cast<uint8_t>(jump_true), static_cast<uint8_t>(jump_false), k});
  return static_cast<uint32_t>(backwards_.size() - 1);
}

// A place that leads to the label and over which at most `reach` instructions have to be jumped.
uint32_t Program::within_reach(Label label, uint32_t reach) {
  const auto distance = [this](uint32_t place) { return static_cast<uint32_t>(backwards_.size()) - 1 - place; };
  if ((label.value & kIsAnswer) == 0) {
    return distance(label.value) <= reach ? label.value : push(BPF_JMP | BPF_JA, distance(label.value));
  }
  Answer& answer = answers_[label.value & ~kIsAnswer];
  if (answer.place == UINT32_MAX || distance(answer.place) > reach) answer.place = push(BPF_RET | BPF_K, answer.action);
  return answer.place;
}

void Program::make_next(Label label) { within_reach(label, 0); }

Label Program::load(uint32_t offset, Label next) {
  make_next(next);
  return {push(BPF_LD | BPF_W | BPF_ABS, offset)};
}

Label Program::keep_bits(uint32_t mask, Label next) {
  make_next(next);
  return {push(BPF_ALU | BPF_AND | BPF_K, mask)};
}

Label Program::branch(int comparison, uint32_t value, Label then, Label otherwise) {
  if (then == otherwise) return then;
  const uint32_t on_true = within_reach(then, kLongestShortJump - 1);  // the next line may add one
  const uint32_t on_false = within_reach(otherwise, kLongestShortJump);
  const auto last = static_cast<uint32_t>(backwards_.size() - 1);
  return {push(BPF_JMP | BPF_K | comparison, value, last - on_true, last - on_false)};
}

Label Program::decide_between(const Decisions& decisions, size_t first, size_t last) {
  const auto& pieces = decisions.pieces_;
  const size_t count = last - first;
  if (count == 1) return pieces[first].label;
  // One number in the midst of others that are all alike.
  if (count == 3 && pieces[first].label == pieces[first + 2].label &&
      pieces[first + 1].first + 1 == pieces[first + 2].first)
    return if_equal(pieces[first + 1].first, pieces[first + 1].label, pieces[first].label);
  const size_t middle = first + count / 2;
  const Label high = decide_between(decisions, middle, last), low = decide_between(decisions, first, middle);
  return if_at_least(pieces[middle].first, high, low);
}

Label Program::decide(const Decisions& decisions) {
  Decisions distinct = decisions;
  const auto same = [](const auto& a, const auto& b) { return a.label == b.label; };
  distinct.pieces_.erase(std::unique(distinct.pieces_.begin(), distinct.pieces_.end(), same), distinct.pieces_.end());
  return decide_between(distinct, 0, distinct.pieces_.size());
}

std::vector<sock_filter> Program::finish(Label start) {
  make_next(start);
  return {backwards_.rbegin(), backwards_.rend()};
}

std::vector<Decisions::Piece>::iterator Decisions::not_before(uint32_t value) {
  return std::lower_bound(pieces_.begin(), pieces_.end(), value,
                          [](const Piece& piece, uint32_t number) { return piece.first < number; });
}

// The piece that begins at `value`, made when there is none.
std::vector<Decisions::Piece>::iterator Decisions::boundary(uint32_t value) {
  const auto at = not_before(value);
  if (at != pieces_.end() && at->first == value) return at;
  return pieces_.insert(at, {value, std::prev(at)->label});
}

// The piece before it grows: most numbers have their neighbour's label.
bool Decisions::extend(uint32_t first, uint32_t last, Label label) {
  const auto at = not_before(first);
  if (at == pieces_.begin() || at == pieces_.end() || at->first != first || last == UINT32_MAX) return false;
  const auto next = std::next(at);
  if (std::prev(at)->label != label || (next != pieces_.end() && next->first <= last + 1)) return false;
  at->first = last + 1;
  return true;
}

void Decisions::assign(uint32_t first, uint32_t last, Label label) {
  if (extend(first, last, label)) return;
  if (last != UINT32_MAX) boundary(last + 1);
  const auto begin = boundary(first);
  begin->label = label;
  const auto end = last == UINT32_MAX ? pieces_.end() : boundary(last + 1);
  pieces_.erase(std::next(begin), end);
}

}  // namespace plimsoll::seccomp
