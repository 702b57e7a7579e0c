// SPDX-License-Identifier: Apache-2.0
#include "agent/remote_metrics.h"

#include <algorithm>
#include <optional>

namespace plimsoll::agent {
namespace {

using Read = std::optional<Value> (*)(const RemoteStats& stats, int64_t now_ms);

struct Row {
  MetricDesc desc;
  const char* reason;  // value of the label of that name; nullptr: there is no such label
  Read read;
};

constexpr Row kRows[] = {
    {{"plimsoll_remote_write_samples_total", "Samples that the receiver has taken.", MetricType::kCounter},
     nullptr,
     [](const RemoteStats& s, int64_t) { return std::optional<Value>(s.sender.samples); }},
    {{"plimsoll_remote_write_bytes_total", "Bytes that the receiver has taken, compressed.", MetricType::kCounter},
     nullptr,
     [](const RemoteStats& s, int64_t) { return std::optional<Value>(s.sender.bytes); }},
    {{"plimsoll_remote_write_failed_requests_total", "Requests that failed and were, or will be, made again.",
      MetricType::kCounter},
     nullptr,
     [](const RemoteStats& s, int64_t) { return std::optional<Value>(s.sender.failed_requests); }},
    {{"plimsoll_remote_write_dropped_samples_total",
      "Samples that were lost: refused by the receiver, too many for the queue, or impossible to store in it.",
      MetricType::kCounter},
     "refused",
     [](const RemoteStats& s, int64_t) { return std::optional<Value>(s.sender.refused_samples); }},
    {{"plimsoll_remote_write_dropped_samples_total", "", MetricType::kCounter},
     "queue_full",
     [](const RemoteStats& s, int64_t) { return std::optional<Value>(s.queue.dropped_samples); }},
    {{"plimsoll_remote_write_dropped_samples_total", "", MetricType::kCounter},
     "disk",
     [](const RemoteStats& s, int64_t) { return std::optional<Value>(s.queue.unwritten_samples); }},
    {{"plimsoll_remote_write_damaged_files_total",
      "Files of the queue that were dropped, since they were torn or not ours.", MetricType::kCounter},
     nullptr,
     [](const RemoteStats& s, int64_t) { return std::optional<Value>(s.queue.damaged_files); }},
    {{"plimsoll_remote_write_collections_total", "Collections made for the receiver.", MetricType::kCounter},
     nullptr,
     [](const RemoteStats& s, int64_t) { return std::optional<Value>(s.collections); }},
    {{"plimsoll_remote_write_skipped_collections_total",
      "Collections left out, since the one before took longer than the interval.", MetricType::kCounter},
     nullptr,
     [](const RemoteStats& s, int64_t) { return std::optional<Value>(s.skipped); }},
    {{"plimsoll_remote_write_pending_bytes", "Size of the queue on disk, in bytes.", MetricType::kGauge},
     nullptr,
     [](const RemoteStats& s, int64_t) { return std::optional<Value>(s.queue.bytes); }},
    {{"plimsoll_remote_write_last_sent_timestamp_seconds",
      "When the samples were collected that the receiver took last, in seconds since 1970.", MetricType::kGauge},
     nullptr,
     [](const RemoteStats& s, int64_t) {
       const auto last = s.sender.last_timestamp_ms;
       return last == 0 ? std::nullopt : std::optional<Value>(static_cast<double>(last) / 1000);
     }},
    {{"plimsoll_remote_write_behind_seconds",
      "Age of the oldest samples that wait to be sent, in seconds; 0 when none do.", MetricType::kGauge},
     nullptr,
     [](const RemoteStats& s, int64_t now_ms) {
       const int64_t age = s.queue.batches == 0 ? 0 : now_ms - s.queue.oldest_ms.value_or(now_ms);
       return std::optional<Value>(static_cast<double>(std::max<int64_t>(age, 0)) / 1000);
     }},
};

}  // namespace

void write_remote_metrics(MetricWriter& writer, std::span<const RemoteStats> all, int64_t now_ms) {
  const MetricDesc* family = nullptr;
  for (const Row& row : kRows) {
    if (family == nullptr || family->name != row.desc.name) writer.family(row.desc);
    family = &row.desc;
    for (const RemoteStats& stats : all) {
      const auto value = row.read(stats, now_ms);
      if (!value) continue;
      LabelSet labels({{"remote", stats.name}});
      if (row.reason != nullptr) labels.add("reason", row.reason);
      writer.sample(writer.labels(labels), *value);
    }
  }
}

}  // namespace plimsoll::agent
