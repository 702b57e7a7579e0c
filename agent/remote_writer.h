// SPDX-License-Identifier: Apache-2.0
// Remote write: collects on an interval of its own and hands the samples to a queue on disk and a sender, for those
// who cannot be scraped. One Remote for each receiver; a thread that collects, and one that sends.
//
//   every interval ─ Scraper ─ page ─ WriteRequests ─ bodies ─ Queue ─ Sender ─ receiver
//
// It goes through the Scraper, so that filters hold and a scrape at the same moment shares the collection.
#pragma once

#include <chrono>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "agent/failure_log.h"
#include "agent/scraper.h"
#include "base/metric.h"
#include "base/result.h"
#include "exporter/remote_write/config.h"
#include "exporter/remote_write/queue.h"

namespace plimsoll::agent {

// Which collectors say in this page that they failed: sorted.
std::vector<std::string> failing_collectors(const MetricPage& page);

// How long after `now_ns` (CLOCK_REALTIME) the first collection of a receiver is due: collections fall on whole
// intervals since 1970 plus a part of one that depends on `seed`, so that a restart keeps the rhythm and many agents
// do not all send in the same moment.
int64_t first_delay_ns(int64_t now_ns, int64_t interval_ns, std::string_view seed);

class RemoteWriter {
 public:
  struct Setup {
    std::string directory;  // queues without a directory of their own are below it, by their names
    std::string host_name;  // the label `instance` where none is configured
    FailureLog::Sink warn, info;
    // How long a change waits for the markers of series that it ends to be sent; then they wait in the queue.
    std::chrono::nanoseconds farewell = std::chrono::seconds(2);
  };
  // `scraper` must outlive this. Nothing runs until replace().
  RemoteWriter(Scraper& scraper, Setup setup);
  // Ends within about two seconds, or as long as a collection takes that is running. Queues stay on disk.
  ~RemoteWriter();

  // What prepare() has made ready: queues and connections of receivers that are new. Nothing runs yet.
  struct Next;

  // In two steps, for a reload that may fail elsewhere. prepare() changes nothing that runs. After commit() these
  // receivers are the ones: those that are configured as before go on undisturbed, others end or start. The series of
  // one that ends get stale markers, unless another sends the same ones to the same place; commit() waits up to two
  // seconds for them to be sent. One thread at a time.
  Result<std::shared_ptr<Next>> prepare(const std::vector<exporter::RemoteWriteConfig>& configs);
  void commit(Next& next);
  // Both. On an error all is as it was.
  Result<void> replace(const std::vector<exporter::RemoteWriteConfig>& configs);

  // The families plimsoll_remote_write_*; none without a receiver. Thread-safe.
  void write(MetricWriter& writer) const;

 private:
  class Remote;
  struct Fresh;
  Result<Fresh> make_ready(const exporter::RemoteWriteConfig& config, bool directory_in_use);
  Result<std::unique_ptr<exporter::Queue>> open_queue(const exporter::RemoteWriteConfig& config) const;
  Result<void> check_directories(const std::vector<exporter::RemoteWriteConfig>& configs) const;
  std::vector<std::unique_ptr<Remote>> take_ended(const std::vector<exporter::RemoteWriteConfig>& configs);
  void start(Fresh& fresh);

  Scraper& scraper_;
  const Setup setup_;
  mutable std::mutex mutex_;  // of the list; not held while a Remote starts or ends
  std::vector<std::unique_ptr<Remote>> remotes_;
};

}  // namespace plimsoll::agent
