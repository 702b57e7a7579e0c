// SPDX-License-Identifier: Apache-2.0
#include "base/result.h"

#include <cstring>

namespace plimsoll {

std::string Error::message() const {
  if (code == 0) return context;
  return context + ": " + std::strerror(code);
}

Error Error::within(std::string_view outer) const {
  std::string joined(outer);
  joined += ": ";
  joined += context;
  return Error{code, std::move(joined)};
}

Error errno_error(std::string_view context) { return Error{errno, std::string(context)}; }
Error invalid(std::string_view context) { return Error{0, std::string(context)}; }

}  // namespace plimsoll
