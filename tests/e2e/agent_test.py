#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""`plimsoll agent` as a process: its routes, its exposition, its end, and what it says to bad input."""

import collections
import http.client
import json
import os
import pathlib
import re
import resource
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest
import urllib.request

import support

PAGES = ("/metrics", "/metrics/cadvisor", "/metrics/node")


def families(text):
    """Names in the order of their # TYPE lines."""
    return re.findall(r"^# TYPE (\S+) ", text, re.M)


def series(text):
    """Every sample line without its value."""
    return [line.rsplit(" ", 1)[0] for line in text.splitlines() if line and not line.startswith("#")]


def collection_number(text):
    """How many node collections there had been when this page was made."""
    return int(re.search(r'^plimsoll_collections_total\{half="node"\} (\d+)$', text, re.M)[1])


def fetch_at_once(agent, path, count):
    """The bodies of `count` requests that start together."""
    barrier, bodies = threading.Barrier(count), [None] * count

    def fetch(index):
        barrier.wait()
        bodies[index] = agent.metrics(path)
    threads = [threading.Thread(target=fetch, args=(index,)) for index in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return bodies


class RunningAgent(unittest.TestCase):
    """Tests that share one agent."""

    @classmethod
    def setUpClass(cls):
        cls.place = support.Workspace()
        cls.addClassCleanup(cls.place.close)
        cls.agent = cls.place.start_agent()

    def request(self, method, path, body=None, headers=()):
        connection = http.client.HTTPConnection(self.agent.address, timeout=10 * support.TIME_FACTOR)
        self.addCleanup(connection.close)
        connection.request(method, path, body=body, headers=dict(headers))
        answer = connection.getresponse()
        return answer, answer.read().decode()

    def exchange(self, request):
        host, port = self.agent.address.rsplit(":", 1)
        with socket.create_connection((host, int(port)), timeout=10 * support.TIME_FACTOR) as connection:
            connection.sendall(request)
            pieces = []
            while piece := connection.recv(65536):
                pieces.append(piece)
        return b"".join(pieces)

    def test_pages_are_what_promtool_accepts(self):
        promtool = support.tool("promtool")
        for path in PAGES:
            with self.subTest(path):
                done = subprocess.run([promtool, "check", "metrics"], input=self.agent.metrics(path), text=True,
                                      capture_output=True, check=False)
                self.assertIn(done.returncode, (0, 3), done.stdout + done.stderr)  # 3: only remarks on style
                remarks = [line for line in (done.stdout + done.stderr).splitlines() if line.startswith("plimsoll_")]
                self.assertEqual(remarks, [])

    def test_each_family_and_each_series_is_there_once(self):
        for path in PAGES:
            with self.subTest(path):
                text = self.agent.metrics(path)
                twice = [name for name, count in collections.Counter(families(text)).items() if count > 1]
                self.assertEqual(twice, [])
                twice = [name for name, count in collections.Counter(series(text)).items() if count > 1]
                self.assertEqual(twice, [])

    def test_samples_stand_below_their_own_family(self):
        for path in PAGES:
            names = set()
            for line in self.agent.metrics(path).splitlines():
                if line.startswith("# TYPE "):
                    current, kind = line.split()[2:4]
                    names = {current} if kind != "histogram" else {current + part for part in ("_bucket", "_sum", "_count")}
                elif not line.startswith("#"):
                    self.assertIn(re.match(r"[\w:]+", line)[0], names, path)

    def test_pages_hold_their_halves(self):
        both, container, node = (set(families(self.agent.metrics(path))) for path in PAGES)
        self.assertIn("container_cpu_usage_seconds_total", container)
        self.assertIn("machine_memory_bytes", container)
        self.assertIn("node_load1", node)
        self.assertIn("node_scrape_collector_success", node)
        self.assertEqual({name for name in container if not name.startswith(("container_", "machine_", "cadvisor_", "plimsoll_"))}, set())
        self.assertEqual({name for name in node if not name.startswith("node_")}, set())
        self.assertLessEqual(container | node, both)
        for name in ("plimsoll_build_info", "plimsoll_http_requests_total", "process_cpu_seconds_total", "process_open_fds",
                     "process_resident_memory_bytes", "process_start_time_seconds"):
            self.assertIn(name, both)
            self.assertNotIn(name, container | node)

    def test_own_metrics_are_true(self):
        self.assertEqual(self.agent.value("plimsoll_build_info"), 1)
        pid = self.agent.process.pid
        self.assertAlmostEqual(self.agent.value("process_open_fds"), len(os.listdir(f"/proc/{pid}/fd")), delta=5)
        with open(f"/proc/{pid}/statm", encoding="ascii") as file:
            resident = int(file.read().split()[1]) * resource.getpagesize()
        self.assertAlmostEqual(self.agent.value("process_resident_memory_bytes"), resident, delta=resident / 2)
        self.assertAlmostEqual(self.agent.value("process_start_time_seconds"), time.time(), delta=600 * support.TIME_FACTOR)
        before = self.agent.value("plimsoll_http_requests_total", path="/healthz", code="200")
        self.request("GET", "/healthz")
        support.wait_until("the request to be counted", lambda: self.agent.value(
            "plimsoll_http_requests_total", path="/healthz", code="200") == before + 1)

    def test_concurrent_requests_of_one_collection_are_identical(self):
        shared = 0
        for _ in range(100):
            pages = collections.defaultdict(set)
            numbers = []
            for body in fetch_at_once(self.agent, "/metrics", 8):
                numbers.append(collection_number(body))
                pages[numbers[-1]].add(body)
            self.assertEqual({number: len(bodies) for number, bodies in pages.items() if len(bodies) > 1}, {})
            shared += len(numbers) - len(pages)
            if shared >= 8:
                return
        self.fail("of 800 requests, eight at a time, hardly any shared a collection")

    def test_all_pages_at_the_same_time(self):
        threads = [threading.Thread(target=fetch_at_once, args=(self.agent, path, 4)) for path in PAGES]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertTrue(self.agent.alive())

    def test_health_and_readiness(self):
        for path in ("/healthz", "/-/healthy", "/-/ready"):
            answer, body = self.request("GET", path)
            self.assertEqual((answer.status, body), (200, "ok\n"), path)

    def test_landing_page_links_to_what_exists(self):
        answer, body = self.request("GET", "/")
        self.assertEqual(answer.status, 200)
        self.assertIn("text/html", answer.headers["Content-Type"])
        links = re.findall(r'href="([^"]+)"', body)
        self.assertLessEqual(set(PAGES), set(links))
        for link in links:
            self.assertEqual(self.request("GET", link)[0].status, 200, link)

    def test_head_has_headers_only(self):
        for path in (*PAGES, "/", "/healthz"):
            answer, body = self.request("HEAD", path)
            self.assertEqual((answer.status, body), (200, ""), path)
        self.assertIn("version=0.0.4", self.request("HEAD", "/metrics")[0].headers["Content-Type"])

    def test_refuses_unknown_paths_and_methods(self):
        for path in ("/metric", "/metrics/", "/metrics/other", "/%2e%2e/etc/passwd", "/../../etc/passwd", "//metrics"):
            self.assertEqual(self.request("GET", path)[0].status, 404, path)
        for method in ("POST", "PUT", "DELETE", "OPTIONS", "PATCH"):
            answer, _ = self.request(method, "/metrics", body="x" if method == "POST" else None)
            self.assertEqual(answer.status, 405, method)
            self.assertEqual(answer.headers["Allow"], "GET, HEAD")

    def test_names_no_server_software(self):
        self.assertNotIn("Server", self.request("GET", "/metrics")[0].headers)

    def test_http_10_gets_an_unchunked_answer(self):
        answer = self.exchange(b"GET /metrics/node HTTP/1.0\r\n\r\n")
        head, _, body = answer.partition(b"\r\n\r\n")
        self.assertNotIn(b"chunked", head)
        self.assertTrue(body.startswith(b"# HELP ") and body.endswith(b"\n"), body[:100])

    def test_survives_garbage(self):
        for request in (b"\r\n\r\n", b"\x16\x03\x01\x00\x05hello\r\n\r\n", b"GET\r\n\r\n", b"OPTIONS * HTTP/1.1\r\n\r\n",
                        b"GET /" + b"a" * 40000 + b" HTTP/1.1\r\n\r\n", b"GET /metrics HTTP/1.1\r\nA: " + b"b" * 40000 + b"\r\n\r\n"):
            try:
                answer = self.exchange(request)
            except ConnectionResetError:
                answer = b""
            self.assertRegex(answer, rb"\A(HTTP/1\.1 [45]|\Z)", request[:40])
        self.assertEqual(self.request("GET", "/healthz")[0].status, 200)

    def test_clients_that_break_off_do_no_harm(self):
        for _ in range(8):  # fewer than one client may have at once
            host, port = self.agent.address.rsplit(":", 1)
            connection = socket.create_connection((host, int(port)))
            connection.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
            connection.close()
        self.assertEqual(self.request("GET", "/metrics")[0].status, 200)

    def require_own_civetweb(self):
        if os.environ.get("PLIMSOLL_CIVETWEB", "source") != "source":
            self.skipTest("built with Debian's civetweb")

    def test_bounds_what_one_client_has(self):
        self.require_own_civetweb()
        host, port = self.agent.address.rsplit(":", 1)
        silent = [socket.create_connection((host, int(port)), timeout=20) for _ in range(20)]
        try:
            self.assertEqual({connection.recv(1) for connection in silent[12:]}, {b""}, "closed at once")
            silent[0].sendall(b"GET /healthz HTTP/1.0\r\n\r\n")
            self.assertTrue(silent[0].recv(100).startswith(b"HTTP/1.1 200 "))
        finally:
            for connection in silent:
                connection.close()
        support.wait_until("them to be over", lambda: support.http_get(f"http://{self.agent.address}/healthz")[0] == 200)
        self.assertGreaterEqual(self.agent.value("plimsoll_http_connections_dropped_total", reason="client_bound"), 8)

    def test_does_nothing_while_nobody_asks(self):
        self.require_own_civetweb()

        def switches():
            tasks = pathlib.Path(f"/proc/{self.agent.process.pid}/task").iterdir()
            return {task.name: re.search(r"^voluntary_ctxt_switches:\s*(\d+)", (task / "status").read_text(), re.M)[1]
                    for task in tasks if (task / "comm").read_text().startswith("civetweb")}
        self.request("GET", "/healthz")
        support.wait_until("the threads to sleep", lambda: switches() == (time.sleep(0.3), switches())[1])
        before = switches()
        self.assertGreaterEqual(len(before), 25)
        time.sleep(3)
        self.assertEqual(switches(), before)

    def test_loads_no_second_http_library(self):
        self.require_own_civetweb()
        with open(f"/proc/{self.agent.process.pid}/maps", encoding="utf-8") as file:
            libraries = {line.split()[-1] for line in file if ".so" in line}
        self.assertTrue(any("prometheus-cpp-core" in name for name in libraries), libraries)
        self.assertEqual([name for name in libraries if "civetweb" in name or "prometheus-cpp-pull" in name], [])

    def test_a_second_agent_on_the_same_port_is_refused(self):
        done = self.place.plimsoll("agent", "--web.listen-address", self.agent.address, check=False)
        self.assertEqual(done.returncode, 1)
        self.assertEqual(done.stderr, f"plimsoll agent: cannot listen on {self.agent.address}: Address already in use; "
                                      "choose another address with --web.listen-address\n")
        self.assertEqual(self.request("GET", "/healthz")[0].status, 200)


class AgentLife(unittest.TestCase):
    """Tests that start agents of their own."""

    def setUp(self):
        self.place = support.Workspace()
        self.addCleanup(self.place.close)

    def start(self, *flags, **popen):
        """An agent of which stdout and stderr are read apart."""
        process = subprocess.Popen([support.binary("plimsoll"), *self.place.roots(), "agent", *flags], text=True,
                                   stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **popen)

        def end():
            process.kill()
            process.communicate()
        self.addCleanup(end)
        return process

    def assert_ends_quickly(self, process, number):
        start = time.monotonic()
        process.send_signal(number)
        self.assertEqual(process.wait(10 * support.TIME_FACTOR), 0)
        self.assertLess(time.monotonic() - start, 1 * support.TIME_FACTOR)

    def test_ends_within_a_second(self):
        for number in (signal.SIGTERM, signal.SIGINT):
            agent = self.place.start_agent()
            host, port = agent.address.rsplit(":", 1)
            with socket.create_connection((host, int(port))) as silent:
                silent.sendall(b"GET /metrics HTTP/1.1\r\n")
                self.assert_ends_quickly(agent.process, number)

    def test_prints_the_ports_it_chose(self):
        process = self.start("--web.listen-address=127.0.0.1:0", "--web.listen-address=localhost:0", "--log.level=error")
        for url in (process.stdout.readline().strip(), process.stdout.readline().strip()):
            self.assertRegex(url, r"^http://127\.0\.0\.1:[1-9]\d+$")
            support.wait_until(url, lambda url=url: support.http_get(url + "/-/ready") == (200, "ok\n"))
        self.assert_ends_quickly(process, signal.SIGTERM)
        self.assertEqual(process.stderr.read(), "", "errors only")

    def test_serves_ipv6(self):
        try:
            with socket.socket(socket.AF_INET6) as probe:
                probe.bind(("::1", 0))
        except OSError as error:
            self.skipTest(f"no IPv6 here: {error}")
        process = self.start("--web.listen-address=[::1]:0")
        url = process.stdout.readline().strip()
        self.assertRegex(url, r"^http://\[::1\]:[1-9]\d+$")
        self.assertEqual(support.http_get(url + "/healthz"), (200, "ok\n"))

    def test_log_is_json_when_asked(self):
        process = self.start("--web.listen-address=127.0.0.1:0", "-log.format=json", "--housekeeping_interval=10s")
        process.stdout.readline()
        self.assert_ends_quickly(process, signal.SIGTERM)
        entries = [json.loads(line) for line in process.stderr.read().splitlines()]
        messages = " ".join(entry["msg"] for entry in entries)
        self.assertEqual({entry["level"] for entry in entries if "plimsoll" in entry["msg"]}, {"info"})
        self.assertRegex(messages, r"plimsoll \d+\.\d+\.\d+ started, cgroup mode (v1|hybrid|v2)")
        self.assertIn("--housekeeping_interval has no effect", messages)

    def url_of(self, process):
        """What an agent on port 0 printed: its address, without a prefix."""
        return process.stdout.readline().strip()

    def test_serves_on_a_unix_socket(self):
        with tempfile.TemporaryDirectory() as directory:
            path = os.path.join(directory, "agent.sock")
            process = self.start(f"--web.listen-address=unix:{path}", "--web.external-url=https://example.org/seen/")
            support.wait_until(path, lambda: os.path.exists(path) and os.stat(path).st_mode & 0o777 == 0o660)
            with socket.socket(socket.AF_UNIX) as connection:
                connection.connect(path)
                connection.sendall(b"GET / HTTP/1.0\r\n\r\n")
                answer = connection.makefile("rb").read()
            self.assertRegex(answer, rb"\AHTTP/1\.1 302 [^\0]*\r\nLocation: /seen/\r\n")
            process.terminate()
            self.assertEqual(process.wait(10 * support.TIME_FACTOR), 0)
            self.assertFalse(os.path.exists(path))

    def test_another_users_directory_needs_a_capability(self):
        if os.geteuid() != 0:
            self.skipTest("giving a directory away needs root")
        with tempfile.TemporaryDirectory() as directory:
            os.chmod(directory, 0o700)
            os.chown(directory, 65534, 65534)
            flags = ["agent", f"--web.listen-address=unix:{directory}/agent.sock"]
            refused = self.place.plimsoll(*flags, check=False, timeout=20)
            self.assertEqual(refused.returncode, 1)
            self.assertIn("Permission denied; choose a directory of this user, or add "
                          "--security.keep-capabilities=CAP_DAC_OVERRIDE", refused.stderr)

    def test_serves_below_a_prefix(self):
        for flag in ("--web.route-prefix=/a/b/", "-url_base_prefix=a/b"):
            url = self.url_of(self.start("--web.listen-address=127.0.0.1:0", flag))
            support.wait_until(url, lambda url=url: support.http_get(url + "/a/b/-/ready") == (200, "ok\n"))
            for path in ("/metrics", "/metrics/node", "/healthz", "/-/ready", "/a", "/a/", "/a/b/a/b/metrics"):
                self.assertEqual(support.http_get(url + path)[0], 404, path)
            self.assertIn("/a/b/ lists what there is", support.http_get(url + "/x")[1])
            self.assertEqual(support.http_get(url + "/"), support.http_get(url + "/a/b/"), "it sends there")
            for page in ("/a/b", "/a/b/"):
                status, body = support.http_get(url + page)
                self.assertEqual(status, 200, page)
                links = re.findall(r'href="([^"]+)"', body)
                self.assertGreaterEqual(len(links), 5)
                for link in links:
                    self.assertTrue(link.startswith("/a/b/"), link)
                    self.assertEqual(support.http_get(url + link)[0], 200, link)
            counted = {labels["path"] for name, labels, _ in support.parse_samples(support.http_get(url + "/a/b/metrics")[1])
                       if name == "plimsoll_http_requests_total"}
            self.assertLessEqual(counted, {"/", "/metrics", "/metrics/cadvisor", "/metrics/node", "/healthz", "/-/healthy",
                                           "/-/ready", "/-/reload", "other"})

    def test_port_and_endpoint_of_cadvisor(self):
        process = self.start("-port=0", "-listen_ip=127.0.0.1", "-prometheus_endpoint=/custom/m", "-docker_only", "-v=2",
                             "-storage_duration=1m0s", "-allow_dynamic_housekeeping=0")
        url = self.url_of(process)
        self.assertRegex(url, r"^http://127\.0\.0\.1:[1-9]\d+$")
        status, body = support.http_get(url + "/custom/m")
        self.assertEqual(status, 200)
        self.assertIn("node_load1 ", body)
        self.assertIn("container_cpu_usage_seconds_total{", support.http_get(url + "/custom/m/cadvisor")[1])
        self.assertEqual(support.http_get(url + "/metrics")[0], 404)
        ids = {labels["id"] for name, labels, _ in support.parse_samples(body)
               if name == "container_last_seen" and not labels.get("name")}
        self.assertEqual(ids, {"/"}, "--docker_only")

    def test_kinds_can_be_chosen(self):
        place = self.place
        flags = ("--enable_metrics=memory,pids", "--disable_root_cgroup_stats")
        name = "kinds"  # a group in every hierarchy: the machine's own may lack some
        place.run("-d", "--name", name, command=["/bin/sleep", "1000"])
        self.addCleanup(place.plimsoll, "rm", "-f", name)
        found = {n for n in families(place.start_agent(*flags).metrics("/metrics/cadvisor")) if n.startswith("container_")}
        self.assertIn("container_memory_usage_bytes", found)
        self.assertIn("container_threads", found)
        for absent in ("container_cpu_usage_seconds_total", "container_network_receive_bytes_total", "container_fs_reads_total",
                       "container_pressure_cpu_waiting_seconds_total", "container_oom_events_total"):
            self.assertNotIn(absent, found)
        agent = place.start_agent("--disable_metrics=memory,process,tcp,advtcp,udp,sched,referenced_memory")
        found = set(families(agent.metrics("/metrics/cadvisor")))
        self.assertIn("container_cpu_usage_seconds_total", found)
        self.assertNotIn("container_memory_usage_bytes", found)
        self.assertNotIn("container_threads", found)

    def test_a_hurried_scrape_is_answered(self):
        agent = self.place.start_agent("--scrape.timeout-offset=10s")
        for timeout in ("5", "10.000", "garbage", "-1", "9" * 400, ""):
            request = urllib.request.Request(f"http://{agent.address}/metrics",
                                             headers={"X-Prometheus-Scrape-Timeout-Seconds": timeout})
            with urllib.request.urlopen(request, timeout=10 * support.TIME_FACTOR) as answer:
                self.assertIn("container_cpu_usage_seconds_total", answer.read().decode(), timeout)

    def test_help_of_cadvisors_flags(self):
        text = self.place.plimsoll("agent", "--help-cadvisor").stdout
        self.assertIn("--housekeeping_interval", text)
        self.assertNotIn("--housekeeping_interval", self.place.plimsoll("agent", "--help").stdout)

    def test_a_disabled_collector_is_silent(self):
        agent = self.place.start_agent("--no-collector.loadavg", "-collector.uname=false")
        text = agent.metrics("/metrics/node")
        self.assertNotIn("node_load1", text)
        self.assertNotIn("node_uname_info", text)
        self.assertNotIn('collector="loadavg"', text)
        self.assertIn('collector="meminfo"', text)

    def test_raises_the_limit_of_open_files(self):
        _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        process = self.start("--web.listen-address=127.0.0.1:0",
                             preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (64, hard)))
        url = process.stdout.readline().strip()
        support.wait_until(url, lambda: support.http_get(url + "/-/ready")[0] == 200)
        values = {name: value for name, _, value in support.parse_samples(support.http_get(url + "/metrics")[1])}
        self.assertEqual(values["process_max_fds"], hard)

    def test_too_few_open_files_for_the_connections(self):
        limit = ["/bin/sh", "-c", "ulimit -n 100; exec \"$@\"", "sh"]
        ended = subprocess.run([*limit, support.binary("plimsoll"), "agent", "--web.listen-address", "127.0.0.1:0",
                                "--web.max-connections=90"], capture_output=True, text=True, timeout=30)
        self.assertEqual((ended.returncode, ended.stdout), (1, ""))
        self.assertIn("--web.max-connections: 90 connections need 244 open files, the limit is 100; raise it", ended.stderr)

    def test_broken_files_cost_their_samples_and_one_line_each(self):
        proc = self.place.path / "proc"
        (proc / "net").mkdir(parents=True)
        (proc / "stat").write_text("cpu  garbage\nbtime never\n")
        (proc / "loadavg").write_text("")
        (proc / "meminfo").write_bytes(b"\xff\x00MemTotal: -1 kB\n")
        agent = self.place.start_agent(f"--path.procfs={proc}")
        for _ in range(3):
            samples = agent.samples("/metrics/node")
        success = {labels["collector"]: value for name, labels, value in samples if name == "node_scrape_collector_success"}
        self.assertEqual({success["loadavg"], success["stat"]}, {0})
        self.assertEqual(agent.output().count("collector loadavg failed"), 1, agent.output())
        self.assertGreaterEqual(agent.value("plimsoll_collection_failures_total", collector="loadavg"), 4)
        (proc / "loadavg").write_text("0.5 0.25 0.125 1/2 3\n")
        self.assertEqual(agent.value("node_load1"), 0.5)
        self.assertIn("collector loadavg works again", agent.output())

    def test_bad_command_lines_get_one_line(self):
        cases = {("--web.listen-adress=:1",): (2, "did you mean '--web.listen-address'"),
                 ("--collector.memminfo",): (2, "did you mean '--collector.meminfo'"),
                 ("metrics",): (2, "unexpected argument 'metrics'"),
                 ("--log.level=loud",): (2, "debug, info, warn or error"),
                 ("--log.format=xml",): (2, "logfmt or json"),
                 ("--exited.retention=soon",): (2, "'soon' is no duration"),
                 ("--container.percpu=perhaps",): (2, "neither true nor false"),
                 ("--disable_metrics=precpu",): (2, "'precpu' is unknown"),
                 ("--enable_metrics=cpus",): (2, "'cpus' is unknown"),
                 ("--port=eighty",): (2, "no number from 0 to 65535"),
                 ("--port=1", "--web.listen-address=:2"): (2, "give only one of them"),
                 ("--docker=tcp://127.0.0.1:2375",): (2, "is no local socket"),
                 ("--http_auth_file=/etc/passwd",): (2, "in the file of --web.config.file"),
                 ("--web.route-prefix=/a b",): (2, "--web.route-prefix: '/a b'"),
                 ("--prometheus_endpoint=/healthz",): (2, "is another page"),
                 ("--container.max-series=lots",): (2, "'lots' is no number"),
                 ("--scrape.timeout-offset=1",): (2, "is no duration"),
                 ("--web.listen-address=1876",): (1, "has no port"),
                 ("--web.listen-address=127.0.0.1:99999",): (1, "no number from 0 to 65535"),
                 ("--web.listen-address=203.0.113.1:0",): (1, "cannot listen on 203.0.113.1:0"),
                 ("--web.listen-address=127.0.0.1:0", "--path.procfs=/nonexistent"): (1, "--path.procfs must name"),
                 ("--web.listen-address=127.0.0.1:0", f"--path.procfs={self.place.path}"): (1, "--path.procfs must name"),
                 ("--web.listen-address=127.0.0.1:0", "--path.cgroupfs=/nonexistent"): (1, "--path.cgroupfs")}
        for flags, (code, text) in cases.items():
            with self.subTest(flags):
                done = self.place.plimsoll("agent", *flags, check=False, timeout=20)
                self.assertEqual((done.returncode, done.stdout), (code, ""), done.stderr)
                self.assertRegex(done.stderr, r"\Aplimsoll agent: [^\n]+\n\Z")
                self.assertIn(text, done.stderr)

    def test_help_names_every_collector(self):
        text = self.place.plimsoll("agent", "--help").stdout
        agent = self.place.start_agent()
        names = {labels["collector"] for name, labels, _ in agent.samples() if name == "node_scrape_collector_success"}
        self.assertTrue(names)
        self.assertEqual({name for name in names if f"* {name} " not in text}, set())


if __name__ == "__main__":
    unittest.main(verbosity=2 if "-v" in sys.argv else 1)
