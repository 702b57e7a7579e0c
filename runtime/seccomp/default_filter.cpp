// SPDX-License-Identifier: Apache-2.0
#include "runtime/seccomp/default_filter.h"

namespace plimsoll::seccomp {
namespace {

constexpr sock_filter kDefaultFilter[] = {
#include "default_filter.inc"
};

}  // namespace

std::span<const sock_filter> default_filter() { return kDefaultFilter; }

}  // namespace plimsoll::seccomp
