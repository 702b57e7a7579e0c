#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The three formats, read by parsers that are not ours: prometheus-client's (strict in OpenMetrics), Google's protobuf,
promtool, and Prometheus itself, which must store the same series whichever format it asks for."""

import gzip
import http.client
import http.server
import importlib
import json
import math
import re
import subprocess
import sys
import tempfile
import threading
import time
import unittest

import support

try:
    from prometheus_client import parser as text_parser
    from prometheus_client.openmetrics import parser as openmetrics_parser
except ImportError:
    raise unittest.SkipTest("python3-prometheus-client is not installed: run scripts/install-dependencies") from None

GOLDEN = support.REPOSITORY / "tests/golden/formats"
TEXT = "text/plain; version=0.0.4; charset=utf-8"
OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"
PROTOBUF = "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited"

# What scripts may leave: everything that the formats treat differently.
TEXTFILE = r'''# HELP job_seconds How "long" a job took, \\ and more.
# TYPE job_seconds histogram
job_seconds_bucket{job_name="a \"b\" \\ \n c",le="1"} 2
job_seconds_bucket{job_name="a \"b\" \\ \n c",le="1000000"} 3
job_seconds_bucket{job_name="a \"b\" \\ \n c",le="+Inf"} 3
job_seconds_sum{job_name="a \"b\" \\ \n c"} 4.5
job_seconds_count{job_name="a \"b\" \\ \n c"} 3
job_seconds_bucket{job_name="second",le="1"} 0
job_seconds_bucket{job_name="second",le="+Inf"} 0
job_seconds_sum{job_name="second"} 0
job_seconds_count{job_name="second"} 0
# TYPE call_seconds summary
call_seconds{quantile="0.50"} 2
call_seconds{quantile="1"} NaN
call_seconds_sum 3
call_seconds_count 4
# TYPE half_seconds histogram
half_seconds_bucket{le="2"} 1
half_seconds_count 1
plain_bucket{le="1"} 5
# TYPE restarts counter
restarts{empty="",unit="€"} 3
# TYPE orders_total counter
orders_total 7
# TYPE orders_created gauge
orders_created 1.7e9
# TYPE odd_total counter
odd_total -1
'''


def key(name, labels):
    """As Prometheus would store it: an empty label is none."""
    return (name, *sorted((n, v) for n, v in labels.items() if v != ""))


def canonical(number):
    """A bound as Prometheus writes those of protobuf."""
    if math.isinf(number):
        return "+Inf" if number > 0 else "-Inf"
    text = repr(number)
    if abs(number) >= 1e6 or 0 < abs(number) < 1e-4:
        digits, _, power = f"{number:.17e}".partition("e")
        for precision in range(17):
            digits, _, power = f"{number:.{precision}e}".partition("e")
            if float(f"{digits}e{power}") == number:
                break
        text = f"{digits}e{power}"
    return text


class Series(dict):
    """{series: value}; the same series twice is an error."""

    def add(self, name, labels, value):
        assert key(name, labels) not in self, f"twice: {name} {labels}"
        self[key(name, labels)] = value


def series_in_text(body):
    found = Series()
    for name, labels, value in support.parse_samples(body):
        found.add(name, labels, value)
    return found


def series_in_openmetrics(body):
    found = Series()
    for family in openmetrics_parser.text_string_to_metric_families(body):
        for sample in family.samples:
            found.add(sample.name, sample.labels, float(sample.value))
    return found


class Protobuf:
    """MetricFamily as protoc makes it from metrics.proto."""

    def __init__(self):
        with tempfile.TemporaryDirectory(prefix="plimsoll-proto-") as directory:
            subprocess.run([support.tool("protoc"), f"--proto_path={GOLDEN}", f"--python_out={directory}",
                            "metrics.proto"], check=True)
            sys.path.insert(0, directory)
            self.module = importlib.import_module("metrics_pb2")
            sys.path.remove(directory)

    def families(self, body):
        at, families = 0, []
        while at < len(body):
            size = shift = 0
            while True:
                size |= (body[at] & 0x7f) << shift
                shift, at = shift + 7, at + 1
                if body[at - 1] < 0x80:
                    break
            assert at + size <= len(body), "a message is cut off"
            family = self.module.MetricFamily()
            family.ParseFromString(body[at:at + size])
            assert not family.UnknownFields(), f"unknown fields in {family.name}"
            families.append(family)
            at += size
        return families

    def type_name(self, family):
        return self.module.MetricType.Name(family.type).lower()

    def series(self, families):
        found = Series()
        for family in families:
            for metric in family.metric:
                labels = {pair.name: pair.value for pair in metric.label}
                assert len(labels) == len(metric.label), f"a label twice in {family.name}"
                self._add(found, family, metric, labels)
        return found

    def _add(self, found, family, metric, labels):
        kind = self.type_name(family)
        value = getattr(metric, kind)
        assert metric.HasField(kind), f"{family.name} has no {kind}"
        if kind not in ("histogram", "summary"):
            return found.add(family.name, labels, value.value)
        found.add(family.name + "_sum", labels, value.sample_sum)
        found.add(family.name + "_count", labels, float(value.sample_count))
        for bucket in value.bucket if kind == "histogram" else ():
            found.add(family.name + "_bucket", {**labels, "le": canonical(bucket.upper_bound)},
                      float(bucket.cumulative_count))
        for quantile in value.quantile if kind == "summary" else ():
            found.add(family.name, {**labels, "quantile": canonical(quantile.quantile)}, quantile.value)
        return None


def types_in_text(body):
    return dict(re.findall(r"^# TYPE (\S+) (\S+)$", body, re.M))


def same(a, b):
    return a == b or (math.isnan(a) and math.isnan(b))


class Golden(unittest.TestCase):
    """The recorded page in each format: the same series with the same values, by every parser."""

    @classmethod
    def setUpClass(cls):
        cls.protobuf = Protobuf()
        cls.text = (GOLDEN / "page.txt").read_text()
        cls.series = series_in_text(cls.text)

    def assert_same_series(self, other):
        self.assertEqual(other.keys(), self.series.keys())
        self.assertEqual({k: (v, other[k]) for k, v in self.series.items() if not same(v, other[k])}, {})

    def test_text(self):
        families = list(text_parser.text_string_to_metric_families(self.text))
        self.assertEqual(sum(len(family.samples) for family in families), len(self.series))
        done = subprocess.run([support.tool("promtool"), "check", "metrics"], input=self.text, text=True,
                              capture_output=True, check=False)
        self.assertIn(done.returncode, (0, 3), done.stderr)  # 3: read, and not in the usual style, which is its purpose
        self.assertNotIn("error while linting", done.stderr)

    def test_openmetrics(self):
        self.assert_same_series(series_in_openmetrics((GOLDEN / "page.om").read_text()))

    def test_openmetrics_helps(self):
        helps = {f.name: f.documentation
                 for f in openmetrics_parser.text_string_to_metric_families((GOLDEN / "page.om").read_text())}
        self.assertEqual(helps["memory_bytes"], 'Help with "quotes", a back\\slash and\na second line.')

    def test_openmetrics_with_starts(self):
        with_starts = series_in_openmetrics((GOLDEN / "page-created.om").read_text())
        added = {k: v for k, v in with_starts.items() if k not in self.series}
        self.assertEqual({k[0] for k in added}, {"cpu_seconds_created", "wait_seconds_created", "call_seconds_created"})
        self.assertEqual(set(added.values()), {1700000000.25})
        self.assertLessEqual(self.series.keys(), with_starts.keys())

    def test_protobuf(self):
        families = self.protobuf.families((GOLDEN / "page.pb").read_bytes())
        self.assert_same_series(self.protobuf.series(families))
        by_name = {family.name: family for family in families}
        started = by_name["cpu_seconds_total"].metric[0].counter.created_timestamp
        self.assertEqual((started.seconds, started.nanos), (1700000000, 250000000))
        self.assertFalse(by_name["cpu_seconds_total"].metric[1].counter.HasField("created_timestamp"))
        self.assertEqual(by_name["wait_seconds"].metric[0].histogram.created_timestamp.seconds, 1700000000)
        self.assertEqual(by_name["call_seconds"].metric[0].summary.created_timestamp.seconds, 1700000000)
        self.assertEqual(by_name["memory_bytes"].unit, "bytes")

    def test_types(self):
        types = types_in_text(self.text)
        for family in self.protobuf.families((GOLDEN / "page.pb").read_bytes()):
            if family.name in types:
                self.assertEqual(self.protobuf.type_name(family), types[family.name], family.name)


def get(address, path="/metrics", method="GET", **headers):
    """(headers, body as it came) of a request with these headers; underscores stand for hyphens."""
    connection = http.client.HTTPConnection(address, timeout=30 * support.TIME_FACTOR)
    try:
        connection.request(method, path, headers={n.replace("_", "-"): v for n, v in headers.items()})
        answer = connection.getresponse()
        body = answer.read()
        assert answer.status == 200, (answer.status, body)
        return answer.headers, body
    finally:
        connection.close()


class Live(unittest.TestCase):
    """A running agent with a container, everything of the host, and files of others."""

    @classmethod
    def setUpClass(cls):
        cls.protobuf = Protobuf()
        cls.place = support.Workspace()
        cls.addClassCleanup(cls.place.close)
        cls.agent = start_agent(cls.place)
        cls.place.run("-d", "--name", "web", command=["/bin/sleep", "600"])

    def text(self):
        return get(self.agent.address)[1].decode()

    def assert_is_text(self, fetch, rounds=5):
        """The series that fetch() brings are those of text: all that it has before and after, none that it never has.
        Others start and end cgroups meanwhile, so it must be so in one of a few rounds."""
        for last in (False,) * (rounds - 1) + (True,):
            before, found, after = series_in_text(self.text()), fetch(), series_in_text(self.text())
            missing, more = (before.keys() & after.keys()) - found.keys(), found.keys() - (before.keys() | after.keys())
            if last or not missing and not more:
                break
        self.assertEqual((missing, more), (set(), set()))
        self.assertGreater(len(found), 300)

    def test_text(self):
        headers, body = get(self.agent.address)
        self.assertEqual((headers["Content-Type"], headers["Vary"]), (TEXT, "Accept, Accept-Encoding"))
        families = list(text_parser.text_string_to_metric_families(body.decode()))
        names = [family.name for family in families]
        self.assertEqual(len(names), len(set(names)))
        self.assertIn(key("container_cpu_user_seconds_total", {}), {k[:1] for k in series_in_text(body.decode())})

    def test_openmetrics(self):
        headers, body = get(self.agent.address, Accept="application/openmetrics-text;version=1.0.0")
        self.assertEqual(headers["Content-Type"], OPENMETRICS)
        self.assertTrue(body.endswith(b"\n# EOF\n"))
        self.assert_is_text(lambda: series_in_openmetrics(get(self.agent.address, Accept=OPENMETRICS)[1].decode()))

    def test_protobuf(self):
        self.assert_is_text(lambda: self.protobuf.series(self.protobuf.families(
            get(self.agent.address, Accept=PROTOBUF)[1])))
        headers, body = get(self.agent.address, Accept=PROTOBUF)
        self.assertEqual(headers["Content-Type"], PROTOBUF)
        families, text = self.protobuf.families(body), self.text()
        types = types_in_text(text)
        for family in families:
            if family.name in types:
                self.assertEqual(self.protobuf.type_name(family), types[family.name], family.name)
        helps = dict(re.findall(r"^# HELP (\S+) (.*)$", text, re.M))
        for family in families:
            if family.name in helps:
                self.assertEqual(family.help.replace("\\", "\\\\").replace("\n", "\\n"), helps[family.name])

    def test_a_containers_counters_have_its_start(self):
        families = {f.name: f for f in self.protobuf.families(get(self.agent.address, Accept=PROTOBUF)[1])}
        started = self.agent.value("container_start_time_seconds", name="web")
        seen = 0
        for metric in families["container_cpu_user_seconds_total"].metric:
            if any(pair.name == "name" and pair.value == "web" for pair in metric.label):
                created = metric.counter.created_timestamp
                self.assertAlmostEqual(created.seconds + created.nanos / 1e9, started, places=3)
                seen += 1
        self.assertEqual(seen, 1)
        self.assertNotIn("_created", get(self.agent.address, "/metrics/cadvisor", Accept=OPENMETRICS)[1].decode())

    def test_starts_in_openmetrics_when_asked_for(self):
        agent = self.place.start_agent("--web.openmetrics-created")
        found = series_in_openmetrics(get(agent.address, Accept=OPENMETRICS)[1].decode())
        created = {k: v for k, v in found.items() if k[0] == "container_cpu_user_seconds_created"}
        self.assertEqual(len(created), 1)
        self.assertAlmostEqual(*created.values(), agent.value("container_start_time_seconds", name="web"), places=2)

    def test_gzip(self):
        def fetch(accept, read):
            headers, body = get(self.agent.address, Accept=accept, Accept_Encoding="gzip")
            self.assertEqual((headers["Content-Encoding"], headers["Content-Type"]), ("gzip", accept))
            plain = gzip.decompress(body)
            self.assertLess(len(body), len(plain) / 2)
            return read(plain)
        for accept, read in ((TEXT, lambda body: series_in_text(body.decode())),
                             (OPENMETRICS, lambda body: series_in_openmetrics(body.decode())),
                             (PROTOBUF, lambda body: self.protobuf.series(self.protobuf.families(body)))):
            self.assert_is_text(lambda a=accept, r=read: fetch(a, r))

    def test_no_gzip_unless_wanted(self):
        for encoding in ("identity", "gzip;q=0", "deflate", "zstd, br"):
            headers, body = get(self.agent.address, Accept_Encoding=encoding)
            self.assertIsNone(headers["Content-Encoding"], encoding)
            self.assertTrue(body.startswith(b"# HELP"))
        headers, body = get(self.agent.address, method="HEAD", Accept_Encoding="gzip", Accept=OPENMETRICS)
        self.assertEqual((headers["Content-Encoding"], headers["Content-Type"], body), ("gzip", OPENMETRICS, b""))
        agent = self.place.start_agent("--web.disable-compression")
        self.assertIsNone(get(agent.address, Accept_Encoding="gzip")[0]["Content-Encoding"])

    def test_accept_headers_of_garbage(self):
        for accept in ("", ",", ";;;", "*", "text", "a/b;q=nan", '"', '"' * 9000, "x/y;q=0.5," * 1000, "\xff\xfe",
                       "application/openmetrics-text;version=9", "application/vnd.google.protobuf;proto=x",
                       "text/plain;q=0", "application/openmetrics-text;q=-1"):
            headers, body = get(self.agent.address, "/metrics/node", Accept=accept)
            self.assertEqual(headers["Content-Type"], TEXT, accept[:50])
            self.assertTrue(body.startswith(b"# HELP"))
            headers, body = get(self.agent.address, "/metrics/node", Accept_Encoding=accept.replace("*", "x"))
            self.assertIsNone(headers["Content-Encoding"], accept[:50])
            self.assertTrue(body.startswith(b"# HELP"))
        for accept in ("application/openmetrics-text;version=1.0.0;escaping=allow-utf-8",
                       "application/openmetrics-text;version=1.0.0;escaping=\"values, or; what\"",
                       "application/openmetrics-text;escaping=" + "x" * 5000):
            headers, body = get(self.agent.address, "/metrics/node", Accept=accept)
            self.assertEqual(headers["Content-Type"], OPENMETRICS)
            series_in_openmetrics(body.decode())

    def test_promtool(self):
        done = subprocess.run([support.tool("promtool"), "check", "metrics"], input=self.text(), text=True,
                              capture_output=True, check=False)
        self.assertIn(done.returncode, (0, 3), done.stderr)
        findings = [line for line in done.stderr.splitlines() if line and not accepted(line)]
        self.assertEqual(findings, [])


# What promtool says of names that are cAdvisor's and node_exporter's, which we keep, and of the file above.
ACCEPTED = (
    r"^node_(memory|netstat|vmstat)_\w+ metric names should be written in 'snake_case' not 'camelCase'$",
    r"^cadvisor_version_info label names should be written in 'snake_case' not 'camelCase'$",
    r"^container_fs_inodes_total non-counter metrics should not have \"_total\" suffix$",
    r"^container_memory_failcnt counter metrics should have \"_total\" suffix$",
    r"^node_entropy_(available|pool_size)_bits use base unit \"bytes\" instead of \"bits\"$",
    r"^restarts counter metrics should have \"_total\" suffix$",
)


def accepted(line):
    return any(re.search(pattern, line) for pattern in ACCEPTED)


def start_agent(place):
    directory = place.path / "textfiles"
    directory.mkdir()
    (directory / "jobs.prom").write_text(TEXTFILE)
    return place.start_agent(f"--collector.textfile.directory={directory}")


class Proxy(http.server.ThreadingHTTPServer):
    """Passes GET on to `address`, perhaps with another Accept header, and notes what came back."""

    daemon_threads = True

    def __init__(self, address, accept=None):
        super().__init__(("127.0.0.1", 0), Passing)
        self.target, self.accept, self.served, self.asked = address, accept, set(), set()
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def address(self):
        return f"127.0.0.1:{self.server_address[1]}"

    def stop(self):
        self.shutdown()
        self.server_close()


class Passing(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        wanted = dict(self.headers)
        self.server.asked.add(wanted.get("Accept"))
        if self.server.accept:
            wanted["Accept"] = self.server.accept
        connection = http.client.HTTPConnection(self.server.target, timeout=30)
        connection.request("GET", self.path, headers=wanted)
        answer = connection.getresponse()
        body = answer.read()
        connection.close()
        self.server.served.add((answer.headers["Content-Type"], answer.headers["Content-Encoding"]))
        self.send_response(answer.status)
        for name in ("Content-Type", "Content-Encoding"):
            if answer.headers[name]:
                self.send_header(name, answer.headers[name])
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class TwoJobs(support.Prometheus):
    """A Prometheus with one job for each of `targets` {name: address}."""

    def __init__(self, place, targets, flags):
        directory = place.path / f"prometheus-{time.monotonic_ns()}"
        directory.mkdir()
        jobs = [{"job_name": name, "static_configs": [{"targets": [address]}]} for name, address in targets.items()]
        config = {"global": {"scrape_interval": f"{support.SCRAPE_INTERVAL}s",
                             "scrape_timeout": f"{support.SCRAPE_INTERVAL}s"}, "scrape_configs": jobs}
        (directory / "config.yml").write_text(json.dumps(config))
        port = support.free_port()
        support.Server.__init__(self, [
            support.tool("prometheus"), f"--config.file={directory}/config.yml",
            f"--storage.tsdb.path={directory}/data", f"--web.listen-address=127.0.0.1:{port}", "--log.level=warn",
            *flags], directory / "log")
        self.address = f"127.0.0.1:{port}"
        self.wait_ready("/-/ready")

    def series_of(self, job):
        """What an instant query shows of a job, without the labels that say which job it is."""
        return {tuple(sorted((n, v) for n, v in labels.items() if n not in ("job", "instance")))
                for labels, _ in self.query(f'{{job="{job}"}}')}


class ByPrometheus(unittest.TestCase):
    """Prometheus scrapes one agent twice, once as it likes and once in text: the series must be the same."""

    @classmethod
    def setUpClass(cls):
        cls.place = support.Workspace()
        cls.addClassCleanup(cls.place.close)
        cls.agent = start_agent(cls.place)
        cls.place.run("-d", "--name", "web", command=["/bin/sleep", "600"])
        cls.place.run("--name", "ended", command=["/bin/true"])

    def compare(self, content_type, *flags):
        own, text = Proxy(self.agent.address), Proxy(self.agent.address, "text/plain;version=0.0.4")
        self.addCleanup(own.stop)
        self.addCleanup(text.stop)
        prometheus = self.place.start(TwoJobs, {"own": own.address, "text": text.address}, flags)
        for job in ("own", "text"):
            prometheus.wait_for(f'up{{job="{job}"}}', lambda up: up == 1)
        time.sleep(3 * support.SCRAPE_INTERVAL)
        first = {job: prometheus.series_of(job) for job in ("own", "text")}
        time.sleep(2 * support.SCRAPE_INTERVAL)
        last = {job: prometheus.series_of(job) for job in ("own", "text")}
        prometheus.stop()
        self.assertEqual(own.served, {(content_type, "gzip")}, own.asked)
        self.assertEqual(text.served, {(TEXT, "gzip")})
        for one, other in (("own", "text"), ("text", "own")):
            lasting = first[one] & last[one]
            self.assertEqual(lasting - (first[other] | last[other]), set(), f"only in {one}")
            self.assertGreater(len(lasting), 300)
        self.check_series(first["own"] & last["own"])
        print(f"  {len(first['own'])} series by {content_type.split(';')[0]} and by text; "
              f"asked for: {', '.join(map(str, own.asked))}")

    def check_series(self, found):
        names = {dict(series)["__name__"] for series in found}
        for name in ("job_seconds_bucket", "job_seconds_sum", "call_seconds", "half_seconds_bucket",
                     "half_seconds_count", "restarts", "orders_total", "orders_created", "odd_total", "plain_bucket",
                     "container_cpu_user_seconds_total", "node_cpu_seconds_total", "plimsoll_build_info"):
            self.assertIn(name, names)
        bounds = {dict(series)["le"] for series in found if dict(series)["__name__"] == "job_seconds_bucket"}
        self.assertEqual(bounds, {"1.0", "1e+06", "+Inf"})

    def test_openmetrics_stores_what_text_stores(self):
        self.compare(OPENMETRICS)

    def test_protobuf_stores_what_text_stores(self):
        self.compare(PROTOBUF, "--enable-feature=native-histograms")


if __name__ == "__main__":
    unittest.main(verbosity=2 if "-v" in sys.argv else 1)
