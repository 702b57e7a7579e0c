# SPDX-License-Identifier: Apache-2.0
"""Several containers side by side: who is different from the others?"""
from container_words import LEGEND, WIRE, Containers
from panels import FULL, NO_GROUP_PSI, PRESSED, THROTTLED, TO_CONTAINER, Dashboard, Query, Row, containers, hosts, timeseries

PICKED = Containers("PICKED")


def one(title, unit, description, expression, **more):
    return timeseries(title, unit, description, Query(expression, LEGEND), link=TO_CONTAINER, **more)


def two(title, unit, description, above, below, words):
    return timeseries(title, unit, description + " The second is below the axis.", Query(above, "%s %s" % (LEGEND, words[0])),
                      Query(below, "%s %s" % (LEGEND, words[1]), "below"), link=TO_CONTAINER)


NOW = PICKED.table("Now", "The chosen containers at the end of the time range; a name leads to the container.")

CPU = [
    one("CPU", "short", "CPUs used by each container.", PICKED.cpu()),
    one("CPU of the limit", "percentunit", "CPU used, as a share of the quota; only containers with a quota.",
        PICKED.cpu_share(), steps=FULL),
    one("Throttled periods", "percentunit", "Share of quota periods in which the container was stopped; only containers with a "
        "quota.", PICKED.throttled(), steps=THROTTLED, top=1),
    one("Pressure: CPU", "percentunit", "Share of time in which some task waited for a CPU." + NO_GROUP_PSI,
        PICKED.pressure("cpu"),
        steps=PRESSED),
    one("CPU in the kernel", "short", "CPUs used in the kernel on behalf of each container. More than in programs: it makes "
        "many system calls, or its memory is being reclaimed.", PICKED.rate("container_cpu_system_seconds_total")),
    one("Threads", "short", "Threads of each container.", PICKED.gauge("container_threads")),
]
MEMORY = [
    one("Working set", "bytes", "Memory in use without page cache that could go at once.", PICKED.working_set()),
    one("Working set of the limit", "percentunit", "Working set as a share of the limit; only containers with a limit.",
        PICKED.memory_share(), steps=FULL, top=1),
    one("Pressure: memory", "percentunit", "Share of time in which some task waited for memory." + NO_GROUP_PSI,
        PICKED.pressure("memory"), steps=PRESSED),
    one("Memory of programs", "bytes", "Anonymous memory of each container: what its programs have written to. Steady growth "
        "is a leak.", PICKED.gauge("container_memory_rss")),
    one("Page cache", "bytes", "Page cache of each container.", PICKED.gauge("container_memory_cache")),
    one("Killed for memory", "short", "Processes that the kernel killed for want of memory; no line where there are none.",
        PICKED.killed("RATE"), bars=True),
    one("Major page faults", "ops", "Faults that had to read from a disk.",
        PICKED.rate("container_memory_failures_total", 'failure_type="pgmajfault", scope="container"')),
    one("Refaults", "ops", "Page cache that was needed again soon after it had been taken away: the working set does not fit. "
        "Absent on old kernels.", PICKED.rate("container_memory_workingset_refault_file_total")),
]
REST = [
    two("Block I/O", "Bps", "Bytes read from and written to block devices. On cgroup v1 what is written back later may be "
        "counted elsewhere.", PICKED.bytes("reads"), PICKED.bytes("writes"), ("read", "written")),
    two("Block requests", "iops", "Requests to block devices.", PICKED.rate("container_fs_reads_total"),
        PICKED.rate("container_fs_writes_total"), ("reads", "writes")),
    one("Pressure: I/O", "percentunit", "Share of time in which some task waited for a disk." + NO_GROUP_PSI,
        PICKED.pressure("io"),
        steps=PRESSED),
    two("Network", "bps", "Bits received and sent. In Kubernetes they are the pod's, on its sandbox.", PICKED.bits("receive"),
        PICKED.bits("transmit"), ("received", "sent")),
    two("Packets dropped", "pps", "Packets thrown away, received and sent. Worry when it is not 0.",
        PICKED.rate("container_network_receive_packets_dropped_total", WIRE),
        PICKED.rate("container_network_transmit_packets_dropped_total", WIRE), ("received", "sent")),
]

DASHBOARD = Dashboard(
    "plimsoll-compare", "Plimsoll / Compare containers", "Several containers side by side: who is different from the others?",
    [*hosts(many=True), containers(True, 'HOSTS, name!=""')],
    [Row("Now", [NOW]), Row("CPU", CPU), Row("Memory", MEMORY), Row("Block I/O and network", REST)])
