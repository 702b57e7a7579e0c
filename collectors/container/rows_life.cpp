// SPDX-License-Identifier: Apache-2.0
// Who a group is, what it may use, and what its engine says of it.
#include <array>

#include "collectors/container/rows.h"

namespace plimsoll::collectors::container {
namespace {

using cgroup::Limits;
using engine::Health;

void last_seen(PageContext& page, const Subject& subject) { page.writer.sample(subject.labels, page.now); }

void unix_time(PageContext& page, const Subject& subject, int64_t time_ns) {
  if (time_ns > 0) page.writer.sample(subject.labels, static_cast<double>(time_ns) / kNsPerSecond);
}

void created(PageContext& page, const Subject& subject) { unix_time(page, subject, subject.created_ns); }

void started(PageContext& page, const Subject& subject) {
  unix_time(page, subject, subject.started_ns > 0 ? subject.started_ns : subject.created_ns);
}

void info(PageContext& page, const Subject& subject) {
  if (subject.info != 0) page.writer.sample(subject.info, 1);
}

// Only where the engine tells.
void health(PageContext& page, const Subject& subject) {
  if (subject.identity == nullptr || !subject.identity->health) return;
  const Health health = *subject.identity->health;
  page.writer.sample(subject.labels, health == Health::kNone ? -1 : health == Health::kHealthy ? 1 : 0);
}

void state(PageContext& page, const Subject& subject) {
  if (subject.identity == nullptr) return;
  const std::string_view name = engine::to_string(subject.identity->state);
  if (!name.empty()) page.writer.sample(subject.labels, page.extra.pair(page.writer, "state", name), 1);
}

void restarts(PageContext& page, const Subject& subject) {
  if (subject.identity == nullptr || !subject.identity->restarts) return;
  page.writer.sample(subject.labels, *subject.identity->restarts);
}

constexpr std::string_view kEngine = "the engine's state files";

constexpr auto kRows = std::to_array<Row>({
    {{"container_creation_time_seconds", "When the group was made, in seconds of unix time.", kGauge},
     Kind::kAlways,
     "",
     "the engine; else the directory's change time",
     kSame,
     &created},
    {{"container_health_state", "Outcome of the health check: 1 healthy, 0 not or not yet, -1 there is none.", kGauge},
     Kind::kAlways,
     "",
     kEngine,
     kSame,
     &health},
    {{"container_info", "1, with everything that is known about the container as labels.", kGauge},
     Kind::kAlways,
     "the container's own",
     kEngine,
     kSame,
     &info,
     true},
    {{"container_last_seen", "When the group was last read, in seconds of unix time.", kGauge},
     Kind::kAlways,
     "",
     "the clock",
     kSame,
     &last_seen},
    {{"container_spec_cpu_period", "Length of a CPU quota period, in microseconds.", kGauge},
     Kind::kAlways,
     "",
     "cpu.cfs_period_us",
     "cpu.max field 2",
     &limit_if_set<&Limits::cpu_period_us>},
    {{"container_spec_cpu_quota", "CPU time granted per period, in microseconds.", kGauge},
     Kind::kAlways,
     "",
     "cpu.cfs_quota_us",
     "cpu.max field 1",
     &limit_if_set<&Limits::cpu_quota_us>},
    {{"container_spec_cpu_shares", "Weight among siblings when CPUs are short.", kGauge},
     Kind::kAlways,
     "",
     "cpu.shares",
     "cpu.weight, on the scale of shares",
     &limit_if_set<&Limits::cpu_shares>},
    {{"container_spec_memory_limit_bytes", "Memory limit, in bytes; 0 is none.", kGauge},
     Kind::kAlways,
     "",
     "memory.limit_in_bytes",
     "memory.max",
     &limit<&Limits::memory_bytes>},
    {{"container_spec_memory_reservation_limit_bytes", "Memory that reclaim spares, in bytes; 0 is none.", kGauge},
     Kind::kAlways,
     "",
     "memory.soft_limit_in_bytes",
     "memory.min",
     &limit<&Limits::memory_reservation_bytes>},
    {{"container_spec_memory_swap_limit_bytes", "Limit of memory and swap (v1) or of swap (v2), in bytes; 0 is none.",
      kGauge},
     Kind::kAlways,
     "",
     "memory.memsw.limit_in_bytes",
     "memory.swap.max",
     &limit<&Limits::memory_swap_bytes>},
    {{"container_start_time_seconds", "When the container was started, in seconds of unix time.", kGauge},
     Kind::kAlways,
     "",
     "the engine; else as container_creation_time_seconds",
     kSame,
     &started},
    {{"plimsoll_container_restarts_total", "Times that the engine's restart policy started the container again.",
      kCounter},
     Kind::kAlways,
     "",
     kEngine,
     kSame,
     &restarts},
    {{"plimsoll_container_state", "1, with the state that the engine tells as a label.", kGauge},
     Kind::kAlways,
     "state",
     kEngine,
     kSame,
     &state,
     true},
});

}  // namespace

std::span<const Row> life_rows() { return kRows; }

}  // namespace plimsoll::collectors::container
