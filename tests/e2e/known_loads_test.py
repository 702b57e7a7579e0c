# SPDX-License-Identifier: Apache-2.0
"""Containers of known load: what Prometheus shows is within 3 % of what the load program counted itself."""
import ipaddress
import json
import socket
import threading
import unittest

import support

TOLERANCE = 0.03
LOAD = "/bin/plimsoll-load"
# The container's own start belongs to its group too: 1 ms here, up to 60 ms emulated.
CPU_SECONDS = 4 if support.IN_GUEST else 2


class KnownLoads(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.place = support.Workspace()
        cls.addClassCleanup(cls.place.close)
        cls.agent = cls.place.start_agent("--exited.retention", "1h")
        cls.prometheus = cls.place.start_prometheus(cls.agent.address)

    def start(self, name, *load, options=()):
        self.place.run("-d", "--name", name, *options, command=[LOAD, *map(str, load)])

    def log(self, name):
        return self.place.plimsoll("logs", name).stdout

    def report(self, name):
        """The load program's own count, when the container has ended well."""
        code = self.place.plimsoll("wait", name, timeout=120).stdout.strip()
        logs = self.place.plimsoll("logs", name)
        self.assertEqual(code, "0", f"{name} failed: {logs.stdout} {logs.stderr}")
        return json.loads(logs.stdout.splitlines()[-1])

    def shown(self, expression, own_count):
        """Waits for a value in Prometheus within 3 % of the own count."""
        low, high = own_count * (1 - TOLERANCE), own_count * (1 + TOLERANCE)
        try:
            value = self.prometheus.wait_for(expression, lambda v: low <= v <= high, timeout=15)
        except AssertionError as error:
            raise AssertionError(f"{error}; the load counted {own_count}\n{self.agent.output()[-2000:]}") from None
        print(f"  {expression}: {value:g}, own count {own_count:g}")

    def test_cpu_seconds(self):
        self.start("cpu", "cpu", CPU_SECONDS)
        report = self.report("cpu")
        self.shown('sum(container_cpu_usage_seconds_total{name="cpu"})', report["cpu_seconds"])
        self.shown('container_cpu_user_seconds_total{name="cpu"} + container_cpu_system_seconds_total',
                   report["cpu_seconds"])

    def test_resident_memory_while_alive(self):
        self.start("memory", "memory", 64 << 20, 3600)
        line = support.wait_until("the load's report", lambda: self.log("memory"), timeout=30)
        self.shown('container_memory_rss{name="memory"}', json.loads(line)["resident_bytes"])
        self.place.plimsoll("rm", "-f", "memory")
        self.gone('container_memory_rss{name="memory"}')

    def gone(self, expression):
        support.wait_until(f"end of {expression}", lambda: self.prometheus.value(expression) is None, timeout=15)

    def test_written_bytes(self):
        disk = self.place.disk_directory()
        self.start("write", "write", "/data/file", 10 << 20, options=["-v", f"{disk}:/data"])
        report = self.report("write")
        self.assertEqual(report["written_bytes"], 10 << 20)
        self.shown('sum(container_fs_writes_bytes_total{name="write"})', report["written_bytes"])
        self.shown('sum(container_blkio_device_usage_total{name="write",operation="Write"})', report["written_bytes"])

    def test_sent_bytes(self):
        port = support.free_port()
        self.start("send", "send", "gateway", port, 1 << 20, options=["--network", "veth"])
        state = self.place.plimsoll("inspect", "send").stdout
        received = Receiver(gateway_of(find_address(json.loads(state))), port)
        report = self.report("send")
        self.assertEqual(received.result(), report["sent_bytes"])
        self.shown('container_network_transmit_bytes_total{name="send",interface="eth0"}', report["sent_bytes"])

    def test_counters_of_an_unloaded_container_start_at_zero(self):
        self.start("idle", "sleep", 3600)
        self.prometheus.wait_for('container_last_seen{name="idle"}')
        used = self.prometheus.wait_for('sum(container_cpu_usage_seconds_total{name="idle"})')
        self.assertLess(used, 0.1 * support.TIME_FACTOR)
        self.assertEqual(self.prometheus.value('container_oom_events_total{name="idle"}'), 0)


class Receiver:
    """Takes one connection on the host's end of the link and counts its bytes."""

    def __init__(self, address, port):
        self.listener = socket.create_server((address, port))
        self.listener.settimeout(60 * support.TIME_FACTOR)
        self.received = 0
        self.thread = threading.Thread(target=self._take, daemon=True)
        self.thread.start()

    def _take(self):
        with self.listener, self.listener.accept()[0] as connection:
            while chunk := connection.recv(1 << 16):
                self.received += len(chunk)

    def result(self):
        self.thread.join(60 * support.TIME_FACTOR)
        return self.received


def find_address(value):
    """The first member "address" with an IPv4 address, wherever `inspect` puts it."""
    if isinstance(value, dict) and isinstance(value.get("address"), str) and value["address"]:
        return value["address"].partition("/")[0]
    below = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return next((found for item in below if (found := find_address(item))), None)


def gateway_of(address):
    """The other end of a point-to-point /30."""
    first, second = ipaddress.ip_network(f"{address}/30", strict=False).hosts()
    return str(second if str(first) == address else first)


if __name__ == "__main__":
    unittest.main(verbosity=2)
