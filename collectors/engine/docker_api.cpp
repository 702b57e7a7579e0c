// SPDX-License-Identifier: Apache-2.0
#include "collectors/engine/docker_api.h"

#include <sys/eventfd.h>

#include <algorithm>
#include <functional>

#include "base/text.h"
#include "collectors/engine/docker_state.h"

namespace plimsoll::engine {
namespace {

constexpr int64_t kMinute = 60'000'000'000;
constexpr int64_t kForgetAfter = 10 * kMinute;

int64_t ns(std::chrono::milliseconds time) { return time.count() * 1'000'000; }

// 41 of "1.41"; nullopt for another major version, of which nothing is known.
std::optional<uint64_t> minor_of(std::string_view version) {
  if (!version.starts_with("1.")) return std::nullopt;
  const auto minor = parse_u64(version.substr(2));
  return minor && *minor < 1000 ? minor : std::nullopt;
}

}  // namespace

DockerApi::DockerApi(DockerApiOptions options)
    : options_(std::move(options)), stop_event_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  thread_ = std::thread([this] { work(); });
}

DockerApi::~DockerApi() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  (void)::eventfd_write(stop_event_.get(), 1);
  thread_.join();
}

// null when there is no room for another one.
DockerApi::Entry* DockerApi::entry_for(const std::string& id, int64_t now_ns) {
  if (const auto found = entries_.find(id); found != entries_.end()) return &found->second;
  if (now_ns >= next_sweep_ns_) {
    std::erase_if(entries_, [&](const auto& item) {
      return !item.second.queued && item.second.wanted_ns < now_ns - kForgetAfter;
    });
    next_sweep_ns_ = now_ns + kMinute;
  }
  return entries_.size() < options_.max_containers ? &entries_[id] : nullptr;
}

DockerApi::Known DockerApi::want(const std::string& id) {
  const int64_t now = monotonic_ns();
  const std::lock_guard lock(mutex_);
  Entry* entry = entry_for(id, now);
  if (entry == nullptr) return {};
  entry->wanted_ns = now;
  if (!entry->queued && now >= entry->next_ns && now >= paused_until_ns_) {
    entry->queued = true;
    queue_.push_back(id);
    wake_.notify_one();
  }
  return {entry->answer.serial, entry->answer.asked_ns};
}

std::optional<DockerAnswer> DockerApi::answer(const std::string& id) const {
  const std::lock_guard lock(mutex_);
  const auto found = entries_.find(id);
  if (found == entries_.end() || found->second.answer.serial == 0) return std::nullopt;
  return found->second.answer;
}

void DockerApi::work() {
  std::string id;
  while (wait_for_work(id)) {
    const int64_t asked_ns = wall_clock_ns();
    auto answer = ask(id);
    if (answer && (answer->status == 200 || answer->status == 404))
      keep(id, *answer, asked_ns);
    else
      put_off();
  }
}

// Sleeps until there is an id to ask about; false when it is time to end.
bool DockerApi::wait_for_work(std::string& id) {
  std::unique_lock lock(mutex_);
  wake_.wait(lock, [&] { return stopping_ || !queue_.empty(); });
  if (stopping_) return false;
  id = std::move(queue_.front());
  queue_.pop_front();
  return true;
}

// After a failure nothing is asked for a while: what is queued is dropped, and wanted again later.
void DockerApi::put_off() {
  version_.clear();
  const std::lock_guard lock(mutex_);
  pause_ns_ = std::clamp(pause_ns_ * 2, ns(options_.first_pause), ns(options_.longest_pause));
  paused_until_ns_ = monotonic_ns() + pause_ns_;
  queue_.clear();
  for (auto& [id, entry] : entries_) entry.queued = false;
}

void DockerApi::keep(const std::string& id, const HttpAnswer& answer, int64_t asked_ns) {
  std::optional<Identity> identity;
  if (answer.status == 200) identity = parse_docker_state(answer.body, id, options_.env);
  const uint64_t hash = std::hash<std::string_view>()(identity ? std::string_view(answer.body) : std::string_view());
  const std::lock_guard lock(mutex_);
  pause_ns_ = 0;
  const auto found = entries_.find(id);
  if (found == entries_.end()) return;
  Entry& entry = found->second;
  entry.queued = false;
  entry.next_ns = monotonic_ns() + ns(options_.interval);
  entry.answer.asked_ns = asked_ns;
  if (entry.answer.serial != 0 && entry.hash == hash) return;
  entry.answer.serial = ++last_serial_;
  entry.answer.identity = std::move(identity);
  entry.hash = hash;
}

Result<HttpAnswer> DockerApi::ask_once(const std::string& id) {
  HttpOptions http = options_.http;
  http.stop_fd = stop_event_.get();
  return http_get(options_.socket, "/v" + version_ + "/containers/" + id + "/json", http);
}

Result<HttpAnswer> DockerApi::ask(const std::string& id) {
  if (version_.empty()) {
    if (auto ready = negotiate(); !ready) return unexpected(ready.error());
  }
  auto answer = ask_once(id);
  if (!answer || answer->status != 400 || version_ == server_version_) return answer;
  version_ = server_version_;
  return ask_once(id);
}

Result<void> DockerApi::negotiate() {
  HttpOptions http = options_.http;
  http.stop_fd = stop_event_.get();
  auto answer = http_get(options_.socket, "/_ping", http);
  if (!answer) return unexpected(answer.error());
  const auto minor = minor_of(answer->api_version);
  if (answer->status != 200 || !minor) return fail("docker: no API version in the answer to a ping");
  server_version_ = "1." + std::to_string(*minor);
  version_ = "1." + std::to_string(std::min<uint64_t>(*minor, kVersion));
  return {};
}

}  // namespace plimsoll::engine
