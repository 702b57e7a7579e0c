// SPDX-License-Identifier: Apache-2.0
// Internal to the folder: the parts of linux.resources whose files differ between v1 and v2. For each, what is
// wrong in itself has been refused before by resources.cpp.
#pragma once

#include "base/result.h"
#include "runtime/limits/controller_files.h"
#include "runtime/spec/spec.h"

namespace plimsoll::limits {

Result<void> write_memory_v1(const ControllerFiles& files, const spec::Memory& memory);
Result<void> write_cpu_v1(const ControllerFiles& files, const spec::Cpu& cpu);
Result<void> write_block_io_v1(const ControllerFiles& files, const spec::BlockIo& block_io);
Result<void> write_network_v1(const OwnCgroup& group, const spec::Resources& resources);

Result<void> write_memory_v2(const ControllerFiles& files, const spec::Memory& memory);
Result<void> write_cpu_v2(const ControllerFiles& files, const spec::Cpu& cpu);
Result<void> write_block_io_v2(const ControllerFiles& files, const spec::BlockIo& block_io);

// A member that is there and not 0.
template <typename T>
bool is_given(const std::optional<T>& value) {
  return value.has_value() && *value != 0;
}

// An idle group takes no weight, so which of the two goes first depends on what it is to become.
template <typename WriteWeight>
Result<void> write_weight_and_idle(const ControllerFiles& files, const spec::Cpu& cpu, WriteWeight write_weight) {
  const bool becomes_idle = cpu.idle.value_or(0) != 0;
  const auto write_idle = [&] { return files.write("cpu.idle", std::to_string(*cpu.idle)); };
  Result<void> written;
  if (cpu.idle && !becomes_idle) written = write_idle();
  if (written && is_given(cpu.shares)) written = write_weight();
  return written && becomes_idle ? write_idle() : written;
}

inline std::string device_number(const spec::BlockDevice& device) {
  return std::to_string(device.major) + ":" + std::to_string(device.minor);
}

}  // namespace plimsoll::limits
