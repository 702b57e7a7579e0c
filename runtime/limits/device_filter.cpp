// SPDX-License-Identifier: Apache-2.0
#include "runtime/limits/device_filter.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "base/os.h"
#include "base/text.h"

namespace plimsoll::limits {
namespace {

constexpr uint32_t kAll = BPF_DEVCG_ACC_MKNOD | BPF_DEVCG_ACC_READ | BPF_DEVCG_ACC_WRITE;
// By its name an update knows the program that is to be replaced from those of others, such as systemd's.
constexpr char kProgramName[] = "plimsoll_device";
static_assert(sizeof(kProgramName) <= BPF_OBJ_NAME_LEN);

int bpf(bpf_cmd command, bpf_attr& attributes) {
  return static_cast<int>(::syscall(SYS_bpf, command, &attributes, sizeof(attributes)));
}

UniqueFd load_once(const std::vector<bpf_insn>& program) {
  static constexpr char kLicense[] = "Apache-2.0";
  bpf_attr attributes = {};
  attributes.prog_type = BPF_PROG_TYPE_CGROUP_DEVICE;
  attributes.insns = reinterpret_cast<uint64_t>(program.data());
  attributes.insn_cnt = static_cast<uint32_t>(program.size());
  attributes.license = reinterpret_cast<uint64_t>(kLicense);
  std::memcpy(attributes.prog_name, kProgramName, sizeof(kProgramName));
  return UniqueFd(bpf(BPF_PROG_LOAD, attributes));
}

// Before Linux 5.11 programs count as locked memory; the limit is ours again before a container could inherit it.
UniqueFd load_with_more_locked_memory(const std::vector<bpf_insn>& program) {
  rlimit before;
  if (::getrlimit(RLIMIT_MEMLOCK, &before) != 0) return {};
  const rlimit unlimited = {RLIM_INFINITY, RLIM_INFINITY}, highest = {before.rlim_max, before.rlim_max};
  if (::setrlimit(RLIMIT_MEMLOCK, &unlimited) != 0) ::setrlimit(RLIMIT_MEMLOCK, &highest);
  UniqueFd fd = load_once(program);
  const int load_errno = errno;
  ::setrlimit(RLIMIT_MEMLOCK, &before);
  errno = load_errno;
  return fd;
}

Result<UniqueFd> load(const std::vector<bpf_insn>& program) {
  UniqueFd fd = load_once(program);
  if (!fd && errno == EPERM) fd = load_with_more_locked_memory(program);
  if (!fd) return fail_errno("load the device filter (bpf)");
  return fd;
}

bool is_ours(int program_fd) {
  bpf_prog_info info = {};
  bpf_attr attributes = {};
  attributes.info.bpf_fd = static_cast<uint32_t>(program_fd);
  attributes.info.info_len = sizeof(info);
  attributes.info.info = reinterpret_cast<uint64_t>(&info);
  return bpf(BPF_OBJ_GET_INFO_BY_FD, attributes) == 0 && std::strcmp(info.name, kProgramName) == 0;
}

// Ours among those that are attached to the group. One that cannot be looked at is somebody else's.
std::vector<UniqueFd> attached_before(int group_fd) {
  std::array<uint32_t, 64> ids = {};  // as many as the kernel lets be attached
  bpf_attr query = {};
  query.query.target_fd = static_cast<uint32_t>(group_fd);
  query.query.attach_type = BPF_CGROUP_DEVICE;
  query.query.prog_ids = reinterpret_cast<uint64_t>(ids.data());
  query.query.prog_cnt = ids.size();
  std::vector<UniqueFd> ours;
  if (bpf(BPF_PROG_QUERY, query) != 0) return ours;
  for (uint32_t at = 0; at < query.query.prog_cnt; ++at) {
    bpf_attr attributes = {};
    attributes.prog_id = ids[at];
    UniqueFd fd(bpf(BPF_PROG_GET_FD_BY_ID, attributes));
    if (fd && is_ours(fd.get())) ours.push_back(std::move(fd));
  }
  return ours;
}

// Beside programs that somebody attached further up or here: all of them must agree.
bool attach(int group_fd, int program_fd, int replaced_fd) {
  bpf_attr attributes = {};
  attributes.target_fd = static_cast<uint32_t>(group_fd);
  attributes.attach_bpf_fd = static_cast<uint32_t>(program_fd);
  attributes.attach_type = BPF_CGROUP_DEVICE;
  attributes.attach_flags = BPF_F_ALLOW_MULTI;
  if (replaced_fd >= 0) {
    attributes.attach_flags |= BPF_F_REPLACE;
    attributes.replace_bpf_fd = static_cast<uint32_t>(replaced_fd);
  }
  return bpf(BPF_PROG_ATTACH, attributes) == 0;
}

Result<void> detach(int group_fd, int program_fd) {
  bpf_attr attributes = {};
  attributes.target_fd = static_cast<uint32_t>(group_fd);
  attributes.attach_bpf_fd = static_cast<uint32_t>(program_fd);
  attributes.attach_type = BPF_CGROUP_DEVICE;
  if (bpf(BPF_PROG_DETACH, attributes) != 0) return fail_errno("detach the old device filter (bpf)");
  return {};
}

// In one step from Linux 5.6 on; before it both hold for a moment, which allows less, never more.
Result<void> restrict_v2(int group_fd, const std::vector<spec::DeviceRule>& rules) {
  auto program = device_program(rules);
  if (!program) return unexpected(program.error());
  auto loaded = load(*program);
  if (!loaded) return unexpected(loaded.error());
  const std::vector<UniqueFd> before = attached_before(group_fd);
  if (before.size() == 1 && attach(group_fd, loaded->get(), before.front().get())) return {};
  if (!attach(group_fd, loaded->get(), -1)) return fail_errno("attach the device filter (bpf)");
  for (const UniqueFd& old : before) {
    auto detached = detach(group_fd, old.get());
    if (!detached) return detached;
  }
  return {};
}

Result<void> restrict_v1(const std::string& directory, const std::vector<spec::DeviceRule>& rules) {
  auto target = DeviceTable::of(rules);
  if (!target) return unexpected(target.error());
  auto list = read_file(directory + "/devices.list");
  if (!list) return unexpected(Error{list.error().code, "devices.list"});
  auto present = DeviceTable::parse(*list);
  if (!present) return unexpected(present.error());
  std::string opened;
  UniqueFd file;
  for (const DeviceTable::Write& write : present->writes_towards(*target)) {
    if (opened != write.file) file.reset(::open((directory + "/" + write.file).c_str(), O_WRONLY | O_CLOEXEC));
    opened = write.file;
    if (!file) return fail_errno(write.file);
    if (::write(file.get(), write.line.data(), write.line.size()) < 0)
      return fail_errno("write \"" + write.line + "\" to " + write.file);
  }
  return {};
}

bool in_user_namespace() {
  auto map = read_file("/proc/self/uid_map");
  if (!map) return false;
  std::string_view line = *map;
  return take_field(line) != "0" || take_field(line) != "0" || trim(line) != "4294967295";
}

bool only_allows(const std::vector<spec::DeviceRule>& rules) {
  return std::all_of(rules.begin(), rules.end(), [](const spec::DeviceRule& rule) {
    return rule.allow && device_access(rule.access).value_or(0) == kAll;
  });
}

}  // namespace

std::vector<spec::DeviceRule> default_device_rules() {
  std::vector<spec::DeviceRule> rules = {{true, 'c', {}, {}, "m"}, {true, 'b', {}, {}, "m"}};
  for (const uint32_t minor : {3u, 5u, 7u, 8u, 9u}) rules.push_back({true, 'c', 1, minor, "rwm"});  // null ... urandom
  for (const uint32_t minor : {0u, 1u, 2u}) rules.push_back({true, 'c', 5, minor, "rwm"});  // tty, console, ptmx
  rules.push_back({true, 'c', 136, {}, "rwm"});                                             // pseudo-terminals
  return rules;
}

Result<uint32_t> device_access(const std::string& letters) {
  if (letters.empty()) return kAll;
  uint32_t access = 0;
  for (const char letter : letters) {
    if (letter == 'r') {
      access |= BPF_DEVCG_ACC_READ;
    } else if (letter == 'w') {
      access |= BPF_DEVCG_ACC_WRITE;
    } else if (letter == 'm') {
      access |= BPF_DEVCG_ACC_MKNOD;
    } else {
      return fail("device access \"" + letters + "\": must be of the letters r, w and m");
    }
  }
  return access;
}

Result<void> restrict_devices(const OwnCgroup& group, const std::vector<spec::DeviceRule>& rules) {
  if (rules.empty()) return {};
  Result<void> done;
  bool tolerated = false;
  if (const CgroupPlace* place = group.with_controller("devices")) {
    done = restrict_v1(place->directory, rules);
  } else if (group.clone_into_fd() >= 0) {
    done = restrict_v2(group.clone_into_fd(), rules);
    tolerated = only_allows(rules);
  } else if (!in_user_namespace()) {
    return fail("no cgroup hierarchy can restrict devices: mount the v1 \"devices\" controller or cgroup2");
  }
  if (done) return done;
  const int code = done.error().code;
  if ((code == EPERM || code == EACCES) && (tolerated || in_user_namespace())) return {};
  return unexpected(done.error().within("cgroup " + group.path()));
}

}  // namespace plimsoll::limits
