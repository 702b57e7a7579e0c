// SPDX-License-Identifier: Apache-2.0
#include "exporter/access/web_guard.h"

#include "base/os.h"
#include "exporter/http/openssl.h"

namespace plimsoll::exporter {
namespace {

std::string directory_of(const std::string& path) {
  const size_t slash = path.rfind('/');
  return slash == std::string::npos ? "" : slash == 0 ? "/" : path.substr(0, slash);
}

// One answer for no password and for a wrong one: it says nothing about names.
Response unauthorized() {
  Response response;
  response.status = 401;
  response.headers = {{"WWW-Authenticate", "Basic realm=\"plimsoll\", charset=\"UTF-8\""}};
  response.body = "401: name and password, please\n";
  return response;
}

Response too_many(int64_t seconds) {
  Response response;
  response.status = 429;
  response.headers = {{"Retry-After", std::to_string(seconds)}};
  response.body = "429: too many requests\n";
  return response;
}

bool same(const std::optional<RateLimit>& a, const std::optional<RateLimit>& b) {
  if (!a || !b) return a.has_value() == b.has_value();
  return a->interval == b->interval && a->burst == b->burst;
}

// What a client has to show; the order of ClientAuth is another one.
int demand(const TlsConfig& tls) {
  const bool verified = tls.client_auth == ClientAuth::kRequireAndVerify;
  return verified ? 2 : tls.client_auth == ClientAuth::kRequireAny ? 1 : 0;
}

// What somebody may have removed by accident, with half of the file: "" if nothing.
std::string changed_by_a_restart_only(const WebConfig& old, const WebConfig& next) {
  if (old.tls.has_value() != next.tls.has_value())
    return std::string("TLS cannot be turned ") + (next.tls ? "on" : "off");
  if (!old.users.empty() && next.users.empty()) return "basic_auth_users cannot be turned off";
  if (!old.tls) return "";
  if (demand(*next.tls) < demand(*old.tls)) return "client_auth_type cannot be weakened";
  const bool named = !old.tls->client_allowed_sans.empty();
  return named && next.tls->client_allowed_sans.empty() ? "client_allowed_sans cannot be turned off" : "";
}

Result<void> check_certificate(const TlsSettings* old, const TlsSettings* next) {
  if (old == nullptr || next == nullptr || next->same_certificate(*old)) return {};
  const std::string problem = next->out_of_date();
  return problem.empty() ? Result<void>() : fail("the new certificate is not taken: " + problem);
}

}  // namespace

WebGuard::WebGuard(WebGuardOptions options, std::unique_ptr<Users> users)
    : options_(std::move(options)), users_(std::move(users)) {}

Result<std::unique_ptr<WebGuard>> WebGuard::make(WebGuardOptions options) {
  if (auto loaded = load_openssl(); !loaded) return unexpected(loaded.error());
  auto users = Users::make();
  if (!users) return unexpected(users.error());
  std::unique_ptr<WebGuard> guard(new WebGuard(std::move(options), std::move(*users)));
  if (auto fine = guard->start(); !fine) return unexpected(fine.error());
  return guard;
}

Result<void> WebGuard::start() {
  const std::lock_guard lock(loading_);
  auto config = read_config();
  if (!config) return unexpected(config.error());
  auto first = load(*config);
  if (!first) return unexpected(first.error());
  if ((*first)->tls) {
    auto context = TlsContext::make([this] {
      refresh();
      return rules()->tls;
    });
    if (!context) return unexpected(context.error());
    tls_context_ = std::move(*context);
    if (const auto problem = (*first)->tls->out_of_date(); !problem.empty())
      options_.warn(options_.file + ": the certificate is not accepted by clients: " + problem);
  }
  next_look_ = monotonic_ns() + options_.look_every.count();
  use(std::move(*first));
  warn_of_remarks(*config);
  return {};
}

SSL_CTX* WebGuard::tls_context() { return tls_context_ ? tls_context_->get() : nullptr; }

std::shared_ptr<const WebGuard::Rules> WebGuard::rules() const {
  const std::lock_guard lock(mutex_);
  return rules_;
}

Result<WebConfig> WebGuard::read_config() {
  config_stamps_.add(options_.file);
  const auto text = read_file(options_.file);
  if (!text) return unexpected(text.error());
  auto config = parse_web_config(*text, directory_of(options_.file));
  if (!config) return unexpected(config.error().within(options_.file));
  return config;
}

Result<std::shared_ptr<const WebGuard::Rules>> WebGuard::load(const WebConfig& config) {
  auto rules = std::make_shared<Rules>();
  rules->config = config;
  if (config.tls) {
    for (const PemSource* source : {&config.tls->certificate, &config.tls->key, &config.tls->client_ca})
      pem_stamps_.add(source->file);
    auto tls = TlsSettings::load(*config.tls);
    if (!tls) return unexpected(tls.error().within(options_.file));
    rules->tls = std::move(*tls);
  }
  return std::shared_ptr<const Rules>(std::move(rules));
}

void WebGuard::warn_of_remarks(const WebConfig& config) const {
  for (const std::string& remark : config.remarks) options_.warn(options_.file + ": " + remark);
}

void WebGuard::use(std::shared_ptr<const Rules> next) {
  const std::lock_guard lock(mutex_);
  // The same limit goes on, or each change of the file would fill the bucket.
  const auto& limit = next->config.rate_limit;
  if (!same(limit, rate_limit_)) {
    rate_limit_ = limit;
    requests_.reset();
    if (limit) requests_.emplace(static_cast<double>(limit->burst), 1e9 / static_cast<double>(limit->interval.count()));
  }
  rules_ = std::move(next);
}

// All or nothing: `config` with what its files hold now.
Result<void> WebGuard::take(const WebConfig& config) {
  const auto old = rules();
  if (const auto what = changed_by_a_restart_only(old->config, config); !what.empty())
    return fail(options_.file + ": " + what + " without a restart");
  auto next = load(config);
  if (!next) return unexpected(next.error());
  if (auto fine = check_certificate(old->tls.get(), (*next)->tls.get()); !fine)
    return unexpected(fine.error().within(options_.file));
  use(std::move(*next));
  return {};
}

Result<void> WebGuard::take_file() {
  auto config = read_config();
  if (!config) return unexpected(config.error());
  auto taken = take(*config);
  if (taken) warn_of_remarks(*config);
  return taken;
}

// A file that is not taken does not keep a renewed certificate out: what is in force names it.
Result<void> WebGuard::look_again() {
  next_try_ = monotonic_ns() + options_.try_every.count();
  pem_stamps_ = {};
  auto taken = take_file();
  if (!taken) (void)take(WebConfig(rules()->config)).has_value();
  return taken;
}

Result<void> WebGuard::reload() {
  const std::lock_guard lock(loading_);
  auto taken = look_again();
  problem_ = taken ? "" : taken.error().message();
  return taken;
}

void WebGuard::refresh() {
  const int64_t now = monotonic_ns();
  int64_t due = next_look_.load();
  if (now < due || !next_look_.compare_exchange_strong(due, now + options_.look_every.count())) return;
  const std::unique_lock lock(loading_, std::try_to_lock);
  if (!lock) return;
  const bool changed = config_stamps_.changed() || pem_stamps_.changed();
  if (!changed && (problem_.empty() || now < next_try_)) return;
  const auto taken = look_again();
  const std::string problem = taken ? "" : taken.error().message();
  if (taken) options_.inform(options_.file + ": it, or a file that it names, has changed and is in force");
  if (!taken && (changed || problem != problem_)) options_.warn(problem + "; all stays as it was");
  problem_ = problem;
}

std::optional<Response> WebGuard::refuse_stranger(const UserHashes& users, const Request& request) {
  const auto who = parse_basic_auth(request.header("Authorization"));
  if (!who) return unauthorized();
  const auto answer = users_->check(users, *who, request.client);
  if (answer.verdict == Users::Verdict::kRight) return std::nullopt;
  return answer.verdict == Users::Verdict::kLater ? too_many(answer.retry_after) : unauthorized();
}

std::optional<Response> WebGuard::refuse_hurry() {
  const std::lock_guard lock(mutex_);
  if (!requests_) return std::nullopt;
  const int64_t now = monotonic_ns();
  if (requests_->level(now) < 1) return too_many(requests_->seconds_until(1, now));
  requests_->take(1, now);
  return std::nullopt;
}

// Strangers first: if they counted, they could use up what the limit leaves for those who may ask.
std::optional<Response> WebGuard::refuse(const Request& request) {
  refresh();
  const auto now_in_force = rules();
  const auto& users = now_in_force->config.users;
  if (!users.empty()) {
    if (auto refusal = refuse_stranger(users, request)) return refusal;
  }
  return refuse_hurry();
}

std::vector<std::pair<std::string, std::string>> WebGuard::headers() const {
  auto list = rules()->config.headers;
  // The server sends this one with every answer.
  std::erase_if(list, [](const auto& header) { return header.first == "X-Content-Type-Options"; });
  return list;
}

}  // namespace plimsoll::exporter
