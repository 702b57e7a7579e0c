// SPDX-License-Identifier: Apache-2.0
// The files that a container's annotations name for what its hooks print (annotations.h).
#pragma once

#include <map>
#include <string>

#include "base/os.h"
#include "base/result.h"
#include "runtime/isolate/hook.h"

namespace plimsoll::oci {

class HookFiles {
 public:
  // Nothing is opened where no annotation asks for it.
  static Result<HookFiles> open(const std::map<std::string, std::string>& annotations);

  // Valid for as long as this object is.
  isolate::HookStreams streams() const { return {output_.get(), errors_.get()}; }

 private:
  UniqueFd output_, errors_;
};

}  // namespace plimsoll::oci
