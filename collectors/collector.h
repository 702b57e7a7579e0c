// SPDX-License-Identifier: Apache-2.0
// What every source of samples looks like: one name, one method.
#pragma once

#include <string_view>

#include "base/metric.h"
#include "base/result.h"

namespace plimsoll::collectors {

// Reads kernel files and writes families. One instance lives as long as the agent and may keep
// descriptors and buffers; collect() is called by one thread at a time.
//
// collect() returns an Error when its source could not be read or understood; what it wrote before
// stays in the page. not_present() means "this machine does not have it": success 0, nothing logged.
inline Unexpected not_present(std::string_view what) { return unexpected(Error{ENODATA, std::string(what)}); }
inline bool is_not_present(const Error& error) { return error.code == ENODATA; }

class Collector {
 public:
  virtual ~Collector() = default;
  // The flag --collector.NAME and the value of the label collector="NAME".
  virtual std::string_view name() const = 0;
  virtual Result<void> collect(MetricWriter& writer) = 0;
};

}  // namespace plimsoll::collectors
