// SPDX-License-Identifier: Apache-2.0
// Order matters where the kernel checks one file's value against another's: memory + swap may not be less than
// memory, quota/period and runtime/period may not exceed the parent's share.
// Documentation/admin-guide/cgroup-v1/memory.rst (5.1, 8), scheduler/sched-bwc.rst, scheduler/sched-rt-group.rst
#include <cerrno>

#include "runtime/limits/resources_parts.h"

namespace plimsoll::limits {
namespace {

constexpr const char* kLimit = "memory.limit_in_bytes";
constexpr const char* kLimitWithSwap = "memory.memsw.limit_in_bytes";

// EBUSY: less than what is in use, and the kernel could not free enough.
Result<void> write_limit(const ControllerFiles& files, const std::optional<int64_t>& limit) {
  if (!is_given(limit)) return {};
  auto written = files.write(kLimit, std::to_string(*limit));
  if (written || written.error().code != EBUSY) return written;
  auto usage = files.read_number("memory.usage_in_bytes"), peak = files.read_number("memory.max_usage_in_bytes");
  if (!usage || !peak) return written;
  return unexpected(
      written.error().within("in use are " + std::to_string(*usage) + " bytes, at most were " + std::to_string(*peak)));
}

Result<void> write_limit_with_swap(const ControllerFiles& files, int64_t limit) {
  return limit == 0 ? Result<void>() : files.write_if_known(kLimitWithSwap, std::to_string(limit));
}

// Whether the sum has to go first: it does when memory is to become more than the sum allows now.
Result<bool> sum_goes_first(const ControllerFiles& files, int64_t limit, int64_t with_swap) {
  if (limit == 0 || with_swap == 0) return false;
  if (with_swap < 0) return true;
  auto present = files.read_number(kLimit);
  if (!present) return unexpected(present.error());
  return *present < static_cast<uint64_t>(with_swap);
}

Result<void> write_limits(const ControllerFiles& files, const spec::Memory& memory) {
  const int64_t limit = memory.limit.value_or(0);
  // Without a limit on memory there can be none on the sum.
  const int64_t with_swap = limit == -1 && !is_given(memory.swap) ? -1 : memory.swap.value_or(0);
  auto sum_first = sum_goes_first(files, limit, with_swap);
  if (!sum_first) return unexpected(sum_first.error());
  auto written = *sum_first ? write_limit_with_swap(files, with_swap) : write_limit(files, memory.limit);
  if (!written) return written;
  return *sum_first ? write_limit(files, memory.limit) : write_limit_with_swap(files, with_swap);
}

// Values that the kernel refuses while another one is as it was: what gets EINVAL is tried again after that.
class Postponed {
 public:
  Postponed(const ControllerFiles& files, bool another_follows) : files_(files), another_follows_(another_follows) {}
  Result<void> write(const char* file, const std::string& value) {
    auto written = files_.write(file, value);
    if (written || written.error().code != EINVAL || !another_follows_) return written;
    file_ = file;
    value_ = value;
    return {};
  }
  Result<void> again() const { return file_ == nullptr ? Result<void>() : files_.write(file_, value_); }

 private:
  const ControllerFiles& files_;
  bool another_follows_;
  const char* file_ = nullptr;
  std::string value_;
};

// The kernel takes any number and cuts it to what it can do.
Result<void> write_shares(const ControllerFiles& files, uint64_t shares) {
  auto written = files.write("cpu.shares", std::to_string(shares));
  if (!written) return written;
  auto taken = files.read_number("cpu.shares");
  if (!taken) return unexpected(taken.error());
  if (*taken == shares) return {};
  return fail("cpu.shares " + std::to_string(shares) + ": the " + (*taken < shares ? "maximum" : "minimum") +
              " allowed cpu-shares is " + std::to_string(*taken));
}

Result<void> write_bandwidth(const ControllerFiles& files, const spec::Cpu& cpu) {
  Postponed period(files, is_given(cpu.quota)), burst(files, is_given(cpu.quota));
  Result<void> written;
  if (is_given(cpu.period)) written = period.write("cpu.cfs_period_us", std::to_string(*cpu.period));
  if (written && cpu.burst) written = burst.write("cpu.cfs_burst_us", std::to_string(*cpu.burst));
  if (!written && written.error().code == ENOENT && cpu.burst) written = {};  // before Linux 5.14
  if (written && is_given(cpu.quota)) written = files.write("cpu.cfs_quota_us", std::to_string(*cpu.quota));
  if (written) written = period.again();
  return written ? burst.again() : written;
}

Result<void> write_realtime(const ControllerFiles& files, const spec::Cpu& cpu) {
  Postponed period(files, is_given(cpu.realtime_runtime));
  Result<void> written;
  if (is_given(cpu.realtime_period)) written = period.write("cpu.rt_period_us", std::to_string(*cpu.realtime_period));
  if (written && is_given(cpu.realtime_runtime))
    written = files.write("cpu.rt_runtime_us", std::to_string(*cpu.realtime_runtime));
  return written ? period.again() : written;
}

Result<void> write_throttle(const ControllerFiles& files, const char* what,
                            const std::vector<spec::ThrottleDevice>& devices) {
  for (const spec::ThrottleDevice& device : devices) {
    auto written = files.write("blkio.throttle." + std::string(what) + "_device",
                               device_number(device.device) + " " + std::to_string(device.rate));
    if (!written) return written;
  }
  return {};
}

Result<void> write_weights(const ControllerFiles& files, const spec::BlockIo& io) {
  const std::string stem =
      !files.has("blkio.weight") && files.has("blkio.bfq.weight") ? "blkio.bfq.weight" : "blkio.weight";
  Result<void> written;
  if (is_given(io.weight)) written = files.write(stem, std::to_string(*io.weight));
  if (written && is_given(io.leaf_weight)) written = files.write("blkio.leaf_weight", std::to_string(*io.leaf_weight));
  for (const spec::WeightDevice& device : io.weight_devices) {
    const std::string number = device_number(device.device) + " ";
    if (written && is_given(device.weight))
      written = files.write(stem + "_device", number + std::to_string(*device.weight));
    if (written && is_given(device.leaf_weight))
      written = files.write("blkio.leaf_weight_device", number + std::to_string(*device.leaf_weight));
  }
  return written;
}

}  // namespace

Result<void> write_memory_v1(const ControllerFiles& files, const spec::Memory& memory) {
  auto written = write_limits(files, memory);
  if (written && is_given(memory.reservation))
    written = files.write("memory.soft_limit_in_bytes", std::to_string(*memory.reservation));
  if (written && is_given(memory.kernel_tcp))
    written = files.write_if_known("memory.kmem.tcp.limit_in_bytes", std::to_string(*memory.kernel_tcp));
  if (written && memory.disable_oom_killer.value_or(false)) written = files.write("memory.oom_control", "1");
  if (written && memory.swappiness && *memory.swappiness != UINT64_MAX)
    written = files.write("memory.swappiness", std::to_string(*memory.swappiness));
  return written;
}

Result<void> write_cpu_v1(const ControllerFiles& files, const spec::Cpu& cpu) {
  auto written = write_weight_and_idle(files, cpu, [&] { return write_shares(files, *cpu.shares); });
  if (written) written = write_bandwidth(files, cpu);
  return written ? write_realtime(files, cpu) : written;
}

Result<void> write_block_io_v1(const ControllerFiles& files, const spec::BlockIo& io) {
  auto written = write_weights(files, io);
  if (written) written = write_throttle(files, "read_bps", io.read_bps);
  if (written) written = write_throttle(files, "write_bps", io.write_bps);
  if (written) written = write_throttle(files, "read_iops", io.read_iops);
  return written ? write_throttle(files, "write_iops", io.write_iops) : written;
}

// Where all is v2 there is nothing of the kind: left out, as runc does.
Result<void> write_network_v1(const OwnCgroup& group, const spec::Resources& resources) {
  const bool pure_v2 = group.places().size() == 1 && group.places().front().v2;
  if (pure_v2) return {};
  if (is_given(resources.network_class_id)) {
    const ControllerFiles files(group, "net_cls");
    auto written = files.write("net_cls.classid", std::to_string(*resources.network_class_id));
    if (!written) return written;
  }
  const ControllerFiles files(group, "net_prio");
  for (const spec::InterfacePriority& interface : resources.network_priorities) {
    auto written = files.write("net_prio.ifpriomap", interface.name + " " + std::to_string(interface.priority));
    if (!written) return written;
  }
  return {};
}

}  // namespace plimsoll::limits
