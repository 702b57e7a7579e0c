# SPDX-License-Identifier: Apache-2.0
"""Each dashboard is well-formed, is what its source makes, and each of its expressions has an answer: it is executed by a
real Prometheus that scrapes two agents beside containers of every sort (live.py). Grafana itself is not in Debian, so
that the JSON loads is checked by its shape only.

Run: python3 -m unittest discover -s tests/dashboards -p '*_test.py' -v   (PLIMSOLL=path of the program)
"""
import copy
import glob
import os
import subprocess
import sys
import tempfile
import unittest

import grafana
import lint
import report

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "e2e"))
import support  # noqa: E402

FOLDER = support.REPOSITORY / "dashboards"
DASHBOARDS = {os.path.basename(path): lint.load(path) for path in sorted(glob.glob(str(FOLDER / "*.json")))}


def broken(dashboard, change):
    """A copy of the dashboard after change(copy)."""
    result = copy.deepcopy(dashboard)
    change(result)
    return result


class Form(unittest.TestCase):
    def test_there_are_dashboards(self):
        self.assertEqual(7, len(DASHBOARDS))

    def test_every_dashboard_keeps_the_rules(self):
        for name, dashboard in DASHBOARDS.items():
            with self.subTest(name):
                self.assertEqual([], lint.lint(dashboard))
                self.assertEqual(name, dashboard["uid"] + ".json")

    def test_they_fit_together(self):
        self.assertEqual([], list(lint.lint_together({dashboard["uid"]: dashboard for dashboard in DASHBOARDS.values()})))

    def test_they_are_what_their_source_makes(self):
        with tempfile.TemporaryDirectory() as directory:
            subprocess.run([sys.executable, str(FOLDER / "generate"), directory], check=True)
            made = sorted(os.listdir(directory))
            self.assertEqual(made, list(DASHBOARDS))
            for name in made:
                with open(os.path.join(directory, name), encoding="utf-8") as file:
                    self.assertTrue(file.read() == (FOLDER / name).read_text(), f"{name}: run dashboards/generate")

    def test_they_fit_into_a_config_map(self):
        for name in DASHBOARDS:
            self.assertLess((FOLDER / name).stat().st_size, lint.MAX_BYTES, name)

    def test_only_families_that_are_exported(self):
        known = set(lint.documented()) | lint.MADE_BY_PROMETHEUS
        for name, dashboard in DASHBOARDS.items():
            for panel, _, expression in lint.expressions(dashboard):
                unknown = {family for family in lint.families(expression) - known if not own(family)}
                self.assertEqual(set(), unknown, f"{name}: {panel['title']}")

    def test_provisioning_names_what_grafana_reads(self):
        for part, words in (("datasources/prometheus.yaml", ("apiVersion: 1", "datasources:", "type: prometheus", "url:")),
                            ("dashboards/plimsoll.yaml", ("apiVersion: 1", "providers:", "type: file", "path:"))):
            text = (FOLDER / "provisioning" / part).read_text()
            for word in words:
                self.assertIn(word, text, part)
            self.assertNotIn("\t", text, part)


def own(family):
    """The agent's own families are not in the tables; Live looks for each in a scrape."""
    return family.startswith(("plimsoll_", "process_", "node_scrape_collector_"))


class Rules(unittest.TestCase):
    """Each rule finds its fault."""

    def setUp(self):
        self.good = DASHBOARDS["plimsoll-fleet.json"]
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
        self.assertIn("the tag plimsoll", self.complaints(lambda d: d.update(tags=[])))

    def test_variables(self):
        self.assertIn("variable job is missing", self.complaints(lambda d: d["templating"].update(list=[])))
        self.assertIn("must reload", self.complaints(lambda d: d["templating"]["list"][1].update(refresh=1)))
        self.assertIn("unknown or later variable $job",
                      self.complaints(lambda d: d["templating"]["list"][1].update(definition='label_values(up{job="$job"}, '
                                                                                             'cluster)')))

    def test_panel(self):
        self.assertIn("no title", self.with_panel(title=""))
        self.assertIn("no description", self.with_panel(description="CPU"))
        self.assertIn("no unit", self.with_panel(fieldConfig={"defaults": {}}))
        self.assertIn("unknown unit bananas", self.with_panel(fieldConfig={"defaults": {"unit": "bananas"}}))
        self.assertIn("no query", self.with_panel(targets=[]))
        self.assertIn("must be ${datasource}", self.with_panel(datasource={"type": "prometheus", "uid": "P1809F7CD0C75ACF3"}))

    def test_layout(self):
        self.assertIn("wider than", self.with_panel(gridPos={"x": 20, "y": 1, "w": 8, "h": 4}))
        self.assertIn("lies over", self.with_panel(gridPos={"x": 0, "y": 0, "w": 24, "h": 9}))
        self.assertIn("used twice", self.with_panel(id=self.good["panels"][0]["id"]))

    def test_expression(self):
        limited = 'cluster=~"$cluster", job=~"$job", instance=~"$instance"'
        self.assertIn("empty expression", self.with_expression(" "))
        self.assertIn("unknown variable $node", self.with_expression('up{%s, node="$node"}' % limited))
        self.assertIn("fixed window [5m]", self.with_expression("rate(node_forks_total{%s}[5m])" % limited))
        self.assertIn("is a counter", self.with_expression("sum(container_oom_events_total{%s})" % limited))
        self.assertIn("up is not limited", self.with_expression("up"))
        self.assertIn("node_load5 is not limited", self.with_expression('node_load1{%s} / node_load5{job=~"$job"}' % limited))
        self.assertEqual("", self.with_expression("deriv(node_filesystem_avail_bytes{%s}[6h])" % limited))

    def test_links(self):
        def with_link(url):
            return self.with_panel(fieldConfig={"defaults": {"unit": "short", "links": [{"title": "x", "url": url}]}})
        self.assertIn("unknown variable $pods", with_link("/d/plimsoll-host?${pods:queryparam}"))
        self.assertIn("no column Host", with_link("/d/plimsoll-host?var-instance=${__data.fields.Host}"))
        lost = {"a": {"links": [{"type": "link", "url": "/d/b?var-x=1"}, {"type": "link", "url": "/d/nowhere?var-x=1"}]}, "b": {}}
        self.assertEqual(["a: b has no variable x", "a: link to nowhere: /d/nowhere?var-x=1"], list(lint.lint_together(lost)))
        timed = {"a": {"links": [{"type": "link", "url": "/d/a?${__url_time_range}"}]}}
        self.assertIn("keepTime", " ".join(lint.lint_together(timed)))

    def test_grafana(self):
        variable = {"regex": '/name="(?<value>[^"]+)|who="(?<text>[^"]+)/g'}
        self.assertEqual(("a/b", "c"), grafana.picked(variable, 'x{name="c",who="a/b"} 1 2'))
        self.assertEqual(None, grafana.picked(variable, 'x{who="a/b"} 1 2'))
        self.assertEqual('a{b="1", c="$1"}', grafana.expand('a{b="$v", c="$1"}', {"v": "1"}))
        with self.assertRaises(KeyError):
            grafana.expand("$v", {})
        self.assertEqual(r"10\\.0\\.0\\.1:1876", grafana.escaped("10.0.0.1:1876"))


class Live(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        import live
        cls.live = live.Live()
        cls.addClassCleanup(cls.live.close)
        cls.live.wait(6 * grafana.SCRAPES)
        cls.answers = {dashboard["uid"]: report.ask(dashboard, cls.live) for dashboard in DASHBOARDS.values()}

    def assert_each(self, complaint):
        """No answer is complained about: complaint(answer) is empty."""
        found = [f"{uid} / {answer.panel['title']} {answer.ref}: {complaint(answer)}: {answer.expression}"
                 for uid, answers in self.answers.items() for answer in answers if complaint(answer)]
        self.assertEqual([], found)

    def test_the_targets_are_healthy(self):
        self.assertEqual(1, self.live.prometheus.value("min(min_over_time(up[1m]))"))

    def test_every_expression_has_series(self):
        self.assert_each(lambda answer: not answer.filled and not answer.excuse and "no series")

    def test_excuses_are_for_something(self):
        used = {answer.excuse for answers in self.answers.values() for answer in answers}
        self.assertEqual(set(), set(report.EXCUSES.values()) - used)

    def test_what_is_off_by_default_says_so(self):
        def silent(answer):
            says = "Off by default" in answer.panel["description"] or "Only with remote write" in answer.panel["description"]
            lacks = "all" in answer.filled and "default" not in answer.filled
            return lacks and not says and not answer.excuse and "empty by default"
        self.assert_each(silent)

    def test_halves_as_jobs_of_their_own_do(self):
        def empty(answer):
            agents = {family for family in lint.families(answer.expression) if own(family)} - report.container_half()
            return not agents and "default" in answer.filled and "halves" not in answer.filled and "empty with two jobs"
        self.assert_each(empty)

    def test_containers_of_v2_are_shown_too(self):
        """Or the description says what only v1 has."""
        def empty(answer):
            return ("v2" not in answer.filled and "only on cgroup v1" not in answer.panel["description"].lower()
                    and not report.NOT_ON_PAPER.search(answer.expression))
        for uid in ("plimsoll-container", "plimsoll-compare"):
            self.assertEqual([], [(answer.panel["title"], answer.ref) for answer in self.answers[uid] if empty(answer)])

    def test_containers_of_v1_are_shown_too(self):
        absent = ["only on cgroup v2", "absent unless the hugetlb"]
        if not report.groups_have_pressure():
            absent.append("absent without pressure")

        def empty(answer):
            text = answer.panel["description"].lower()
            return "all" not in answer.filled and not any(words in text for words in absent)
        if not support.is_v2():
            for uid in ("plimsoll-container", "plimsoll-compare", "plimsoll-kubernetes"):
                self.assertEqual([], [(answer.panel["title"], answer.ref) for answer in self.answers[uid] if empty(answer)])

    def test_legends_and_links_refer_to_labels_that_there_are(self):
        self.assert_each(lambda answer: answer.missing_labels)

    def test_legends_tell_series_apart(self):
        self.maxDiff = None
        for uid, answers in self.answers.items():
            self.assertEqual([], report.ambiguous(answers), uid)

    def test_tables_have_the_labels_of_their_columns(self):
        self.assert_each(lambda answer: answer.stray_columns)

    def test_every_family_is_exported(self):
        """Also the agent's own, which the documentation's tables do not have."""
        known = report.shown_families(self.live) | set(lint.documented()) | lint.MADE_BY_PROMETHEUS
        self.assert_each(lambda answer: lint.families(answer.expression) - known)

    def test_the_variables_find_their_values(self):
        for name, variable, found in report.variable_values(DASHBOARDS.values(), self.live):
            with self.subTest(dashboard=name, variable=variable):
                self.assertLessEqual(report.expected_values(self.live)[variable], found)

    def test_the_ended_container_keeps_its_exit_code(self):
        ended = f'plimsoll_container_exit_code{{name="failed", instance="{self.live.agent.address}"}}'
        self.assertEqual(3, self.live.prometheus.value(ended))


if __name__ == "__main__":
    unittest.main()
