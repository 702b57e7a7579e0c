// SPDX-License-Identifier: Apache-2.0
// Where a request ends, and whether another one may follow. RFC 9112, sections 3.2, 6 and 9.3: here proxies and
// servers that disagree let one client speak for another, so what could be read in two ways is refused.
#pragma once

struct mg_connection;
struct mg_request_info;

namespace plimsoll::exporter {

bool is_http10(const mg_request_info& request);

// Whether the headers say one thing only about the host and the body. Otherwise the answer is 400.
bool is_well_framed(const mg_request_info& request);

bool has_body(const mg_request_info& request);

// Reads the body, at most 64 KB of it. 0, or the status to refuse it with: 400 when its chunks are malformed, 413.
// A client that waits for leave to send it (Expect: 100-continue) gets it.
int discard_body(mg_connection* connection);

// What the client says about the connection after this request. One that speaks of a body or of another protocol is
// the last, whatever it says.
bool may_stay(const mg_request_info& request);

}  // namespace plimsoll::exporter
