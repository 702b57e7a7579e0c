// SPDX-License-Identifier: Apache-2.0
// Which format and which compression a client wants: RFC 9110 sections 12.5.1 and 12.5.3, leniently. What Prometheus
// sends by default:
//
//   2.42   application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,
//          text/plain;version=0.0.4;q=0.5,*/*;q=0.1
//          (with native histograms protobuf comes first, and OpenMetrics has q=0.8)
//   3.x    application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,
//          application/openmetrics-text;version=0.0.1;q=0.4,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,
//          text/plain;version=0.0.4;q=0.2,*/*;q=0.1
//   all    Accept-Encoding: gzip
//
// Nothing in these headers can fail a request: what is not understood is passed over, and when nothing is left
// the answer is text 0.0.4, uncompressed. `escaping` is about names outside [a-zA-Z0-9_:]; there are none here.
#pragma once

#include <string_view>

#include "exporter/encoding/encoder.h"

namespace plimsoll::exporter {

// The value of Accept, "" without one. Of equally wanted formats the first named is taken; a wildcard means text.
Format negotiate_format(std::string_view accept);

// The value of Accept-Encoding, "" without one. Whether gzip is wanted, at least as much as no compression.
bool wants_gzip(std::string_view accept_encoding);

}  // namespace plimsoll::exporter
