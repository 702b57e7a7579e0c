// SPDX-License-Identifier: Apache-2.0
#include "collectors/container/urgency.h"

#include <sys/resource.h>

#include <cerrno>
#include <utility>

namespace plimsoll::collectors::container {
namespace {

constexpr id_t kCallingThread = 0;

}  // namespace

Urgency Urgency::raise() {
  Urgency urgency;
  errno = 0;
  const int before = ::getpriority(PRIO_PROCESS, kCallingThread);
  const bool known = before != -1 || errno == 0;
  if (known && before > kUrgentNice && ::setpriority(PRIO_PROCESS, kCallingThread, kUrgentNice) == 0)
    urgency.before_ = before;
  return urgency;
}

Urgency::~Urgency() {
  if (before_) (void)::setpriority(PRIO_PROCESS, kCallingThread, *before_);
}

Urgency::Urgency(Urgency&& other) noexcept : before_(std::exchange(other.before_, std::nullopt)) {}

Urgency& Urgency::operator=(Urgency&& other) noexcept {
  std::swap(before_, other.before_);
  return *this;
}

}  // namespace plimsoll::collectors::container
