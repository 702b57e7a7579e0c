// SPDX-License-Identifier: Apache-2.0
// One GET over a unix socket, and the reading of its answer.
//
//   HTTP/1.1 200 OK
//   Api-Version: 1.41
//   Transfer-Encoding: chunked
//
// Written by hand because it is all of HTTP that the agent needs as a client: one request, one connection, one
// answer on a local socket. libcurl would load 40 libraries and add 7 ms to every start of the program.
// The answer is as little trusted as a file: its head, its size and its time are bounded.
//
// RFC 9112 (messages), unix(7).
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace plimsoll::engine {

struct HttpAnswer {
  int status = 0;           // 100 to 599
  std::string api_version;  // of the header Api-Version, "" without one
  std::string body;
};

// Takes an answer apart as it arrives, in pieces of any size.
class HttpReader {
 public:
  static constexpr size_t kMaxHeadBytes = 64 * 1024, kMaxLineBytes = 4096;

  explicit HttpReader(size_t max_body) : max_body_(max_body) {}

  enum class Progress : uint8_t { kMore, kDone, kMalformed, kTooLarge };
  // Nothing after the answer's end is looked at.
  Progress feed(std::string_view bytes);
  // The other side has closed: the end of an answer that states no length, else a truncated one.
  Progress close();
  // Complete after kDone.
  HttpAnswer& answer() { return answer_; }

 private:
  enum class Part : uint8_t { kHead, kLength, kToClose, kChunkSize, kChunk, kChunkEnd, kTrailer };
  Progress step();
  Progress take_head();
  Progress take_body();
  Progress take_chunk_size();
  Progress take_trailer();
  bool take_header(std::string_view line);
  bool take_status(std::string_view line);
  std::optional<std::string_view> line(size_t limit);

  const size_t max_body_;
  HttpAnswer answer_;
  Part part_ = Part::kHead;
  Progress progress_ = Progress::kMore;
  bool chunked_ = false;
  std::optional<uint64_t> length_;
  uint64_t left_ = 0;    // of the body or of this chunk
  size_t seen_ = 0;      // bytes of head or trailer
  std::string pending_;  // what has come and is not taken yet
  size_t at_ = 0;        // place in it
};

struct HttpOptions {
  std::chrono::milliseconds silence{2000};  // without a byte
  std::chrono::milliseconds total{5000};    // the whole exchange
  size_t max_body = 4 * 1024 * 1024;
  int stop_fd = -1;  // gives up (ECANCELED) as soon as this is readable
};

// GET `target` (a path without blanks) from whoever listens on the unix socket `path`. Error: no connection
// (ENOENT, ECONNREFUSED, EACCES ...), ETIMEDOUT, EMSGSIZE for a body over max_body, EPROTO for no HTTP.
Result<HttpAnswer> http_get(const std::string& path, std::string_view target, const HttpOptions& options);

}  // namespace plimsoll::engine
