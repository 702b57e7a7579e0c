# SPDX-License-Identifier: Apache-2.0
"""The chart's monitors, carried out by a real Prometheus: what Prometheus Operator makes of an endpoint is written here as a
scrape configuration (labels of the target first, then the endpoint's relabelings), against a real agent and containers."""
import json
import re
import sys
import unittest

import chart

sys.path.insert(0, str(chart.REPOSITORY / "tests" / "e2e"))
import support  # noqa: E402 (only found by the line above)

NODE = "node7"
# What the operator puts on every target of a ServiceMonitor, here of the agent's pod.
TARGET = {"namespace": "monitoring", "pod": "plimsoll-x7x7x", "container": "agent", "service": "plimsoll", "endpoint": "metrics"}
DISCOVERED = {"__meta_kubernetes_pod_node_name": NODE}

place = agent = None


def setUpModule():
    global place, agent
    chart.helm()
    support.tool("prometheus")
    place = support.Workspace()
    unittest.addModuleCleanup(place.close)
    place.run("-d", "--name", "web", command=["/bin/plimsoll-load", "sleep", "600"])
    agent = place.start_agent()


def snake(words):
    return {re.sub(r"[A-Z]", lambda m: f"_{m[0].lower()}", key): value for key, value in words.items()}


def scrape_config(number, endpoint):
    return {
        "job_name": f"serviceMonitor/monitoring/plimsoll/{number}", "scrape_interval": "1s", "scrape_timeout": "1s",
        "metrics_path": endpoint["path"], "scheme": endpoint["scheme"], "params": endpoint.get("params", {}),
        "honor_labels": endpoint["honorLabels"],
        "static_configs": [{"targets": [agent.address], "labels": {**DISCOVERED, **TARGET}}],
        "relabel_configs": [snake(rule) for rule in endpoint["relabelings"]],
        "metric_relabel_configs": [snake(rule) for rule in endpoint.get("metricRelabelings", [])]}


class Prometheus(support.Prometheus):
    """With a job for each endpoint of the monitor that these values render."""

    def __init__(self, where, values):
        documents = chart.render(values)
        endpoints = chart.one(documents, "ServiceMonitor")["spec"]["endpoints"]
        directory = where.path / f"monitor-{len(list(where.path.iterdir()))}"
        directory.mkdir()
        config = {"scrape_configs": [scrape_config(*one) for one in enumerate(endpoints)]}
        (directory / "config.yml").write_text(json.dumps(config))
        port = support.free_port()
        support.Server.__init__(self, [support.tool("prometheus"), f"--config.file={directory}/config.yml",
                                       f"--storage.tsdb.path={directory}/data", f"--web.listen-address=127.0.0.1:{port}",
                                       "--log.level=warn"], directory / "log")
        self.address = f"127.0.0.1:{port}"
        self.wait_ready("/-/ready")
        self.wait_for(f"count(up == 1) == {len(endpoints)}")
        self.wait_for("count(container_last_seen) > 0")

    def labels(self, expression):
        return [labels for labels, _ in self.query(expression)]


class Plain(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.prometheus = place.start(Prometheus, chart.MONITOR)

    def test_a_target_is_a_node(self):
        self.assertEqual(self.prometheus.labels("up"), [{"__name__": "up", "job": "plimsoll", "instance": NODE, "node": NODE}])

    def test_no_series_is_the_agents_pods(self):
        self.assertEqual(self.prometheus.labels('{pod!="",job="plimsoll"}'), [])
        self.assertEqual(self.prometheus.labels('{namespace!="",job="plimsoll"}'), [])
        root, = self.prometheus.labels('container_memory_usage_bytes{id="/"}')
        self.assertEqual(set(root), {"__name__", "id", "job", "instance", "node"})

    def test_both_halves_of_a_node(self):
        self.assertEqual(len(self.prometheus.labels("node_load1")), 1)
        self.assertEqual(len(self.prometheus.labels('container_last_seen{name="web"}')), 1)


class KubePrometheus(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.prometheus = place.start(Prometheus, chart.CASES["kube-prometheus"])

    def test_what_its_rules_select(self):
        containers = 'container_memory_working_set_bytes{job="kubelet",metrics_path="/metrics/cadvisor",name="web"}'
        self.assertEqual(len(self.prometheus.labels(containers)), 1)
        node, = self.prometheus.labels('node_uname_info{job="node-exporter"}')
        self.assertEqual((node["instance"], node["namespace"], node["pod"]), (NODE, "monitoring", "plimsoll-x7x7x"))
        self.assertEqual(len(self.prometheus.labels('plimsoll_build_info{job="plimsoll"}')), 1)

    def test_no_group_is_the_agents_pod(self):
        self.assertEqual(self.prometheus.labels('{pod!="",job="kubelet"}'), [])

    def test_nothing_is_stored_twice(self):
        """Each family comes from one of the three pages."""
        families = 'count by (__name__, job) ({__name__=~".+", __name__!~"up|scrape_.*"})'
        rows = self.prometheus.query(f"count by (__name__) ({families}) > 1")
        self.assertEqual(rows, [])


class PodsNetwork(unittest.TestCase):
    def test_the_nodes_name_is_its_nodes(self):
        prometheus = place.start(Prometheus, chart.CASES["pod's network"])
        name, = prometheus.labels("node_uname_info")
        self.assertEqual(name["nodename"], NODE)


if __name__ == "__main__":
    unittest.main()
