// SPDX-License-Identifier: Apache-2.0
// A container of which everything is known, for tests of the rows.
#pragma once

#include <string>
#include <vector>

#include "collectors/container/families.h"

namespace plimsoll::test {

struct WholeContainer {
  WholeContainer() {
    fill_counters();
    gauges = {.memory_usage_bytes = 1,
              .memory_peak_bytes = 2,
              .memory_working_set_bytes = 3,
              .memory_cache_bytes = 4,
              .memory_rss_bytes = 5,
              .memory_kernel_bytes = 6,
              .memory_mapped_file_bytes = 7,
              .memory_swap_bytes = 8,
              .memory_active_file_bytes = 9,
              .memory_inactive_file_bytes = 10,
              .memory_dirty_bytes = 11,
              .memory_writeback_bytes = 12,
              .processes = 13,
              .threads = 14,
              .memory_migrate = 1,
              .huge_pages = {{"2MB", 15, 16, 17}},
              .numa = {{cgroup::NumaKind::kFile, false, 0, 18}, {cgroup::NumaKind::kAnon, true, 1, 19}}};
    limits = {.cpu_shares = 1024,
              .cpu_quota_us = 50000,
              .cpu_period_us = 100000,
              .memory_bytes = 1 << 20,
              .memory_swap_bytes = cgroup::kUnlimited,
              .memory_reservation_bytes = 0,
              .pids = 20};
    fill_details();
  }

  void fill_counters() {
    counters.cpu_usage_ns = counters.cpu_user_ns = counters.cpu_system_ns = 1'500'000'000;
    counters.cpu_usage_percpu_ns = {1'000'000'000, 500'000'000};
    counters.cfs_periods = counters.cfs_throttled_periods = counters.cfs_burst_periods = 21;
    counters.cfs_throttled_ns = counters.cfs_burst_ns = 250'000'000;
    counters.memory_failures = counters.page_faults = counters.major_page_faults = 22;
    counters.memory_high_events = counters.memory_max_events = counters.oom_kills = 23;
    counters.pages_scanned = counters.pages_stolen = counters.refaults_file = counters.refaults_anon = 24;
    counters.cpu_pressure = counters.memory_pressure = counters.io_pressure = {1'000'000, 500'000};
    counters.irq_pressure = {std::nullopt, 2000};
    cgroup::IoDevice device{.major = 8, .minor = 0, .read_bytes = 31, .written_bytes = 32, .reads = 33, .writes = 34};
    device.discarded_bytes = device.sync_bytes = device.async_bytes = device.total_bytes = 35;
    device.sectors_read = device.sectors_written = device.reads_merged = device.writes_merged = 36;
    device.read_ns = device.write_ns = device.busy_ns = device.weighted_busy_ns = 37'000'000;
    device.in_flight = 38;
    device.cost_usage_ns = device.cost_wait_ns = device.cost_indebt_ns = device.cost_indelay_ns = 39'000;
    counters.io = {device};
    counters.network = {{"eth0", 41, 42, 43, 44, 45, 46, 47, 48}};
  }

  void fill_details() {
    processes = {.file_descriptors = 51,
                 .sockets = 52,
                 .zombies = 53,
                 .open_files_soft_limit = 1024,
                 .referenced_bytes = 4096,
                 .run_ns = 1'000'000'000,
                 .run_queue_ns = 2'000'000'000,
                 .run_periods = 54,
                 .cpu_delay_ns = 1000,
                 .block_io_delay_ns = 2000,
                 .swap_in_delay_ns = 3000,
                 .reclaim_delay_ns = 4000,
                 .sleeping = 1,
                 .running = 2,
                 .stopped = 3,
                 .uninterruptible = 4,
                 .io_waiting = 5,
                 .load_average = 1500,
                 .load_d_average = 250};
    collectors::container::TcpStates tcp;
    for (size_t i = 0; i < tcp.count.size(); ++i) tcp.count[i] = i;
    tcp.accept_queue = 61;
    sockets.tcp = sockets.tcp6 = tcp;
    sockets.udp = sockets.udp6 = collectors::container::UdpSockets{62, 63, 64, 65};
    sockets.advanced_tcp = {{"currestab", 66}, {"maxconn", -1}};
    sockets.sockets_used = sockets.tcp_in_use = sockets.tcp_orphan = sockets.tcp_time_wait = 67;
    sockets.tcp_allocated = sockets.udp_in_use = 68;
    layer = {"/dev/sda1", 71, 72, 73, 74, 75, 1'699'999'990'000'000'000, false};
    identity.state = engine::State::kRunning;
    identity.restarts = 2;
    identity.health = engine::Health::kHealthy;
  }

  collectors::container::Subject subject(MetricWriter& writer, const std::string& id = "/a") const {
    return {.labels = writer.labels(LabelSet{{"id", id}}),
            .counters = &counters,
            .gauges = &gauges,
            .limits = &limits,
            .identity = &identity,
            .processes = &processes,
            .sockets = &sockets,
            .layer = &layer,
            .info = writer.labels(LabelSet{{"id", id}, {"container_label_app", "x"}}),
            .created_ns = 1'600'000'000'000'000'000,
            .started_ns = 1'600'000'001'000'000'000};
  }

  cgroup::Counters counters;
  cgroup::Gauges gauges;
  cgroup::Limits limits;
  collectors::container::ProcessSums processes;
  collectors::container::SocketCounts sockets;
  collectors::container::LayerUsage layer;
  engine::Identity identity;
};

}  // namespace plimsoll::test
