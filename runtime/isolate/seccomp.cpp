// SPDX-License-Identifier: Apache-2.0
#include "runtime/isolate/seccomp.h"

namespace plimsoll::isolate {
namespace {

constexpr sock_filter kDefaultFilter[] = {
#include "default_filter.inc"
};

}  // namespace

std::span<const sock_filter> default_filter() { return kDefaultFilter; }

}  // namespace plimsoll::isolate
