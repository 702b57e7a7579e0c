// SPDX-License-Identifier: Apache-2.0
// Loads of plimsoll-load. Each does what it is told and returns one line of JSON with the amounts that
// it measured itself, to be compared with what the agent exports.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"

namespace plimsoll::load {

// Words after the load's name, already checked for their number.
using Arguments = std::vector<std::string>;
using Report = Result<std::string>;

// A whole number of things ("3"), a size ("64m") or a time in seconds ("0.5"). The error names `what`.
Result<uint64_t> count_argument(const std::string& text, const char* what);
Result<uint64_t> size_argument(const std::string& text, const char* what);
Result<double> seconds_argument(const std::string& text, const char* what);

void sleep_for(double seconds);

// io.cpp
Report write_direct(const Arguments& arguments);   // FILE BYTES: O_DIRECT and fsync
Report send_bytes(const Arguments& arguments);     // HOST|gateway PORT BYTES: TCP, retries for 60 s
Report receive_bytes(const Arguments& arguments);  // ADDRESS PORT: one connection until its end

}  // namespace plimsoll::load
