# SPDX-License-Identifier: Apache-2.0
"""Dashboards that others wrote for cAdvisor and node_exporter, loaded as they are: which of their expressions an agent
fills, which those two fill on the same machine at the same time, and why the rest is empty.

PLIMSOLL_FOREIGN_DASHBOARDS = a folder of dashboards as JSON (and of their recording rules, *.rules.yaml); without it
only the scrape configurations of docs/DASHBOARDS.md are tried. PLIMSOLL_CADVISOR, PLIMSOLL_NODE_EXPORTER = the peers'
programs; without the former only node_exporter is compared.

Each dashboard is asked of the Prometheus whose scrape configuration it expects: one job, the jobs cadvisor and node,
or those of kube-prometheus.
"""
import collections
import glob
import os
import re
import subprocess
import sys
import time
import unittest

import foreign
import live

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "e2e"))
import engines  # noqa: E402
import support  # noqa: E402

FOLDER = os.environ.get("PLIMSOLL_FOREIGN_DASHBOARDS")
CADVISOR = os.environ.get("PLIMSOLL_CADVISOR")
PAGE = support.REPOSITORY / "docs" / "DASHBOARDS.md"
TARGET = "localhost:1876"  # what the documentation has for an agent
INTERVAL = 2
SECONDS = 45
ONE, TWO, KUBE = "one job", "cadvisor and node", "kube-prometheus"
WORK = ("while :; do /bin/plimsoll-load spin 50; /bin/busybox dd if=/dev/zero of=/tmp/out bs=64k count=4 oflag=direct; "
        "/bin/sleep 0.2; done")
# Of those two the share that must be filled is part of the promise: dashboard -> expressions, of which node_exporter
# fills 236 of 1860's on a plain machine.
AT_LEAST = {"1860": 236}


def configurations():
    """{name: text} of the scrape configurations in the documentation."""
    blocks = re.findall(r"```yaml\n(scrape_configs:.*?)```", PAGE.read_text(), re.S)
    return dict(zip((ONE, TWO, KUBE), blocks, strict=True))


def flavour(board):
    """The scrape configuration that a dashboard expects."""
    text = str([query.expression for query in board.queries()]) + str(board.variables())
    if re.search(r'job=\\*"(kubelet|node-exporter)', text):
        return KUBE
    return TWO if re.search(r'job=\\*"(cadvisor|node)\b', text) else ONE


class Prometheus(live.support.Prometheus):
    """With a configuration of words."""

    def __init__(self, place, configuration, rules=()):
        directory = place.path / f"prometheus-{time.monotonic_ns()}"
        directory.mkdir()
        self.config = directory / "config.yml"
        self.config.write_text(
            f"global: {{scrape_interval: {INTERVAL}s, scrape_timeout: {INTERVAL}s, evaluation_interval: {INTERVAL}s}}\n"
            f"rule_files: {list(map(str, rules))}\n{configuration}")
        port = support.free_port()
        support.Server.__init__(self, [
            support.tool("prometheus"), f"--config.file={self.config}", f"--storage.tsdb.path={directory}/data",
            f"--web.listen-address=127.0.0.1:{port}", "--log.level=error"], directory / "log")
        self.address = f"127.0.0.1:{port}"
        self.wait_ready("/-/ready")


class Peer(support.Server):
    def __init__(self, place, name, path, *arguments):
        port = support.free_port()
        super().__init__([arguments[0], *(word.replace("PORT", str(port)) for word in arguments[1:])],
                         place.path / f"{name}.log")
        self.address = f"127.0.0.1:{port}"
        self.wait_ready(path)


def node_exporter(place):
    program = os.environ.get("PLIMSOLL_NODE_EXPORTER") or support.tool("prometheus-node-exporter")
    return place.start(Peer, "node_exporter", "/", program, "--web.listen-address=127.0.0.1:PORT")


def cadvisor(place, docker):
    return place.start(Peer, "cadvisor", "/healthz", CADVISOR, "-listen_ip=127.0.0.1", "-port=PORT",
                       f"-docker=unix://{docker.socket}", "-containerd=/nowhere", "-housekeeping_interval=1s",
                       "-allow_dynamic_housekeeping=false", "-storage_duration=10s")


class Machine(live.Live):
    """The shared machine, with a Docker that runs: its containers are what both sides can name."""

    def __init__(self):
        rules = sorted(glob.glob(f"{FOLDER}/*.rules.yaml"))
        super().__init__(interval=INTERVAL)
        try:
            self.ours = {name: self.place.start(Prometheus, text.replace(TARGET, self.plain.address), rules)
                         for name, text in configurations().items()}
            self.theirs = self.place.start(Prometheus, self.peers(), rules)
        except BaseException:
            self.close()
            raise

    def start_containers(self):
        super().start_containers()
        self.docker = self.place.start(engines.Docker)
        for name in ("front", "back"):
            self.docker.run(name, "/bin/sh", "-c", WORK, memory=64 << 20,
                            labels={"com.docker.compose.project": "shop", "com.docker.compose.service": name})
            self.networks.append(engines.connect(self.place, self.docker.pid(name)))

    def peers(self):
        jobs = [("node", node_exporter(self.place))]
        if CADVISOR:
            jobs.append(("cadvisor", cadvisor(self.place, self.docker)))
        lines = [f"  - {{job_name: {job}, static_configs: [{{targets: ['{peer.address}']}}]}}" for job, peer in jobs]
        return "\n".join(["scrape_configs:", *lines, ""])


class Expansion(unittest.TestCase):
    """Variables, as Grafana fills them."""

    class Answers:
        def __init__(self, values):
            self.values, self.asked = values, []

        def api(self, path, **parameters):
            self.asked.append((path, parameters))
            return self.values

        def query(self, expression):
            return [({"__name__": "up", "node": "a"}, 1.0)]

    def expand(self, expression, *variables, values=("a",), repeated=()):
        board = foreign.Dashboard({"templating": {"list": list(variables)}})
        self.answers = self.Answers(list(values))
        return foreign.Variables(board, self.answers).expand(foreign.Query("t", "A", expression, repeated))

    def ask(self, query, **more):
        return {"name": "v", "type": "query", "query": query, **more}

    def test_every_way_to_name_one(self):
        self.assertEqual("a a a b", self.expand("$v ${v} [[v]] b", self.ask("label_values(x)")))
        self.assertEqual("rate(x[1m])", self.expand("rate(x[$__rate_interval])"))
        with self.assertRaises(KeyError):
            self.expand("$nothing")

    def test_what_is_asked(self):
        self.expand("", self.ask('label_values(up{job=~"a,b"}, instance)'))
        self.assertEqual([("label/instance/values", {"match[]": 'up{job=~"a,b"}'})], self.answers.asked)
        self.expand("", self.ask({"query": "label_values(job)", "refId": "A"}))
        self.assertEqual([("label/job/values", {})], self.answers.asked)
        self.assertEqual('a', self.expand("$v", self.ask("query_result(up)", regex='/node="(.*)"/')))

    def test_one_depends_on_another(self):
        self.expand("", {**self.ask("label_values(job)"), "name": "w"}, self.ask('label_values(up{job="$w"}, node)'))
        self.assertEqual({"match[]": 'up{job="a"}'}, self.answers.asked[1][1])

    def test_regex_takes_a_part_away(self):
        part = self.ask("label_values(x)", regex="/([^:]+):.*/")
        self.assertEqual("h", self.expand("$v", part, values=["h:9100", "other"]))
        named = self.ask("label_values(x)", regex="/(?<text>[^:]+):(?<value>.*)/")
        self.assertEqual("9100", self.expand("$v", named, values=["h:9100"]))

    def test_several_values(self):
        several = self.ask("label_values(x)", multi=True, includeAll=True)
        self.assertEqual(r'x{n=~"(a\\.b|c)"}', self.expand('x{n=~"$v"}', several, values=["c", "a.b"]))
        self.assertEqual("a,c", self.expand("${v:csv}", several, values=["c", "a"]))
        self.assertEqual("a|c", self.expand("${v:pipe}", several, values=["c", "a"]))
        self.assertEqual("a", self.expand("$v", several, values=["c", "a"], repeated=("v",)))
        self.assertEqual(".+", self.expand("$v", {**several, "allValue": ".+"}))
        self.assertEqual("a", self.expand("$v", self.ask("label_values(x)", multi=True), values=["c", "a"]))

    def test_other_kinds(self):
        self.assertEqual("1m", self.expand("$v", {"name": "v", "type": "interval", "query": "auto,1m,5m"}))
        self.assertEqual("5m", self.expand("$v", {"name": "v", "type": "custom", "query": "1m,5m", "current": {"value": "5m"}}))
        self.assertEqual("x y", self.expand("$v", {"name": "v", "type": "textbox", "query": "x y"}))
        self.assertEqual("", self.expand("$v", self.ask("label_values(x)"), values=[]))

    def test_queries_of_nested_rows_and_of_the_old_schema(self):
        panel = {"title": "p", "targets": [{"refId": "A", "expr": "up"}, {"refId": "B", "expr": " "}, {"refId": "C"}]}
        for model in ({"panels": [{"type": "row", "panels": [panel]}]}, {"rows": [{"panels": [panel]}]},
                      {"dashboard": {"panels": [panel]}}):
            self.assertEqual([foreign.Query("p", "A", "up")], foreign.Dashboard(model).queries())
        row = {"panels": [{"type": "row", "repeat": "v", "panels": [{**panel, "repeat": "w"}]}]}
        self.assertEqual([("v", "w")], [query.repeated for query in foreign.Dashboard(row).queries()])

    def test_names_of_metrics(self):
        names = foreign.metric_names
        self.assertEqual(["a", "b:c"], names('sum by (x) (rate(a{l="no{"}[5m])) / on (y) group_left (z) b:c > 1e3 or a'))
        self.assertEqual(["a"], names("topk(5, a offset 5m) # b"))
        self.assertEqual([("a", 'a{l=~"x{2}"}'), ("b", "b")], foreign.selectors('a{l=~"x{2}"} - b'))

    def test_flavours(self):
        def of(expression):
            return flavour(foreign.Dashboard({"panels": [{"targets": [{"expr": expression}]}]}))
        self.assertEqual(KUBE, of('x{job="kubelet", metrics_path="/metrics/cadvisor"}'))
        self.assertEqual(TWO, of('x{job="node",y="z"}'))
        self.assertEqual(ONE, of('x{job!="kubelet",job=~"$job"}'))


class ScrapeConfigurations(unittest.TestCase):
    """Those of the documentation, with an agent in the place of its target."""

    @classmethod
    def setUpClass(cls):
        cls.place = support.Workspace()
        cls.addClassCleanup(cls.place.close)
        agent = cls.place.start_agent()
        cls.prometheus = {name: cls.place.start(Prometheus, text.replace(TARGET, agent.address))
                          for name, text in configurations().items()}

    def test_promtool_takes_them(self):
        for name, prometheus in self.prometheus.items():
            with self.subTest(name):
                done = subprocess.run([support.tool("promtool"), "check", "config", prometheus.config], text=True,
                                      capture_output=True, check=False)
                self.assertEqual(0, done.returncode, done.stdout + done.stderr)

    def has(self, name, selector, count=1):
        self.prometheus[name].wait_for(f"count({selector})", lambda found: found >= count)

    def hasnt(self, name, selector):
        self.assertEqual([], self.prometheus[name].query(selector), selector)

    def test_one_job_has_both_halves(self):
        self.has(ONE, 'container_last_seen{job="plimsoll", id="/"} and on (instance) node_uname_info{job="plimsoll"}')

    def test_two_jobs_have_a_half_each(self):
        self.has(TWO, 'container_last_seen{job="cadvisor", id="/"}')
        self.has(TWO, 'node_uname_info{job="node"}')
        self.hasnt(TWO, '{__name__=~"node_.*", job="cadvisor"} or {__name__=~"container_.*|machine_.*", job="node"}')

    def test_kube_prometheus_finds_its_labels(self):
        self.has(KUBE, 'container_last_seen{job="kubelet", metrics_path="/metrics/cadvisor", id="/"}')
        self.has(KUBE, 'node_uname_info{job="node-exporter"}')
        self.hasnt(KUBE, 'up{job!~"kubelet|node-exporter"}')


@unittest.skipUnless(FOLDER, "PLIMSOLL_FOREIGN_DASHBOARDS is not set to a folder of dashboards")
class Foreign(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.machine = Machine()
        cls.addClassCleanup(cls.machine.close)
        cls.boards = [foreign.Dashboard.load(path) for path in sorted(glob.glob(f"{FOLDER}/*.json"))]
        cls.machine.wait(SECONDS)
        cls.filled = {board.name: Filled(board, cls.machine) for board in cls.boards}

    def test_print_what_is_filled(self):
        self.assertTrue(self.boards)
        print("\n| dashboard | scraped as | expressions | filled | peers |\n|---|---|---|---|---|")
        for filled in self.filled.values():
            print(filled.line())
        for filled in self.filled.values():
            print(f"\n{filled.board.name}: {filled.board.title}")
            for line in filled.reasons():
                print("  " + line)

    def test_no_expression_is_refused(self):
        for filled in self.filled.values():
            self.assertEqual([], filled.refused, filled.board.name)

    def test_as_many_as_the_peers(self):
        for name, filled in self.filled.items():
            with self.subTest(name):
                self.assertGreaterEqual(len(filled.ours), len(filled.theirs))
                self.assertGreaterEqual(len(filled.ours), AT_LEAST.get(name, 0))


class Filled:
    """Which of a dashboard's expressions have series, with us and with the peers, and why others have none."""

    def __init__(self, board, machine):
        self.board, self.flavour = board, flavour(board)
        self.prometheus = machine.ours[self.flavour]
        self.queries = board.queries()
        self.refused = []
        self.ours = self.answered(self.prometheus)
        self.theirs = self.answered(machine.theirs)

    def answered(self, prometheus):
        """Positions of the queries that have series."""
        values = foreign.Variables(self.board, prometheus)
        return {n for n, query in enumerate(self.queries) if self.answer(prometheus, values.expand(query))}

    def answer(self, prometheus, expression):
        try:
            return prometheus.api("query", query=expression)["result"]  # of a vector its rows, of a scalar its value
        except AssertionError as error:
            self.refused.append(str(error))
            return []

    def line(self):
        return (f"| {self.board.name} | {self.flavour} | {len(self.queries)} | {len(self.ours)} | {len(self.theirs)} |")

    def reasons(self):
        values = foreign.Variables(self.board, self.prometheus)
        found = collections.Counter()
        for n, query in enumerate(self.queries):
            if n not in self.ours:
                reason = self.reason(values.expand(query)) + (" (PEERS FILL IT)" if n in self.theirs else "")
                found[reason] += 1
        return [f"{count} x {reason}" for reason, count in found.most_common()]

    def reason(self, expression):
        for name, selector in foreign.selectors(expression):
            if not self.prometheus.query(f"count({name})"):
                return f"no {name}"
            if not self.prometheus.query(f"count({selector})"):
                return f"no series: {selector}"
        return f"nothing fits: {expression}"


if __name__ == "__main__":
    unittest.main()
