// SPDX-License-Identifier: Apache-2.0
#include "agent/descriptors.h"

#include <sys/resource.h>

#include <string>

#include "base/log.h"

namespace plimsoll::agent {
namespace {

// A connection has its socket and its thread's eventfd.
constexpr size_t kPerConnection = 2;
constexpr size_t kForCollectors = 128;
constexpr size_t kLeast = 64;  // listeners, logs, event queues, and a collector or two at a time

}  // namespace

void raise_descriptor_limit() {
  rlimit limit;
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == limit.rlim_max) return;
  limit.rlim_cur = limit.rlim_max;
  if (::setrlimit(RLIMIT_NOFILE, &limit) != 0)
    log_warn("the limit of open files stays at its soft value: " + errno_error("setrlimit").message());
}

size_t reserved_descriptors(size_t connections) { return kPerConnection * connections + kForCollectors; }

Result<void> check_descriptor_limit(size_t connections) {
  const size_t needed = kPerConnection * connections + kLeast;
  rlimit limit;
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= needed) return {};
  return fail("--web.max-connections: " + std::to_string(connections) + " connections need " + std::to_string(needed) +
              " open files, the limit is " + std::to_string(limit.rlim_cur) +
              "; raise it (ulimit -n, systemd's LimitNOFILE=) or allow fewer connections");
}

}  // namespace plimsoll::agent
