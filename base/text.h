// SPDX-License-Identifier: Apache-2.0
// Pure parsing helpers for kernel text: numbers, lines, blank-separated fields. Nothing here
// allocates except where it returns std::string; nothing here throws; no locale is consulted.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace plimsoll {

// The whole of `text` as a decimal number; nullopt for anything else (empty, sign where none is
// allowed, trailing bytes, overflow). parse_double also takes exponents, "inf" and "nan".
std::optional<uint64_t> parse_u64(std::string_view text);
std::optional<int64_t> parse_i64(std::string_view text);
std::optional<double> parse_double(std::string_view text);

// `text` without leading and trailing blanks, tabs and line ends.
std::string_view trim(std::string_view text);

// Takes the part up to `separator` off the front of `rest` (and the separator itself). With no
// separator left it takes everything. Meant for loops: while (!rest.empty()) take(rest, '\n').
std::string_view take(std::string_view& rest, char separator);
// Takes the next field: skips blanks and tabs, then takes up to the next blank or tab.
// Empty when nothing but blanks is left.
std::string_view take_field(std::string_view& rest);

// Looks up a line "KEY VALUE" or "KEY: VALUE [unit]" in a flat-keyed kernel file.
// nullopt when the key is missing or its value is no number.
std::optional<uint64_t> find_u64(std::string_view text, std::string_view key);

// Undoes the kernel's octal escapes (\040 blank, \011 tab, \012 newline, \134 backslash) as found
// in /proc/PID/mountinfo. Any other backslash stays.
std::string unescape_octal(std::string_view text);

// Length of the well-formed UTF-8 sequence at the start of `text` (RFC 3629 section 4): 1 to 4; 0 when
// there is none, or a NUL.
size_t utf8_length(std::string_view text);

// A size as docker takes it: a number with an optional unit b, k, m, g, t (any case, "kb" and "kib"
// too; powers of 1024; fractions allowed). nullopt when it is no such size, negative or too large.
std::optional<uint64_t> parse_size(std::string_view text);

// A duration in Go's notation: "5m", "90s", "1h30m", "1.5h", "100ms", "0". nullopt for anything else,
// also when it is negative or does not fit.
std::optional<std::chrono::nanoseconds> parse_duration(std::string_view text);

}  // namespace plimsoll
