# SPDX-License-Identifier: Apache-2.0
"""Kubernetes from namespaces over pods to containers, by what the kernel says about them: usage and limits as they are
enforced. Requests are not known to the kernel, but for CPU they are the weight; the rest is kube-state-metrics' to tell."""
from panels import (ANY_IS_BAD, FULL, NO_GROUP_PSI, PRESSED, ROW_TO_CONTAINER, THROTTLED, Column, Dashboard, Query, Row, alive,
                    gauge, hosts, link, stat, steps, table, timeseries, variable)

UID = "plimsoll-kubernetes"
NAMESPACE, IN_POD, IN_CONTAINER = "namespace", "namespace, pod", "namespace, pod, container"
SANDBOX = " A pod's network is on its sandbox, so it is the whole pod's."


def rate(family, who="POD", more=""):
    return "rate(%s{%s%s}[RATE])" % (family, who, ", " + more if more else "")


def total(by, expression):
    return "sum by (%s) (%s)" % (by, expression)


CPU = rate("container_cpu_usage_seconds_total")
# A container without a request has the least weight there is, 2.
REQUESTED = "(container_spec_cpu_shares{CONTAINER} > 2) / 1024"
CPU_LIMIT = "container_spec_cpu_quota{CONTAINER} / container_spec_cpu_period{CONTAINER}"
WORKING_SET = "container_memory_working_set_bytes{POD}"
MEMORY_LIMIT = "(container_spec_memory_limit_bytes{CONTAINER} > 0)"
NEAREST = "container_memory_working_set_bytes{CONTAINER} / %s" % MEMORY_LIMIT
STOPPED = "%s / (%s > 0)" % (rate("container_cpu_cfs_throttled_periods_total", "CONTAINER"),
                             rate("container_cpu_cfs_periods_total", "CONTAINER"))
RECEIVED = "8 * " + rate("container_network_receive_bytes_total", more='interface!="lo"')
SENT = "8 * " + rate("container_network_transmit_bytes_total", more='interface!="lo"')
DROPPED = "%s + %s" % (rate("container_network_receive_packets_dropped_total"),
                       rate("container_network_transmit_packets_dropped_total"))
KILLED = "increase(container_oom_events_total{POD}[RANGE])"
# Each start of a container is a container of its own.
STARTS = "count by (%s) (count by (%s, name) (max_over_time(container_info{CONTAINER}[RANGE])))" % (IN_CONTAINER, IN_CONTAINER)


def to_self(title, more):
    return link(title, UID, "${instance:queryparam}&" + more)


OVERVIEW = [
    stat("Namespaces", "short", "Namespaces with a container that runs on the chosen hosts.",
         "count(count by (namespace) (container_last_seen{POD}))"),
    stat("Pods", "short", "Pods that run on the chosen hosts.", "count(count by (namespace, pod) (container_last_seen{POD}))"),
    stat("Containers", "short", "Containers that run now, without the pods' sandboxes.", "count(container_last_seen{CONTAINER})"),
    gauge("CPU of the hosts", "CPU used by the chosen pods, as a share of all CPUs of the chosen hosts.",
          "sum(%s) / sum(machine_cpu_cores{HOSTS})" % CPU),
    gauge("Memory of the hosts", "Working sets of the chosen pods, as a share of all memory of the chosen hosts.",
          "sum(%s) / sum(machine_memory_bytes{HOSTS})" % WORKING_SET),
    stat("Throttled containers", "short", "Containers that their CPU limit stopped in more than a quarter of the periods.",
         "count(%s > 0.25) or vector(0)" % STOPPED, steps=steps((1, "orange"))),
    stat("Killed for memory", "short", "Processes that the kernel killed for want of memory, within the time range.",
         "sum(%s)" % KILLED, steps=ANY_IS_BAD, graph=False),
    stat("Restarts", "short", "Containers that were made in place of one that ended, within the time range.",
         "sum(%s - 1)" % STARTS,
         steps=steps((1, "orange")), graph=False),
]


def columns(by, requested=True):
    """What namespaces and pods have in common."""
    requests = [Column("CPU requested", total(by, REQUESTED), "short", decimals=2)] if requested else []
    return [Column("CPU", total(by, CPU), "short", decimals=2), *requests,
            Column("CPU limits", total(by, CPU_LIMIT), "short", decimals=2),
            Column("Throttled at most", "max by (%s) (%s)" % (by, STOPPED), "percentunit", THROTTLED, decimals=0),
            Column("Working set", total(by, WORKING_SET), "bytes"), Column("Memory limits", total(by, MEMORY_LIMIT), "bytes"),
            Column("Nearest to a limit", "max by (%s) (%s)" % (by, NEAREST), "percentunit", FULL, bar=True),
            Column("Received", total(by, RECEIVED), "bps"), Column("Sent", total(by, SENT), "bps"),
            Column("Killed for memory", total(by, KILLED), "short", ANY_IS_BAD, decimals=0)]


NAMESPACES = [
    table("Namespaces", "One line for each namespace; a name chooses it for all panels here. `CPU requested` is reckoned from "
          "the weights that the kubelet has set, `nearest to a limit` is that of the container whose working set is nearest to "
          "its limit.",
          {"namespace": "Namespace"},
          [*columns(NAMESPACE), Column("Pods", "count by (namespace) (count by (namespace, pod) (container_last_seen{POD}))",
                                       "short")],
          link=to_self("Only this namespace", "var-namespace=${__data.fields.Namespace:percentencode}"), height=7),
    timeseries("CPU by namespace", "short", "CPUs used by all pods of a namespace on the chosen hosts.",
               Query(total(NAMESPACE, CPU), "{{namespace}}"), stack=True, width=12),
    timeseries("Working set by namespace", "bytes", "Memory in use without page cache that could go at once.",
               Query(total(NAMESPACE, WORKING_SET), "{{namespace}}"), stack=True, width=12),
]

PODS = [
    table("Pods", "One line for each pod; a name chooses it for all panels here.", {"pod": "Pod", "namespace": "Namespace"},
          columns(IN_POD),
          link=to_self("Only this pod",
                       "var-namespace=${__data.fields.Namespace:percentencode}&var-pod=${__data.fields.Pod:percentencode}")),
    timeseries("CPU by pod", "short", "CPUs used by the busiest pods.",
               Query("topk(15, %s)" % total(IN_POD, CPU), "{{namespace}}/{{pod}}")),
    timeseries("Working set by pod", "bytes", "Memory in use by the largest pods, without page cache that could go at once.",
               Query("topk(15, %s)" % total(IN_POD, WORKING_SET), "{{namespace}}/{{pod}}")),
    timeseries("Network by pod", "bps", "Bits received; sent ones are below the axis." + SANDBOX,
               Query("topk(15, %s)" % total(IN_POD, RECEIVED), "{{namespace}}/{{pod}} received"),
               Query("topk(15, %s)" % total(IN_POD, SENT), "{{namespace}}/{{pod}} sent", "below")),
    timeseries("Packets dropped by pod", "pps", "Packets thrown away in either direction. Worry when it is not 0." + SANDBOX,
               Query("topk(15, %s)" % total(IN_POD, DROPPED), "{{namespace}}/{{pod}}")),
    timeseries("Block I/O by pod", "Bps", "Bytes read; written ones are below the axis. On cgroup v1 what is written back "
               "later may be counted elsewhere.",
               Query("topk(15, %s)" % total(IN_POD, rate("container_fs_reads_bytes_total")), "{{namespace}}/{{pod}} read"),
               Query("topk(15, %s)" % total(IN_POD, rate("container_fs_writes_bytes_total")), "{{namespace}}/{{pod}} written",
                     "below")),
    timeseries("Threads by pod", "short", "Threads of the pods that have the most.",
               Query("topk(15, %s)" % total(IN_POD, "container_threads{POD}"), "{{namespace}}/{{pod}}")),
]

NAME = "{{namespace}}/{{pod}}/{{container}}"


def worst(title, unit, description, expression, **more):
    return timeseries(title, unit, description, Query("topk(15, %s)" % expression, NAME), **more)


def pressure(what):
    return "max by (%s) (%s)" % (IN_CONTAINER, rate("container_pressure_%s_waiting_seconds_total" % what, "CONTAINER"))


KEYS = "namespace, pod, container, instance, name"
CONTAINERS = [
    table("Containers", "One line for each container that runs; a name leads to its own dashboard.",
          {"container": "Container", "pod": "Pod", "namespace": "Namespace", "instance": "Host"}, [
              Column("CPU", total(KEYS, alive(rate("container_cpu_usage_seconds_total", "CONTAINER"), "CONTAINER")), "short",
                     decimals=2),
              Column("CPU limit", total(KEYS, CPU_LIMIT), "short", decimals=2),
              Column("Throttled", "max by (%s) (%s)" % (KEYS, alive(STOPPED, "CONTAINER")), "percentunit", THROTTLED, decimals=0),
              Column("Working set", total(KEYS, "container_memory_working_set_bytes{CONTAINER}"), "bytes"),
              Column("Memory limit", total(KEYS, MEMORY_LIMIT), "bytes"),
              Column("Of the limit", "max by (%s) (%s)" % (KEYS, NEAREST), "percentunit", FULL, bar=True),
              Column("Threads", total(KEYS, "container_threads{CONTAINER}"), "short"),
              Column("Running for", "time() - max by (%s) (container_start_time_seconds{CONTAINER})" % KEYS, "s"),
          ], link=ROW_TO_CONTAINER, hidden=("name",)),
    worst("CPU of the limit", "percentunit", "CPU used as a share of the limit, for the containers that are nearest to it.",
          "sum by (%s) (%s) / sum by (%s) (%s)" % (IN_CONTAINER, rate("container_cpu_usage_seconds_total", "CONTAINER"),
                                                   IN_CONTAINER, CPU_LIMIT),
          steps=FULL),
    worst("Throttled periods", "percentunit", "Share of quota periods in which a container was stopped; only with a CPU limit.",
          "max by (%s) (%s)" % (IN_CONTAINER, STOPPED), steps=THROTTLED, top=1),
    worst("Working set of the limit", "percentunit", "Working set as a share of the limit; only with a memory limit.",
          "max by (%s) (%s)" % (IN_CONTAINER, NEAREST), steps=FULL, top=1),
    worst("Pressure: CPU", "percentunit", "Share of time in which some task waited for a CPU." + NO_GROUP_PSI, pressure("cpu"),
          steps=PRESSED),
    worst("Pressure: memory", "percentunit", "Share of time in which some task waited for memory." + NO_GROUP_PSI,
          pressure("memory"),
          steps=PRESSED),
    worst("Pressure: I/O", "percentunit", "Share of time in which some task waited for a disk." + NO_GROUP_PSI, pressure("io"),
          steps=PRESSED),
    worst("Killed for memory", "short", "Processes that the kernel killed for want of memory.",
          "sum by (%s) (increase(container_oom_events_total{CONTAINER}[RATE]))" % IN_CONTAINER, bars=True),
    table("Restarts and ends", "Containers of which there was more than one within the time range, and how the last of the "
          "others ended, as long as that is kept (--exited.retention).",
          {"container": "Container", "pod": "Pod", "namespace": "Namespace"}, [
              Column("Restarts", "%s - 1 > 0" % STARTS, "short", steps((1, "orange"))),
              Column("Exit code", "max by (%s) (plimsoll_container_exit_code{CONTAINER})" % IN_CONTAINER, "none",
                     steps((1, "orange"), (128, "red"))),
              Column("Killed for memory", "max by (%s) (plimsoll_container_oom_killed{CONTAINER})" % IN_CONTAINER, "none",
                     ANY_IS_BAD),
              Column("Ended", "1000 * max by (%s) (plimsoll_container_end_time_seconds{CONTAINER})" % IN_CONTAINER,
                     "dateTimeFromNow"),
          ], width=16, height=8),
]

VARIABLES = [
    *hosts(many=True),
    variable("namespace", "Namespace", "Namespaces of Kubernetes.", "label_values(container_info{HOSTS}, namespace)", every=".+"),
    variable("pod", "Pod", "Pods of the chosen namespaces.", 'label_values(container_info{HOSTS, namespace=~"$namespace"}, pod)',
             every=".+"),
    variable("container", "Container", "Containers by their name in the pod; sandboxes have none.",
             'label_values(container_info{HOSTS, namespace=~"$namespace", pod=~"$pod"}, container)', every=".+")]

DASHBOARD = Dashboard(
    UID, "Plimsoll / Kubernetes", "Kubernetes from namespaces over pods to containers, by what the kernel says about them.",
    VARIABLES,
    [Row("Overview", OVERVIEW), Row("Namespaces", NAMESPACES), Row("Pods", PODS), Row("Containers", CONTAINERS)])
