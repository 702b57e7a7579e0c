// SPDX-License-Identifier: Apache-2.0
#include "exporter/remote_write/http_post.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <atomic>

#include "base/os.h"
#include "base/text.h"
#include "exporter/remote_write/curl_library.h"

namespace plimsoll::exporter {
namespace {

constexpr size_t kMostAnswer = 64 * 1024;
constexpr size_t kKeptAnswer = 512;
constexpr size_t kLongestSecret = 64 * 1024;

// What came from outside, as part of one line of a log.
std::string first_line(std::string_view text) {
  std::string line(trim(text.substr(0, text.find('\n'))));
  std::replace_if(
      line.begin(), line.end(), [](unsigned char c) { return c < ' ' || c >= 0x7f; }, '?');
  return line;
}

// An address without what may be a secret in it: user and password, query, fragment.
std::string without_secrets(std::string_view url) {
  url = url.substr(0, url.find_first_of("?#"));
  const size_t scheme = url.find("://");
  if (scheme == std::string_view::npos) return std::string(url);
  const size_t begin = scheme + 3, end = std::min(url.find('/', begin), url.size());
  const size_t at = url.substr(0, end).rfind('@');
  const bool has_user = at != std::string_view::npos && at >= begin;
  return std::string(url.substr(0, begin)) + std::string(url.substr(has_user ? at + 1 : begin));
}

Result<std::string> read_secret(const Secret& secret) {
  if (secret.file.empty()) return secret.text;
  auto text = read_file(secret.file);
  if (!text) return unexpected(text.error());
  const std::string_view word = trim(*text);
  if (word.size() > kLongestSecret || std::any_of(word.begin(), word.end(), [](unsigned char c) { return c < ' '; }))
    return fail(secret.file + ": must be one line");
  return std::string(word);
}

long ssl_versions(const RemoteWriteTls& tls) {
  constexpr long kLeast[] = {CURL_SSLVERSION_TLSv1_0, CURL_SSLVERSION_TLSv1_1, CURL_SSLVERSION_TLSv1_2,
                             CURL_SSLVERSION_TLSv1_3};
  constexpr long kMost[] = {CURL_SSLVERSION_MAX_TLSv1_0, CURL_SSLVERSION_MAX_TLSv1_1, CURL_SSLVERSION_MAX_TLSv1_2,
                            CURL_SSLVERSION_MAX_TLSv1_3};
  return kLeast[tls.min_version - 10] | (tls.max_version == 0 ? 0L : kMost[tls.max_version - 10]);
}

long milliseconds(std::chrono::nanoseconds time) {
  return static_cast<long>(std::chrono::duration_cast<std::chrono::milliseconds>(time).count());
}

class HttpTransport : public Transport {
 public:
  HttpTransport(const CurlLibrary& library, RemoteWriteConfig config) : curl_(library), config_(std::move(config)) {}
  ~HttpTransport() override;
  HttpTransport(const HttpTransport&) = delete;
  HttpTransport& operator=(const HttpTransport&) = delete;

  Result<void> prepare();
  Answer post(const std::string& body) override;
  void abort() override { aborted_ = true; }

 private:
  static size_t take_body(char* bytes, size_t, size_t count, void* self);
  static size_t take_header(char*, size_t, size_t count, void* self);
  static int watch(void* self, curl_off_t, curl_off_t, curl_off_t, curl_off_t);

  template <typename T>
  void set(CURLoption option, T value) {
    if (curl_.setopt(handle_, option, value) != CURLE_OK) refused_ = true;
  }
  void set_address();
  void set_connection();
  void set_tls();
  void set_callbacks();
  bool add_header(const std::string& line);
  Result<void> set_headers();
  Answer answer_of(CURLcode code);

  const CurlLibrary curl_;
  const RemoteWriteConfig config_;
  CURL* handle_ = nullptr;
  curl_slist* headers_ = nullptr;
  curl_slist* connect_to_ = nullptr;
  std::string host_header_;  // when the address that we tell libcurl is not the configured one
  char problem_[CURL_ERROR_SIZE] = "";
  std::string said_;
  size_t taken_ = 0;  // bytes of the answer, headers included
  bool refused_ = false;
  std::atomic<bool> aborted_ = false;
};

HttpTransport::~HttpTransport() {
  curl_.cleanup(handle_);
  curl_.slist_free_all(headers_);
  curl_.slist_free_all(connect_to_);
}

size_t HttpTransport::take_body(char* bytes, size_t, size_t count, void* self) {
  auto& own = *static_cast<HttpTransport*>(self);
  own.taken_ += count;
  own.said_.append(bytes, std::min(count, kKeptAnswer - std::min(own.said_.size(), kKeptAnswer)));
  return own.taken_ > kMostAnswer ? 0 : count;
}

size_t HttpTransport::take_header(char*, size_t, size_t count, void* self) {
  auto& own = *static_cast<HttpTransport*>(self);
  own.taken_ += count;
  return own.taken_ > kMostAnswer ? 0 : count;
}

// libcurl calls this about once a second, whatever it is doing.
int HttpTransport::watch(void* self, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
  return static_cast<HttpTransport*>(self)->aborted_ ? 1 : 0;
}

// libcurl takes the name that a certificate is checked for from the address. For another one it is told that name
// and, separately, where to connect to.
void HttpTransport::set_address() {
  const auto url = parse_url(config_.url);
  if (!url) return;
  const std::string& name = config_.tls.server_name;
  if (!url->tls || name.empty() || name == url->host) return set(CURLOPT_URL, config_.url.c_str());
  set(CURLOPT_URL, ("https://" + name + ":" + url->port + url->target).c_str());
  connect_to_ = curl_.slist_append(nullptr, (name + ":" + url->port + ":" + url->host + ":" + url->port).c_str());
  set(CURLOPT_CONNECT_TO, connect_to_);
  host_header_ = "Host: " + url->host + ":" + url->port;
}

void HttpTransport::set_connection() {
  set(CURLOPT_PROTOCOLS_STR, "http,https");
  set(CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
  set(CURLOPT_FOLLOWLOCATION, 0L);
  set(CURLOPT_TIMEOUT_MS, milliseconds(config_.timeout));
  set(CURLOPT_TCP_KEEPALIVE, 1L);
  set(CURLOPT_NOSIGNAL, 1L);    // there are other threads
  set(CURLOPT_QUICK_EXIT, 1L);  // do not wait for a name server when we end
  set(CURLOPT_USERAGENT, "plimsoll/" PLIMSOLL_VERSION);
  if (!config_.proxy_from_environment) set(CURLOPT_PROXY, config_.proxy_url.c_str());
  if (!config_.no_proxy.empty()) set(CURLOPT_NOPROXY, config_.no_proxy.c_str());
}

void HttpTransport::set_tls() {
  const RemoteWriteTls& tls = config_.tls;
  set(CURLOPT_SSL_VERIFYPEER, tls.verify ? 1L : 0L);
  set(CURLOPT_SSL_VERIFYHOST, tls.verify ? 2L : 0L);
  set(CURLOPT_SSLVERSION, ssl_versions(tls));
  set(CURLOPT_CA_CACHE_TIMEOUT, 0L);
  if (!tls.ca_file.empty()) set(CURLOPT_CAINFO, tls.ca_file.c_str());
  if (!tls.ca_file.empty()) set(CURLOPT_CAPATH, static_cast<const char*>(nullptr));
  if (tls.cert_file.empty()) return;
  set(CURLOPT_SSLCERT, tls.cert_file.c_str());
  set(CURLOPT_SSLKEY, tls.key_file.c_str());
}

void HttpTransport::set_callbacks() {
  set(CURLOPT_ERRORBUFFER, problem_);
  set(CURLOPT_WRITEFUNCTION, &take_body);
  set(CURLOPT_WRITEDATA, static_cast<void*>(this));
  set(CURLOPT_HEADERFUNCTION, &take_header);
  set(CURLOPT_HEADERDATA, static_cast<void*>(this));
  set(CURLOPT_XFERINFOFUNCTION, &watch);
  set(CURLOPT_XFERINFODATA, static_cast<void*>(this));
  set(CURLOPT_NOPROGRESS, 0L);
}

Result<void> HttpTransport::prepare() {
  handle_ = curl_.init();
  if (handle_ == nullptr) return fail("libcurl does not start");
  set_address();
  set_connection();
  set_tls();
  set_callbacks();
  set(CURLOPT_POST, 1L);
  if (refused_) return fail("this libcurl cannot do what is configured; 7.87 or newer is needed, with TLS");
  return {};
}

bool HttpTransport::add_header(const std::string& line) {
  curl_slist* const longer = curl_.slist_append(headers_, line.c_str());
  if (longer == nullptr) return false;
  headers_ = longer;
  return true;
}

// Each time, since a file with a secret may have been replaced.
Result<void> HttpTransport::set_headers() {
  curl_.slist_free_all(std::exchange(headers_, nullptr));
  bool fine = add_header("Content-Type: application/x-protobuf") && add_header("Content-Encoding: snappy") &&
              add_header("X-Prometheus-Remote-Write-Version: 0.1.0") && add_header("Expect:");
  if (!host_header_.empty()) fine = fine && add_header(host_header_);
  // "Name;" is how libcurl is told of a header without a value.
  for (const auto& [name, value] : config_.headers)
    fine = fine && add_header(value.empty() ? name + ";" : name + ": " + value);
  if (!config_.auth_scheme.empty()) {
    const auto credentials = read_secret(config_.credentials);
    if (!credentials) return unexpected(credentials.error());
    fine = fine && add_header("Authorization: " + config_.auth_scheme + " " + *credentials);
  }
  if (!config_.username.empty()) {
    const auto password = read_secret(config_.password);
    if (!password) return unexpected(password.error());
    set(CURLOPT_HTTPAUTH, static_cast<long>(CURLAUTH_BASIC));
    set(CURLOPT_USERNAME, config_.username.c_str());
    set(CURLOPT_PASSWORD, password->c_str());
  }
  set(CURLOPT_HTTPHEADER, headers_);
  return fine ? Result<void>() : fail("out of memory");
}

Answer HttpTransport::answer_of(CURLcode code) {
  Answer answer;
  long status = 0;
  curl_.getinfo(handle_, CURLINFO_RESPONSE_CODE, &status);
  // An answer that was too long was an answer.
  const bool answered = code == CURLE_OK || (code == CURLE_WRITE_ERROR && taken_ > kMostAnswer);
  if (!answered || status == 0) {
    answer.text = first_line(problem_[0] != '\0' ? problem_ : curl_.strerror(code));
    return answer;
  }
  answer.status = static_cast<int>(status);
  answer.text = first_line(said_);
  curl_off_t seconds = 0;
  curl_.getinfo(handle_, CURLINFO_RETRY_AFTER, &seconds);
  if (seconds > 0) answer.retry_after = std::chrono::seconds(seconds);
  char* elsewhere = nullptr;
  curl_.getinfo(handle_, CURLINFO_REDIRECT_URL, &elsewhere);
  if (elsewhere != nullptr) answer.text = "it redirects to " + first_line(without_secrets(elsewhere));
  return answer;
}

Answer HttpTransport::post(const std::string& body) {
  Answer nothing;
  if (aborted_) return nothing;
  if (auto fine = set_headers(); !fine) {
    nothing.text = fine.error().message();
    return nothing;
  }
  said_.clear();
  taken_ = 0;
  problem_[0] = '\0';
  set(CURLOPT_POSTFIELDS, body.data());
  set(CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(body.size()));
  return answer_of(curl_.perform(handle_));
}

}  // namespace

Result<void> check_files(const RemoteWriteConfig& config) {
  for (const auto& [field, path] :
       {std::pair("tls_config.ca_file", &config.tls.ca_file), std::pair("tls_config.cert_file", &config.tls.cert_file),
        std::pair("tls_config.key_file", &config.tls.key_file),
        std::pair("basic_auth.password_file", &config.password.file),
        std::pair("authorization.credentials_file", &config.credentials.file)}) {
    if (path->empty()) continue;
    UniqueFd fd(::open(path->c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
    struct stat st;
    if (!fd || ::fstat(fd.get(), &st) != 0) return fail_errno(std::string(field) + ": " + *path);
    if (S_ISDIR(st.st_mode)) return fail(std::string(field) + ": " + *path + ": is a directory; give a file");
  }
  return {};
}

Result<std::unique_ptr<Transport>> make_http_transport(const RemoteWriteConfig& config) {
  const auto library = load_curl();
  if (!library) return unexpected(library.error());
  auto transport = std::make_unique<HttpTransport>(*library, config);
  if (auto prepared = transport->prepare(); !prepared) return unexpected(prepared.error());
  return std::unique_ptr<Transport>(std::move(transport));
}

}  // namespace plimsoll::exporter
