// SPDX-License-Identifier: Apache-2.0
// Internal to the folder: the files of one controller in one group, written with errors that name file and value.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "runtime/limits/own_cgroup.h"

namespace plimsoll::limits {

class ControllerFiles {
 public:
  ControllerFiles(const OwnCgroup& group, std::string_view controller)
      : ControllerFiles(group, controller, group.with_controller(controller)) {}
  // In the v2 tree whatever v1 has.
  static ControllerFiles unified(const OwnCgroup& group, std::string_view controller) {
    return {group, controller, group.unified_place()};
  }

  bool there() const { return place_ != nullptr; }
  bool v2() const { return place_ != nullptr && place_->v2; }
  bool has(const std::string& file) const;

  // Error: `write "5" to memory.max: Invalid argument`. A v2 controller that is not enabled yet on the way
  // down to the group is enabled.
  Result<void> write(const std::string& file, const std::string& value) const;
  // A file that this kernel does not have is no error; one that is missing for want of the controller is.
  Result<void> write_if_known(const std::string& file, const std::string& value) const;
  Result<std::string> read(const std::string& file) const;
  // Absent when it is no number.
  Result<uint64_t> read_number(const std::string& file) const;

 private:
  ControllerFiles(const OwnCgroup& group, std::string_view controller, const CgroupPlace* place)
      : group_(group), controller_(controller), place_(place) {}
  Result<void> attempt(const std::string& file, const std::string& value) const;
  Error without_controller(const std::string& file) const;

  const OwnCgroup& group_;
  std::string controller_;
  const CgroupPlace* place_;
};

}  // namespace plimsoll::limits
