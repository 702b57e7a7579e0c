# SPDX-License-Identifier: Apache-2.0
"""Recording and alerting rules: promtool takes them and their unit tests (rules/*.yml), every alert has a test in which
it fires and one in which it does not, a section in docs/RUNBOOK.md, a severity and texts, uses only metrics that an
agent exports, and every rule is evaluated by a real Prometheus against a live machine."""
import glob
import os
import re
import subprocess
import sys
import unittest

import foreign
import live
import promql

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "e2e"))
import support  # noqa: E402

FOLDER = support.REPOSITORY / "dashboards" / "rules"
RULES = sorted(map(str, FOLDER.glob("*.yml")))
TESTS = sorted(glob.glob(str(support.REPOSITORY / "tests" / "dashboards" / "rules" / "*.yml")))
RUNBOOK = support.REPOSITORY / "docs" / "RUNBOOK.md"
DOCUMENTS = ("METRICS.md", "HOST.md", "REMOTE_WRITE.md")
PROMETHEUS_OWN = {"up", "scrape_duration_seconds", "ALERTS"}
RUNBOOK_URL = "docs/RUNBOOK.md#"


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def promtool(*words):
    return subprocess.run([support.tool("promtool"), *words], text=True, capture_output=True, check=False)


class Written(unittest.TestCase):
    """The files, as text: Python has no YAML of its own, and every file keeps one form."""

    @classmethod
    def setUpClass(cls):
        cls.text = "".join(read(path) for path in RULES)
        cls.alerts = re.split(r"\n\s*- alert: ", cls.text)[1:]
        cls.names = [alert.split("\n", 1)[0].strip() for alert in cls.alerts]
        cls.tests = "".join(read(path) for path in TESTS)

    def test_promtool_takes_the_rules(self):
        self.assertTrue(RULES)
        done = promtool("check", "rules", *RULES)
        self.assertEqual(0, done.returncode, done.stdout + done.stderr)

    def test_promtool_passes_the_tests(self):
        done = promtool("test", "rules", *TESTS)
        self.assertEqual(0, done.returncode, done.stdout + done.stderr)

    def test_promtool_finds_a_rule_that_is_wrong(self):
        place = support.Workspace()
        self.addCleanup(place.close)
        for path in (*RULES, *TESTS):
            text = read(path).replace("../../../dashboards/rules/", "")
            (place.path / ("test-" * (path in TESTS) + os.path.basename(path))).write_text(text)
        wrong = place.path / "plimsoll-containers.yml"
        wrong.write_text(wrong.read_text().replace("limit_ratio > 0.9", "limit_ratio > 0.8", 1))
        self.assertEqual(0, promtool("test", "rules", str(place.path / "test-host.yml")).returncode)
        done = promtool("test", "rules", str(place.path / "test-containers.yml"))
        self.assertNotEqual(0, done.returncode)
        self.assertIn("ContainerMemoryNearLimit", done.stdout + done.stderr)

    def test_few_of_many_ends_may_be_missed(self):
        """Nine of a hundred are few, but not where ninety of these are our own, which are never missed."""
        ends = [f'{{id="/c/{number}", name="c{number}", instance="%s"}}' for number in range(100)]
        series = {f'plimsoll_container_finals_missed_total{{instance="{name}"}}': "0x20 9x80" for name in ("busy", "mixed")}
        for number, labels in enumerate(ends):
            for name in ("busy", "mixed"):
                own = name == "mixed" and number < 90
                series["plimsoll_container_end_time_seconds" + labels % name] = "_x20 1x5"
                series["container_info" + (labels % name)[:-1] + f', engine="{"plimsoll" if own else "docker"}"}}'] = "1x100"
        found = promql.alerts(series, "PlimsollFinalsMissed", "40m", [FOLDER / "plimsoll-agent.yml"], {"mixed"})
        self.assertEqual("", found)
        self.assertIn("mixed", promql.alerts(series, "PlimsollFinalsMissed", "40m", [FOLDER / "plimsoll-agent.yml"], {"busy"}))

    def test_names_are_unique(self):
        self.assertEqual(len(self.names), len(set(self.names)))
        self.assertGreater(len(self.names), 40)

    def test_every_alert_has_its_members(self):
        for name, alert in zip(self.names, self.alerts):
            with self.subTest(name):
                self.assertRegex(alert, r"\n\s+severity: (critical|warning|info)\n")
                self.assertRegex(alert, r"\n\s+summary: \S")
                self.assertRegex(alert, r"\n\s+description: \S")
                self.assertIn(f"runbook_url: {RUNBOOK_URL}{name.lower()}\n", alert + "\n")

    def test_every_alert_fires_in_a_test_and_is_silent_in_another(self):
        for name in self.names:
            with self.subTest(name):
                self.assertRegex(self.tests, rf"alertname: {name}\n\s+eval_time: \w+\n\s+exp_alerts:\n\s+- exp_labels: ")
                self.assertRegex(self.tests, rf"alertname: {name}, eval_time: \w+, exp_alerts: \[\]")

    def test_every_recorded_series_is_tested(self):
        for name in re.findall(r"- record: (\S+)", self.text):
            with self.subTest(name):
                self.assertRegex(self.tests, rf"exp_samples:[^]]*labels: '{re.escape(name)}\b")

    def test_the_runbook_has_a_section_for_each_alert_and_no_other(self):
        text = RUNBOOK.read_text()
        sections = dict(re.findall(r"\n### (\w+)\n(.*?)(?=\n##|\Z)", text, re.S))
        self.assertEqual(sorted(self.names), sorted(sections))
        for name, section in sections.items():
            for part in ("**Means**", "**Look**", "**Do**"):
                self.assertIn(part, section, name)

    def test_the_dashboards_that_the_runbook_names(self):
        text = RUNBOOK.read_text()
        named = set(re.findall(r"`(plimsoll-\w+)`", text))
        self.assertTrue(named)
        self.assertLessEqual(named, {os.path.basename(path).removesuffix(".json") for path in
                                     glob.glob(str(FOLDER.parent / "*.json"))})

    def test_no_rule_names_a_job(self):
        self.assertNotRegex(self.text, r"\bjob\s*(=|!)")


class Evaluated(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.machine = live.Live(rule_files=RULES)
        cls.addClassCleanup(cls.machine.close)
        cls.machine.wait(20)
        groups = cls.machine.prometheus.api("rules")["groups"]
        cls.rules = [rule for group in groups for rule in group["rules"]]
        cls.recorded = {rule["name"] for rule in cls.rules if rule["type"] == "recording"}

    def test_every_rule_is_evaluated(self):
        self.assertEqual(len(RULES), len({rule["name"] for rule in self.machine.prometheus.api("rules")["groups"]}))
        for rule in self.rules:
            with self.subTest(rule["name"]):
                self.assertEqual("ok", rule["health"], rule.get("lastError"))
                self.machine.prometheus.api("query", query=rule["query"])

    def test_only_metrics_that_are_exported(self):
        documented = set()
        for name in DOCUMENTS:
            text = (support.REPOSITORY / "docs" / name).read_text()
            documented |= set(re.findall(r"`([a-z_:][a-zA-Z0-9_:]*)[`{]", text))
        shown = {name for name, _, _ in (*self.machine.agent.samples(), *self.machine.plain.samples())}
        for rule in self.rules:
            for name in foreign.metric_names(rule["query"]):
                with self.subTest(rule=rule["name"], metric=name):
                    self.assertIn(name, documented | shown | self.recorded | PROMETHEUS_OWN)

    def test_the_same_on_both_versions_of_cgroups(self):
        rows = re.findall(r"^\| `(container_\w+)` \|(?:[^|]*\|){5} ([^|]*) \| ([^|]*) \|$",
                          (support.REPOSITORY / "docs" / "METRICS.md").read_text(), re.M)
        one_only = {name for name, *sources in rows if "(none)" in sources}
        self.assertIn("container_memory_failcnt", one_only)
        used = {name for rule in self.rules for name in foreign.metric_names(rule["query"])}
        self.assertEqual(set(), used & one_only)

    def test_what_is_recorded_has_series(self):
        for name in sorted(self.recorded):
            with self.subTest(name):
                self.assertTrue(self.machine.prometheus.query(f"last_over_time({name}[5m])"))  # a scrape may be late

    def test_containers_of_v1_and_of_v2_are_recorded(self):
        """`busy` is of this machine, `printed` of one with v2 on paper, which has no network."""
        for name in sorted(name for name in self.recorded if name.startswith("plimsoll:container_")):
            for container in ("busy", "printed"):
                if container == "busy" or "_network_" not in name:
                    with self.subTest(name, container=container):
                        series = f'last_over_time({name}{{name="{container}"}}[5m])'
                        self.assertTrue(self.machine.prometheus.query(series))

    def test_both_agents_are_known_as_such(self):
        both = {self.machine.agent.address, self.machine.plain.address}

        def known():
            rows = self.machine.prometheus.query('last_over_time(plimsoll:agent{job="plimsoll"}[5m])')
            return both <= {labels["instance"] for labels, _ in rows}
        support.wait_until(f"{both} are known", known, timeout=60, interval=1)

    def test_the_containers_that_suffer_are_named(self):
        """Without waiting as long as the rules do: what is pending already."""
        throttled = live.Live.container_name("shop", "web-0", "app")
        expected = {("ContainerThrottled", throttled), ("ContainerOomKilled", "leaky"), ("ContainerOomKilled", "bloated"),
                    ("ContainerUnhealthy", "flaky")}
        seen = set()

        def named():
            seen.update((alert["labels"]["alertname"], alert["labels"].get("name"))
                        for alert in self.machine.prometheus.api("alerts")["alerts"])
            return expected <= seen
        support.wait_until(f"{expected}", named, timeout=30, interval=1)
        self.assertFalse({("ContainerOomKilled", "busy"), ("ContainerUnhealthy", "busy"), ("ContainerThrottled", "leaky")} & seen)


if __name__ == "__main__":
    unittest.main()
