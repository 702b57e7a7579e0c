// SPDX-License-Identifier: Apache-2.0
// How long whoever scrapes us will wait. Prometheus says so with each request:
//   X-Prometheus-Scrape-Timeout-Seconds: 10
// https://prometheus.io/docs/prometheus/latest/configuration/configuration/ (scrape_timeout)
#pragma once

#include <chrono>
#include <cstdint>
#include <string_view>

namespace plimsoll::agent {

constexpr std::string_view kTimeoutHeader = "X-Prometheus-Scrape-Timeout-Seconds";

// When slow collectors should stop, in ns of CLOCK_MONOTONIC: the header's seconds after `now_ns`, less
// `offset` for encoding and sending, but half of them at least. INT64_MAX, no deadline, without a header or when
// it is no positive number of seconds.
int64_t scrape_deadline(std::string_view header, std::chrono::nanoseconds offset, int64_t now_ns);

// How long the client of such a request may take over the whole answer: what the header says, not more than two
// minutes; one minute without it.
std::chrono::nanoseconds answer_time(std::string_view header);

}  // namespace plimsoll::agent
