# SPDX-License-Identifier: Apache-2.0
"""Several containers side by side: who is different from the others?"""
from panels import (ANY_IS_BAD, FULL, NO_PSI, PRESSED, ROW_TO_CONTAINER, THROTTLED, TO_CONTAINER, Column, Dashboard, Query, Row,
                    alive, containers,
                    each, hosts, table, timeseries)

LEGEND = "{{who}} on {{instance}}"
LIMIT = "(container_spec_memory_limit_bytes{PICKED} > 0)"
QUOTA = "(container_spec_cpu_quota{PICKED} / container_spec_cpu_period{PICKED})"


def rate(family, more=""):
    return alive("rate(%s{PICKED%s}[RATE])" % (family, ", " + more if more else ""), "PICKED")


CPU = each(rate("container_cpu_usage_seconds_total"))
# The quota is the group's, the usage may be by processor.
CPU_SHARE = "%s / %s" % (CPU, each(QUOTA, "max"))
STOPPED = "%s / (%s > 0)" % (each(rate("container_cpu_cfs_throttled_periods_total")),
                             each(rate("container_cpu_cfs_periods_total")))
WORKING_SET = each("container_memory_working_set_bytes{PICKED}")
MEMORY_SHARE = each("container_memory_working_set_bytes{PICKED} / %s" % LIMIT)
RECEIVED = each("8 * (%s)" % rate("container_network_receive_bytes_total", 'interface!="lo"'))
SENT = each("8 * (%s)" % rate("container_network_transmit_bytes_total", 'interface!="lo"'))
READ = each(rate("container_fs_reads_bytes_total"))
WRITTEN = each(rate("container_fs_writes_bytes_total"))
KILLED = "increase(container_oom_events_total{PICKED}[%s]) > 0"


def one(title, unit, description, expression, **more):
    return timeseries(title, unit, description, Query(expression, LEGEND), link=TO_CONTAINER, **more)


def two(title, unit, description, above, below, words):
    return timeseries(title, unit, description + " The second is below the axis.", Query(above, "%s %s" % (LEGEND, words[0])),
                      Query(below, "%s %s" % (LEGEND, words[1]), "below"), link=TO_CONTAINER)


def pressure(what):
    return each(rate("container_pressure_%s_waiting_seconds_total" % what), "max")


NOW = table(
    "Now", "The chosen containers at the end of the time range; a name leads to the container.",
    {"who": "Container", "instance": "Host"}, [
        Column("CPU", CPU, "short", decimals=2),
        Column("CPU of limit", CPU_SHARE, "percentunit", FULL, bar=True),
        Column("Throttled", STOPPED, "percentunit", THROTTLED, decimals=0),
        Column("Working set", WORKING_SET, "bytes"),
        Column("Memory of limit", MEMORY_SHARE, "percentunit", FULL, bar=True),
        Column("Read", READ, "Bps"), Column("Written", WRITTEN, "Bps"),
        Column("Received", RECEIVED, "bps"), Column("Sent", SENT, "bps"),
        Column("Threads", each("container_threads{PICKED}"), "short"),
        Column("Killed for memory", each(KILLED % "$__range"), "short", ANY_IS_BAD, decimals=0),
        Column("Running for", each("time() - container_start_time_seconds{PICKED}", "min"), "s"),
    ], link=ROW_TO_CONTAINER, hidden=("name", "namespace", "pod", "container"))

CPU_ROW = [
    one("CPU", "short", "CPUs used by each container.", CPU),
    one("CPU of the limit", "percentunit", "CPU used, as a share of the quota; only containers with a quota.", CPU_SHARE,
        steps=FULL),
    one("Throttled periods", "percentunit", "Share of quota periods in which the container was stopped; only containers with a "
        "quota.",
        STOPPED, steps=THROTTLED, top=1),
    one("Pressure: CPU", "percentunit", "Share of time in which some task waited for a CPU." + NO_PSI, pressure("cpu"),
        steps=PRESSED),
    one("Threads", "short", "Threads of each container.", each("container_threads{PICKED}")),
]
MEMORY_ROW = [
    one("Working set", "bytes", "Memory in use without page cache that could go at once.", WORKING_SET),
    one("Working set of the limit", "percentunit", "Working set as a share of the limit; only containers with a limit.",
        MEMORY_SHARE,
        steps=FULL, top=1),
    one("Pressure: memory", "percentunit", "Share of time in which some task waited for memory." + NO_PSI, pressure("memory"),
        steps=PRESSED),
    one("Page cache", "bytes", "Page cache of each container.", each("container_memory_cache{PICKED}")),
    one("Major page faults", "ops", "Faults that had to read from a disk.",
        each(rate("container_memory_failures_total", 'failure_type="pgmajfault", scope="container"'))),
    one("Refaults", "ops", "Page cache that was needed again soon after it had been taken away: the working set does not fit. "
        "Absent on old kernels.", each(rate("container_memory_workingset_refault_file_total"))),
    one("Killed for memory", "short", "Processes that the kernel killed for want of memory; no line where there are none.",
        each(KILLED % "$__rate_interval"), bars=True),
]
REST = [
    two("Block I/O", "Bps", "Bytes read from and written to block devices. On cgroup v1 what is written back later may be "
        "counted elsewhere.",
        READ, WRITTEN, ("read", "written")),
    two("Block requests", "iops", "Requests to block devices.", each(rate("container_fs_reads_total")),
        each(rate("container_fs_writes_total")), ("reads", "writes")),
    one("Pressure: I/O", "percentunit", "Share of time in which some task waited for a disk." + NO_PSI, pressure("io"),
        steps=PRESSED),
    two("Network", "bps", "Bits received and sent. In Kubernetes they are the pod's, on its sandbox.", RECEIVED, SENT,
        ("received", "sent")),
    two("Packets dropped", "pps", "Packets thrown away, received and sent. Worry when it is not 0.",
        each(rate("container_network_receive_packets_dropped_total")),
        each(rate("container_network_transmit_packets_dropped_total")),
        ("received", "sent")),
]

DASHBOARD = Dashboard(
    "plimsoll-compare", "Plimsoll / Compare containers", "Several containers side by side: who is different from the others?",
    [*hosts(many=True), containers(True, 'HOSTS, name!=""')],
    [Row("Now", [NOW]), Row("CPU", CPU_ROW), Row("Memory", MEMORY_ROW), Row("Block I/O and network", REST)])
