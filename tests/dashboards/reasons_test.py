# SPDX-License-Identifier: Apache-2.0
"""What explains and what stands in, in the comparison with others' dashboards: reasons and the stand-in for
kube-state-metrics."""
import os
import sys
import unittest
import urllib.request

import peers
import reasons

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "e2e"))
import support  # noqa: E402


class Answers:
    """A Prometheus that has `names`, and series of the selectors in `found`."""

    def __init__(self, names=(), found=(), rules=()):
        self.names, self.found, self.rules = list(names), found, rules

    def api(self, path, query=""):
        if path == "rules":
            return {"groups": [{"rules": [{"type": "recording", "name": name, "query": text} for name, text in self.rules]}]}
        if path == "label/__name__/values":
            return self.names
        return {"result": [1] if query in {f"count({selector})" for selector in self.found} else []}


class Why(unittest.TestCase):
    def why(self, expression, **there):
        return reasons.Reasons(Answers(**there)).why(expression)

    def test_whose_family_it_is(self):
        for expression, reason in (
                ("rate(kube_pod_info[5m])", (reasons.STATE_METRICS, "kube_pod_info")),
                ("kubelet_running_pods", (reasons.KUBELET, "kubelet_running_pods")),
                ("node_ksmd_run", (reasons.OFF, "node_ksmd_run: --collector.ksmd")),
                ("container_tasks_state", (reasons.OFF, "container_tasks_state: --enable_metrics=cpuLoad")),
                ("node_systemd_units", (reasons.OFF, "node_systemd_units: --collector.systemd")),
                ("node_hwmon_temp_celsius", (reasons.ABSENT, "node_hwmon_temp_celsius")),
                ("node_load1", (reasons.ABSENT, "node_load1")),
                ("node_memory_MemFree", (reasons.UNKNOWN, "node_memory_MemFree"))):
            with self.subTest(expression):
                self.assertEqual(reason, self.why(expression))

    def test_labels_and_values(self):
        self.assertEqual((reasons.LABELS, 'up{a="b"}'), self.why('up{a="b"} > 0', names=["up"]))
        self.assertEqual((reasons.EMPTY, "up > 7"), self.why("up\n > 7", names=["up"], found=["up"]))

    def test_a_recorded_series_is_explained_by_its_rule(self):
        rules = [("a:b", "sum(c:d)"), ("c:d", "up * kube_pod_info")]
        self.assertEqual((reasons.STATE_METRICS, "kube_pod_info"), self.why("a:b", names=["up"], found=["up"], rules=rules))
        self.assertEqual(reasons.UNKNOWN, self.why("a:a", rules=[("a:a", "a:a")])[0])


class StandIn(unittest.TestCase):
    def test_it_says_what_kubernetes_would(self):
        port = support.free_port()
        server = peers.KubeStateMetrics(port, {("shop", "web-0"): ["app"]})
        self.addCleanup(server.stop)
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
            samples = support.parse_samples(answer.read().decode())
        found = {(name, labels.get("namespace"), labels.get("pod"), labels.get("container")) for name, labels, _ in samples}
        self.assertIn(("kube_pod_info", "shop", "web-0", None), found)
        self.assertIn(("kube_pod_container_resource_limits", "shop", "web-0", "app"), found)
        self.assertIn(("kube_pod_owner", "shop", "web-0", None), found)


if __name__ == "__main__":
    unittest.main()
