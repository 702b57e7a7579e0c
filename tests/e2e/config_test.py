#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The configuration file, reloads and filters of a running agent, seen by who scrapes it."""

import signal
import sys
import time
import unittest
import urllib.error
import urllib.request

import support

SUCCESSFUL = "plimsoll_config_last_reload_successful"
SUCCESS_TIME = "plimsoll_config_last_reload_success_timestamp_seconds"


def request(agent, method, path, headers=None):
    """(status, headers, body)"""
    asked = urllib.request.Request(f"http://{agent.address}{path}", method=method, headers=headers or {})
    try:
        with urllib.request.urlopen(asked, timeout=30 * support.TIME_FACTOR) as answer:
            return answer.status, answer.headers, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.headers, error.read().decode()


def names(samples):
    return {name for name, _, _ in samples}


class ConfigTest(unittest.TestCase):
    def setUp(self):
        self.place = support.Workspace()
        self.addCleanup(self.place.close)
        self.file = self.place.path / "agent.yaml"

    def agent(self, text, *flags):
        self.file.write_text(text)
        return self.place.start_agent("--config.file", str(self.file), *flags)

    def own(self, agent, family):
        """The value of one of the agent's own families; it must be there."""
        value = agent.value(family)
        self.assertIsNotNone(value, family)
        return value

    def hang_up(self, agent, expected):
        """SIGHUP, and waits until the log has one more line that says how it went."""
        line = "has been read again" if expected else "stays as it was"
        before = agent.output().count(line)
        agent.process.send_signal(signal.SIGHUP)
        support.wait_until(f"'{line}' in the log", lambda: agent.output().count(line) > before)


class File(ConfigTest):
    def test_the_command_line_wins(self):
        agent = self.agent("web:\n  listen-address: [\"127.0.0.1:1\"]\n  telemetry-path: /numbers\n"
                           "collector: {cpu: false, meminfo: false}\nlog.level: debug\n", "--collector.meminfo")
        collectors = {labels["collector"] for name, labels, _ in agent.samples("/numbers")
                      if name == "node_scrape_collector_success"}
        self.assertIn("meminfo", collectors)
        self.assertIn("loadavg", collectors)
        self.assertNotIn("cpu", collectors)
        self.assertNotIn("127.0.0.1:1\"", agent.output())

    def test_the_command_line_replaces_what_excludes_it(self):
        agent = self.agent("collector.netdev.device-exclude: lo\nseries.drop: '{device=\"x=\"}'\n",
                           "--collector.netdev.device-include=lo", "--metric.deny=node_load1=")
        devices = {labels["device"] for name, labels, _ in agent.samples() if name == "node_network_receive_bytes_total"}
        self.assertEqual(devices, {"lo"})
        self.assertIn("node_load1", names(agent.samples()), "the expression is node_load1=, which fits nothing")

    def test_bad_files_are_refused_with_their_line(self):
        cases = {"collector:\n  cpuu: true\n": "line 2: collector.cpuu: there is no such key; did you mean 'collector.cpu'?",
                 "\nlog.level: loud\n": "line 2: log.level: ",
                 "series.drop:\n- '{a}'\n": "line 2: series.drop: '{a}': at character 3",
                 "a: [\n": "line "}
        for text, reason in cases.items():
            with self.subTest(text):
                self.file.write_text(text)
                done = self.place.plimsoll("agent", "--config.file", self.file, check=False, timeout=20)
                self.assertEqual((done.returncode, done.stdout), (2, ""), done.stderr)
                self.assertRegex(done.stderr, r"\Aplimsoll agent: [^\n]+\n\Z")
                self.assertIn(f"{self.file}: {reason}", done.stderr)

    def test_a_missing_file(self):
        done = self.place.plimsoll("agent", "--config.file", "/nonexistent.yaml", check=False, timeout=20)
        self.assertEqual(done.returncode, 2)
        self.assertIn("--config.file: cannot read /nonexistent.yaml", done.stderr)


class Reload(ConfigTest):
    def test_sighup(self):
        agent = self.agent("collector: {cpu: false}\n")
        self.assertEqual(self.own(agent, SUCCESSFUL), 1)
        self.assertAlmostEqual(self.own(agent, SUCCESS_TIME), time.time(), delta=60 * support.TIME_FACTOR)
        self.assertNotIn("node_cpu_seconds_total", names(agent.samples()))
        self.file.write_text("metric.deny: node_load.*\n")
        self.hang_up(agent, True)
        found = names(agent.samples())
        self.assertIn("node_cpu_seconds_total", found)
        self.assertNotIn("node_load1", found)

    def test_a_bad_file_keeps_the_old_settings(self):
        agent = self.agent("metric.deny: node_load.*\n")
        begun = self.own(agent, SUCCESS_TIME)
        for bad in ("metric.deny: node_memory.*\nno.such: key\n", "metric.deny: '('\n", "}\n", "log.level: loud\n"):
            with self.subTest(bad):
                self.file.write_text(bad)
                self.hang_up(agent, False)
                found = names(agent.samples())
                self.assertNotIn("node_load1", found)
                self.assertIn("node_memory_MemTotal_bytes", found)
                self.assertEqual(self.own(agent, SUCCESSFUL), 0)
                self.assertEqual(self.own(agent, SUCCESS_TIME), begun)
        self.assertIn(f"the configuration stays as it was: {self.file}: line 2: no.such: there is no such key", agent.output())
        self.file.write_text("")
        self.hang_up(agent, True)
        self.assertIn("node_load1", names(agent.samples()))
        self.assertEqual(self.own(agent, SUCCESSFUL), 1)
        self.assertGreater(self.own(agent, SUCCESS_TIME), begun)

    def test_flags_of_the_command_line_stay(self):
        agent = self.agent("", "--metric.deny=node_load.*")
        self.file.write_text("metric.deny: node_memory.*\n")
        self.hang_up(agent, True)
        found = names(agent.samples())
        self.assertNotIn("node_load1", found)
        self.assertIn("node_memory_MemTotal_bytes", found)

    def test_what_needs_a_restart_is_named(self):
        agent = self.agent("")
        self.file.write_text("path.procfs: /nonexistent\ncontainer.max-series: 1\nmetric.deny: node_load.*\n"
                             "housekeeping_interval: 10s\n")
        for _ in range(2):
            self.hang_up(agent, True)
        self.assertEqual(agent.output().count("a restart is needed for"), 1)
        self.assertIn("a restart is needed for --container.max-series, --path.procfs:", agent.output())
        self.assertEqual(agent.output().count("--housekeeping_interval has no effect: there is no housekeeping"), 1)
        self.assertNotIn("node_load1", names(agent.samples()))
        self.assertIn("node_memory_MemTotal_bytes", names(agent.samples()))

    def test_without_a_file(self):
        agent = self.place.start_agent()
        self.hang_up(agent, True)
        self.assertEqual(self.own(agent, SUCCESSFUL), 1)

    def test_post_is_off_by_default(self):
        agent = self.agent("")
        self.file.write_text("metric.deny: node_load.*\n")
        status, _, body = request(agent, "POST", "/-/reload")
        self.assertEqual(status, 403)
        self.assertIn("--web.enable-lifecycle", body)
        self.assertIn("node_load1", names(agent.samples()))

    def test_post(self):
        agent = self.agent("web.enable-lifecycle: true\n")
        self.file.write_text("web.enable-lifecycle: true\nmetric.deny: node_load.*\n")
        status, headers, _ = request(agent, "GET", "/-/reload")
        self.assertEqual((status, headers["Allow"]), (405, "POST, PUT"))
        self.assertIn("node_load1", names(agent.samples()))
        self.assertEqual(request(agent, "POST", "/-/reload")[::2], (200, "ok\n"))
        self.assertNotIn("node_load1", names(agent.samples()))
        self.file.write_text("web.enable-lifecycle: perhaps\n")
        status, _, body = request(agent, "POST", "/-/reload")
        self.assertEqual(status, 500)
        self.assertIn("line 1: web.enable-lifecycle: 'perhaps' is neither true nor false", body)
        self.file.write_text("")
        self.assertEqual(request(agent, "POST", "/-/reload")[0], 200)
        self.assertEqual(request(agent, "POST", "/-/reload")[0], 403, "the file has turned it off")

    def test_the_web_configuration_too(self):
        web = self.place.path / "web.yml"

        def write(frames):
            web.write_text(f"http_server_config:\n  headers:\n    X-Frame-Options: {frames}\n")

        def frames():
            return request(agent, "GET", "/healthz")[1]["X-Frame-Options"]
        write("deny")
        agent = self.place.start_agent("--web.config.file", str(web))
        self.assertEqual(frames(), "deny")
        write("sameorigin")
        self.hang_up(agent, True)
        self.assertEqual(frames(), "sameorigin")
        web.write_text("http_server_config: nonsense\n")
        self.hang_up(agent, False)
        self.assertEqual(frames(), "sameorigin")
        self.assertEqual(self.own(agent, SUCCESSFUL), 0)

    def test_scrapes_go_on_meanwhile(self):
        agent = self.agent("")
        for i in range(10):
            self.file.write_text(f"collector: {{cpu: {'true' if i % 2 else 'false'}}}\nseries.drop: '{{device=\"x{i}\"}}'\n")
            agent.process.send_signal(signal.SIGHUP)
            for path in ("/metrics", "/metrics/node", "/metrics/cadvisor"):
                self.assertGreater(len(agent.samples(path)), 20)
        support.wait_until("ten reloads", lambda: agent.output().count("has been read again") >= 1)
        self.assertNotIn("stays as it was", agent.output())
        self.assertEqual(agent.stop(), 0)


class Filters(ConfigTest):
    def start_container(self, name):
        self.place.run("-d", "--name", name, "--label", "tier=front", command=["/bin/plimsoll-load", "sleep", "60"])

    def test_series_labels_and_families(self):
        self.start_container("web")
        self.start_container("db")
        agent = self.agent("series.drop:\n- '{name=\"db\"}'\n- node_cpu_seconds_total{mode=~\"idle|iowait\"}\n"
                           "label.deny: image\nmetric.deny: [\"container_network_.*,node_netstat_.*\", go_.*]\n")
        samples = agent.samples()
        self.assertEqual([labels for _, labels, _ in samples if labels.get("name") == "db"], [])
        web = [(name, labels) for name, labels, _ in samples if labels.get("name") == "web"]
        self.assertGreater(len(web), 10)
        self.assertEqual([each for each in web if "image" in each[1]], [])
        self.assertTrue(all("id" in labels for _, labels in web))
        found = names(samples)
        self.assertFalse([name for name in found if name.startswith(("container_network_", "node_netstat_"))])
        modes = {labels["mode"] for name, labels, _ in samples if name == "node_cpu_seconds_total"}
        self.assertIn("user", modes)
        self.assertFalse(modes & {"idle", "iowait"})
        self.assertGreater(agent.value("plimsoll_series_dropped_total", reason="rule"), 10)
        self.assertEqual(agent.value("plimsoll_series_dropped_total", reason="budget"), 0)
        self.file.write_text("label.allow: name\n")
        self.hang_up(agent, True)
        by_name = [labels for name, labels, _ in agent.samples() if labels.get("name") == "db"
                   and name == "container_memory_usage_bytes"]
        self.assertEqual([set(labels) for labels in by_name], [{"id", "name"}], "labels of a running container change")

    def test_what_one_request_names(self):
        agent = self.agent("metric.deny: node_load15\n")
        outcomes = {"node_scrape_collector_success", "container_scrape_error", "machine_scrape_error", "node_textfile_scrape_error"}
        self.assertEqual(names(agent.samples("/metrics?name[]=node_load1")) - outcomes, {"node_load1"})
        self.assertEqual(names(agent.samples("/metrics?name[]=node_load.*&name[]=plimsoll_build_info")) - outcomes,
                         {"node_load1", "node_load5", "plimsoll_build_info"})
        self.assertEqual(names(agent.samples("/metrics/node?name[]=node_load5&collect[]=loadavg")),
                         {"node_load5", "node_scrape_collector_success"})
        for query, reason in (("name[]=(", "name[]: '(' is no regular expression"), ("name[]=", "a pattern is empty"),
                              ("name[]=" + "(" * 5000, "no regular expression"), ("name[]=a&collect[]=b", "no collector 'b'")):
            status, _, body = request(agent, "GET", "/metrics?" + query)
            self.assertEqual(status, 400, body)
            self.assertIn(reason, body)
        self.assertGreater(len(agent.samples()), 100)

    def test_a_budget_is_counted(self):
        self.start_container("web")
        agent = self.agent("container.max-series: 20\n")
        agent.samples()
        self.assertGreater(agent.value("plimsoll_series_dropped_total", reason="budget"), 0)

    def test_a_page_that_is_not_whole_says_so(self):
        self.start_container("web")
        agent = self.agent("enable_metrics: cpu,memory,process\n")
        self.assertEqual(agent.value("container_scrape_error"), 0)
        self.assertIsNotNone(agent.value("container_file_descriptors"))
        _, _, body = request(agent, "GET", "/metrics", {"X-Prometheus-Scrape-Timeout-Seconds": "0.000001"})
        late = support.parse_samples(body)
        self.assertEqual([value for name, _, value in late if name == "container_scrape_error"], [1])
        self.assertIn("container_cpu_usage_seconds_total", names(late), "what costs no time is there")
        self.assertFalse("container_file_descriptors" in names(late))
        self.assertEqual(agent.value("container_scrape_error"), 0)


class OwnMetrics(ConfigTest):
    def test_pages_are_counted(self):
        agent = self.agent("")
        size = len(request(agent, "GET", "/metrics/node")[2])
        self.assertEqual(agent.value("plimsoll_scrape_bytes_total", format="protobuf"), 0)
        self.assertGreaterEqual(agent.value("plimsoll_scrape_bytes_total", format="text"), size)
        self.assertGreater(agent.value("plimsoll_scrape_samples_total", format="text"), 100)
        before = agent.value("plimsoll_scrape_bytes_total", format="openmetrics")
        body = request(agent, "GET", "/metrics/node", {"Accept": "application/openmetrics-text; version=1.0.0"})[2]
        self.assertEqual(agent.value("plimsoll_scrape_bytes_total", format="openmetrics"), before + len(body.encode()))
        self.assertEqual(agent.value("plimsoll_scrape_duration_seconds_count", page="/metrics/node"), 2)
        self.assertLess(agent.value("plimsoll_scrape_duration_seconds_sum", page="/metrics/node"), 10 * support.TIME_FACTOR)

    def test_what_groups_cost(self):
        agent = self.agent("")
        parts = {labels["part"] for name, labels, _ in agent.samples() if name == "plimsoll_container_collect_duration_seconds"}
        self.assertEqual(parts, {"find", "read", "details", "ended", "write"})
        kept = agent.value("plimsoll_kept_descriptors")
        self.assertGreater(kept, 0)
        self.assertLessEqual(kept, agent.value("plimsoll_kept_descriptors_max"))
        self.assertLessEqual(kept, agent.value("process_open_fds"))


if __name__ == "__main__":
    unittest.main(verbosity=2 if "-v" in sys.argv else 1)
