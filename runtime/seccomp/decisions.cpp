// SPDX-License-Identifier: Apache-2.0
#include "runtime/seccomp/decisions.h"

#include <linux/seccomp.h>

#include <bit>
#include <cstddef>
#include <iterator>

namespace plimsoll::seccomp {
namespace {

constexpr bool kLittleEndian = std::endian::native == std::endian::little;
constexpr size_t kLongestShortJump = 255;

sock_filter statement(int code, uint32_t k) { return {static_cast<uint16_t>(code), 0, 0, k}; }

void append(Code& code, const Code& more) { code.insert(code.end(), more.begin(), more.end()); }

// The comparison's true branch is `then`, placed after `otherwise`.
Code branch(int comparison, uint32_t value, const Code& then, const Code& otherwise) {
  Code code;
  if (otherwise.size() <= kLongestShortJump) {
    code.push_back(
        {static_cast<uint16_t>(BPF_JMP | BPF_K | comparison), static_cast<uint8_t>(otherwise.size()), 0, value});
  } else {
    code.push_back({static_cast<uint16_t>(BPF_JMP | BPF_K | comparison), 0, 1, value});
    code.push_back(statement(BPF_JMP | BPF_JA, static_cast<uint32_t>(otherwise.size())));
  }
  append(code, otherwise);
  append(code, then);
  return code;
}

using Position = Decisions::const_iterator;

Code decide_between(Position first, Position last) {
  const auto count = std::distance(first, last);
  if (count == 1) return first->second;
  const Position middle = std::next(first, count / 2);
  return if_at_least(middle->first, decide_between(middle, last), decide_between(first, middle));
}

bool same(const Code& a, const Code& b) {
  if (a.size() != b.size()) return false;
  for (size_t i = 0; i < a.size(); ++i) {
    if (a[i].code != b[i].code || a[i].jt != b[i].jt || a[i].jf != b[i].jf || a[i].k != b[i].k) return false;
  }
  return true;
}

}  // namespace

uint32_t argument_low(int index) {
  return static_cast<uint32_t>(offsetof(seccomp_data, args)) + static_cast<uint32_t>(index) * 8 +
         (kLittleEndian ? 0 : 4);
}

uint32_t argument_high(int index) {
  return static_cast<uint32_t>(offsetof(seccomp_data, args)) + static_cast<uint32_t>(index) * 8 +
         (kLittleEndian ? 4 : 0);
}

Code load(uint32_t offset) { return {statement(BPF_LD | BPF_W | BPF_ABS, offset)}; }

Code answer(uint32_t action) { return {statement(BPF_RET | BPF_K, action)}; }

Code joined(std::initializer_list<Code> parts) {
  Code code;
  for (const Code& part : parts) append(code, part);
  return code;
}

Code if_equal(uint32_t value, const Code& then, const Code& otherwise) {
  return branch(BPF_JEQ, value, then, otherwise);
}

Code if_any_bit(uint32_t mask, const Code& then, const Code& otherwise) {
  return branch(BPF_JSET, mask, then, otherwise);
}

Code if_at_least(uint32_t value, const Code& then, const Code& otherwise) {
  return branch(BPF_JGE, value, then, otherwise);
}

void assign(Decisions& decisions, uint32_t first, uint32_t last, const Code& code) {
  if (last != UINT32_MAX) decisions.try_emplace(last + 1, std::prev(decisions.upper_bound(last + 1))->second);
  decisions.erase(decisions.lower_bound(first), last == UINT32_MAX ? decisions.end() : decisions.find(last + 1));
  decisions[first] = code;
}

Code decide(const Decisions& decisions) {
  Decisions distinct;
  for (const auto& [value, code] : decisions) {
    if (distinct.empty() || !same(distinct.rbegin()->second, code)) distinct[value] = code;
  }
  return decide_between(distinct.begin(), distinct.end());
}

}  // namespace plimsoll::seccomp
