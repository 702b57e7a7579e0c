#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What each dashboard shows of a live machine; run by itself, it prints that: panels, expressions, how many are filled.

    PLIMSOLL=build/release/bin/plimsoll tests/dashboards/report.py [--empty] [UID...]
"""
import collections
import dataclasses
import glob
import os
import re
import sys

import grafana
import lint

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "e2e"))
import support  # noqa: E402

# Families of which no series is right on the machines where this runs, and why. An expression may be empty that asks for
# one of them.
EXCUSES = {
    r"node_md_": "no RAID arrays here",
    r"node_schedstat_": "the kernel here has no scheduler statistics",
    r"node_pressure_irq_": "the kernel here does not account interrupt time",
    r"deriv\(node_filesystem_avail_bytes": "no file system here fills steadily",
    r"plimsoll_collection_failures_total.*> 0": "no collector fails here",
}
if not os.path.exists("/proc/pressure/cpu"):
    EXCUSES[r"node_pressure_"] = "the kernel here has no pressure stall information"
if support.is_v2():
    EXCUSES[r"container_tasks_state"] = "only on cgroup v1"
# The machine on paper has v2's groups and hardware, but no network, no ended containers and nothing that taskstats knows.
NOT_ON_PAPER = re.compile(r"container_network_|plimsoll_container_(sockets|tcp|exit_code|end_time|oom_killed)")
HALVES = "(half-node|half-cadvisor)"  # two jobs instead of one


@dataclasses.dataclass
class Answer:
    """What Prometheus said to one expression: `series` are the labels of the results, for each machine of choices()."""
    panel: dict
    ref: str
    expression: str
    excuse: str
    series: dict = dataclasses.field(default_factory=dict)
    filled: set = dataclasses.field(default_factory=set)  # by which of the machines of choices()
    missing_labels: set = dataclasses.field(default_factory=set)
    stray_columns: set = dataclasses.field(default_factory=set)


def choices(uid, live):
    """[(machine, values of variables)] to try: "all" with every kind of metric, "default", "v2" on paper, "halves"
    with two jobs, "several" hosts. Of the choices of a machine the first that has an answer is the only one that counts."""
    hosts = (("all", live.agent, live.job), ("default", live.plain, live.job), ("v2", live.paper, "paper"),
             ("halves", live.plain, HALVES))
    if uid == "plimsoll-host":
        return [(machine, {"job": job, "instance": agent.address}) for machine, agent, job in hosts]
    if uid == "plimsoll-container":
        names = ("busy", "flaky", "leaky", "failed", "bloated", live.container_name("shop", "web-0", "app"))
        return [(machine, {"job": job, "instance": agent.address, "name": name}) for machine, agent, job in hosts
                for name in (("printed",) if machine == "v2" else names)]
    chosen = [(machine, {"job": job, "instance": grafana.escaped(agent.address)}) for machine, agent, job in hosts]
    return [*chosen, ("several", {"job": f"({live.job}|paper)"})]


def excuse(expression):
    plain = re.sub(r"\{[^}]*\}", "", expression)
    return next((why for pattern, why in EXCUSES.items() if re.search(pattern, plain)), "")


def ask(dashboard, live):
    """An Answer for each expression."""
    tried = [(machine, grafana.resolve(dashboard, live.prometheus, chosen))
             for machine, chosen in choices(dashboard["uid"], live)]
    return [answer(panel, ref, expression, tried, live) for panel, ref, expression in lint.expressions(dashboard)]


def answer(panel, ref, expression, tried, live):
    result = Answer(panel, ref, expression, excuse(expression))
    target = next(one for one in panel["targets"] if one["refId"] == ref)
    for machine, values in tried:
        if machine in result.filled:
            continue
        series = [labels for labels, _ in live.prometheus.query(grafana.expand(expression, values))]
        result.series[machine] = series
        if series:
            result.filled.add(machine)
        for labels in series:
            result.missing_labels |= wanted_labels(panel, target) - set(labels)
            result.stray_columns |= stray_labels(panel, labels)
    return result


def wanted_labels(panel, target):
    labels = set(lint.LEGEND.findall(target["legendFormat"]))
    if panel["type"] != "table":
        for link in panel["fieldConfig"]["defaults"].get("links", []):
            if link["url"].startswith("/d/") and "outside" not in target["legendFormat"]:
                labels |= set(lint.LABEL_IN_LINK.findall(link["url"] + link["title"]))
    return labels


def stray_labels(panel, labels):
    """Labels of a table's row that no column is there for, and columns without a label."""
    for transformation in panel.get("transformations", []):
        if transformation["id"] == "organize":
            columns = {name for name in transformation["options"]["indexByName"] if not name.startswith("Value")}
            optional = {"namespace", "pod", "container"}
            return {name for name in labels if name not in columns} | (columns - set(labels) - optional - {"image", "id"})
    return set()


def ambiguous(answers):
    """[(panel, legend)] of series that a reader cannot tell apart."""
    found, by_panel = [], collections.defaultdict(list)
    for one in answers:
        if one.panel["type"] in ("timeseries", "bargauge"):
            by_panel[one.panel["id"]].append(one)
    for group in by_panel.values():
        for machine in group[0].series:
            legends = [legend(one, labels) for one in group for labels in one.series[machine]]
            found += [(group[0].panel["title"], text) for text, times in collections.Counter(legends).items() if times > 1]
    return sorted(set(found))


def legend(one, labels):
    form = next(target["legendFormat"] for target in one.panel["targets"] if target["refId"] == one.ref)
    return str(sorted(labels.items())) if form == "__auto" else lint.LEGEND.sub(lambda match: labels.get(match[1], ""), form)


def groups_have_pressure():
    """Whether groups of v1 have a tree of v2 beside them that tells it."""
    return os.path.exists("/proc/pressure/cpu") and os.path.exists("/sys/fs/cgroup/unified/cgroup.controllers")


def container_half():
    """Families of the agent's own that the page with the containers' half has as well."""
    return {name for name in lint.documented() if name.startswith("plimsoll_")}


def shown_families(live):
    names = re.compile(r"^# TYPE (\S+) ", re.M)
    return {name for agent in (live.agent, live.plain) for name in names.findall(agent.metrics())}


def variable_values(dashboards, live):
    """(dashboard, variable, the values that it offers); chosen are the job, and the host where that is one."""
    for dashboard in dashboards:
        one = any(variable["name"] == "instance" and not variable["multi"] for variable in dashboard["templating"]["list"])
        chosen = {"job": f"({live.job}|paper)", **({"instance": live.agent.address} if one else {})}
        values = grafana.resolve(dashboard, live.prometheus, chosen)
        for variable in dashboard["templating"]["list"]:
            if variable["type"] == "query":
                offered = {text for text, _ in grafana.options(variable, live.prometheus, values)}
                yield dashboard["uid"], variable["name"], offered


def expected_values(live):
    return {"cluster": {"berlin"}, "job": {live.job, "paper", "half-node", "half-cadvisor", "pushed"},
            "instance": {live.agent.address, live.plain.address, live.paper.address},
            "name": {"busy", "failed", "shop/web-0/app", "shop/web-0"}, "namespace": {"shop", "infra"},
            "pod": {"web-0", "web-1", "dns-0"},
            "container": {"app", "sidecar", "dns"}}


def main(arguments):
    import live as stage
    wanted = [word for word in arguments if not word.startswith("--")]
    with stage.Live() as live:
        live.wait(6 * grafana.SCRAPES)
        for path in sorted(glob.glob(str(support.REPOSITORY / "dashboards" / "*.json"))):
            dashboard = lint.load(path)
            if wanted and dashboard["uid"] not in wanted:
                continue
            answers = ask(dashboard, live)
            print("%-22s %3d panels %3d expressions %3d filled" % (
                dashboard["uid"], len(list(lint.panels(dashboard))), len(answers), sum(bool(one.filled) for one in answers)))
            for one in answers:
                empty = {"all", "default", "v2", "halves"} - one.filled
                if not one.filled or "--all" in arguments and empty:
                    print("    %-34s %s  %s  %s" % (one.panel["title"], one.ref, " ".join(sorted(empty)),
                                                   one.excuse or one.expression))


if __name__ == "__main__":
    main(sys.argv[1:])
