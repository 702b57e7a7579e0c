# SPDX-License-Identifier: Apache-2.0
"""How containers come and go, the short-lived ones above all: what they used is kept here after their end, and what could
not be kept is counted."""
from panels import (ANY_IS_BAD, EXIT_CODES, ROW_TO_CONTAINER, TO_CONTAINER, Column, Dashboard, Query, Row, bar_gauge, each,
                    hosts, stat, steps, table, timeseries, values)

ENDED = "plimsoll_container_exit_code{SOME}"
# With `id`: shown since they were seen to end. Without one they are what an engine keeps, for years maybe.
SEEN = 'last_over_time(plimsoll_container_%s{SOME, id!=""}[RANGE])'
LATELY = "$__interval_ms / 1000"
KEPT = (" What ended containers used stays for --exited.retention (five minutes by default). Then that of plimsoll run's is "
        "added to totals without names; that of other engines' is gone.")


def increase(family, window="RANGE", who="HOSTS"):
    return "increase(%s{%s}[%s])" % (family, who, window)


def of_ended(family, more=""):
    """The last value of a counter of containers that have ended."""
    return each("%s{SOME%s} and on (instance, id) %s" % (family, ", " + more if more else "", ENDED))


def kills():
    """Each within the range, once: as counted, or there already when a container that began in the range was first scraped.
    Containers of plimsoll run that are no longer shown are in the totals; no other engine's ever are."""
    family, totals = "container_oom_events_total", increase("plimsoll_exited_containers_oom_kills_total")
    forgotten = ('(last_over_time(container_info{HOSTS, engine="plimsoll"}[RANGE]) unless on (instance, id) '
                 'container_info{HOSTS, engine="plimsoll"})')
    young = "last_over_time(container_start_time_seconds{SOME}[RANGE]) > time() - $__range_s"
    parts = ("%s unless on (instance, id) %s" % (increase(family, who="SOME"), forgotten),
             "(min_over_time(%s{SOME}[RANGE]) and on (instance, id) (%s)) unless on (instance, id) %s"
             % (family, young, forgotten), totals)
    return " + ".join("(sum(%s) or vector(0))" % part for part in parts)


OVERVIEW = [
    stat("Running", "short", "Containers that run now.", "count(container_last_seen{SOME}) or vector(0)"),
    stat("Ended", "short", "Containers of all engines that were shown as ended within the time range. One that its engine "
         "starts again under the same id counts once.",
         "count(%s) or vector(0)" % (SEEN % "end_time_seconds"), graph=False),
    stat("Failed", "short", "Of those, the ones whose last exit code is known and not 0. Worry when there are more than you "
         "deploy.",
         "count(%s > 0) or vector(0)" % (SEEN % "exit_code"), steps=steps((1, "orange")), graph=False),
    stat("Killed for memory", "short", "Processes in containers that the kernel killed for want of memory, within the time "
         "range: also in containers that no scrape has seen running, as long as one has seen them ended.", kills(),
         steps=ANY_IS_BAD, graph=False),
    stat("Restarted", "short", "Restarts by the restart policy of Docker and Podman, within the time range. Empty without "
         "those engines.",
         "sum(%s)" % increase("plimsoll_container_restarts_total", who="SOME"), steps=steps((1, "orange")), graph=False),
    stat("Not healthy", "short", "Containers whose health check fails, or has not succeeded yet.",
         "count(container_health_state{SOME} == 0) or vector(0)", steps=steps((1, "orange"))),
    stat("Ends without final figures", "short", "Containers of other engines whose counters could not be read a last time, "
         "within the time range: up to one scrape interval of theirs is missing. 0 for containers of plimsoll run.",
         "sum(%s)" % increase("plimsoll_container_finals_missed_total"), steps=steps((1, "orange")), graph=False),
    stat("Never seen", "short", "Containers of other engines that were gone before they could be looked at, within the time "
         "range.",
         "sum(%s)" % increase("plimsoll_container_births_missed_total"), steps=steps((1, "orange")), graph=False),
]

FLOW = [
    timeseries("Running containers", "short", "Containers that run on each host.",
               Query("count by (instance) (container_last_seen{SOME})", "{{instance}}"), stack=True),
    timeseries("Starts", "short", "Containers that were started within each interval of the graph and still run.",
               Query("count by (instance) (time() - container_start_time_seconds{SOME} < %s) or 0 * count by (instance) "
                     "(container_last_seen{SOME})"
                     % LATELY, "{{instance}}"), bars=True),
    timeseries("Ends", "short", "Containers that ended within each interval of the graph. Exact for intervals up to the "
               "retention.",
               Query("count by (instance) (time() - plimsoll_container_end_time_seconds{SOME} < %s) or 0 * count by (instance) "
                     "(container_last_seen{SOME})"
                     % LATELY, "{{instance}}"), bars=True),
    timeseries("Containers by state", "short", "What the engines say. Containers of plain containerd have no state on disk and "
               "are not counted.",
               Query("sum by (state) (plimsoll_container_state{SOME})", "{{state}}"), stack=True),
    timeseries("Restarts", "short", "Restarts by the engine's restart policy. Bars that come back: it fails again and again.",
               Query(each(increase("plimsoll_container_restarts_total", "RATE", "SOME")), "{{who}} on {{instance}}"), bars=True,
               link=TO_CONTAINER),
    timeseries("Killed for memory", "short", "Processes that the kernel killed for want of memory; no line where there are none.",
               Query("topk(15, %s)" % each(increase("container_oom_events_total", "RATE", "SOME") + " > 0"),
                     "{{who}} on {{instance}}"), bars=True,
               link=TO_CONTAINER),
]

RECENT = [
    table("Ended lately", "Containers that have ended, with what they used from begin to end. A short container that no scrape "
          "has seen running is here too." + KEPT, {"who": "Container", "instance": "Host"}, [
              Column("Ended", each("1000 * plimsoll_container_end_time_seconds{SOME}", "max"), "dateTimeFromNow"),
              Column("Exit code", each(ENDED, "max"), "none", steps((1, "orange"), (128, "red")), mappings=values(EXIT_CODES)),
              Column("Killed for memory", each("plimsoll_container_oom_killed{SOME}", "max"), "none",
                     mappings=values({0: ("no", "green"), 1: ("yes", "red")})),
              Column("CPU time", of_ended("container_cpu_usage_seconds_total"), "s"),
              Column("Read", of_ended("container_fs_reads_bytes_total"), "bytes"),
              Column("Written", of_ended("container_fs_writes_bytes_total"), "bytes"),
              Column("Major faults", of_ended("container_memory_failures_total", 'failure_type="pgmajfault", scope="container"'),
                     "short"),
          ], link=ROW_TO_CONTAINER, hidden=("name", "namespace", "pod", "container")),
    bar_gauge("Exit codes", "short", "How the containers ended that are still shown. 128 + n is signal n: 137 SIGKILL (often "
              "for memory), 139 SIGSEGV, 143 SIGTERM (an orderly stop). -1: not known.",
              'sort_desc(count_values("code", %s))' % ENDED, "{{code}}"),
    bar_gauge("Youngest", "s", "How long ago the youngest containers were started.",
              "sort(bottomk(10, %s))" % each("time() - container_start_time_seconds{SOME}", "min"), "{{who}} on {{instance}}",
              link=TO_CONTAINER),
    bar_gauge("Restarts by container", "short", "Restarts by the engine's restart policy, ever. Docker and Podman count them; "
              "in Kubernetes see its dashboard.", "sort_desc(topk(10, %s))" % each("plimsoll_container_restarts_total{SOME}"),
              "{{who}} on {{instance}}",
              steps=steps((1, "orange"), (10, "red")), link=TO_CONTAINER),
]


def forgotten(family):
    return "sum(rate(plimsoll_exited_containers_%s{HOSTS}[RATE]))" % family


TOTALS = (" Of containers of plimsoll run that are no longer shown one by one, added at the end of their retention: bars where "
          "others show nothing. There are no totals of other engines' containers.")
LOST = [
    timeseries("Ended, added to the totals", "short", "Containers, and those that failed." + TOTALS,
               Query("sum(%s)" % increase("plimsoll_exited_containers_total", "RATE"), "ended"),
               Query("sum(%s)" % increase("plimsoll_exited_containers_failed_total", "RATE"), "failed"),
               Query("sum(%s)" % increase("plimsoll_exited_containers_oom_kills_total", "RATE"), "killed for memory"), bars=True),
    timeseries("CPU of forgotten containers", "short", "CPUs that they used." + TOTALS,
               Query(forgotten("cpu_user_seconds_total"), "programs"), Query(forgotten("cpu_system_seconds_total"), "kernel"),
               Query(forgotten("cpu_usage_seconds_total"), "all", "alone"),
               Query(forgotten("cfs_throttled_seconds_total"), "throttled", "alone"), stack=True),
    timeseries("Block I/O of forgotten containers", "Bps", "Bytes read; written ones are below the axis." + TOTALS,
               Query(forgotten("fs_reads_bytes_total"), "read"), Query(forgotten("fs_writes_bytes_total"), "written", "below")),
    timeseries("Block requests of forgotten containers", "iops", "Requests to block devices; writes are below the axis." + TOTALS,
               Query(forgotten("fs_reads_total"), "reads"), Query(forgotten("fs_writes_total"), "writes", "below")),
    timeseries("Network of forgotten containers", "bps", "Bits received; sent ones are below the axis." + TOTALS,
               Query("8 * " + forgotten("network_receive_bytes_total"), "received"),
               Query("8 * " + forgotten("network_transmit_bytes_total"), "sent", "below")),
    timeseries("Packets of forgotten containers", "pps", "Packets received; sent ones are below the axis." + TOTALS,
               Query(forgotten("network_receive_packets_total"), "received"),
               Query(forgotten("network_transmit_packets_total"), "sent", "below")),
    timeseries("Page faults of forgotten containers", "ops", "All faults, and those that had to read from a disk." + TOTALS,
               Query(forgotten("memory_page_faults_total"), "all"), Query(forgotten("memory_major_page_faults_total"), "major"),
               log=True),
    table("What was lost", "Since the agents were started. Ends without final figures and containers that were never seen: of "
          "other engines, which remove a group as soon as it is empty. Unreadable: final records of our own containers. "
          "Unresolved: groups with a container's name that no engine's files know. `Learned by`: how births and deaths are "
          "noticed; with `scan` short lives between two scrapes are missed.",
          {"instance": "Host", "source": "Learned by"}, [
              Column(header, 'max by (instance, source) (%s{HOSTS} * on (cluster, job, instance) group_left (source) '
                             'plimsoll_cgroup_events_info{HOSTS})'
                     % family, "short", steps((1, "orange")))
              for header, family in (("Without final figures", "plimsoll_container_finals_missed_total"),
                                     ("Never seen", "plimsoll_container_births_missed_total"),
                                     ("Unreadable", "plimsoll_exited_records_unreadable"),
                                     ("Unresolved", "plimsoll_containers_unresolved"),
                                     ("Labels left out", "plimsoll_dropped_labels"))],
          width=16, height=8, sort="+Host"),
]

DASHBOARD = Dashboard(
    "plimsoll-lifecycle", "Plimsoll / Lifecycle", "How containers come and go, the short-lived ones above all.", hosts(many=True),
    [Row("Overview", OVERVIEW), Row("Coming and going", FLOW), Row("Ends", RECENT), Row("What other exporters lose", LOST)],
    annotations=(("Starts of agents", "1000 * process_start_time_seconds{HOSTS}", "The agent was started", "blue"),))
