# SPDX-License-Identifier: Apache-2.0
"""Clients that are silent or slow do not keep others out: 1,000 silent connections and 64 that send or take a
byte now and then, all from 127.0.0.2, while 127.0.0.1 asks 60 times for /healthz and /metrics.
"""
import contextlib
import resource
import selectors
import socket
import threading
import time
import unittest

import support
import web_tls

SILENT, SLOW, ROUNDS, PATIENCE = 1000, 64, 60, 5
ATTACKER = "127.0.0.2"
MORE_ANONYMOUS_KB = 8 * 1024  # two dozen stacks that were never used before, and what TLS keeps for a connection
HEADER = b"GET /metrics HTTP/1.1\r\nHost: slow\r\nX-Filler: " + b"x" * 4000


class Attack:
    """Keeps its connections up: what the server ends is made again a second later."""

    def __init__(self, agent):
        self.agent = agent
        host, _, port = agent.address.rpartition(":")
        self.target = (host, int(port))
        self.ended = threading.Event()
        self.made = 0
        workers = [self.keep_silent] + SLOW // 2 * [self.keep_sending, self.keep_reading]
        self.threads = [threading.Thread(target=worker, daemon=True) for worker in workers]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        support.wait_until("the attack", lambda: self.made >= SILENT, timeout=60)
        return self

    def __exit__(self, *_):
        self.ended.set()
        for thread in self.threads:
            thread.join()

    def connect(self, blocking=True):
        connection = socket.socket()
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.bind((ATTACKER, 0))
        connection.setblocking(blocking)
        connection.settimeout(20 if blocking else 0)
        with contextlib.suppress(BlockingIOError):
            connection.connect(self.target)
        return connection

    def keep_silent(self):
        selector = selectors.DefaultSelector()
        missing = SILENT
        while not self.ended.is_set():
            for _ in range(missing):
                selector.register(self.connect(blocking=False), selectors.EVENT_READ)
                self.made += 1
            end, gone = time.monotonic() + 1, []
            while time.monotonic() < end and not self.ended.is_set():
                for key, _ in selector.select(0.1):
                    selector.unregister(key.fileobj)
                    gone.append(key.fileobj)
            missing = len(gone)
            for connection in gone:
                connection.close()
        for key in list(selector.get_map().values()):
            key.fileobj.close()

    def slowly(self, action):
        """Calls action(connection) every 0.2 s until the server ends it, on one connection after another."""
        while not self.ended.wait(1):
            with contextlib.suppress(OSError), contextlib.closing(self.encrypted(self.connect())) as connection:
                go_on = action(connection)
                while go_on() and not self.ended.wait(0.2):
                    pass

    def encrypted(self, connection):
        return self.agent.context.wrap_socket(connection) if self.agent.context else connection

    def keep_sending(self):
        def action(connection):
            rest = iter(HEADER)
            return lambda: connection.send(bytes([next(rest)]))
        self.slowly(action)

    def keep_reading(self):
        def action(connection):
            connection.sendall(b"GET /metrics HTTP/1.1\r\nHost: slow\r\n\r\n")
            return lambda: connection.recv(1)
        self.slowly(action)


class SlowClients(unittest.TestCase):
    def setUp(self):
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        if hard < 4096:
            self.skipTest("needs 4,096 descriptors")
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 4096), hard))
        self.place = support.Workspace()
        self.addCleanup(self.place.close)

    def test_others_are_answered(self):
        self.check(tls=False)

    def test_others_are_answered_with_tls(self):
        web_tls.require_web_config()
        self.check(tls=True)

    def timed(self, agent, path):
        begin = time.monotonic()
        status = agent.get(path, timeout=PATIENCE)[0]
        self.assertEqual(status, 200, path)
        return time.monotonic() - begin

    def check(self, tls):
        agent = self.place.start(web_tls.WebAgent, tls)
        for _ in range(5):
            agent.metrics()
        before, sockets = agent.anonymous_kb(), agent.sockets()
        slowest, most = 0, before
        with Attack(agent) as attack:
            for _ in range(ROUNDS):
                slowest = max(slowest, *(self.timed(agent, path) for path in ("/healthz", "/metrics")))
                most = max(most, agent.anonymous_kb())
                time.sleep(0.2)
            made = attack.made
        self.assertLess(slowest, PATIENCE * support.TIME_FACTOR)
        self.assertLess(most, before + MORE_ANONYMOUS_KB)
        support.wait_until("all connections to be over", lambda: agent.sockets() <= sockets, timeout=30)
        dropped = {labels["reason"]: int(value) for name, labels, value in agent.samples()
                   if name == "plimsoll_http_connections_dropped_total"}
        print(f"  tls={tls}: slowest of {2 * ROUNDS} answers {slowest * 1e3:.0f} ms, anonymous memory {before} KB before, "
              f"{most} KB at most, {agent.anonymous_kb()} KB after; {made} silent connections made; dropped {dropped}")
        self.assertGreaterEqual(dropped["client_bound"], SILENT - 24)
        self.assertGreater(dropped["late"], 0)
        self.assertLess(self.timed(agent, "/metrics"), PATIENCE)
        self.assertEqual(agent.get("/healthz", source=ATTACKER)[0], 200, "who was slow may come again")


if __name__ == "__main__":
    unittest.main(verbosity=2)
