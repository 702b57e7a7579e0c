# SPDX-License-Identifier: Apache-2.0
"""One container, in depth. Everything is summed over the groups of that name, since a container that was started again
may be there twice for a while: as the one that has ended and as the one that runs."""
from panels import (ANY_IS_BAD, EXIT_CODES, FULL, NO_GROUP_PSI, PRESSED, THROTTLED, Column, Dashboard, Query, Row, containers,
                    facts, gauge, hosts, off, page_link, stat, steps, table, timeseries, values)

CPU_LIMIT = "max(container_spec_cpu_quota{ONE} / container_spec_cpu_period{ONE})"
MEMORY_LIMIT = "max(container_spec_memory_limit_bytes{ONE} > 0)"


def rate(family, more=""):
    return "rate(%s{ONE%s}[RATE])" % (family, ", " + more if more else "")


def total(family, more=""):
    return "sum(%s)" % rate(family, more)


STOPPED = "%s / (%s > 0)" % (total("container_cpu_cfs_throttled_periods_total"), total("container_cpu_cfs_periods_total"))


def pod_network(family, by="interface"):
    """Of a container in a pod the pod's, which is on the pod's sandbox."""
    return ('sum by (%s) (%s or (rate(%s{HOST, pod!="", interface!="lo"}[RATE]) and on (namespace, pod) '
            'container_last_seen{ONE, pod!=""}))'
            % (by, rate(family, 'interface!="lo"'), family))


NONE = values({0: ("none", "text")})
LIMITS = table(
    "Limits", "What it may use at most, as the kernel enforces it now. The weight counts when CPUs are short: twice the "
    "weight, twice the share. The limit of swap is of memory and swap together on cgroup v1, of swap alone on v2.",
    {"instance": "Host"}, [
        Column("CPUs", "max by (instance) (container_spec_cpu_quota{ONE} / container_spec_cpu_period{ONE})", "short"),
        Column("CPU weight", "max by (instance) (container_spec_cpu_shares{ONE})", "none"),
        Column("Memory", "max by (instance) (container_spec_memory_limit_bytes{ONE})", "bytes", mappings=NONE),
        Column("Protected memory", "max by (instance) (container_spec_memory_reservation_limit_bytes{ONE})", "bytes",
               mappings=NONE),
        Column("Swap", "max by (instance) (container_spec_memory_swap_limit_bytes{ONE})", "bytes", mappings=NONE),
        Column("Threads", "max by (instance) (container_threads_max{ONE})", "none", mappings=NONE),
    ], width=24, height=3)

OVERVIEW = [
    stat("State", "short", "What the engine says about it. Absent for containers of plain containerd, whose files do not tell.",
         "max by (state) (plimsoll_container_state{ONE})", graph=False, text="name", legend="{{state}}"),
    stat("Running for", "s", "Time since it was started. No value: it has ended.",
         "time() - max(container_start_time_seconds{ONE})", graph=False),
    gauge("CPU of its limit", "CPU used, as a share of the quota. No value: it has no quota.",
          "%s / %s" % (total("container_cpu_usage_seconds_total"), CPU_LIMIT)),
    stat("Throttled", "percentunit", "Share of quota periods in which it was stopped. Worry above a quarter: raise the quota "
         "or use fewer threads. No value: it has no quota.",
         STOPPED, steps=THROTTLED),
    gauge("Memory of its limit", "Working set as a share of the limit. Above 90 % the next allocation may be the last. No "
          "value: it has no limit.", "sum(container_memory_working_set_bytes{ONE}) / %s" % MEMORY_LIMIT),
    stat("Killed for memory", "short", "Processes of it that the kernel killed for want of memory, within the time range.",
         "sum(increase(container_oom_events_total{ONE}[RANGE]))", steps=ANY_IS_BAD, graph=False),
    stat("Restarts", "short", "Times that the engine's restart policy started it again, ever. Docker and Podman count; "
         "Kubernetes makes a new container instead.", "max(plimsoll_container_restarts_total{ONE})", steps=steps((1, "orange")),
         graph=False),
    stat("Health check", "short", "Outcome of its health check. No value or `none`: it has none.",
         "max(container_health_state{ONE})",
         graph=False, mappings=values({1: ("healthy", "green"), 0: ("not healthy", "red"), -1: ("none", "gray")})),
    facts("What it is", "The container by its engine, its image and its group.",
          "max by (engine, image, namespace, pod, container, id) (container_info{ONE})",
          {"engine": "Engine", "image": "Image", "namespace": "Namespace", "pod": "Pod", "container": "Container", "id": "Group"},
          width=24, height=3),
    LIMITS,
]

CPU = [
    timeseries("CPU", "short", "CPUs used, in programs and in the kernel on their behalf, against the quota. On cgroup v1 the "
               "two parts are sampled and may differ a little from the sum.",
               Query(total("container_cpu_user_seconds_total"), "programs"),
               Query(total("container_cpu_system_seconds_total"), "kernel"),
               Query(total("container_cpu_usage_seconds_total"), "all", "alone"), Query(CPU_LIMIT, "limit", "limit"), stack=True),
    timeseries("Throttled periods", "percentunit", "Share of quota periods in which it was stopped for having used up its "
               "quota. Every such period adds up to 100 ms to some answer. Only with a quota.",
               Query(STOPPED, "throttled"), steps=THROTTLED, top=1),
    timeseries("Pressure: CPU", "percentunit", "Share of time in which some task, or all of them, waited for a CPU: for want "
               "of CPUs on the host as well as for the quota." + NO_GROUP_PSI,
               Query("max(%s)" % rate("container_pressure_cpu_waiting_seconds_total"), "some waited"),
               Query("max(%s)" % rate("container_pressure_cpu_stalled_seconds_total"), "all waited"), steps=PRESSED),
    timeseries("Time throttled", "short", "Seconds a second that its tasks were kept from running, all processors together, so "
               "that it may be more than 1. Only with a quota.",
               Query(total("container_cpu_cfs_throttled_seconds_total"), "throttled")),
    timeseries("Bursts", "short", "CPU taken beyond the quota of a period from what earlier ones left over. 0 unless the "
               "container was allowed to save some up (cpu.max.burst, Linux 5.14 and later).",
               Query(total("container_cpu_cfs_burst_seconds_total"), "CPUs taken"),
               Query(total("container_cpu_cfs_burst_periods_total"), "periods a second")),
    timeseries("CPU by processor", "short", "CPU used on each processor. On cgroup v2 the kernel does not tell, and there is "
               "one line.",
               Query("sum by (cpu) (%s)" % rate("container_cpu_usage_seconds_total"), "{{cpu}}"), stack=True),
]

MEMORY = [
    timeseries("Memory by use", "bytes", "What its memory is used for. The working set is all but page cache that could go at "
               "once; it is what the limit is felt by.",
               Query("sum(container_memory_rss{ONE})", "programs"), Query("sum(container_memory_cache{ONE})", "page cache"),
               Query("sum(container_memory_kernel_usage{ONE})", "kernel"),
               Query("sum(container_memory_working_set_bytes{ONE})", "working set", "alone"),
               Query(MEMORY_LIMIT, "limit", "limit"),
               stack=True, width=12),
    timeseries("Working set of the limit", "percentunit", "Working set as a share of the limit. Only with a limit.",
               Query("sum(container_memory_working_set_bytes{ONE}) / %s" % MEMORY_LIMIT, "working set"),
               Query("sum(container_memory_max_usage_bytes{ONE}) / %s" % MEMORY_LIMIT, "highest use ever"), steps=FULL, top=1,
               width=12),
    timeseries("Pressure: memory", "percentunit", "Share of time in which some task, or all of them, waited for memory to be "
               "reclaimed or read back. Worry at a few percent: it is slow for want of memory long before it is killed."
               + NO_GROUP_PSI,
               Query("max(%s)" % rate("container_pressure_memory_waiting_seconds_total"), "some waited"),
               Query("max(%s)" % rate("container_pressure_memory_stalled_seconds_total"), "all waited"), steps=PRESSED),
    timeseries("Refaults", "ops", "Pages that were needed again soon after they had been taken away. More than a few for long: "
               "the working set does not fit into the limit. Absent on old kernels.",
               Query(total("container_memory_workingset_refault_file_total"), "page cache"),
               Query(total("container_memory_workingset_refault_anon_total"), "programs (swap)")),
    timeseries("Limit reached", "ops", "Times that memory had to be reclaimed since the limit was reached (v1: failcnt, v2: "
               "max). The second line, only on cgroup v2: times that it was slowed down for being above memory.high.",
               Query("sum(%s or %s)" % (rate("container_memory_failcnt"), rate("container_memory_events_max_total")), "limit"),
               Query(total("container_memory_events_high_total"), "high")),
    timeseries("Page faults", "ops", "Major faults had to read from a disk: programs or mapped files were thrown out of "
               "memory. Other faults are normal.",
               Query(total("container_memory_failures_total", 'failure_type="pgmajfault", scope="container"'), "major"),
               Query(total("container_memory_failures_total", 'failure_type="pgfault", scope="container"'), "all"), log=True),
    timeseries("Reclaim", "ops", "Pages that the kernel looked at for reclaim, and took. Many looked at for each one taken: "
               "there is nothing left that could go. Only on cgroup v2.",
               Query(total("container_memory_pgscan_total"), "looked at"),
               Query(total("container_memory_pgsteal_total"), "taken")),
    timeseries("Killed for memory", "short", "Processes of it that the kernel killed for want of memory.",
               Query("sum(increase(container_oom_events_total{ONE}[RATE]))", "killed"), bars=True),
    timeseries("Page cache", "bytes", "Page cache by what becomes of it: the inactive part goes first, dirty and written parts "
               "must reach the disk before.",
               Query("sum(container_memory_total_active_file_bytes{ONE})", "active"),
               Query("sum(container_memory_total_inactive_file_bytes{ONE})", "inactive"),
               Query("sum(container_memory_mapped_file{ONE})", "mapped"),
               Query("sum(container_memory_file_dirty_bytes{ONE})", "dirty"),
               Query("sum(container_memory_file_writeback_bytes{ONE})", "being written")),
    timeseries("Swap", "bytes", "Swap space that it uses.", Query("sum(container_memory_swap{ONE})", "in use")),
]

V1_IO = " On cgroup v1 what is written back later may be counted elsewhere."
IO = [
    timeseries("Throughput", "Bps", "Bytes read from block devices; written ones are below the axis." + V1_IO,
               Query("sum by (device) (%s)" % rate("container_fs_reads_bytes_total"), "{{device}} read"),
               Query("sum by (device) (%s)" % rate("container_fs_writes_bytes_total"), "{{device}} written", "below")),
    timeseries("Requests", "iops", "Requests to block devices; writes are below the axis." + V1_IO,
               Query("sum by (device) (%s)" % rate("container_fs_reads_total"), "{{device}} reads"),
               Query("sum by (device) (%s)" % rate("container_fs_writes_total"), "{{device}} writes", "below")),
    timeseries("Pressure: I/O", "percentunit",
               "Share of time in which some task, or all of them, waited for a disk." + NO_GROUP_PSI,
               Query("max(%s)" % rate("container_pressure_io_waiting_seconds_total"), "some waited"),
               Query("max(%s)" % rate("container_pressure_io_stalled_seconds_total"), "all waited"), steps=PRESSED),
    timeseries("Writable layer", "bytes", "Size of what it has written into its own file system, measured now and then, see "
               "beside. Absent for containers without a layer of their own.",
               Query("sum by (device) (container_fs_usage_bytes{ONE})", "{{device}} used"),
               Query("max by (device) (container_fs_limit_bytes{ONE})", "{{device}} file system", "limit")),
    timeseries("Files in the writable layer", "short", "Files and directories that it has made. Absent for containers without "
               "a layer of their own.", Query("sum by (device) (plimsoll_container_layer_inodes{ONE})", "{{device}}")),
]

POD = " Of a container in a pod: the whole pod's."
NETWORK = [
    timeseries("Traffic", "bps", "Bits received; sent ones are below the axis. Absent on the host's network." + POD,
               Query("8 * " + pod_network("container_network_receive_bytes_total"), "{{interface}} received"),
               Query("8 * " + pod_network("container_network_transmit_bytes_total"), "{{interface}} sent", "below")),
    timeseries("Packets", "pps", "Packets received; sent ones are below the axis." + POD,
               Query(pod_network("container_network_receive_packets_total"), "{{interface}} received"),
               Query(pod_network("container_network_transmit_packets_total"), "{{interface}} sent", "below")),
    timeseries("Errors and drops", "pps", "Packets that were damaged or thrown away. Worry when it is not 0." + POD,
               Query(pod_network("container_network_receive_errors_total"), "{{interface}} errors received"),
               Query(pod_network("container_network_receive_packets_dropped_total"), "{{interface}} dropped received"),
               Query(pod_network("container_network_transmit_errors_total"), "{{interface}} errors sent", "below"),
               Query(pod_network("container_network_transmit_packets_dropped_total"), "{{interface}} dropped sent", "below")),
]

RARE = [
    timeseries("Huge pages", "bytes",
               "Huge pages that it uses or has reserved. Absent unless the hugetlb controller is there." + off("hugetlb"),
               Query("sum by (pagesize) (container_hugetlb_usage_bytes{ONE})", "{{pagesize}}")),
    timeseries("Age of that measurement", "s", "Since the writable layer was measured. Layers are measured one by one within a "
               "budget.",
               Query("max(plimsoll_container_layer_age_seconds{ONE})", "age")),
    timeseries("Held back by the I/O cost controller", "short", "Seconds a second that its requests waited for, or were "
               "delayed by, blk-iocost. Only on cgroup v2 with io.cost.qos enabled.",
               Query("sum by (device) (%s)" % rate("container_fs_io_cost_wait_seconds_total"), "{{device}} waited"),
               Query("sum by (device) (%s)" % rate("container_fs_io_cost_indelay_seconds_total"), "{{device}} delayed")),
]

PROCESSES = [
    timeseries("Processes and zombies", "short",
               "Zombies have ended and were not waited for: worry when they grow." + off("process"),
               Query("sum(container_processes{ONE})", "processes"), Query("sum(plimsoll_container_zombies{ONE})", "zombies")),
    timeseries("Open files and sockets", "short", "Descriptors of all its processes. Steady growth is a leak." + off("process"),
               Query("sum(container_file_descriptors{ONE})", "files"), Query("sum(container_sockets{ONE})", "sockets"),
               Query('max(container_ulimits_soft{ONE, ulimit="max_open_files"} > 0)', "limit of one process", "limit")),
    timeseries("Tasks by state", "short", "Tasks that run, sleep, or wait for a device. Only on cgroup v1." + off("cpuLoad"),
               Query("sum by (state) (container_tasks_state{ONE})", "{{state}}"), stack=True),
    timeseries("Waiting for a CPU, by the scheduler", "short", "Seconds a second that its processes ran, and waited in a run "
               "queue; processes that have ended no longer count." + off("sched"),
               Query(total("container_cpu_schedstat_run_seconds_total"), "ran"),
               Query(total("container_cpu_schedstat_runqueue_seconds_total"), "waited")),
    timeseries("Delays by reason", "short", "Seconds a second that its processes waited, by what for. With "
               "kernel.task_delayacct = 0 the kernel tells only the wait for CPUs." + off("delays"),
               Query("sum by (reason) (%s)" % rate("plimsoll_container_delay_seconds_total"), "{{reason}}")),
    timeseries("TCP connections by state", "short", "IPv4 and IPv6 together. Many in `closewait`: it does not close what its "
               "peers have closed." + off("tcp"),
               Query("sum by (tcp_state) (container_network_tcp_usage_total{ONE} + container_network_tcp6_usage_total{ONE})",
                     "{{tcp_state}}")),
    timeseries("Waiting to be accepted", "short", "Connections that the program has not accepted yet. Worry when it stays: it "
               "is too slow." + off("tcp"), Query("sum by (protocol) (plimsoll_container_tcp_accept_queue{ONE})",
                                                  "{{protocol}}")),
    timeseries("Sockets by type", "short", "Sockets in use in its network namespace." + off("sockets"),
               Query("sum by (type) (plimsoll_container_sockets{ONE})", "{{type}}")),
    timeseries("Memory by NUMA node", "bytes", "Pages on each NUMA node, of 4 KiB." + off("memory_numa"),
               Query('4096 * max by (node, type) (container_memory_numa_pages{ONE})', "node {{node}} {{type}}"), stack=True),
]

LIFE = [
    timeseries("Threads", "short", "Threads against their limit. At the limit nothing can be started, nor a thread made.",
               Query("sum(container_threads{ONE})", "threads"), Query("max(container_threads_max{ONE} > 0)", "limit", "limit"),
               height=7),
    timeseries("Starts", "short", "Runs of this name or number that began.",
               Query("count(time() - container_start_time_seconds{ONE} < $__interval_ms / 1000) or vector(0)", "started"),
               bars=True, height=7),
    timeseries("Health check", "short", "1 while its health check succeeds, 0 while it does not or has not yet, -1 without "
               "one. Absent for engines without health checks.", Query("max(container_health_state{ONE})", "healthy"), height=7),
    table("Ended runs", "Runs of it that have ended, as long as they are kept (--exited.retention, five minutes by default), "
          "with what they used in all.", {"id": "Group"}, [
              Column("Ended", "1000 * max by (id) (plimsoll_container_end_time_seconds{ONE})", "dateTimeFromNow"),
              Column("Exit code", "max by (id) (plimsoll_container_exit_code{ONE})", "none", steps((1, "orange"), (128, "red")),
                     mappings=values(EXIT_CODES)),
              Column("Killed for memory", "max by (id) (plimsoll_container_oom_killed{ONE})", "none",
                     mappings=values({0: ("no", "green"), 1: ("yes", "red")})),
              Column("CPU time", "sum by (id) (container_cpu_usage_seconds_total{ONE} and on (instance, id) "
                     "plimsoll_container_exit_code{ONE})", "s"),
              Column("Read", "sum by (id) (container_fs_reads_bytes_total{ONE} and on (instance, id) "
                     "plimsoll_container_exit_code{ONE})", "bytes"),
              Column("Written", "sum by (id) (container_fs_writes_bytes_total{ONE} and on (instance, id) "
                     "plimsoll_container_exit_code{ONE})", "bytes"),
          ], width=24, height=6),
]

DASHBOARD = Dashboard(
    "plimsoll-container", "Plimsoll / Container", "One container, in depth.",
    [*hosts(many=False), containers(False, "HOST, name!=\"\"")],
    [Row("Overview", OVERVIEW), Row("CPU", CPU), Row("Memory", MEMORY), Row("Block I/O", IO), Row("Network", NETWORK),
     Row("Threads, starts and ends", LIFE),
     Row("Processes and sockets: off by default", PROCESSES, collapsed=True), Row("Rare", RARE, collapsed=True)],
    annotations=(("Starts", "1000 * container_start_time_seconds{ONE}", "Started", "green"),
                 ("Ends", "1000 * plimsoll_container_end_time_seconds{ONE}", "Ended", "orange")),
    links=(page_link("Its host", "plimsoll-host", "${instance:queryparam}"),))
