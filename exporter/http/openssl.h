// SPDX-License-Identifier: Apache-2.0
// OpenSSL, loaded when somebody configures TLS or passwords: linked, it would cost every start of `plimsoll` a
// millisecond, and an agent without TLS half a megabyte of relocated tables. Sources include OpenSSL's headers
// and call its functions as usual; each call goes through a pointer (openssl.cpp).
#pragma once

#include "base/result.h"

namespace plimsoll::exporter {

// Before the first use of TLS or passwords, so that a missing library is an error and no abort; also before the
// process gives up the right to open files. Thread-safe; the second call does nothing.
Result<void> load_openssl();

}  // namespace plimsoll::exporter
