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

# Families of which no series is right on the machines where this runs, and why. An expression may be empty that asks for
# one of them.
EXCUSES = {
    r"node_hwmon_|node_cpu_scaling_|node_cpu_package_throttles|node_edac_|node_md_|node_rapl_": "virtual machines have no such "
                                                                                                "hardware",
    r"node_schedstat_": "the kernel here has no scheduler statistics",
    r"node_pressure_irq_": "the kernel here does not account interrupt time",
    r"node_filesystem_avail_bytes.*deriv": "no file system here fills steadily",
    r"container_fs_usage_bytes|container_fs_limit_bytes|plimsoll_container_layer_": "our test containers have no writable layer",
    r"container_memory_events_|container_memory_pg(scan|steal)_|container_fs_io_cost_": "only on cgroup v2",
    r"container_hugetlb_": "no hugetlb controller here",
    r"plimsoll_collection_failures_total.*> 0": "no collector fails here",
}
if not os.path.exists("/proc/pressure/cpu"):
    EXCUSES[r"node_pressure_|container_pressure_"] = "the kernel here has no pressure stall information"


@dataclasses.dataclass
class Answer:
    """What Prometheus said to one expression, with the best of the choices of variables."""
    panel: dict
    ref: str
    expression: str
    series: list                 # of labels
    filled: bool
    filled_by_default: bool      # by the agent that has only what is on by default
    excuse: str
    missing_labels: set
    stray_columns: set


def choices(uid, live):
    """Values of variables to try, per dashboard; those of the agent with everything first."""
    agent, plain = live.agent.address, live.plain.address
    if uid == "plimsoll-container":
        app = live.container_name("shop", "web-0", "app")
        return [{"instance": host, "name": name} for host in (agent, plain)
                for name in ("busy", "flaky", "failed", "bloated", "leaky", app)]
    if uid == "plimsoll-host":
        return [{"instance": agent}, {"instance": plain}]
    return [{"job": "plimsoll", "instance": grafana.escaped(agent)}, {"job": "plimsoll", "instance": grafana.escaped(plain)},
            {"job": "plimsoll"}]


def excuse(expression):
    plain = re.sub(r"\{[^}]*\}", "", expression)
    return next((why for pattern, why in EXCUSES.items() if re.search(pattern, plain)), "")


def ask(dashboard, live):
    """An Answer for each expression."""
    tried = [(chosen, grafana.resolve(dashboard, live.prometheus, chosen)) for chosen in choices(dashboard["uid"], live)]
    return [answer(panel, ref, expression, tried, live) for panel, ref, expression in lint.expressions(dashboard)]


def answer(panel, ref, expression, tried, live):
    results, cache = [], {}
    for chosen, values in tried:
        query = grafana.expand(expression, values)
        if query not in cache:
            cache[query] = [labels for labels, _ in live.prometheus.query(query)]
        results.append((live.plain.address not in grafana_unescaped(chosen.get("instance", "")), chosen, cache[query]))
    target = next(one for one in panel["targets"] if one["refId"] == ref)
    missing, stray = set(), set()
    for _, _, series in results:
        for labels in series:
            missing |= wanted_labels(panel, target) - set(labels)
            stray |= stray_labels(panel, labels)
    return Answer(panel, ref, expression, [(tuple(sorted(chosen.items())), series) for _, chosen, series in results],
                  any(series for everything, _, series in results if everything),
                  any(series for everything, _, series in results if not everything), excuse(expression), missing, stray)


def grafana_unescaped(text):
    return text.replace("\\", "")


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
        for number in range(len(group[0].series)):
            legends = [legend(one, labels) for one in group for labels in one.series[number][1]]
            found += [(group[0].panel["title"], text) for text, times in collections.Counter(legends).items() if times > 1]
    return sorted(set(found))


def legend(one, labels):
    form = next(target["legendFormat"] for target in one.panel["targets"] if target["refId"] == one.ref)
    return str(sorted(labels.items())) if form == "__auto" else lint.LEGEND.sub(lambda match: labels.get(match[1], ""), form)


def shown_families(live):
    names = re.compile(r"^# TYPE (\S+) ", re.M)
    return {name for agent in (live.agent, live.plain) for name in names.findall(agent.metrics())}


def variable_values(dashboards, live):
    """(dashboard, variable, the values that it offers) with nothing chosen but the job."""
    for dashboard in dashboards:
        values = grafana.resolve(dashboard, live.prometheus, {"job": "plimsoll"})
        for variable in dashboard["templating"]["list"]:
            if variable["type"] == "query":
                offered = {text for text, _ in grafana.options(variable, live.prometheus, values)}
                yield dashboard["uid"], variable["name"], offered


def expected_values(live):
    return {"cluster": set(), "job": {"plimsoll"}, "instance": {live.agent.address, live.plain.address},
            "name": {"busy", "failed", "shop/web-0/app", "shop/web-0"}, "namespace": {"shop", "infra"},
            "pod": {"web-0", "web-1", "dns-0"},
            "container": {"app", "sidecar", "dns"}}


def main(arguments):
    import live as stage
    import support
    wanted = [word for word in arguments if not word.startswith("--")]
    with stage.Live() as live:
        live.wait(12)
        for path in sorted(glob.glob(str(support.REPOSITORY / "dashboards" / "*.json"))):
            dashboard = lint.load(path)
            if wanted and dashboard["uid"] not in wanted:
                continue
            answers = ask(dashboard, live)
            print("%-22s %3d panels %3d expressions %3d filled" % (
                dashboard["uid"], len(list(lint.panels(dashboard))), len(answers), sum(one.filled for one in answers)))
            for one in answers:
                if not one.filled:
                    print("    %-34s %s  %s" % (one.panel["title"], one.ref, one.excuse or "NO SERIES: " + one.expression))


if __name__ == "__main__":
    main(sys.argv[1:])
