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
import json
import os
import re
import subprocess
import sys
import time
import unittest

import foreign
import live
import peers
from reasons import Reasons

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "e2e"))
import engines  # noqa: E402
import support  # noqa: E402

FOLDER = os.environ.get("PLIMSOLL_FOREIGN_DASHBOARDS")
PAGE = support.REPOSITORY / "docs" / "DASHBOARDS.md"
TARGET = "localhost:1876"  # what the documentation has for an agent
INTERVAL = 4  # seconds
SECONDS = 60
ONE, TWO, KUBE, OWN = "one job", "cadvisor and node", "kube-prometheus", "the agent itself"
# What a person would choose where a dashboard offers pods: one with a quota, and neighbours.
CHOICE = {"namespace": "shop", "pod": "web-0", "workload": "web"}
PODS = {("shop", "web-0"): ["app", "sidecar", "store"], ("shop", "web-1"): ["app"], ("infra", "dns-0"): ["dns"]}
STORE = ("busybox dd if=/dev/zero of={0}/store bs=64k count=8 oflag=direct; while :; do "
         "busybox dd if={0}/store of={0}/copy bs=64k iflag=direct oflag=direct; busybox sleep 0.3; done")
WORK = ("while :; do /bin/plimsoll-load spin 50; /bin/busybox dd if=/dev/zero of=/tmp/out bs=64k count=4 oflag=direct; "
        "/bin/sleep 0.2; done")
# Of those two the share that must be filled is part of the promise: dashboard -> expressions, of which node_exporter
# fills 236 of 1860's on a plain machine.
AT_LEAST = {"1860": 236}
LOOKS = 3  # at an expression without an answer: on a busy machine a scrape may be late, and what it would bring is stale


def configurations():
    """{name: text} of the scrape configurations in the documentation."""
    blocks = re.findall(r"```yaml\n(scrape_configs:.*?)```", PAGE.read_text(), re.S)
    return dict(zip((ONE, TWO, KUBE, OWN), blocks, strict=True))


def flavour(board):
    """The scrape configuration that a dashboard expects, by the jobs it asks for; recorded series are of either."""
    text = " ".join([query.expression for query in board.queries()] + [json.dumps(board.variables())]).replace(r'\"', '"')
    if re.search(r'job="(cadvisor|node)"', text):
        return TWO
    return KUBE if re.search(r'job="(kubelet|node-exporter)"|kube_node_info', text) else ONE


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


class Machine(live.Live):
    """The shared machine, with a Docker that runs: its containers are what both sides can name. A Prometheus for each
    scrape configuration, all of one agent with its defaults, and one of the peers. What Kubernetes' dashboards join with
    is missing until start_state_metrics()."""

    def __init__(self):
        rules = sorted(glob.glob(f"{FOLDER}/*.rules.yaml"))
        super().__init__(interval=INTERVAL)
        try:
            self.state_metrics_port = support.free_port()
            self.ours = {name: self.place.start(Prometheus, self.with_state_metrics(name, text), rules)
                         for name, text in configurations().items() if name != OWN}
            self.theirs = self.place.start(Prometheus, self.peers(), rules)
        except BaseException:
            self.close()
            raise

    def with_state_metrics(self, name, text):
        text = text.replace(TARGET, self.plain.address)
        target = f"127.0.0.1:{self.state_metrics_port}"
        job = f"  - {{job_name: kube-state-metrics, honor_labels: true, static_configs: [{{targets: ['{target}']}}]}}\n"
        return text if name == ONE else text + job

    def start_state_metrics(self):
        server = peers.KubeStateMetrics(self.state_metrics_port, PODS)
        for prometheus in (self.ours[TWO], self.ours[KUBE]):
            prometheus.wait_for("count(namespace_workload_pod:kube_pod_owner:relabel)", timeout=30)
            prometheus.wait_for("min(count_over_time(kube_pod_info[5m]))", lambda scrapes: scrapes >= 6, timeout=60)
        return server

    def start_containers(self):
        super().start_containers()
        self.docker = self.place.start(engines.Docker)
        for name in ("front", "back"):
            self.docker.run(name, "/bin/sh", "-c", WORK, memory=64 << 20, options=("--cpus", "0.3"),
                            labels={"com.docker.compose.project": "shop", "com.docker.compose.service": name})
            self.networks.append(engines.connect(self.place, self.docker.pid(name)))

    def start_pods(self):
        super().start_pods()
        self.kubernetes.add_container(self.sandboxes[live.PODS[0]], *live.PODS[0], "store", support.tool("busybox"), "sh", "-c",
                                      STORE.format(self.data), cpus=0.2)

    def peers(self):
        jobs = [("node", peers.node_exporter(self.place))]
        if peers.CADVISOR:
            jobs.append(("cadvisor", peers.cadvisor(self.place, self.docker)))
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
        self.assertEqual(".+", self.expand("$v", {**several, "allValue": ".+"}))
        self.assertEqual("a", self.expand("$v", self.ask("label_values(x)", multi=True), values=["c", "a"]))

    def test_a_repeated_panel_has_an_expression_for_each_value(self):
        board = foreign.Dashboard({"templating": {"list": [self.ask("label_values(x)", multi=True, includeAll=True)]}})
        values = foreign.Variables(board, self.Answers(["c.d", "a"]))
        self.assertEqual(["x a", r"x c\\.d"], values.expansions(foreign.Query("t", "A", "x $v", ("v",))))
        self.assertEqual([r"x (a|c\\.d)"], values.expansions(foreign.Query("t", "A", "x $v")))

    def test_what_is_preferred(self):
        board = foreign.Dashboard({"templating": {"list": [self.ask("label_values(x)")]}})
        for preferred, chosen in (("b", "b"), ("elsewhere", "a")):
            values = foreign.Variables(board, self.Answers(["b", "a"]), {"v": preferred})
            self.assertEqual(chosen, values.expand(foreign.Query("t", "A", "$v")))

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

    def test_the_agent_itself_is_not_shown_twice(self):
        self.has(OWN, 'plimsoll_build_info{job="plimsoll"} and on (instance) process_max_fds')
        self.has(OWN, "{__name__=~'plimsoll_(http_requests|collections|series_dropped).*_total'}", count=3)
        self.hasnt(OWN, '{__name__=~"node_(load|cpu|memory).*|container_(cpu|memory|last).*|plimsoll_(container|exited).*"}')


@unittest.skipUnless(FOLDER, "PLIMSOLL_FOREIGN_DASHBOARDS is not set to a folder of dashboards")
class Foreign(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.machine = Machine()
        cls.addClassCleanup(cls.machine.close)
        cls.boards = [foreign.Dashboard.load(path) for path in sorted(glob.glob(f"{FOLDER}/*.json"))]
        cls.machine.wait(SECONDS)
        cls.filled = {board.name: Filled(board, cls.machine) for board in cls.boards}
        cls.look(Filled.look)
        cls.addClassCleanup(cls.machine.start_state_metrics().stop)
        cls.look(Filled.look_again)

    @classmethod
    def look(cls, how):
        for n in range(LOOKS):
            time.sleep(2 * INTERVAL * (n > 0))
            for filled in cls.filled.values():
                how(filled)

    def test_print_what_is_filled(self):
        self.assertTrue(self.boards)
        print("\n| dashboard | scraped as | expressions | filled | with kube-state-metrics | peers |\n|---|---|---|---|---|---|")
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
                self.assertEqual([], filled.only_the_peers())
                self.assertGreaterEqual(len(filled.ours), AT_LEAST.get(name, 0))


class Filled:
    """Which of a dashboard's expressions have series, with us and with the peers, and why others have none. `joined` are
    those that have them as soon as kube-state-metrics is there."""

    def __init__(self, board, machine):
        self.board, self.flavour = board, flavour(board)
        self.machine, self.prometheus = machine, machine.ours[self.flavour]
        self.queries = board.queries()
        self.ours, self.joined, self.theirs, self.refused = set(), set(), set(), []

    def look(self):
        self.ours |= self.answered(self.prometheus, self.ours)
        self.joined |= self.ours
        if self.flavour != KUBE:
            self.theirs |= self.answered(self.machine.theirs, self.theirs)

    def look_again(self):
        """Now that there is more to join with."""
        if self.flavour != ONE:
            self.joined |= self.answered(self.prometheus, self.joined)

    def answered(self, prometheus, known):
        """Positions of the queries that have series, but those that are `known` to have."""
        values = foreign.Variables(self.board, prometheus, CHOICE)
        return {n for n, query in enumerate(self.queries) if n not in known
                and any(self.answer(prometheus, expression) for expression in values.expansions(query))}

    def answer(self, prometheus, expression):
        try:
            return prometheus.api("query", query=expression)["result"]  # of a vector its rows, of a scalar its value
        except AssertionError as error:
            self.refused.append(str(error))
            return []

    def line(self):
        joined, theirs = len(self.joined), len(self.theirs)
        return (f"| {self.board.name} | {self.flavour} | {len(self.queries)} | {len(self.ours)} | "
                f"{'' if self.flavour == ONE else joined} | {'' if self.flavour == KUBE else theirs} |")

    def why(self):
        """{position of an expression without series: (class, details)}"""
        values, reasons = foreign.Variables(self.board, self.prometheus, CHOICE), Reasons(self.prometheus)
        return {n: reasons.why(values.expansions(query)[-1]) for n, query in enumerate(self.queries) if n not in self.joined}

    def reasons(self):
        zeros = self.only_zeros()
        found = collections.Counter((*reason, n in self.theirs, n in zeros) for n, reason in self.why().items())
        return [f"{count} x {kind}: {detail}{' (PEERS: ONLY ZEROS)' if zero else ' (PEERS HAVE IT)' if theirs else ''}"
                for (kind, detail, theirs, zero), count in sorted(found.items(), key=lambda item: (item[0][0], -item[1]))]

    def only_the_peers(self):
        """Expressions that only the peers fill, but for those that they fill with constant zeros."""
        return [self.queries[n].expression for n in sorted(self.theirs - self.joined - self.only_zeros())]

    def only_zeros(self):
        """Positions of queries that only the peers fill, from samples that are all 0: cAdvisor shows so what there is
        for the machine, and not for a container."""
        values, zeros = foreign.Variables(self.board, self.machine.theirs, CHOICE), set()
        for n in self.theirs - self.joined:
            found = foreign.selectors(values.expansions(self.queries[n])[-1])
            if all(not self.answer(self.machine.theirs, f"{selector} != 0") for _, selector in found):
                zeros.add(n)
        return zeros


if __name__ == "__main__":
    unittest.main()
