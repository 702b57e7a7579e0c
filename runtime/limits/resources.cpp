// SPDX-License-Identifier: Apache-2.0
#include "runtime/limits/resources.h"

#include <algorithm>
#include <cerrno>
#include <cmath>

#include "base/text.h"
#include "runtime/limits/resources_parts.h"

namespace plimsoll::limits {
namespace {

constexpr uint64_t kSmallestShares = 2, kLargestShares = 262'144, kLargestWeight = 10'000;
constexpr uint64_t kLargestSwappiness = 100;

bool sets_cpu(const spec::Cpu& cpu) {
  return is_given(cpu.shares) || is_given(cpu.quota) || is_given(cpu.period) || cpu.burst || cpu.idle ||
         is_given(cpu.realtime_period) || is_given(cpu.realtime_runtime);
}

bool sets_memory(const spec::Memory& memory) {
  return is_given(memory.limit) || is_given(memory.reservation) || is_given(memory.swap) || memory.swappiness ||
         is_given(memory.kernel_tcp) || memory.disable_oom_killer.value_or(false);
}

bool sets_block_io(const spec::BlockIo& io) {
  return is_given(io.weight) || is_given(io.leaf_weight) || !io.weight_devices.empty() || !io.read_bps.empty() ||
         !io.write_bps.empty() || !io.read_iops.empty() || !io.write_iops.empty();
}

Result<void> check_memory(const spec::Memory& memory) {
  const uint64_t swappiness = memory.swappiness.value_or(0);
  if (swappiness > kLargestSwappiness && swappiness != UINT64_MAX)
    return fail("memory.swappiness " + std::to_string(swappiness) + ": must be 0 to 100");
  const int64_t limit = memory.limit.value_or(0), swap = memory.swap.value_or(0);
  if (limit < -1 || swap < -1) return fail("memory.limit and memory.swap: must be -1 (no limit) or more");
  if (limit > 0 && swap > 0 && swap < limit) {
    return fail("memory.swap " + std::to_string(swap) + ": is memory and swap together and must not be less than " +
                "memory.limit " + std::to_string(limit));
  }
  return {};
}

// CONTROLLER.PARAMETER
Result<std::string> controller_of(const std::string& key) {
  if (key.find('/') != std::string::npos)
    return fail("unified \"" + key + "\": must be the name of a file, without \"/\"");
  const size_t dot = key.find('.');
  if (dot == 0 || dot == std::string::npos)
    return fail("unified \"" + key + "\": must be CONTROLLER.PARAMETER, such as memory.high");
  return key.substr(0, dot);
}

Result<void> check_unified(const OwnCgroup& group, const spec::Resources& resources) {
  if (resources.unified.empty()) return {};
  if (group.unified_place() == nullptr)
    return fail(
        "invalid configuration: unified: needs a cgroup v2 tree, and here are only v1 hierarchies; use memory, cpu, "
        "pids and blockIO");
  for (const auto& [key, value] : resources.unified) {
    auto controller = controller_of(key);
    if (!controller) return unexpected(controller.error());
  }
  return {};
}

// `files` is what of resources names the controller.
Result<void> check_controller(const OwnCgroup& group, std::string_view controller, const char* member, bool wanted) {
  if (!wanted || group.with_controller(controller) != nullptr) return {};
  return fail(std::string(member) + ": the container's cgroup does not have the controller " + std::string(controller) +
              "; mount it, or leave the limit out");
}

Result<void> check_controllers(const OwnCgroup& group, const spec::Resources& resources) {
  const bool block_io_v2 = group.with_controller("io") != nullptr;
  const struct {
    std::string_view controller;
    const char* member;
    bool wanted;
  } needs[] = {
      {"memory", "memory", resources.memory && sets_memory(*resources.memory)},
      {"cpu", "cpu", resources.cpu && sets_cpu(*resources.cpu)},
      {"cpuset", "cpu.cpus, cpu.mems", resources.cpu && !(resources.cpu->cpus + resources.cpu->mems).empty()},
      {"pids", "pids", resources.pids_limit.has_value()},
      {block_io_v2 ? "io" : "blkio", "blockIO", resources.block_io && sets_block_io(*resources.block_io)},
      {"hugetlb", "hugepageLimits", !resources.hugepage_limits.empty()},
      {"rdma", "rdma", !resources.rdma.empty()},
  };
  for (const auto& need : needs) {
    auto found = check_controller(group, need.controller, need.member, need.wanted);
    if (!found) return found;
  }
  return {};
}

Result<void> check(const OwnCgroup& group, const spec::Resources& resources) {
  auto good = check_unified(group, resources);
  if (good && resources.memory) good = check_memory(*resources.memory);
  if (good) good = check_controllers(group, resources);
  for (const spec::HugepageLimit& page : resources.hugepage_limits) {
    if (page.page_size.find('/') != std::string::npos)
      return fail("hugepageLimits \"" + page.page_size + "\": no size");
  }
  return good;
}

// 0 asks for no task at all, which the container's own first one exceeds: 1 comes to the same, and is what runc
// writes since systemd knows no 0 here.
Result<void> write_pids(const OwnCgroup& group, int64_t limit) {
  const ControllerFiles files(group, "pids");
  return files.write("pids.max", limit < 0 ? "max" : std::to_string(std::max<int64_t>(limit, 1)));
}

Result<void> write_cpuset(const OwnCgroup& group, const spec::Cpu& cpu) {
  const ControllerFiles files(group, "cpuset");
  if (!cpu.cpus.empty()) {
    auto written = files.write("cpuset.cpus", cpu.cpus);
    if (!written) return written;
  }
  return cpu.mems.empty() ? Result<void>() : files.write("cpuset.mems", cpu.mems);
}

// Reserved pages are limited to the same, where the kernel counts them (from 5.7).
Result<void> write_huge_pages(const OwnCgroup& group, const std::vector<spec::HugepageLimit>& limits) {
  const ControllerFiles files(group, "hugetlb");
  const std::string suffix = files.v2() ? ".max" : ".limit_in_bytes";
  for (const spec::HugepageLimit& page : limits) {
    const std::string stem = "hugetlb." + page.page_size, value = std::to_string(page.limit);
    auto written = files.write(stem + suffix, value);
    if (!written) return written;
    written = files.write_if_known(stem + ".rsvd" + suffix, value);
    if (!written) return written;
  }
  return {};
}

Result<void> write_rdma(const OwnCgroup& group, const std::vector<spec::Rdma>& devices) {
  const ControllerFiles files(group, "rdma");
  for (const spec::Rdma& device : devices) {
    std::string line = device.device;
    if (device.hca_handles) line += " hca_handle=" + std::to_string(*device.hca_handles);
    if (device.hca_objects) line += " hca_object=" + std::to_string(*device.hca_objects);
    auto written = files.write("rdma.max", line);
    if (!written) return written;
  }
  return {};
}

// The kernel takes one line a write.
Result<void> write_unified(const OwnCgroup& group, const std::string& key, std::string_view value) {
  auto controller = controller_of(key);
  if (!controller) return unexpected(controller.error());
  const ControllerFiles files = ControllerFiles::unified(group, *controller);
  while (!value.empty()) {
    const std::string line(take(value, '\n'));
    if (line.empty()) continue;
    auto written = files.write(key, line);
    if (!written) return unexpected(written.error().within("unified"));
  }
  return {};
}

Result<void> write_memory(const OwnCgroup& group, const spec::Memory& memory) {
  if (!sets_memory(memory)) return {};
  const ControllerFiles files(group, "memory");
  return files.v2() ? write_memory_v2(files, memory) : write_memory_v1(files, memory);
}

Result<void> write_cpu(const OwnCgroup& group, const spec::Cpu& cpu) {
  const ControllerFiles files(group, "cpu");
  Result<void> written;
  if (sets_cpu(cpu)) written = files.v2() ? write_cpu_v2(files, cpu) : write_cpu_v1(files, cpu);
  return written ? write_cpuset(group, cpu) : written;
}

Result<void> write_block_io(const OwnCgroup& group, const spec::BlockIo& block_io) {
  if (!sets_block_io(block_io)) return {};
  if (group.with_controller("blkio") != nullptr) return write_block_io_v1({group, "blkio"}, block_io);
  return write_block_io_v2({group, "io"}, block_io);
}

Result<void> write_all_parts(const OwnCgroup& group, const spec::Resources& resources) {
  Result<void> written;
  if (resources.pids_limit) written = write_pids(group, *resources.pids_limit);
  if (written && resources.memory) written = write_memory(group, *resources.memory);
  if (written && resources.cpu) written = write_cpu(group, *resources.cpu);
  if (written && resources.block_io) written = write_block_io(group, *resources.block_io);
  if (written && !resources.hugepage_limits.empty()) written = write_huge_pages(group, resources.hugepage_limits);
  if (written && !resources.rdma.empty()) written = write_rdma(group, resources.rdma);
  if (written) written = write_network_v1(group, resources);
  for (const auto& [key, value] : resources.unified) {
    if (written) written = write_unified(group, key, value);
  }
  return written;
}

}  // namespace

uint64_t weight_of_shares(uint64_t shares) {
  if (shares <= kSmallestShares) return 1;
  if (shares >= kLargestShares) return kLargestWeight;
  const double l = std::log2(static_cast<double>(shares));
  return static_cast<uint64_t>(std::ceil(std::pow(10.0, (l * l + 125 * l) / 612.0 - 7.0 / 34.0)));
}

uint64_t io_weight_of(uint16_t blkio_weight) {
  constexpr uint64_t kSmallest = 10;
  return 1 + (std::max<uint64_t>(blkio_weight, kSmallest) - kSmallest) * 9999 / 990;
}

Result<void> apply(const OwnCgroup& group, const spec::Resources& resources) {
  auto done = check(group, resources);
  if (done) done = write_all_parts(group, resources);
  if (!done) return unexpected(done.error().within("cgroup " + group.path()));
  return {};
}

}  // namespace plimsoll::limits
