// SPDX-License-Identifier: Apache-2.0
#include "runtime/network/subnet.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace plimsoll::network {
namespace {

constexpr size_t kInterfaceDigits = 12;  // with "pl" one less than IFNAMSIZ allows
constexpr uint32_t kSubnets = 1u << (kSubnetPrefix - kPool.prefix);

uint32_t mask(int prefix) { return prefix == 0 ? 0 : ~uint32_t{0} << (32 - prefix); }

std::string directory(const std::string& runroot) { return runroot + "/network"; }

// FNV-1a: spreads ids over the pool, so that the first try nearly always succeeds.
uint32_t hash(std::string_view text) {
  uint32_t value = 2166136261u;
  for (unsigned char c : text) value = (value ^ c) * 16777619u;
  return value;
}

std::string holder(const std::string& path) {
  auto text = read_file(path);
  if (!text) return "";
  return text->substr(0, text->find('\n'));
}

bool is_routed(const Subnet& subnet, const std::vector<Subnet>& routed) {
  return std::any_of(routed.begin(), routed.end(), [&](const Subnet& other) { return subnet.overlaps(other); });
}

Result<void> write_reservation(const std::string& path, const std::string& id) {
  UniqueFd fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!fd) return fail_errno(path);
  auto written = write_all(fd.get(), id + "\n");
  if (!written) return unexpected(written.error().within(path));
  return {};
}

}  // namespace

// The default route (prefix 0) covers everything and says nothing.
bool Subnet::overlaps(const Subnet& other) const {
  if (other.prefix == 0) return false;
  const uint32_t common = mask(std::min(prefix, other.prefix));
  return (address & common) == (other.address & common);
}

std::string to_string(uint32_t address) {
  return std::to_string(address >> 24) + "." + std::to_string(address >> 16 & 255) + "." +
         std::to_string(address >> 8 & 255) + "." + std::to_string(address & 255);
}

Result<std::string> host_interface_name(const std::string& id) {
  const bool valid = id.size() >= kInterfaceDigits && id.find_first_not_of("0123456789abcdef") == id.npos;
  if (!valid) return fail("container id \"" + id + "\": must be at least 12 lower-case hexadecimal digits");
  return "pl" + id.substr(0, kInterfaceDigits);
}

Result<UniqueFd> lock_subnets(const std::string& runroot) {
  auto made = make_directories(directory(runroot));
  if (!made) return unexpected(made.error());
  const std::string path = directory(runroot) + "/lock";
  UniqueFd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!fd) return fail_errno(path);
  while (::flock(fd.get(), LOCK_EX) != 0) {
    if (errno != EINTR) return fail_errno(path);
  }
  return fd;
}

Result<Subnet> reserve_subnet(const std::string& runroot, const std::string& id, const std::vector<Subnet>& routed,
                              const std::function<bool(const std::string&)>& in_use) {
  const uint32_t start = hash(id);
  for (uint32_t i = 0; i < kSubnets; ++i) {
    const Subnet subnet = {kPool.address + (start + i) % kSubnets * 4, kSubnetPrefix};
    const std::string path = directory(runroot) + "/" + to_string(subnet.address);
    const std::string present = holder(path);
    if (!present.empty() && in_use(present)) continue;
    if (is_routed(subnet, routed)) continue;
    auto written = write_reservation(path, id);
    if (!written) return unexpected(written.error());
    return subnet;
  }
  return fail("no free subnet is left in " + to_string(kPool.address) + "/" + std::to_string(kPool.prefix) +
              ": remove containers, or the host's routes into that range");
}

Result<void> release_subnet(const std::string& runroot, const std::string& id) {
  auto dir = Dir::open(directory(runroot));
  if (!dir) return dir.error().code == ENOENT ? Result<void>() : unexpected(dir.error());
  auto entries = dir->list();
  if (!entries) return unexpected(entries.error().within(directory(runroot)));
  for (const Dir::Entry& entry : *entries) {
    const std::string path = directory(runroot) + "/" + entry.name;
    if (entry.is_directory || holder(path) != id) continue;
    if (::unlink(path.c_str()) != 0 && errno != ENOENT) return fail_errno(path);
  }
  return {};
}

}  // namespace plimsoll::network
