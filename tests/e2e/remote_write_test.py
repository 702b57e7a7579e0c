# SPDX-License-Identifier: Apache-2.0
"""Remote write into a real Prometheus: labels, outages, a killed agent, the end of series, TLS, reload.

PLIMSOLL_OUTAGE = how many seconds the receiver is away (default 15).
"""
import base64
import json
import os
import re
import signal
import ssl
import subprocess
import sys
import time
import unittest
import urllib.error
import urllib.parse
import urllib.request

import support

OUTAGE = float(os.environ.get("PLIMSOLL_OUTAGE", "15"))
COUNTER = "plimsoll_remote_write_collections_total"  # counts what it is part of: 0, 1, 2 ...
PASSWORD = "correct horse"


class Receiver(support.Prometheus):
    """Debian's prometheus that scrapes nobody and takes what it is sent; kill() and start() keep its data."""

    def __init__(self, place, web_config=None, scrape=()):
        self.directory = place.path / f"receiver-{time.monotonic_ns()}"
        self.directory.mkdir()
        jobs = [{"job_name": "plimsoll", "static_configs": [{"targets": list(scrape)}]}] if scrape else []
        config = {"global": {"scrape_interval": "1s"}, "scrape_configs": jobs}
        (self.directory / "config.yml").write_text(json.dumps(config))
        self.listen = f"127.0.0.1:{support.free_port()}"
        self.web = [f"--web.config.file={web_config}"] if web_config else []
        self.start()

    def start(self):
        support.Server.__init__(self, [
            support.tool("prometheus"), f"--config.file={self.directory}/config.yml",
            f"--storage.tsdb.path={self.directory}/data", f"--web.listen-address={self.listen}",
            "--web.enable-remote-write-receiver", "--log.level=warn", *self.web], self.directory / "log")
        self.address = self.listen
        if not self.web:
            self.wait_ready("/-/ready")

    @property
    def url(self):
        return f"http://{self.address}/api/v1/write"

    def samples(self, selector, window="30m"):
        """[(time, float)] as they are stored, of a selector with one series."""
        rows = self.api("query", query=f"{selector}[{window}]")["result"]
        if len(rows) > 1:
            raise AssertionError(f"{len(rows)} series: {selector}: {[row['metric'] for row in rows]}")
        return [(t, float(v)) for t, v in rows[0]["values"]] if rows else []


class RemoteWrite(unittest.TestCase):
    def setUp(self):
        self.place = support.Workspace()
        self.addCleanup(self.place.close)

    def configure(self, *remotes):
        """Writes the agent's configuration file; its path."""
        path = self.place.path / "agent.yml"
        entries = [{"interval": "1s", "name": f"r{number}", **remote} for number, remote in enumerate(remotes)]
        path.write_text(json.dumps({"remote_write": entries}))
        return str(path)

    def start_agent(self, *remotes, flags=()):
        return self.place.start_agent("--config.file", self.configure(*remotes), *flags)

    def start_receiver(self, *arguments, **named):
        receiver = Receiver.__new__(Receiver)
        self.place.servers.append(receiver)
        receiver.__init__(self.place, *arguments, **named)
        return receiver

    def own(self, agent, what):
        return agent.value(f"plimsoll_remote_write_{what}")

    def wait_drained(self, agent, timeout=60):
        """Until all that was collected up to now has been taken."""
        goal = time.time()
        support.wait_until("the queue is sent",
                           lambda: (self.own(agent, "last_sent_timestamp_seconds") or 0) > goal, timeout, 0.2)

    def assert_lossless(self, agent):
        for what in ("dropped_samples_total", "damaged_files_total"):
            self.assertEqual(self.own(agent, what), 0, f"{what}: {agent.output()[-2000:]}")

    def assert_consecutive(self, samples, first=0):
        """Each collection is there, once, with the value that it had."""
        self.assertEqual([v for _, v in samples], [float(first + i) for i in range(len(samples))])
        times = [t for t, _ in samples]
        self.assertEqual(times, sorted(set(times)))
        return times

    def test_arrives_as_if_scraped(self):
        agent = self.start_agent()
        receiver = self.start_receiver(scrape=[agent.address])
        agent.stop()
        agent = self.place.start_agent("--config.file", self.configure(
            {"url": receiver.url, "job": "pushed", "instance": "node7", "external_labels": {"cluster": "a", "job_kind": "b"}}),
            port=agent.port)
        receiver.wait_for('node_load1{job="pushed"}')
        receiver.wait_for('node_load1{job="plimsoll"}')
        rows = receiver.query('node_load1{job="pushed"}')
        self.assertEqual(rows[0][0], {"__name__": "node_load1", "job": "pushed", "instance": "node7", "cluster": "a",
                                      "job_kind": "b"})

        def stored(job):
            """Series of this job without what belongs to the target; what comes and goes is left out."""
            ours = {"job", "instance", "cluster", "job_kind"}
            rows = receiver.api("query", query='{__name__=~"(node|container|machine|plimsoll_build)_.*",job="%s",'
                                'device!~"veth.*",interface!~"veth.*",id=~"/?"}' % job)["result"]
            return {tuple(sorted((n, v) for n, v in row["metric"].items() if n not in ours)) for row in rows}
        support.wait_until("both ways store the same series", lambda: stored("pushed") == stored("plimsoll"), 20, 0.5)
        self.assertGreater(len(stored("pushed")), 300)
        self.assert_lossless(agent)

    def test_the_halves_by_themselves(self):
        receiver = self.start_receiver()
        self.start_agent({"url": receiver.url, "page": "node", "job": "n"},
                         {"url": receiver.url, "page": "cadvisor", "job": "c", "interval": "2s"})
        receiver.wait_for('node_load1{job="n"}')
        receiver.wait_for('container_last_seen{job="c",id="/"}')
        self.assertEqual(receiver.query('{__name__=~"container_.*|plimsoll_remote_.*",job="n"}'), [])
        self.assertEqual(receiver.query('{__name__=~"node_.*|plimsoll_remote_.*",job="c"}'), [])

    def test_an_outage_of_the_receiver_costs_nothing(self):
        receiver = self.start_receiver()
        agent = self.start_agent({"url": receiver.url})
        receiver.wait_for(COUNTER, lambda v: v >= 5)
        receiver.kill()
        print(f"  the receiver is away for {OUTAGE:g} s")
        time.sleep(OUTAGE)
        self.assertGreater(self.own(agent, "pending_bytes"), 0)
        self.assertGreater(self.own(agent, "behind_seconds"), OUTAGE / 2)
        self.assertGreater(self.own(agent, "failed_requests_total"), 0)
        receiver.start()
        self.wait_drained(agent)
        time.sleep(3)
        self.wait_drained(agent)

        samples = receiver.samples(COUNTER)
        times = self.assert_consecutive(samples)
        self.assertGreater(len(times), OUTAGE / 2)
        skipped = self.own(agent, "skipped_collections_total")
        print(f"  {len(times)} collections over {times[-1] - times[0]:.0f} s, none missing; {skipped:g} intervals skipped")
        self.assertAlmostEqual(times[-1] - times[0], len(times) - 1 + skipped, delta=3)
        if skipped == 0:
            self.assertLess(max(b - a for a, b in zip(times, times[1:])), 2)
        for series in ("node_load1", 'container_last_seen{id="/"}', "process_resident_memory_bytes"):
            self.assertEqual([t for t, _ in receiver.samples(series)], times, series)
        self.assert_lossless(agent)
        self.assertIn("the receiver takes samples again", agent.output())

    def test_a_killed_agent_loses_nothing_that_was_collected(self):
        receiver = self.start_receiver()
        agent = self.start_agent({"url": receiver.url})
        receiver.wait_for(COUNTER, lambda v: v >= 3)
        receiver.kill()
        support.wait_until("something waits", lambda: self.own(agent, "behind_seconds") > 4, 30, 0.2)
        collected = self.own(agent, "collections_total")
        agent.kill()
        again = self.start_agent({"url": receiver.url})
        self.assertGreater(self.own(again, "pending_bytes"), 0)
        support.wait_until("it collects", lambda: self.own(again, "collections_total") > 2, 30, 0.2)
        receiver.start()
        self.wait_drained(again)

        samples = receiver.samples(COUNTER)
        restart = next(i for i in range(1, len(samples)) if samples[i][1] < samples[i - 1][1])
        self.assert_consecutive(samples[:restart])
        self.assertGreaterEqual(samples[restart - 1][1], collected - 1, "its last sample is of the collection before it")
        self.assert_consecutive(samples[restart:])
        self.assert_lossless(again)

    def test_a_containers_series_end_with_it(self):
        receiver = self.start_receiver()
        self.start_agent({"url": receiver.url}, flags=["--exited.retention", "2s"])
        self.place.run("-d", "--name", "web", command=["/bin/sleep", "3600"])
        receiver.wait_for('container_last_seen{name="web"}')
        self.place.plimsoll("rm", "-f", "web")
        support.wait_until("its series are stale, long before five minutes",
                           lambda: receiver.query('{name="web"}') == [], 30, 0.2)
        self.assertGreater(len(receiver.samples('container_last_seen{name="web"}')), 0)
        self.assertIsNotNone(receiver.value("node_load1"))

    def test_its_end_is_quick_and_keeps_the_queue(self):
        agent = self.start_agent({"url": f"http://127.0.0.1:{support.free_port()}/"})
        support.wait_until("something waits", lambda: self.own(agent, "pending_bytes") > 0, 30, 0.2)
        begin = time.monotonic()
        self.assertEqual(agent.stop(), 0)
        self.assertLess(time.monotonic() - begin, 5 * support.TIME_FACTOR)
        queue = self.place.path / "root" / "remote-write" / "r0"
        self.assertTrue(list(queue.glob("*.batch")))
        self.assertEqual(queue.stat().st_mode & 0o7777, 0o700)

    # --- TLS, passwords ----------------------------------------------------------------------------

    def secured_receiver(self):
        """A receiver with TLS and a password, its CA's file, and a way to ask it."""
        directory = self.place.path

        def run(*command):
            return subprocess.run([support.tool(command[0]), *command[1:]], check=True, capture_output=True, text=True,
                                  cwd=directory).stdout
        run("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "key.pem", "-out", "cert.pem",
            "-days", "2", "-subj", "/CN=receiver", "-addext", "subjectAltName=DNS:receiver.test")
        hashed = run("htpasswd", "-nbBC", "5", "me", PASSWORD).strip().partition(":")[2]
        (directory / "web.yml").write_text(json.dumps({
            "tls_server_config": {"cert_file": "cert.pem", "key_file": "key.pem"}, "basic_auth_users": {"me": hashed}}))
        receiver = self.start_receiver(directory / "web.yml")
        context = ssl.create_default_context(cafile=directory / "cert.pem")
        context.check_hostname = False

        def loads():
            """How many series node_load1 there are; None without an answer."""
            request = urllib.request.Request(f"https://{receiver.address}/api/v1/query?query=node_load1", headers={
                "Authorization": "Basic " + base64.b64encode(f"me:{PASSWORD}".encode()).decode()})
            try:
                with urllib.request.urlopen(request, timeout=10, context=context) as answer:
                    return len(json.load(answer)["data"]["result"])
            except OSError:
                return None
        support.wait_until("the receiver answers", lambda: loads() is not None, 30)
        (directory / "password").write_text(PASSWORD + "\n")
        return receiver, loads, {
            "url": f"https://{receiver.address}/api/v1/write",
            "tls_config": {"ca_file": str(directory / "cert.pem"), "server_name": "receiver.test"},
            "basic_auth": {"username": "me", "password_file": str(directory / "password")}}

    def test_tls_and_a_password(self):
        _, loads, remote = self.secured_receiver()
        agent = self.start_agent(remote)
        support.wait_until("samples arrive", lambda: loads() == 1, 30, 0.2)
        self.assert_lossless(agent)
        self.assertNotIn(PASSWORD, agent.output())

    def test_a_wrong_password_is_said_and_the_samples_are_counted(self):
        _, loads, remote = self.secured_receiver()
        agent = self.start_agent({**remote, "basic_auth": {"username": "me", "password": "wrong"}})
        support.wait_until("they are counted", lambda: agent.value(
            "plimsoll_remote_write_dropped_samples_total", reason="refused") > 0, 30, 0.2)
        self.assertIn("HTTP status 401", agent.output())
        self.assertNotIn("wrong", agent.output())
        self.assertEqual(loads(), 0)

    def test_a_certificate_of_somebody_else_gets_nothing(self):
        _, loads, remote = self.secured_receiver()
        for tls in ({}, {**remote["tls_config"], "server_name": "another.test"}):
            agent = self.start_agent({**remote, "tls_config": tls})
            support.wait_until("it fails", lambda: self.own(agent, "failed_requests_total") > 0, 30, 0.2)
            self.assertRegex(agent.output(), r"(?i)certificate")
            agent.stop()
        self.assertEqual(loads(), 0)

    # --- configuration -----------------------------------------------------------------------------

    def test_bad_configuration_ends_with_a_line_about_it(self):
        for remote, message in (({"url": "nonsense"}, r"remote_write\[0\]\.url: must start with http://"),
                                ({"url": "http://a/", "sigv4": {}}, r"remote_write\[0\]\.sigv4: is not supported"),
                                ({"url": "http://a/", "queue_directory": "/dev/null"}, r"remote_write r0: /dev/null"),
                                ({"url": "http://a/", "basic_auth": {"username": "me", "password_file": "/dev/no"}},
                                 r"remote_write r0: basic_auth\.password_file: /dev/no: No such file")):
            done = self.place.plimsoll("agent", "--web.listen-address", "127.0.0.1:0", "--config.file",
                                       self.configure(remote), check=False)
            self.assertIn(done.returncode, (1, 2), done.stderr)
            self.assertRegex(done.stderr, message)

    def test_reload(self):
        receiver = self.start_receiver()
        agent = self.start_agent()
        self.assertIsNone(self.own(agent, "collections_total"))
        self.configure({"url": receiver.url})
        agent.process.send_signal(signal.SIGHUP)
        receiver.wait_for(COUNTER, lambda v: v >= 1)
        self.configure({"url": receiver.url}, {"url": "http://a/", "queue_directory": "/dev/null"})
        agent.process.send_signal(signal.SIGHUP)
        support.wait_until("the refusal is said", lambda: re.search("stays as it was.*/dev/null", agent.output()), 15)
        before = self.own(agent, "collections_total")
        support.wait_until("the first goes on", lambda: self.own(agent, "collections_total") > before, 15)
        self.configure({"url": receiver.url, "job": "renamed"})
        agent.process.send_signal(signal.SIGHUP)
        receiver.wait_for('node_load1{job="renamed"}')
        self.assertEqual(receiver.api("query", query='node_load1{job="plimsoll"}')["result"], [], "its series have ended")
        self.assert_lossless(agent)


if __name__ == "__main__":
    unittest.main(verbosity=2)
