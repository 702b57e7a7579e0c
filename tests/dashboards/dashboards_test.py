# SPDX-License-Identifier: Apache-2.0
"""Each dashboard is well-formed, and each of its expressions has an answer: it is executed by a real
Prometheus that scrapes an agent beside a running and an ended container. Grafana itself is not in
Debian, so that the JSON loads is checked by its shape only.

Run: python3 -m unittest discover -s tests/dashboards -p '*_test.py' -v   (PLIMSOLL=path of the program)
"""
import copy
import glob
import os
import sys
import unittest

import lint

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "e2e"))
import support  # noqa: E402

FOLDER = support.REPOSITORY / "dashboards"
DASHBOARDS = sorted(glob.glob(str(FOLDER / "*.json")))
RUNNING, ENDED = "dashboard-running", "dashboard-ended"
VALUES = {"job": "plimsoll", "container": ".+", "__rate_interval": "10s", "__range": "1m", "__interval": "1s"}
# Burns more CPU than its quota and writes to a block device, so that every panel has something to show.
WORK = ("while :; do i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done; "
        "/bin/busybox dd if=/dev/zero of=/data/out bs=64k count=4 oflag=direct 2>/dev/null; done")

# (panel, refId) -> why no series is right on this machine; only consulted when there is none.
NO_SERIES = {}
if not os.path.exists("/proc/pressure/cpu"):
    NO_SERIES.update({("Pressure", ref): "the kernel has no pressure stall information" for ref in "ABCDE"})


def broken(dashboard, change):
    """A copy of the dashboard after change(copy)."""
    result = copy.deepcopy(dashboard)
    change(result)
    return result


class Form(unittest.TestCase):
    def test_there_is_a_dashboard(self):
        self.assertTrue(DASHBOARDS)

    def test_every_dashboard_keeps_the_rules(self):
        for path in DASHBOARDS:
            with self.subTest(os.path.basename(path)):
                self.assertEqual([], lint.lint(lint.load(path)))

    def test_identifiers_are_unique(self):
        uids = [lint.load(path)["uid"] for path in DASHBOARDS]
        self.assertEqual(len(uids), len(set(uids)))

    def test_files_are_tidy(self):
        for path in DASHBOARDS:
            with open(path, encoding="utf-8") as file:
                text = file.read()
            self.assertEqual(lint.json.dumps(lint.json.loads(text), indent=2, ensure_ascii=False) + "\n", text, path)

    def test_every_variable_can_be_expanded(self):
        for path in DASHBOARDS:
            for title, ref, expression in lint.expressions(lint.load(path)):
                with self.subTest(panel=title, ref=ref):
                    self.assertNotIn("$", lint.expand(expression, {**VALUES, "instance": "i"}))

    def test_provisioning_names_what_grafana_reads(self):
        for part, words in (("datasources/prometheus.yaml", ("apiVersion: 1", "datasources:", "type: prometheus", "url:")),
                            ("dashboards/plimsoll.yaml", ("apiVersion: 1", "providers:", "type: file", "path:"))):
            text = (FOLDER / "provisioning" / part).read_text()
            for word in words:
                self.assertIn(word, text, part)
            self.assertNotIn("\t", text, part)


class Rules(unittest.TestCase):
    """Each rule finds its fault."""

    def setUp(self):
        self.good = lint.load(DASHBOARDS[0])
        self.first = next(i for i, panel in enumerate(self.good["panels"]) if panel["type"] != "row")

    def complaints(self, change):
        return " / ".join(lint.lint(broken(self.good, change)))

    def with_panel(self, **members):
        return self.complaints(lambda d: d["panels"][self.first].update(members))

    def with_expression(self, expression):
        return self.complaints(lambda d: d["panels"][self.first]["targets"][0].update(expr=expression))

    def test_header(self):
        self.assertIn("uid must be set", self.complaints(lambda d: d.update(uid="")))
        self.assertIn("id must be null", self.complaints(lambda d: d.update(id=7)))
        self.assertIn("editable", self.complaints(lambda d: d.update(editable=True)))
        self.assertIn("Grafana 10", self.complaints(lambda d: d.update(schemaVersion=16)))

    def test_variables(self):
        self.assertIn("variable job is missing", self.complaints(lambda d: d["templating"].update(list=[])))
        self.assertIn("must reload", self.complaints(lambda d: d["templating"]["list"][1].update(refresh=1)))

    def test_panel(self):
        self.assertIn("no title", self.with_panel(title=""))
        self.assertIn("no description", self.with_panel(description="CPU"))
        self.assertIn("no unit", self.with_panel(fieldConfig={"defaults": {}}))
        self.assertIn("no query", self.with_panel(targets=[]))
        self.assertIn("must be ${datasource}", self.with_panel(datasource={"type": "prometheus", "uid": "P1809F7CD0C75ACF3"}))

    def test_layout(self):
        self.assertIn("wider than", self.with_panel(gridPos={"x": 20, "y": 1, "w": 8, "h": 4}))
        self.assertIn("lies over", self.with_panel(gridPos={"x": 0, "y": 0, "w": 24, "h": 9}))
        self.assertIn("used twice", self.with_panel(id=self.good["panels"][0]["id"]))

    def test_expression(self):
        self.assertIn("empty expression", self.with_expression(" "))
        self.assertIn("unknown variable $node", self.with_expression('up{job="$job", node="$node"}'))
        self.assertIn("fixed window [5m]", self.with_expression('rate(a_total{job="$job"}[5m])'))
        self.assertIn("is a counter", self.with_expression('sum(container_oom_events_total{job="$job"})'))
        self.assertIn("not limited to the chosen job", self.with_expression("up"))


class Live(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.place = support.Workspace()
        cls.addClassCleanup(cls.place.close)
        data = cls.place.disk_directory()
        cls.place.run("-d", "--name", RUNNING, "--image", "busybox", "--cpus", "0.2", "-m", "64m", "--pids-limit", "50",
                      "--network", "veth", "-v", f"{data}:/data", command=["/bin/sh", "-c", WORK])
        cls.agent = cls.place.start_agent()
        ended = cls.place.run("--rm", "--name", ENDED, "--network", "none", command=["/bin/sh", "-c", "exit 3"], check=False)
        assert ended.returncode == 3, ended.stderr
        cls.prometheus = cls.place.start_prometheus(cls.agent.address, interval=1)
        cls.prometheus.wait_for("count_over_time(up[5m])", lambda scrapes: scrapes >= 12, timeout=60)

    def test_the_target_is_healthy(self):
        self.assertEqual(1, self.prometheus.value("min_over_time(up[1m])"))

    def test_every_expression_has_series(self):
        values = {**VALUES, "instance": self.agent.address}
        for path in DASHBOARDS:
            for title, ref, expression in lint.expressions(lint.load(path)):
                with self.subTest(dashboard=os.path.basename(path), panel=title, ref=ref):
                    found = self.prometheus.query(lint.expand(expression, values))
                    if not found and (title, ref) not in NO_SERIES:
                        self.fail("no series: " + expression)

    def test_the_variables_find_their_values(self):
        for path in DASHBOARDS:
            for name, metric, label in lint.label_queries(lint.load(path)):
                with self.subTest(variable=name):
                    selector = lint.expand(metric, {**VALUES, "instance": self.agent.address})
                    found = {labels[label] for labels, _ in self.prometheus.query(f"count by ({label}) ({selector})")}
                    expected = {"job": VALUES["job"], "instance": self.agent.address, "container": RUNNING}[name]
                    self.assertIn(expected, found)

    def test_the_ended_container_keeps_its_exit_code(self):
        self.assertEqual(3, self.prometheus.value(f'plimsoll_container_exit_code{{name="{ENDED}"}}'))


if __name__ == "__main__":
    unittest.main()
