// SPDX-License-Identifier: Apache-2.0
#include "runtime/limits/device_filter.h"

#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstddef>

#include "base/os.h"

namespace plimsoll::limits {
namespace {

// BPF register use: r1 is the context at entry, r0 the result.
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
// Skips `count` instructions when the register differs from the value.
bpf_insn skip_unless_equal(unsigned source, uint32_t value, int count) {
  return instruction(BPF_JMP | BPF_JNE | BPF_K, source, 0, count, value);
}
bpf_insn leave() { return instruction(BPF_JMP | BPF_EXIT, 0, 0, 0, 0); }

int bpf(bpf_cmd command, bpf_attr& attributes) {
  return static_cast<int>(::syscall(SYS_bpf, command, &attributes, sizeof(attributes)));
}

Result<UniqueFd> load(const std::vector<bpf_insn>& program) {
  static constexpr char kLicense[] = "Apache-2.0";
  bpf_attr attributes = {};
  attributes.prog_type = BPF_PROG_TYPE_CGROUP_DEVICE;
  attributes.insns = reinterpret_cast<uint64_t>(program.data());
  attributes.insn_cnt = static_cast<uint32_t>(program.size());
  attributes.license = reinterpret_cast<uint64_t>(kLicense);
  UniqueFd fd(bpf(BPF_PROG_LOAD, attributes));
  if (!fd) return fail_errno("load the device filter (bpf)");
  return fd;
}

}  // namespace

// access_type is (access << 16) | type: type 1 block, 2 character; access 1 mknod, 2 read, 4 write.
std::vector<bpf_insn> device_program() {
  std::vector<bpf_insn> program = {
      load_field(kType, offsetof(bpf_cgroup_dev_ctx, access_type)),
      move_register(kAccess, kType),
      and_value(kType, 0xffff),
      shift_right(kAccess, 16),
      load_field(kMajor, offsetof(bpf_cgroup_dev_ctx, major)),
      load_field(kMinor, offsetof(bpf_cgroup_dev_ctx, minor)),
      move_value(BPF_REG_0, 1),
      skip_unless_equal(kAccess, BPF_DEVCG_ACC_MKNOD, 1),
      leave(),
  };
  for (const AllowedDevice& device : kAllowedDevices) {
    const bool any = device.minor == kAnyMinor;
    program.push_back(skip_unless_equal(kType, BPF_DEVCG_DEV_CHAR, any ? 2 : 3));
    program.push_back(skip_unless_equal(kMajor, device.major, any ? 1 : 2));
    if (!any) program.push_back(skip_unless_equal(kMinor, device.minor, 1));
    program.push_back(leave());
  }
  program.push_back(move_value(BPF_REG_0, 0));
  program.push_back(leave());
  return program;
}

Result<void> restrict_devices_v1(const std::string& directory) {
  auto denied = write_existing(AT_FDCWD, directory + "/devices.deny", "a");
  if (!denied) return unexpected(Error{denied.error().code, "devices.deny"});
  std::vector<std::string> rules = {"c *:* m", "b *:* m"};
  for (const AllowedDevice& device : kAllowedDevices) {
    const std::string minor = device.minor == kAnyMinor ? "*" : std::to_string(device.minor);
    rules.push_back("c " + std::to_string(device.major) + ":" + minor + " rwm");
  }
  for (const std::string& rule : rules) {
    auto allowed = write_existing(AT_FDCWD, directory + "/devices.allow", rule);
    if (!allowed) return unexpected(Error{allowed.error().code, "devices.allow: " + rule});
  }
  return {};
}

Result<void> restrict_devices_v2(int group_fd) {
  auto program = load(device_program());
  if (!program) return unexpected(program.error());
  bpf_attr attributes = {};
  attributes.target_fd = static_cast<uint32_t>(group_fd);
  attributes.attach_bpf_fd = static_cast<uint32_t>(program->get());
  attributes.attach_type = BPF_CGROUP_DEVICE;
  // Beside programs that somebody attached further up: all of them must agree.
  attributes.attach_flags = BPF_F_ALLOW_MULTI;
  if (bpf(BPF_PROG_ATTACH, attributes) != 0) return fail_errno("attach the device filter (bpf)");
  return {};
}

}  // namespace plimsoll::limits
