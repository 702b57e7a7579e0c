// SPDX-License-Identifier: Apache-2.0
// The lines of a /proc/PID/net/dev as the interfaces of a group: live by the collectors, at the end
// by the monitor.
#pragma once

#include "base/cgroup/stats.h"
#include "base/net_dev.h"

namespace plimsoll::cgroup {

NetworkInterface interface_of(const NetDevLine& line);

}  // namespace plimsoll::cgroup
