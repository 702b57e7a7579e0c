// SPDX-License-Identifier: Apache-2.0
#include "agent/remote_writer.h"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <functional>
#include <map>
#include <thread>

#include "agent/remote_metrics.h"
#include "base/os.h"
#include "exporter/remote_write/http_post.h"
#include "exporter/remote_write/queue.h"
#include "exporter/remote_write/sender.h"
#include "exporter/remote_write/series_history.h"
#include "exporter/remote_write/trouble.h"
#include "exporter/remote_write/write_request.h"

namespace plimsoll::agent {
namespace {

using exporter::RemoteWriteConfig;
using exporter::RemoteWritePage;

constexpr int64_t kMs = 1'000'000;
constexpr std::chrono::milliseconds kGlance(10);  // how often it is looked whether the last markers are sent

exporter::WriteRequests::Options request_options(const RemoteWriteConfig& config) {
  exporter::WriteRequests::Options options;
  options.target_labels = {{"job", config.job}, {"instance", config.instance}};
  options.external_labels = config.external_labels;
  options.max_samples = config.max_samples_per_send;
  return options;
}

exporter::Sender::Options sender_options(const RemoteWriteConfig& config) {
  return {config.min_backoff, config.max_backoff, config.retry_on_http_429};
}

FailureLog::Sink named(const FailureLog::Sink& sink, const std::string& name) {
  return [sink, prefix = "remote write " + name + ": "](const std::string& message) { sink(prefix + message); };
}

}  // namespace

std::vector<std::string> failing_collectors(const MetricPage& page) {
  std::vector<std::string> failing;
  for (size_t index = 0; index < page.families().size(); ++index) {
    const std::string_view name = page.families()[index].sample_name;
    const bool success = name == "node_scrape_collector_success";
    if (!success && name != "container_scrape_error" && name != "machine_scrape_error") continue;
    const auto [first, last] = page.samples(index);
    for (const Sample* sample = first; sample != last; ++sample) {
      const bool fine = (sample->value().number() != 0) == success;
      if (!fine) failing.push_back(std::string(name) + std::string(page.labels(sample->base)));
    }
  }
  std::sort(failing.begin(), failing.end());
  return failing;
}

int64_t first_delay_ns(int64_t now_ns, int64_t interval_ns, std::string_view seed) {
  const auto part = static_cast<int64_t>(std::hash<std::string_view>{}(seed) % static_cast<uint64_t>(interval_ns));
  const int64_t into = (now_ns - part) % interval_ns;
  return into == 0 ? 0 : interval_ns - (into < 0 ? into + interval_ns : into);
}

class RemoteWriter::Remote {
 public:
  Remote(RemoteWriteConfig config, Scraper& scraper, const Setup& setup, std::unique_ptr<exporter::Queue> queue,
         std::unique_ptr<exporter::Transport> transport)
      : configured_(config),
        config_(with_defaults(std::move(config), setup)),
        scraper_(scraper),
        queue_(std::move(queue)),
        requests_(request_options(config_), [this](exporter::WriteBatch batch) { store(std::move(batch)); }),
        trouble_(named(setup.warn, config_.name), named(setup.info, config_.name)),
        sender_(sender_options(config_), *queue_, std::move(transport), named(setup.warn, config_.name),
                named(setup.info, config_.name)),
        thread_([this] { run(); }) {}
  ~Remote();
  Remote(const Remote&) = delete;
  Remote& operator=(const Remote&) = delete;

  static RemoteWriteConfig with_defaults(RemoteWriteConfig config, const Setup& setup);
  const RemoteWriteConfig& configured() const { return configured_; }
  const std::string& directory() const { return config_.queue_directory; }
  bool goes_on_in(const std::vector<RemoteWriteConfig>& next, const Setup& setup) const;
  void end_series();
  void await_sent(int64_t until) const;
  RemoteStats stats() const;

 private:
  void run();
  void stop();
  bool pause_until(int64_t monotonic);
  SharedPage collect(int64_t deadline_ns);
  void collect_and_store(int64_t deadline_ns);
  bool is_complete(const MetricPage& page);
  void store(exporter::WriteBatch batch);

  const RemoteWriteConfig configured_, config_;
  Scraper& scraper_;
  const std::unique_ptr<exporter::Queue> queue_;
  // Of the thread that collects.
  exporter::WriteRequests requests_;
  exporter::SeriesHistory history_;
  std::vector<std::string> failing_, failed_before_;
  int64_t timestamp_ms_ = 0;
  exporter::Trouble trouble_;

  std::atomic<uint64_t> collections_ = 0, skipped_ = 0;
  std::mutex mutex_;
  std::condition_variable ending_;
  bool stop_ = false;
  exporter::Sender sender_;
  std::thread thread_;
};

RemoteWriter::Remote::~Remote() { stop(); }

void RemoteWriter::Remote::stop() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  ending_.notify_all();
  if (thread_.joinable()) thread_.join();
}

RemoteWriteConfig RemoteWriter::Remote::with_defaults(RemoteWriteConfig config, const Setup& setup) {
  if (config.instance.empty()) config.instance = setup.host_name;
  if (config.queue_directory.empty()) config.queue_directory = setup.directory + "/" + config.name;
  config.queue_directory = exporter::tidy_path(config.queue_directory);
  return config;
}

// Waits until then or until the end, which it returns.
bool RemoteWriter::Remote::pause_until(int64_t monotonic) {
  std::unique_lock lock(mutex_);
  const auto left = std::chrono::nanoseconds(std::max<int64_t>(monotonic - monotonic_ns(), 0));
  return ending_.wait_for(lock, left, [this] { return stop_; });
}

SharedPage RemoteWriter::Remote::collect(int64_t deadline_ns) {
  if (config_.page == RemoteWritePage::kNode) return scraper_.node(deadline_ns);
  if (config_.page == RemoteWritePage::kCadvisor) return scraper_.container(deadline_ns);
  return scraper_.all(deadline_ns);
}

// Whether every collector that worked at the last comparison of pages works now.
bool RemoteWriter::Remote::is_complete(const MetricPage& page) {
  failing_ = failing_collectors(page);
  return page.sample_count() > 0 &&
         std::includes(failed_before_.begin(), failed_before_.end(), failing_.begin(), failing_.end());
}

void RemoteWriter::Remote::store(exporter::WriteBatch batch) {
  if (auto stored = queue_->push(std::move(batch.body), timestamp_ms_, batch.samples); !stored) {
    trouble_.begins(
        "disk", "cannot store samples, which are lost: " + stored.error().message() + " in " + config_.queue_directory);
  } else {
    trouble_.ends("samples can be stored again");
  }
}

void RemoteWriter::Remote::collect_and_store(int64_t deadline_ns) {
  timestamp_ms_ = wall_clock_ns() / kMs;
  SharedPage page = collect(deadline_ns);
  const bool complete = is_complete(*page);
  auto series = requests_.add(*page, timestamp_ms_);
  const bool compared = history_.next(std::move(page), std::move(series), complete,
                                      [this](const MetricPage& before, const exporter::SeriesIds& ended) {
                                        requests_.add_ended(before, ended, timestamp_ms_);
                                      });
  requests_.finish();
  if (compared) failed_before_ = std::move(failing_);
  ++collections_;
  sender_.wake();
}

// By the monotonic clock, so that setting the time neither skips a collection nor makes one twice. One that takes
// longer than the interval costs the next one.
void RemoteWriter::Remote::run() {
  const int64_t interval = config_.interval.count();
  int64_t due = monotonic_ns() + first_delay_ns(wall_clock_ns(), interval, config_.instance + config_.url);
  while (!pause_until(due)) {
    collect_and_store(due + interval);
    const int64_t late = monotonic_ns() - due;
    due += std::max<int64_t>(late / interval, 0) * interval + interval;
    skipped_ += static_cast<uint64_t>(std::max<int64_t>(late / interval, 0));
  }
}

// Whether one of these sends the same series to the same place.
bool RemoteWriter::Remote::goes_on_in(const std::vector<RemoteWriteConfig>& next, const Setup& setup) const {
  return std::any_of(next.begin(), next.end(), [&](const RemoteWriteConfig& other) {
    const RemoteWriteConfig full = with_defaults(other, setup);
    return full.url == config_.url && full.job == config_.job && full.instance == config_.instance &&
           full.external_labels == config_.external_labels && full.page == config_.page;
  });
}

// The last collection has been made; a stale marker for all of its series. What is not sent of them before the end
// stays in the queue.
void RemoteWriter::Remote::end_series() {
  stop();
  timestamp_ms_ = std::max(wall_clock_ns() / kMs, timestamp_ms_ + 1);
  history_.next(nullptr, {}, true, [this](const MetricPage& before, const exporter::SeriesIds& ended) {
    requests_.add_ended(before, ended, timestamp_ms_);
  });
  requests_.finish();
  sender_.wake();
}

void RemoteWriter::Remote::await_sent(int64_t until) const {
  while (queue_->stats().batches > 0 && monotonic_ns() < until) std::this_thread::sleep_for(kGlance);
}

RemoteStats RemoteWriter::Remote::stats() const {
  return {config_.name, queue_->stats(), sender_.stats(), collections_, skipped_};
}

struct RemoteWriter::Fresh {
  RemoteWriteConfig config;
  std::unique_ptr<exporter::Queue> queue;  // nullptr: its directory is in use by one that is to end
  std::unique_ptr<exporter::Transport> transport;
};

struct RemoteWriter::Next {
  std::vector<RemoteWriteConfig> configs;
  std::vector<Fresh> fresh;
};

RemoteWriter::RemoteWriter(Scraper& scraper, Setup setup) : scraper_(scraper), setup_(std::move(setup)) {}

// Series go on at the next start, so they get no markers.
RemoteWriter::~RemoteWriter() { take_ended({}).clear(); }

Result<std::unique_ptr<exporter::Queue>> RemoteWriter::open_queue(const RemoteWriteConfig& config) const {
  auto queue = exporter::Queue::open(Remote::with_defaults(config, setup_).queue_directory, config.queue_max_bytes);
  if (!queue) return fail("remote_write " + config.name + ": " + queue.error().message() + "; see queue_directory");
  return queue;
}

Result<RemoteWriter::Fresh> RemoteWriter::make_ready(const RemoteWriteConfig& config, bool directory_in_use) {
  Fresh fresh = {config, nullptr, nullptr};
  if (auto there = exporter::check_files(config); !there)
    return unexpected(there.error().within("remote_write " + config.name));
  auto transport = exporter::make_http_transport(config);
  if (!transport) return unexpected(transport.error().within("remote_write " + config.name));
  fresh.transport = std::move(*transport);
  if (directory_in_use) return fresh;
  auto queue = open_queue(config);
  if (!queue) return unexpected(queue.error());
  fresh.queue = std::move(*queue);
  return fresh;
}

// Two that share a queue would send each other's samples. The configuration's parser does not know the directories
// that it does not name.
Result<void> RemoteWriter::check_directories(const std::vector<RemoteWriteConfig>& configs) const {
  std::map<std::string, std::string> users;
  for (const RemoteWriteConfig& config : configs) {
    const std::string directory = Remote::with_defaults(config, setup_).queue_directory;
    const auto [user, first] = users.emplace(directory, config.name);
    if (!first)
      return fail("remote_write " + config.name + ": " + directory + " is the queue of " + user->second +
                  "; give each a queue_directory of its own");
  }
  return {};
}

Result<std::shared_ptr<RemoteWriter::Next>> RemoteWriter::prepare(const std::vector<RemoteWriteConfig>& configs) {
  if (auto apart = check_directories(configs); !apart) return unexpected(apart.error());
  auto next = std::make_shared<Next>();
  next->configs = configs;
  for (const RemoteWriteConfig& config : configs) {
    // Only this thread changes the list, so it may be read without mutex_.
    const auto running = [&](const auto& remote) { return remote->configured() == config; };
    if (std::any_of(remotes_.begin(), remotes_.end(), running)) continue;
    const std::string directory = Remote::with_defaults(config, setup_).queue_directory;
    const auto in_use = [&](const auto& remote) { return remote->directory() == directory; };
    auto fresh = make_ready(config, std::any_of(remotes_.begin(), remotes_.end(), in_use));
    if (!fresh) return unexpected(fresh.error());
    next->fresh.push_back(std::move(*fresh));
  }
  return next;
}

void RemoteWriter::start(Fresh& fresh) {
  if (fresh.queue == nullptr) {
    auto queue = open_queue(fresh.config);
    if (!queue) return setup_.warn(queue.error().message() + "; nothing is sent there");
    fresh.queue = std::move(*queue);
  }
  for (const std::string& notice : fresh.config.notices) setup_.info(notice);
  auto remote =
      std::make_unique<Remote>(fresh.config, scraper_, setup_, std::move(fresh.queue), std::move(fresh.transport));
  const std::lock_guard lock(mutex_);
  remotes_.push_back(std::move(remote));
}

// A page being collected may wait in write() for mutex_, so nothing ends or starts while it is held.
std::vector<std::unique_ptr<RemoteWriter::Remote>> RemoteWriter::take_ended(
    const std::vector<RemoteWriteConfig>& configs) {
  std::vector<std::unique_ptr<Remote>> ended;
  const std::lock_guard lock(mutex_);
  for (auto& remote : remotes_) {
    const bool stays = std::find(configs.begin(), configs.end(), remote->configured()) != configs.end();
    if (!stays) ended.push_back(std::move(remote));
  }
  std::erase(remotes_, nullptr);
  return ended;
}

void RemoteWriter::commit(Next& next) {
  std::vector<std::unique_ptr<Remote>> ended = take_ended(next.configs);
  std::vector<Remote*> left;
  for (const auto& remote : ended) {
    if (remote->goes_on_in(next.configs, setup_)) continue;
    remote->end_series();
    left.push_back(remote.get());
  }
  const int64_t until = monotonic_ns() + setup_.farewell.count();
  for (const Remote* remote : left) remote->await_sent(until);
  ended.clear();
  for (Fresh& fresh : next.fresh) start(fresh);
}

Result<void> RemoteWriter::replace(const std::vector<RemoteWriteConfig>& configs) {
  const auto next = prepare(configs);
  if (!next) return unexpected(next.error());
  commit(**next);
  return {};
}

void RemoteWriter::write(MetricWriter& writer) const {
  std::vector<RemoteStats> all;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& remote : remotes_) all.push_back(remote->stats());
  }
  write_remote_metrics(writer, all, wall_clock_ns() / kMs);
}

}  // namespace plimsoll::agent
