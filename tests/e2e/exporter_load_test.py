# SPDX-License-Identifier: Apache-2.0
"""Eight clients scrape an agent with many containers, some of which come and go: no error, no scrape without a
container that was there all the time, and no growth.

PLIMSOLL_LOAD="300 1200" sets containers and seconds. With TLS where the agent has it.
"""
import os
import statistics
import threading
import time
import unittest

import support
import web_tls

LOAD = os.environ.get("PLIMSOLL_LOAD", "5 60" if support.IN_GUEST else "12 15")
CLIENTS = 8
CHURN_PAUSE = 0.5  # seconds between a container's start and the next one's
MORE_ANONYMOUS = 1.10, 1024  # factor and KB by which the last third may exceed the first

TEXT, OPEN_METRICS, PROTOBUF = "text/plain", "application/openmetrics-text", "application/vnd.google.protobuf"
ACCEPTED = {
    TEXT: "text/plain;version=0.0.4",
    OPEN_METRICS: "application/openmetrics-text;version=1.0.0",
    PROTOBUF: "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited",
}
# What every client asks for in turn.
WISHES = [{"Accept": accept, "Accept-Encoding": coding} for accept in ACCEPTED.values() for coding in ("gzip", "identity")]


class Client(threading.Thread):
    """Scrapes until `ended`, each time in another format; keeps the figures and the first error."""

    def __init__(self, agent, number, names, ended):
        super().__init__(daemon=True)
        self.agent, self.number, self.names, self.ended = agent, number, names, ended
        self.seconds, self.wire, self.kinds, self.error = [], 0, {}, None

    def run(self):
        while not self.ended.is_set() and not self.error:
            try:
                self.scrape(WISHES[(self.number + len(self.seconds)) % len(WISHES)])
            except (OSError, ValueError, AssertionError) as error:
                self.error = repr(error)

    def scrape(self, wish):
        begin = time.monotonic()
        status, kind, body, wire = self.agent.get("/metrics", headers=wish, timeout=30)
        self.seconds.append(time.monotonic() - begin)
        self.wire += wire
        kind = kind.partition(";")[0]
        self.kinds[kind] = self.kinds.get(kind, 0) + 1
        if status != 200:
            raise AssertionError(f"{status}: {body[:200]!r}")
        if not wish["Accept"].startswith(kind):
            raise AssertionError(f"{kind} for {wish}")
        missing = [name for name in self.names if name not in body]
        if missing:
            raise AssertionError(f"{kind}: {len(missing)} containers are missing, {missing[0].decode()} for one")
        if kind == OPEN_METRICS and not body.endswith(b"# EOF\n"):
            raise AssertionError("the end is missing")


class Load(unittest.TestCase):
    def setUp(self):
        self.place = support.Workspace()
        self.addCleanup(self.place.close)
        self.churned = 0

    def start_containers(self, count):
        names = [f"steady-{number:04}" for number in range(count)]
        for name in names:
            self.place.run("-d", "--name", name, command=["/bin/sleep", "1000000"])
        return [name.encode() for name in names]

    def churn(self, ended):
        while not ended.wait(CHURN_PAUSE):
            self.place.run("--rm", "--name", f"short-{self.churned}", command=["/bin/plimsoll-load", "spin", "20"])
            self.churned += 1

    def watch(self, agent, seconds):
        """Anonymous memory in KB, once a second."""
        readings, end = [], time.monotonic() + seconds
        while time.monotonic() < end:
            self.assertTrue(agent.alive(), agent.output())
            readings.append(agent.anonymous_kb())
            time.sleep(1)
        return readings

    def test_plain(self):
        count, seconds = map(int, LOAD.split())
        self.check(count, seconds, tls=False)

    def test_tls(self):
        web_tls.require_web_config()
        count, seconds = map(int, LOAD.split())
        self.check(count, seconds, tls=True)

    def check(self, count, seconds, tls):
        names = self.start_containers(count)
        # Ended ones go soon: what is left to grow with time would be a leak.
        agent = self.place.start(web_tls.WebAgent, tls, "--exited.retention", "5s")
        cpu = agent.cpu_seconds()
        ended = threading.Event()
        clients = [Client(agent, number, names, ended) for number in range(CLIENTS)]
        churn = threading.Thread(target=self.churn, args=[ended], daemon=True)
        for thread in (churn, *clients):
            thread.start()
        try:
            memory = self.watch(agent, seconds)
        finally:
            ended.set()
            for thread in (churn, *clients):
                thread.join()
        self.report(clients, memory, agent.cpu_seconds() - cpu, f"{count} containers, {seconds} s, tls={tls}")
        self.assertEqual([client.error for client in clients if client.error], [])
        self.assertGreater(self.churned, 0)
        self.assertGreater(min(len(client.seconds) for client in clients), 0)
        first, last = self.thirds(memory)
        factor, more = MORE_ANONYMOUS
        self.assertLessEqual(last, first * factor + more)

    def thirds(self, memory):
        """Medians of the first third, without the first second, and of the last."""
        third = max(1, len(memory) // 3)
        return statistics.median(memory[1:third + 1]), statistics.median(memory[-third:])

    def report(self, clients, memory, cpu, what):
        times = sorted(second for client in clients for second in client.seconds)
        kinds = {}
        for client in clients:
            for kind, number in client.kinds.items():
                kinds[kind] = kinds.get(kind, 0) + number
        first, last = self.thirds(memory)
        wire = sum(client.wire for client in clients)
        print(f"  {what}: {len(times)} scrapes by {CLIENTS} clients, {self.churned} containers came and went;"
              f" median {times[len(times) // 2] * 1e3:.0f} ms, 99 % {times[len(times) * 99 // 100] * 1e3:.0f} ms,"
              f" worst {times[-1] * 1e3:.0f} ms; {wire / len(times) / 1024:.0f} KB and {cpu / len(times) * 1e3:.1f} ms"
              f" of the agent's CPU a scrape; anonymous memory {first:.0f} KB in the first third, {last:.0f} KB in the"
              f" last, {max(memory)} KB at most; {kinds}")


if __name__ == "__main__":
    unittest.main(verbosity=2)
