# SPDX-License-Identifier: Apache-2.0
"""Why an expression has no answer: from what Prometheus has, from its recording rules, and from docs/HOST.md and
docs/METRICS.md, which say of every family what it takes."""
import os
import re
import sys

import foreign

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "e2e"))
import support  # noqa: E402

STATE_METRICS, KUBELET = "needs kube-state-metrics", "the kubelet's own"
OFF, ABSENT, UNKNOWN = "off by default", "not on this machine", "no exporter's name"
LABELS, EMPTY = "no series with such labels", "nothing at the moment"
KUBELETS = re.compile(r"kubelet_|volume_manager_|storage_operation_|rest_client_|go_|prober_|workqueue_")


def documented():
    """{family: what turns it on when it is off by default, else ""} of all that agents export."""
    families = {}
    host = (support.REPOSITORY / "docs" / "HOST.md").read_text()
    off = set(re.findall(r"^\| \[`(\w+)`\]\(#\w+\) \| off ", host, re.M))
    for name, section in re.findall(r"^## (\w+)\n(.*?)(?=^## |\Z)", host, re.S | re.M):
        for family in re.findall(r"^\| `(\w+)` \|", section, re.M):
            families[family] = f"--collector.{name}" if name in off else ""
    metrics = (support.REPOSITORY / "docs" / "METRICS.md").read_text()
    for family, row in re.findall(r"^\| `(\w+)` \|(.*)$", metrics, re.M):
        kind = re.search(r"\| (\w+) \(off\) \|", row)
        families[family] = f"--enable_metrics={kind[1]}" if kind else ""
    families["node_netstat_Tcp_MaxConn"] = "--collector.netstat.fields=..."  # of hundreds, a few are shown
    return families


def collectors():
    """{name: whether it is on by default} of the host's collectors."""
    text = (support.REPOSITORY / "docs" / "HOST.md").read_text()
    return {name: state == "on" for name, state in re.findall(r"^\| \[`(\w+)`\]\(#\w+\) \| (on|off) ", text, re.M)}


class Reasons:
    def __init__(self, prometheus):
        self.prometheus = prometheus
        self.families, self.collectors = documented(), collectors()
        self.rules = {rule["name"]: rule["query"] for group in prometheus.api("rules")["groups"]
                      for rule in group["rules"] if rule["type"] == "recording"}
        self.names = set(prometheus.api("label/__name__/values"))

    def why(self, expression, depth=3):
        """(one of the classes above, details)"""
        for name, selector in foreign.selectors(expression):
            if name not in self.names:
                return self.of_name(name, depth)
            if not self.prometheus.api("query", query=f"count({selector})")["result"]:
                return LABELS, selector
        return EMPTY, " ".join(expression.split())

    def of_collector(self, name):
        """Of collectors whose families depend on what hardware and other programs call things."""
        for collector in ("systemd", "hwmon"):
            if name.startswith(f"node_{collector}_"):
                return (ABSENT, name) if self.collectors[collector] else (OFF, f"{name}: --collector.{collector}")
        return UNKNOWN, name

    def of_name(self, name, depth):
        if name.startswith("kube_"):
            return STATE_METRICS, name
        if KUBELETS.match(name):
            return KUBELET, name
        if name in self.rules and depth:
            return self.why(self.rules[name], depth - 1)
        if name not in self.families:
            return self.of_collector(name)
        return (OFF, f"{name}: {self.families[name]}") if self.families[name] else (ABSENT, name)
