# SPDX-License-Identifier: Apache-2.0
"""All hosts and the containers that stand out: where to look first."""
from container_words import LEGEND, WIRE, Containers
from panels import (ANY_IS_BAD, FULL, IDLE, NO_GROUP_PSI, PRESSED, ROW_TO_HOST, STOLEN, THROTTLED, TO_CONTAINER, TO_HOST,
                    Column, Dashboard, Query, Row, alive, bar_gauge, each, gauge, hosts, stat, steps, table, timeseries)

OF_CPUS = "sum by (instance) (rate(node_cpu_seconds_total{HOSTS, %s}[RATE])) " \
          "/ sum by (instance) (rate(node_cpu_seconds_total{HOSTS}[RATE]))"
BUSY = "1 - " + OF_CPUS % ('mode=~"%s"' % IDLE)
USED = "1 - node_memory_MemAvailable_bytes{HOSTS} / node_memory_MemTotal_bytes{HOSTS}"
REAL = 'fstype!~"tmpfs|ramfs|squashfs|iso9660|overlay"'
FULLEST = ("max by (instance) (1 - node_filesystem_avail_bytes{HOSTS, %s} / (node_filesystem_size_bytes{HOSTS, %s} - "
           "node_filesystem_free_bytes{HOSTS, %s} + node_filesystem_avail_bytes{HOSTS, %s} > 0))" % ((REAL,) * 4))
CARDS = 'device!~"lo|veth.*|pl[0-9a-f]{12}|ifb.*|docker.*|br-.*|cni.*|cali.*|lxc.*|virbr.*|tun.*|tap.*"'
WAITING = "max by (instance) (rate(node_pressure_%s_waiting_seconds_total{HOSTS}[RATE]))"

GLANCE = [
    stat("Hosts", "short", "Hosts whose agent Prometheus knows now. One that has gone silent is in the next panel.",
         "count(count by (instance) (node_boot_time_seconds{HOSTS}))"),
    stat("Not answering", "short", "Targets that Prometheus could not scrape the last time. Hosts that push by remote write "
         "are no targets and are never counted here. Worry at the first.",
         "count(up{HOSTS} == 0) or vector(0)", steps=ANY_IS_BAD),
    stat("Containers", "short", "Containers that run now, on all chosen hosts.",
         "count(container_last_seen{SOME}) or vector(0)"),
    stat("Killed for memory", "short", "Processes in containers that the kernel killed for want of memory within the time "
         "range. Worry at the first: a limit is too low or something leaks; see Lifecycle.",
         "sum(increase(container_oom_events_total{SOME}[RANGE]))", steps=ANY_IS_BAD, graph=False),
    gauge("CPU", "Share of all CPUs of all hosts that is in use. Waiting for disks is not use, nor what hypervisors took.",
          'sum(rate(node_cpu_seconds_total{HOSTS, mode!~"%s"}[RATE])) / sum(rate(node_cpu_seconds_total{HOSTS}[RATE]))' % IDLE),
    gauge("Memory", "Share of all memory of all hosts that no new program could have without swapping.",
          "1 - sum(node_memory_MemAvailable_bytes{HOSTS}) / sum(node_memory_MemTotal_bytes{HOSTS})"),
    gauge("Fullest file system", "The fullest of all file systems on disks, counted as df does.", "max(%s)" % FULLEST),
    stat("Throttled containers", "short", "Containers whose CPU quota stopped them in more than a quarter of the periods. They "
         "are slower than they need to be.",
         "count(sum by (instance, id) (rate(container_cpu_cfs_throttled_periods_total{SOME}[RATE])) / (sum by (instance, id) "
         "(rate(container_cpu_cfs_periods_total{SOME}[RATE])) > 0) > 0.25) or vector(0)",
         steps=steps((1, "orange"))),
]

EVERY_HOST = table(
    "Hosts", "One line for each host; the name leads to its own dashboard. Pressure is the share of time in which some task "
    "waited for what is short, and is empty where the kernel does not measure it. `Stolen` is what the hypervisor took of the "
    "CPUs; it is not in `CPU`.",
    {"instance": "Host"}, [
        Column("CPU", BUSY, "percentunit", FULL, bar=True),
        Column("Stolen", OF_CPUS % 'mode="steal"', "percentunit", STOLEN, decimals=1),
        Column("Load per CPU", "max by (instance) (node_load5{HOSTS}) / count by (instance) (node_cpu_seconds_total{HOSTS, "
                               "mode=\"idle\"})",
               "short", steps((1, "orange"), (2, "red")), decimals=2),
        Column("Memory", "max by (instance) (%s)" % USED, "percentunit", FULL, bar=True),
        Column("CPU pressure", WAITING % "cpu", "percentunit", steps((0.3, "orange"), (0.6, "red")), decimals=1),
        Column("Memory pressure", WAITING % "memory", "percentunit", PRESSED, decimals=1),
        Column("I/O pressure", WAITING % "io", "percentunit", PRESSED, decimals=1),
        Column("Fullest file system", FULLEST, "percentunit", FULL, bar=True),
        Column("Busiest disk", 'max by (instance) (rate(node_disk_io_time_seconds_total{HOSTS, '
                               'device!~"loop.*|ram.*|zram.*"}[RATE]))',
               "percentunit", steps((0.7, "orange"), (0.95, "red")), decimals=0),
        Column("Received", "sum by (instance) (rate(node_network_receive_bytes_total{HOSTS, %s}[RATE])) * 8" % CARDS, "bps"),
        Column("Sent", "sum by (instance) (rate(node_network_transmit_bytes_total{HOSTS, %s}[RATE])) * 8" % CARDS, "bps"),
        Column("Containers", "count by (instance) (container_last_seen{SOME})", "short"),
        Column("Killed for memory", "sum by (instance) (increase(node_vmstat_oom_kill{HOSTS}[RANGE]))", "short", ANY_IS_BAD,
               decimals=0),
        Column("Up for", "max by (instance) (node_time_seconds{HOSTS} - node_boot_time_seconds{HOSTS})", "s"),
    ], link=ROW_TO_HOST)

TRENDS = [
    timeseries("CPU by host", "percentunit", "Share of each host's CPUs that is in use; what its hypervisor took is not.",
               Query(BUSY, "{{instance}}"),
               top=1, steps=FULL, link=TO_HOST),
    timeseries("Memory by host", "percentunit", "Share of each host's memory that is not available. Above 95 % the host is "
               "about to swap or to kill.", Query("max by (instance) (%s)" % USED, "{{instance}}"), top=1, steps=FULL,
               link=TO_HOST),
    timeseries("Fullest file system by host", "percentunit", "The fullest file system on disks of each host.",
               Query(FULLEST, "{{instance}}"), top=1, steps=FULL, link=TO_HOST),
    timeseries("CPU pressure by host", "percentunit", "Share of time in which some task was ready but had no CPU. Absent on "
               "kernels without pressure stall information.", Query(WAITING % "cpu", "{{instance}}"), link=TO_HOST),
    timeseries("Memory pressure by host", "percentunit", "Share of time in which some task waited for memory to be reclaimed "
               "or read back. More than a tenth for minutes: too little memory. Absent on kernels without pressure stall "
               "information.",
               Query(WAITING % "memory", "{{instance}}"), steps=PRESSED, link=TO_HOST),
    timeseries("I/O pressure by host", "percentunit", "Share of time in which some task waited for a disk. Absent on kernels "
               "without pressure stall information.", Query(WAITING % "io", "{{instance}}"), steps=PRESSED, link=TO_HOST),
    timeseries("Network by host", "bps", "Bits on network cards and bonds; interfaces of containers and bridges are left out. "
               "Sent is below the axis.",
               Query("sum by (instance) (rate(node_network_receive_bytes_total{HOSTS, %s}[RATE])) * 8" % CARDS,
                     "{{instance}} received"),
               Query("sum by (instance) (rate(node_network_transmit_bytes_total{HOSTS, %s}[RATE])) * 8" % CARDS,
                     "{{instance}} sent",
                     "below"), link=TO_HOST),
    timeseries("Containers by host", "short", "Containers that run on each host. A drop on one host alone is worth a look.",
               Query("count by (instance) (container_last_seen{SOME})", "{{instance}}"), link=TO_HOST),
    timeseries("Load per CPU by host", "short", "Tasks that run, wait for a CPU or wait for a disk, for each CPU. Well above 1 "
               "for long: see which pressure it is.",
               Query('max by (instance) (node_load5{HOSTS}) / count by (instance) (node_cpu_seconds_total{HOSTS, mode="idle"})',
                     "{{instance}}"), link=TO_HOST),
]


def top(title, unit, description, expression, pick="sort_desc(topk(10, %s))", **more):
    """The ten containers with the most of something; `expression` has a value for each(...)."""
    return bar_gauge(title, unit, description, pick % expression, LEGEND, link=TO_CONTAINER, **more)


def waiting(what):
    """A label for what is short, so that the three can stand side by side."""
    return 'label_replace(%s, "short_of", "%s", "", "")' % (
        ALL.bare_rate("container_pressure_%s_waiting_seconds_total" % what), what)


ALL = Containers("SOME")
STAND_OUT = [
    top("Most CPU", "short", "The ten containers that use the most CPU now, in CPUs.", ALL.cpu()),
    top("Most memory", "bytes", "The ten containers with the largest working set: memory in use without page cache that could "
        "go.", ALL.working_set()),
    top("Nearest to their memory limit", "percentunit", "Working set as a share of the limit. Above 90 % the next allocation "
        "may be the last; only containers with a limit.", ALL.memory_share(), steps=FULL, top=1),
    top("Most throttled", "percentunit", "Share of quota periods in which the container was stopped; only containers with a "
        "quota.", ALL.throttled(), steps=THROTTLED, top=1),
    top("Most block I/O", "Bps", "Bytes read from and written to disks. On cgroup v1 absent until the kernel counts them for a "
        "container; what is written back later may be counted elsewhere there.",
        each(alive("(%s + %s)"
                   % (ALL.bare_rate("container_fs_reads_bytes_total"), ALL.bare_rate("container_fs_writes_bytes_total")),
                   "SOME"))),
    top("Most network", "bps", "Bits received and sent. In Kubernetes they are the pod's, and shown once: on its sandbox.",
        each(alive("8 * (%s + %s)" % (ALL.bare_rate("container_network_receive_bytes_total", WIRE),
                                      ALL.bare_rate("container_network_transmit_bytes_total", WIRE)), "SOME"))),
    top("Most held up", "percentunit", "The highest of three pressures: the share of time in which some task of the container "
        "waited for CPU, memory or I/O." + NO_GROUP_PSI,
        each(alive("(%s)" % " or ".join(map(waiting, ("cpu", "memory", "io"))), "SOME"), "max"),
        steps=steps((0.2, "orange"), (0.5, "red"))),
    top("Killed for memory", "short", "Processes that the kernel killed for want of memory, within the time range. Ended "
        "containers count as long as they are kept. No bar: none.", ALL.killed("RANGE"), steps=ANY_IS_BAD),
    top("Youngest", "s", "How long ago the youngest containers were started. One that is there at a few seconds whenever you "
        "look restarts in a loop.", ALL.age(), pick="sort(bottomk(10, %s))"),
]

DASHBOARD = Dashboard(
    "plimsoll-fleet", "Plimsoll / Fleet", "All hosts and the containers that stand out: where to look first.", hosts(many=True),
    [Row("At a glance", GLANCE), Row("Hosts", [EVERY_HOST]), Row("Containers that stand out", STAND_OUT),
     Row("Hosts over time", TRENDS)])
