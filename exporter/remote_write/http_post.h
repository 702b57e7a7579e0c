// SPDX-License-Identifier: Apache-2.0
// Requests of remote write by libcurl, which is loaded when the first of them is to be made: linked, it and what it
// needs would cost every start of this program 4 ms, and most never send anything.
//
//   POST /api/v1/write HTTP/1.1
//   Content-Encoding: snappy
//   Content-Type: application/x-protobuf
//   X-Prometheus-Remote-Write-Version: 0.1.0
//
// Connections are kept and used again. Redirects are not followed: what is sent, and the password with it, goes to
// the configured address only. Certificates are checked. Of an answer 64 KB are read.
// libcurl-easy(3)
#pragma once

#include <memory>
#include <string>

#include "base/result.h"
#include "exporter/remote_write/config.h"
#include "exporter/remote_write/transport.h"

namespace plimsoll::exporter {

// Whether the files that `config` names can be opened now. Error: "password_file: /etc/p: No such file or directory".
Result<void> check_files(const RemoteWriteConfig& config);

// Files with secrets are read before each request, those with certificates for each connection, so that they may be
// replaced while we run. Error: there is no libcurl, or it cannot do what `config` asks for.
Result<std::unique_ptr<Transport>> make_http_transport(const RemoteWriteConfig& config);

}  // namespace plimsoll::exporter
