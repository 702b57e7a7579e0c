# SPDX-License-Identifier: Apache-2.0
"""The agents themselves: do they work, what do they cost, does all arrive?"""
from panels import ANY_IS_BAD, FULL, ROW_TO_HOST, Column, Dashboard, Query, Row, hosts, stat, steps, table, timeseries, values

LEGEND = "{{instance}}"


def rate(family, more=""):
    return "rate(%s{HOSTS%s}[RATE])" % (family, ", " + more if more else "")


def total(by, family, more=""):
    return "sum by (%s) (%s)" % (by, rate(family, more))


def most(by, family):
    return "max by (%s) (%s{HOSTS})" % (by, family)


FAILING = 'sum by (instance) (increase(plimsoll_collection_failures_total{HOSTS}[RANGE]))'
PER_SCRAPE = "%s / (%s > 0)" % (total("instance, half", "plimsoll_collection_seconds_total"),
                                total("instance, half", "plimsoll_collections_total"))

OVERVIEW = [
    stat("Agents", "short", "Agents that Prometheus knows now.", "count(count by (instance) (plimsoll_build_info{HOSTS}))"),
    stat("Not answering", "short", "Targets that Prometheus could not scrape the last time; agents that push are none.",
         "count(up{HOSTS} == 0) or vector(0)", steps=ANY_IS_BAD),
    stat("Versions", "short", "Different versions in use. More than one while an update rolls out.",
         "count(count by (version, revision) (plimsoll_build_info{HOSTS}))", steps=steps((2, "orange")), graph=False),
    stat("Failing collectors", "short", "Attempts of collectors that failed, within the time range; what a machine does not "
         "have is no failure.",
         "sum(increase(plimsoll_collection_failures_total{HOSTS}[RANGE]))", steps=steps((1, "orange")), graph=False),
    stat("Incomplete scrapes", "short", "Agents whose last scrape lacked groups, or the machine's memory. Worry at the first.",
         "count(container_scrape_error{HOSTS} > 0) or vector(0)", steps=ANY_IS_BAD),
    stat("Refused configurations", "short", "Agents whose last reload was refused and that go on with what they had.",
         "count(plimsoll_config_last_reload_successful{HOSTS} == 0) or vector(0)", steps=ANY_IS_BAD),
    stat("CPU of all agents", "short", "CPUs that all chosen agents use together.",
         "sum(%s)" % rate("process_cpu_seconds_total")),
    stat("Memory of all agents", "bytes", "Resident memory of all chosen agents together.",
         "sum(process_resident_memory_bytes{HOSTS})"),
    table("Agents", "One line for each agent.", {"instance": "Host", "version": "Version", "revision": "Revision"}, [
        Column("Running for", "max by (instance, version, revision) (time() - process_start_time_seconds{HOSTS} * on (cluster, "
               "job, instance) group_left (version, revision) plimsoll_build_info{HOSTS})", "s")],
          width=12, height=7, sort="+Host", link=ROW_TO_HOST),
    table("How it went", "Of each agent: what went wrong within the time range, and how many descriptors it keeps open between "
          "scrapes. When the kept ones reach their bound the rest are opened at each scrape, which is slower.",
          {"instance": "Host"}, [
              Column("Failures", FAILING, "short", steps((1, "orange")), decimals=0),
              Column("Series left out", "sum by (instance) (increase(plimsoll_series_dropped_total{HOSTS}[RANGE]))", "short",
                     decimals=0),
              Column("Refused requests", 'sum by (instance) (increase(plimsoll_http_requests_total{HOSTS, code!~"2.."}[RANGE]))',
                     "short", decimals=0),
              Column("Dropped connections", "sum by (instance) (increase(plimsoll_http_connections_dropped_total{HOSTS}[RANGE]))",
                     "short", decimals=0),
              Column("Kept descriptors", "%s / %s" % (most("instance", "plimsoll_kept_descriptors"),
                                                    most("instance", "plimsoll_kept_descriptors_max")), "percentunit", FULL,
                                                    bar=True),
          ], width=12, height=7, sort="+Host"),
]

SCRAPES = total("instance", "plimsoll_http_requests_total", 'path=~"/metrics.*"')
COST = [
    timeseries("CPU", "short", "CPUs that each agent uses, scrapes included.",
               Query("sum by (instance) (%s)" % rate("process_cpu_seconds_total"), LEGEND)),
    timeseries("CPU of a scrape", "s", "CPU time for each scrape: all that the agent used, over the scrapes that it answered.",
               Query("%s / (%s > 0)" % (total("instance", "process_cpu_seconds_total"), SCRAPES), LEGEND)),
    timeseries("Memory", "bytes", "Resident memory. It depends on the number of groups; steady growth with that unchanged "
               "would be a leak.",
               Query(most("instance", "process_resident_memory_bytes"), LEGEND)),
    timeseries("Open descriptors", "short", "Descriptors that the agent holds, and how many it may. Most are files of groups "
               "kept open between scrapes.",
               Query(most("instance", "process_open_fds"), LEGEND),
               Query(most("instance", "process_max_fds"), LEGEND + " limit", "limit"), log=True),
    timeseries("Samples of a scrape", "short", "Samples in each answer, as Prometheus counts them. A jump: more containers, or "
               "a label that changes all the time.", Query(most("instance", "scrape_samples_scraped"), LEGEND)),
    timeseries("Bytes of a scrape", "bytes", "Size of each answer before compression.",
               Query("%s / (%s > 0)" % (total("instance", "plimsoll_scrape_bytes_total"),
                                        total("instance", "plimsoll_http_requests_total", 'path=~"/metrics.*", code="200"')),
                                        LEGEND)),
]

TIME = [
    timeseries("Duration of a scrape", "s", "As Prometheus sees it, network and parsing included. Worry when it nears the "
               "scrape's timeout.",
               Query(most("instance", "scrape_duration_seconds"), LEGEND)),
    timeseries("Time of each half", "s", "Mean time for the host's families (node) and the containers' (container).",
               Query(PER_SCRAPE, LEGEND + " {{half}}")),
    timeseries("Time of the containers' parts", "s", "Of the last scrape: finding groups, reading them, details such as "
               "processes, ended containers, writing. The longest of all agents.",
               Query("max by (part) (plimsoll_container_collect_duration_seconds{HOSTS})", "{{part}}")),
    timeseries("Slowest collectors of the host", "s", "Time of the slowest collectors in the last scrape; the longest of all "
               "agents.",
               Query("topk(8, %s)" % most("collector", "node_scrape_collector_duration_seconds"), "{{collector}}")),
    timeseries("Failures by collector", "short", "Attempts that failed; no line where none did. The agent's log says why, once.",
               Query("sum by (instance, collector) (increase(plimsoll_collection_failures_total{HOSTS}[RATE])) > 0",
                     LEGEND + " {{collector}}"), bars=True),
    timeseries("Collectors without a source", "short", "Collectors that found nothing of theirs on the machine, or failed. A "
               "change is worth a look.",
               Query("count by (instance) (node_scrape_collector_success{HOSTS} == 0)", LEGEND)),
]

SERVER = [
    timeseries("Requests", "reqps", "Requests that were answered, by path and status. 503: too many scrapes at once.",
               Query(total("path, code", "plimsoll_http_requests_total") + " > 0", "{{path}} {{code}}")),
    timeseries("Connections dropped", "short", "Connections that were ended for the sake of others: too many, or a client that "
               "was too slow.",
               Query("sum by (reason) (increase(plimsoll_http_connections_dropped_total{HOSTS}[RATE]))", "{{reason}}"),
               bars=True),
    timeseries("Samples by format", "ops", "Samples a second in each of the formats.",
               Query(total("format", "plimsoll_scrape_samples_total"), "{{format}}")),
    timeseries("Series left out", "short", "Series left out of answers, by a rule of the configuration or by the bound on "
               "series of one container. `budget`: raise --container.max-series, or find the label that makes so many.",
               Query("sum by (reason) (increase(plimsoll_series_dropped_total{HOSTS}[RATE]))", "{{reason}}"), bars=True),
    timeseries("Containers watched", "short", "Containers of other engines whose end the agent waits for, to read their last "
               "figures.",
               Query(most("instance", "plimsoll_containers_watched"), LEGEND)),
    timeseries("Kept descriptors", "short", "Files of groups that are kept open between scrapes, and how many may be.",
               Query(most("instance", "plimsoll_kept_descriptors"), LEGEND),
               Query(most("instance", "plimsoll_kept_descriptors_max"), LEGEND + " bound", "limit"), log=True),
]

TO = "{{instance}} to {{remote}}"
PUSH = " Only with remote write."


def pushed(title, unit, description, family, kind="gauge", **more):
    expression = {"gauge": most("instance, remote", family), "rate": total("instance, remote", family),
                  "increase": "sum by (instance, remote) (increase(%s{HOSTS}[RATE]))" % family}[kind]
    return timeseries(title, unit, description + PUSH, Query(expression, TO), bars=kind == "increase", **more)


REMOTE = [
    pushed("Behind", "s", "Age of the oldest samples that wait to be sent. Worry when it grows for minutes.",
           "plimsoll_remote_write_behind_seconds"),
    pushed("Waiting on disk", "bytes", "Size of the queue. When it reaches queue_max_bytes the oldest samples are lost.",
           "plimsoll_remote_write_pending_bytes"),
    pushed("Samples sent", "ops", "Samples that the receiver has taken.", "plimsoll_remote_write_samples_total", "rate"),
    pushed("Bytes sent", "Bps", "Bytes of requests that the receiver has taken, compressed.", "plimsoll_remote_write_bytes_total",
           "rate"),
    pushed("Requests that failed", "short", "Requests that are tried again. Some during an outage are no loss.",
           "plimsoll_remote_write_failed_requests_total", "increase"),
    timeseries("Samples lost", "short", "Samples that will never arrive: refused by the receiver, no room in the queue, or the "
               "disk failed. Worry at the first." + PUSH,
               Query("sum by (instance, remote, reason) (increase(plimsoll_remote_write_dropped_samples_total{HOSTS}[RATE]))",
                     TO + " {{reason}}"),
               bars=True, steps=ANY_IS_BAD),
    pushed("Collections left out", "short", "Intervals that were left out since the one before took too long.",
           "plimsoll_remote_write_skipped_collections_total", "increase"),
    timeseries("Last sent", "s", "Time since something was taken." + PUSH,
               Query("time() - max by (instance, remote) (plimsoll_remote_write_last_sent_timestamp_seconds{HOSTS})", TO)),
    pushed("Torn files", "short", "Files of the queue that were damaged, by a loss of power for example.",
           "plimsoll_remote_write_damaged_files_total", "increase"),
]

CONFIGURATION = [
    table("Configuration", "Whether the last reload was taken, and when. An agent that refused it goes on with the one before; "
          "its log says why.",
          {"instance": "Host"}, [
              Column("Last reload", most("instance", "plimsoll_config_last_reload_successful"), "none",
                     mappings=values({0: ("refused", "red"), 1: ("taken", "green")})),
              Column("Read", "1000 * " + most("instance", "plimsoll_config_last_reload_success_timestamp_seconds"),
                     "dateTimeFromNow"),
              Column("Machine read", most("instance", "machine_scrape_error"), "none",
                     mappings=values({0: ("well", "green"), 1: ("failed", "red")})),
              Column("Groups read", most("instance", "container_scrape_error"), "none",
                     mappings=values({0: ("well", "green"), 1: ("not all", "red")})),
          ], width=24, height=6, sort="+Host"),
]

DASHBOARD = Dashboard(
    "plimsoll-agent", "Plimsoll / Agents", "The agents themselves: do they work, what do they cost, does all arrive?",
    hosts(many=True),
    [Row("Overview", OVERVIEW), Row("Cost", COST), Row("Time", TIME), Row("Server", SERVER), Row("Configuration", CONFIGURATION),
     Row("Remote write", REMOTE, collapsed=True)],
    annotations=(("Starts of agents", "1000 * process_start_time_seconds{HOSTS}", "The agent was started", "blue"),))
