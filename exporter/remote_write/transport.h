// SPDX-License-Identifier: Apache-2.0
// How a body gets to its receiver.
#pragma once

#include <chrono>
#include <optional>
#include <string>

namespace plimsoll::exporter {

struct Answer {
  int status = 0;                                   // of HTTP; 0 when there was no answer
  std::optional<std::chrono::seconds> retry_after;  // when the receiver asks for patience
  std::string text;                                 // the first line of what it said, or why there was no answer
};

class Transport {
 public:
  virtual ~Transport() = default;
  // Blocks until the answer, a failure, the time limit, or abort(). One thread at a time.
  virtual Answer post(const std::string& body) = 0;
  // From any thread: a running post() ends within a second or so, later ones at once.
  virtual void abort() = 0;
};

}  // namespace plimsoll::exporter
