# SPDX-License-Identifier: Apache-2.0
"""SIGKILL of the agent, in the middle of a scrape and while a container writes its log: the container,
its whole log and its exit code survive, and a new agent goes on where the old one was."""
import threading
import time
import unittest

import support

LINES = 500
PAUSE = 0.02 * (4 if support.IN_GUEST else 1)  # the writer lives 10 seconds here, 40 there
TOTAL = "plimsoll_exited_containers_total"
TOTAL_CPU = "plimsoll_exited_containers_cpu_usage_seconds_total"


class Survival(unittest.TestCase):
    def setUp(self):
        self.place = support.Workspace()
        self.addCleanup(self.place.close)
        self.port = support.free_port()
        self.agent = self.start_agent()

    def start_agent(self, retention="1s"):
        return self.place.start_agent("--exited.retention", retention, port=self.port)

    def kill_in_mid_scrape(self):
        """Kills the agent while a request is under way."""
        scrape = threading.Thread(target=support.http_get, args=(f"http://{self.agent.address}/metrics",), daemon=True)
        scrape.start()
        time.sleep(0.002 * support.TIME_FACTOR)
        self.agent.kill()
        scrape.join()

    def start_writer(self, name, lines=LINES):
        self.place.run("-d", "--name", name, command=["/bin/sh", "-c", f"/bin/plimsoll-load print {lines} {PAUSE}; exit 7"])

    def test_container_log_and_exit_code_survive(self):
        prometheus = self.place.start_prometheus(self.agent.address)
        prometheus.wait_for("up", lambda up: up == 1)
        self.start_writer("writer")
        prometheus.wait_for('container_last_seen{name="writer"}')
        self.kill_in_mid_scrape()
        prometheus.wait_for("up", lambda up: up == 0)
        self.agent = self.start_agent(retention="1h")
        self.assertIsNotNone(self.agent.value("container_start_time_seconds", name="writer"), "not shown at once")
        prometheus.wait_for("up", lambda up: up == 1)
        self.assertEqual(self.place.plimsoll("wait", "writer", timeout=120).stdout.strip(), "7")
        lines = self.place.plimsoll("logs", "writer").stdout.splitlines()
        self.assertEqual(lines, [f"line {n}" for n in range(1, LINES + 1)] + [f'{{"lines":{LINES}}}'])
        prometheus.wait_for('plimsoll_container_exit_code{name="writer"}', lambda code: code == 7)

    def test_totals_go_on(self):
        """Kills the agent again and again while it folds ended containers: each is counted exactly once."""
        started = 0
        before = 0.0
        for _ in range(4):
            for _ in range(3):
                self.place.run("--rm", command=["/bin/plimsoll-load", "spin", "20"])
                started += 1
            time.sleep(1.2)  # the retention: the next scrape folds
            self.kill_in_mid_scrape()
            self.agent = self.start_agent()
            total = self.agent.value(TOTAL_CPU)
            self.assertGreaterEqual(total, before, "the total fell")
            before = total
        support.wait_until(f"{started} counted", lambda: self.agent.value(TOTAL) >= started, timeout=20)
        self.assertEqual(self.agent.value(TOTAL), started)
        kernel = support.group_cpu_seconds(self.place.cgroup)
        self.assertAlmostEqual(self.agent.value(TOTAL_CPU), kernel, delta=kernel * 0.01)

    def test_a_container_outlives_every_agent(self):
        self.start_writer("alone", LINES // 4)
        self.agent.kill()
        self.assertEqual(self.place.plimsoll("wait", "alone", timeout=120).stdout.strip(), "7")
        self.agent = self.start_agent(retention="1h")
        self.assertEqual(self.agent.value("plimsoll_container_exit_code", name="alone"), 7)
        self.assertGreater(self.agent.value("container_cpu_usage_seconds_total", name="alone"), 0)


if __name__ == "__main__":
    unittest.main(verbosity=2)
