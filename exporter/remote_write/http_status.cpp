// SPDX-License-Identifier: Apache-2.0
#include "exporter/remote_write/http_status.h"

#include <string_view>

#include "exporter/remote_write/curl_library.h"

namespace plimsoll::exporter {
namespace {

constexpr std::string_view kUnix = "unix:";

size_t throw_away(char*, size_t, size_t count, void*) { return count; }

// libcurl's options are one function with a variable argument; the first that it refuses is remembered.
class Request {
 public:
  explicit Request(const CurlLibrary& library) : curl_(library), handle_(library.init()) {}
  ~Request() { curl_.cleanup(handle_); }
  Request(const Request&) = delete;
  Request& operator=(const Request&) = delete;

  template <typename T>
  void set(CURLoption option, T value) {
    if (handle_ != nullptr && refused_ == CURLE_OK) refused_ = curl_.setopt(handle_, option, value);
  }

  Result<int> perform() {
    if (handle_ == nullptr) return fail("libcurl does not start");
    const CURLcode code = refused_ == CURLE_OK ? curl_.perform(handle_) : refused_;
    if (code != CURLE_OK) return fail(problem_[0] != '\0' ? problem_ : curl_.strerror(code));
    long status = 0;
    curl_.getinfo(handle_, CURLINFO_RESPONSE_CODE, &status);
    return static_cast<int>(status);
  }

  char problem_[CURL_ERROR_SIZE] = "";

 private:
  const CurlLibrary& curl_;
  CURL* const handle_;
  CURLcode refused_ = CURLE_OK;
};

}  // namespace

Result<int> http_status(const std::string& url, std::chrono::milliseconds timeout) {
  const auto library = load_curl();
  if (!library) return fail("asking needs libcurl.so.4, which cannot be loaded; install libcurl4");
  Request request(*library);
  request.set(CURLOPT_ERRORBUFFER, request.problem_);
  const bool socket = url.starts_with(kUnix);
  if (socket) request.set(CURLOPT_UNIX_SOCKET_PATH, url.c_str() + kUnix.size());
  request.set(CURLOPT_URL, socket ? "http://localhost/healthz" : url.c_str());
  request.set(CURLOPT_PROTOCOLS_STR, "http,https");
  request.set(CURLOPT_PROXY, "");
  request.set(CURLOPT_TIMEOUT_MS, static_cast<long>(timeout.count()));
  request.set(CURLOPT_NOSIGNAL, 1L);
  request.set(CURLOPT_SSL_VERIFYPEER, 0L);
  request.set(CURLOPT_SSL_VERIFYHOST, 0L);
  request.set(CURLOPT_USERAGENT, "plimsoll/" PLIMSOLL_VERSION);
  request.set(CURLOPT_WRITEFUNCTION, &throw_away);
  return request.perform();
}

}  // namespace plimsoll::exporter
