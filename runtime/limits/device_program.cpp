// SPDX-License-Identifier: Apache-2.0
// The rules as a program for the kernel. It walks them from the last to the first and takes each kind of access
// (make, read, write) off what is asked for with the first rule that matches: a rule that denies one that is
// still open ends with 0, and once all have been allowed it ends with 1.
#include <cstddef>

#include "runtime/limits/device_filter.h"

namespace plimsoll::limits {
namespace {

// What the kernel takes from a user without CAP_BPF, and at all before Linux 5.2.
constexpr size_t kLongestProgram = 4096;

// BPF register use: r1 is the context at entry, r0 the result; kAccess what is still to be allowed.
constexpr unsigned kType = BPF_REG_2, kAccess = BPF_REG_3, kMajor = BPF_REG_4, kMinor = BPF_REG_5;

bpf_insn instruction(int code, unsigned target, unsigned source, int offset, uint32_t value) {
  bpf_insn made = {};
  made.code = static_cast<uint8_t>(code);
  made.dst_reg = target & 0xf;
  made.src_reg = source & 0xf;
  made.off = static_cast<int16_t>(offset);
  made.imm = static_cast<int32_t>(value);
  return made;
}
bpf_insn load_field(unsigned target, size_t offset) {
  return instruction(BPF_LDX | BPF_MEM | BPF_W, target, BPF_REG_1, static_cast<int>(offset), 0);
}
bpf_insn move_register(unsigned target, unsigned source) {
  return instruction(BPF_ALU64 | BPF_MOV | BPF_X, target, source, 0, 0);
}
bpf_insn move_value(unsigned target, uint32_t value) {
  return instruction(BPF_ALU64 | BPF_MOV | BPF_K, target, 0, 0, value);
}
bpf_insn and_value(unsigned target, uint32_t value) {
  return instruction(BPF_ALU | BPF_AND | BPF_K, target, 0, 0, value);
}
bpf_insn shift_right(unsigned target, uint32_t bits) {
  return instruction(BPF_ALU | BPF_RSH | BPF_K, target, 0, 0, bits);
}
// Each skips `count` instructions when its condition holds.
bpf_insn skip_unless_equal(unsigned source, uint32_t value, size_t count) {
  return instruction(BPF_JMP32 | BPF_JNE | BPF_K, source, 0, static_cast<int>(count), value);
}
bpf_insn skip_if_any_bit(unsigned source, uint32_t bits, size_t count) {
  return instruction(BPF_JMP | BPF_JSET | BPF_K, source, 0, static_cast<int>(count), bits);
}
bpf_insn skip(size_t count) { return instruction(BPF_JMP | BPF_JA, 0, 0, static_cast<int>(count), 0); }
bpf_insn leave() { return instruction(BPF_JMP | BPF_EXIT, 0, 0, 0, 0); }

// r0 is 0 all along.
std::vector<bpf_insn> decision(bool allow, uint32_t access) {
  if (!allow) return {skip_if_any_bit(kAccess, access, 1), skip(1), leave()};
  return {and_value(kAccess, ~access), skip_unless_equal(kAccess, 0, 2), move_value(BPF_REG_0, 1), leave()};
}

Result<void> append(std::vector<bpf_insn>& program, const spec::DeviceRule& rule) {
  auto access = device_access(rule.access);
  if (!access) return unexpected(access.error());
  const std::vector<bpf_insn> decided = decision(rule.allow, *access);
  size_t left = decided.size() + (rule.type != 'a') + rule.major.has_value() + rule.minor.has_value();
  const uint32_t type = rule.type == 'b' ? BPF_DEVCG_DEV_BLOCK : BPF_DEVCG_DEV_CHAR;
  if (rule.type != 'a') program.push_back(skip_unless_equal(kType, type, --left));
  if (rule.major) program.push_back(skip_unless_equal(kMajor, *rule.major, --left));
  if (rule.minor) program.push_back(skip_unless_equal(kMinor, *rule.minor, --left));
  program.insert(program.end(), decided.begin(), decided.end());
  return {};
}

}  // namespace

// access_type is (access << 16) | type: type 1 block, 2 character; access 1 mknod, 2 read, 4 write.
Result<std::vector<bpf_insn>> device_program(const std::vector<spec::DeviceRule>& rules) {
  std::vector<bpf_insn> program = {
      load_field(kType, offsetof(bpf_cgroup_dev_ctx, access_type)),
      move_register(kAccess, kType),
      and_value(kType, 0xffff),
      shift_right(kAccess, 16),
      load_field(kMajor, offsetof(bpf_cgroup_dev_ctx, major)),
      load_field(kMinor, offsetof(bpf_cgroup_dev_ctx, minor)),
      move_value(BPF_REG_0, 0),
  };
  for (auto rule = rules.rbegin(); rule != rules.rend(); ++rule) {
    auto appended = append(program, *rule);
    if (!appended) return unexpected(appended.error());
  }
  program.push_back(leave());
  if (program.size() <= kLongestProgram) return program;
  return fail("resources.devices: " + std::to_string(rules.size()) + " rules make a program of " +
              std::to_string(program.size()) + " instructions, and the kernel takes 4096; merge some by leaving out " +
              "the minor number");
}

}  // namespace plimsoll::limits
