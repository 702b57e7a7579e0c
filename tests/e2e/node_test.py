# SPDX-License-Identifier: Apache-2.0
"""The host half as a successor of node_exporter's.

Fixture: node_exporter's own end-to-end test, a fake /proc, /sys and udev tree with the samples that it expects of
it. PLIMSOLL_NODE_FIXTURE = its folder collector/fixtures (release 1.11.1 was compared); skipped without it.

SideBySide: Debian's prometheus-node-exporter (or PLIMSOLL_NODE_EXPORTER) and the agent on this machine at the same
moment.

Each known difference is a named exception with its reason.
"""
import collections
import math
import os
import pathlib
import re
import shutil
import subprocess
import time
import unittest

import support
from compare import Difference, excused, named, print_differences

FIXTURE = os.environ.get("PLIMSOLL_NODE_FIXTURE")
BETWEEN_OURS = 0.02  # of a gauge's value: what it may move while node_exporter is asked between two of our scrapes


def unpack(archive, directory):
    """The fixture's text archives: `Path:` and `Lines:` or `SymlinkTo:`, `Directory:`, `Mode:`."""
    lines = archive.read_bytes().split(b"\n")
    at, path = 0, None
    while at < len(lines):
        key, _, value = lines[at].partition(b": ")
        value = value.decode()
        at += 1
        if key == b"Directory":
            (directory / value).mkdir(parents=True, exist_ok=True)
        elif key == b"Path":
            path = directory / value
            path.parent.mkdir(parents=True, exist_ok=True)
        elif key == b"SymlinkTo":
            path.symlink_to(value)
        elif key == b"Lines":
            content = b"".join(line + b"\n" for line in lines[at:at + int(value)])
            if content.endswith(b"EOF\n"):
                content = content[:-4]  # the file does not end with a line end
            path.write_bytes(content.replace(b"NULLBYTE", b"\0"))
            at += int(value)


def series(samples):
    """{series: value}. A bound counts by its number: node_exporter's text has le="1", ours le="1.0", so that Prometheus
    stores the same series whichever format it takes (it makes le="1.0" of node_exporter's in OpenMetrics, too)."""
    def plain(name, value):
        return float(value) if name in ("le", "quantile") else value
    return {(name, *sorted((n, plain(n, v)) for n, v in labels.items())): value for name, labels, value in samples}


def same(a, b):
    return a == b or (math.isnan(a) and math.isnan(b))


# As the fixture's own script has them; what is asked of the real machine and not of the fixture is off there too.
FIXTURE_FLAGS = r"""
  --collector.cpu.info --collector.arp.device-exclude=nope --collector.bcache.priorityStats
  --collector.cpu.info.bugs-include=^(cpu_meltdown|spectre_.*|mds)$ --collector.cpu.info.flags-include=^(aes|avx.?|constant_tsc)$
  --collector.hwmon.chip-include=(applesmc|coretemp|hwmon4|nct6779) --collector.netclass.ignore-invalid-speed
  --collector.netclass.ignored-devices=(dmz|int) --collector.netdev.device-include=lo
  --collector.qdisc.device-include=(wlan0|eth0) --collector.stat.softirq
  --collector.sysctl.include-info=kernel.seccomp.actions_avail --collector.sysctl.include=fs.file-nr
  --collector.sysctl.include=fs.file-nr:total,current,max --collector.sysctl.include=kernel.threads-max
  --no-collector.arp.netlink --collector.interrupts.include-zeros
  --no-collector.selinux --no-collector.filesystem --no-collector.timex --no-collector.uname
  --no-collector.tcpstat
""".split()
# Of its own process, of the moment, and of the real machine's interfaces, as the script leaves them out.
NOT_COMPARED = re.compile(r"^(go_|promhttp_|node_exporter_build_info|node_scrape_collector_duration_seconds|process_|"
                          r"node_textfile_mtime_seconds|node_time_(zone|seconds)|"
                          r"node_network_(receive|transmit)_(bytes|packets)_total)")
FIXTURE_DIFFERENCES = [
    Difference("of the real machine there: the fixture has no proc/net/dev, and rtnetlink is asked",
               lambda family, labels, *_: family.startswith(("node_network_receive_", "node_network_transmit_"))
               or labels.get("collector") == "netdev"),
    Difference("a file that is not there is 0 there and absent here",
               lambda family, labels, theirs, ours: theirs == 0 and ours is None and family in (
                   "node_btrfs_commit_seconds_total", "node_btrfs_commits_total", "node_btrfs_last_commit_seconds",
                   "node_btrfs_max_commit_seconds", "node_softnet_backlog_len")),
    Difference("microseconds are divided by 1000 twice there, which costs the last digit",
               lambda family, labels, theirs, ours: family.startswith("node_pressure_")
               and ours is not None and math.isclose(theirs, ours, rel_tol=1e-15)),
    Difference("the kernel's count runs into the time behind it; there both are one number",
               lambda family, labels, theirs, ours: family == "node_bcachefs_errors_total" and theirs > 2**63),
    Difference("left out here: wireless interfaces are rare on hosts of containers",
               lambda family, labels, *_: family.startswith("node_wifi_") or labels.get("collector") == "wifi"),
]


@unittest.skipUnless(FIXTURE, "PLIMSOLL_NODE_FIXTURE is not set to node_exporter's folder collector/fixtures")
class Fixture(unittest.TestCase):
    AIM = 2700

    @classmethod
    def setUpClass(cls):
        cls.place = support.Workspace()
        cls.addClassCleanup(cls.place.close)
        root = cls.place.path / "fixtures"
        shutil.copytree(FIXTURE, root, symlinks=True)
        for name in ("sys", "udev"):
            if not (root / name).is_dir():
                unpack(root / f"{name}.ttar", root)
        expected = support.parse_samples((root / "e2e-output.txt").read_text())
        cls.expected = series(s for s in expected if not NOT_COMPARED.match(s[0]))
        on = [f"--collector.{labels['collector']}" for name, labels, _ in expected
              if name == "node_scrape_collector_success" and labels["collector"] != "wifi"]
        cls.agent = cls.place.start_agent(
            f"--path.rootfs={root}", f"--path.procfs={root}/proc", f"--path.sysfs={root}/sys",
            f"--path.udev.data={root}/udev/data", f"--collector.qdisc.fixtures={root}/qdisc/",
            f"--collector.textfile.directory={root}/textfile/two_metric_files/", "--collector.disable-defaults", *on,
            *FIXTURE_FLAGS)
        text = cls.agent.metrics("/metrics/node").replace(str(root), "collector/fixtures")  # where theirs was run
        cls.ours = series(s for s in support.parse_samples(text) if not NOT_COMPARED.match(s[0]))

    def test_every_expected_sample_is_here(self):
        wrong, right = [], 0
        for key, value in self.expected.items():
            name, labels, ours = key[0], dict(key[1:]), self.ours.get(key)
            if ours is not None and same(value, ours):
                right += 1
            elif not excused(FIXTURE_DIFFERENCES, name, labels, value, ours):
                wrong.append(f"{name} {labels}: expected {value}, ours {ours}")
        print(f"  {right} of {len(self.expected)} samples identical")
        print_differences(FIXTURE_DIFFERENCES)
        self.assertEqual(wrong, [], "\n" + "\n".join(wrong[:200]))
        self.assertGreaterEqual(right, self.AIM)

    def test_what_is_here_alone(self):
        alone = collections.Counter(key[0] for key in self.ours if key not in self.expected)
        print(f"  here alone: {dict(alone)}")
        self.assertLessEqual(set(alone), set(HERE_ALONE), alone)


# Families that we show over the fixture and node_exporter 1.11.1 does not, with the reason.
HERE_ALONE = {}


def node_exporter():
    return os.environ.get("PLIMSOLL_NODE_EXPORTER") or support.tool("prometheus-node-exporter")


class NodeExporter(support.Server):
    def __init__(self, place, flags):
        port = support.free_port()
        super().__init__([node_exporter(), f"--web.listen-address=127.0.0.1:{port}",
                          "--web.disable-exporter-metrics", *flags], place.path / "node_exporter.log")
        self.address = f"127.0.0.1:{port}"
        self.wait_ready("/metrics")

    def text(self):
        return support.http_get(f"http://{self.address}/metrics")[1]


def types_in(text):
    return dict(re.findall(r"^# TYPE (\S+) (\S+)$", text, re.M))


def absent_is_no_success(family, labels, theirs, ours):
    return family == "node_scrape_collector_success" and theirs == 1 and ours == 0 and labels["collector"] in (
        "bcache", "bonding", "btrfs", "cpufreq", "edac", "thermal_zone", "xfs")


def of_a_memory_disk(family, labels, theirs, ours):
    return family.startswith("node_disk_") and labels["device"].startswith("zram") and ours is None


def rotates_by_sysfs(family, labels, theirs, ours):
    return family == "node_disk_info" and labels.get("rotational") == "0" and (
        pathlib.Path("/sys/block", labels["device"], "queue/rotational").read_text() == "1\n")


DIFFERENCES = [
    Difference("1.9.0 shows 0 when the queue's directory lacks any file that it knows", rotates_by_sysfs),
    Difference("1.9.0 gives up without proc/pressure/irq",
               lambda family, labels, *_: labels.get("collector") == "pressure" and not os.path.exists("/proc/pressure/irq")),
    Difference("of the exporter itself, and of the moment", named(
        "node_exporter_build_info", "node_scrape_collector_duration_seconds", "node_time_seconds",
        "promhttp_metric_handler_errors_total")),
    Difference("changed by the asking: whoever is being scraped runs and has a connection", named(
        "node_procs_running", "node_procs_blocked", "node_netstat_Tcp_CurrEstab", "node_sockstat_TCP_alloc",
        "node_sockstat_TCP_inuse", "node_sockstat_TCP_orphan", "node_sockstat_TCP_tw", "node_sockstat_sockets_used",
        "node_tcp_connection_states", "node_filefd_allocated", "node_processes_state", "node_processes_threads",
        "node_slabinfo_active_objects", "node_slabinfo_objects", "node_processes_threads_state", "node_processes_pids", "node_sockstat_TCP_mem", "node_sockstat_TCP_mem_bytes")),
    Difference("a directory that is not there is no success here", absent_is_no_success),
    Difference("left out by default since 1.6", of_a_memory_disk),
]


def found(page, key):
    """The sample of these labels; else those that have more labels, as newer releases of node_exporter give them."""
    if key in page:
        return [page[key]]
    return [value for other, value in page.items() if other[0] == key[0] and set(key) <= set(other)]


class SideBySide(unittest.TestCase):
    """Debian's node_exporter is scraped between two scrapes of ours: its values must lie between ours. Gauges of a busy
    machine go up and down meanwhile, so a sample is wrong when it is so in each of a few rounds."""

    ROUNDS = 6

    @classmethod
    def setUpClass(cls):
        cls.place = support.Workspace()
        cls.addClassCleanup(cls.place.close)
        cls.theirs = cls.place.start(NodeExporter, cls.peer_flags())
        cls.agent = cls.place.start_agent("--collector.interrupts.include-zeros", *cls.own_flags())
        cls.agent.metrics("/metrics/node")
        cls.take()

    @classmethod
    def take(cls):
        cls.before = cls.agent.metrics("/metrics/node")
        cls.peer = cls.theirs.text()
        time.sleep(0.05)  # the kernel's per-CPU counters are summed up now and then
        cls.after = cls.agent.metrics("/metrics/node")

    OFF_BY_DEFAULT = ("buddyinfo", "ethtool", "ksmd", "lnstat", "mountstats", "network_route", "qdisc", "slabinfo",
                      "softirqs", "zoneinfo", "interrupts", "processes", "tcpstat", "meminfo_numa", "cgroups")

    @classmethod
    def peer_flags(cls):
        known = subprocess.run([node_exporter(), "--help"], capture_output=True, text=True,
                               check=False)
        text = known.stdout + known.stderr
        return [f"--collector.{name}" for name in cls.OFF_BY_DEFAULT if f"collector.{name} " in text] + ["--no-collector.systemd"]

    @classmethod
    def own_flags(cls):
        return [f"--collector.{name}" for name in cls.OFF_BY_DEFAULT]

    def test_every_shared_family_agrees(self):
        wrong, rows, alone = self.compare()
        for _ in range(1, self.ROUNDS):
            if not wrong:
                break
            time.sleep(0.3)
            self.take()
            again, rows, alone = self.compare()
            wrong = {key: again[key] for key in wrong.keys() & again.keys()}
        self.print_table(rows, alone)
        self.assertEqual(list(wrong.values()), [], "\n" + "\n".join(list(wrong.values())[:100]))
        self.assertGreater(sum(row["agree"] for row in rows.values()), 500)

    def compare(self):
        """({key of a wrong sample: what is wrong}, {family: how its samples are}, families that we alone have)"""
        before, after, peer = (series(support.parse_samples(text)) for text in (self.before, self.after, self.peer))
        types = types_in(self.after)
        rows, wrong = collections.defaultdict(collections.Counter), {}
        for key, value in peer.items():
            name, labels = key[0], dict(key[1:])
            ours = [value for page in (before, after) for value in found(page, key)]
            if self.agrees(types.get(name), value, ours):
                rows[name]["agree"] += 1
            elif excused(DIFFERENCES, name, labels, value, ours[-1] if ours else None):
                rows[name]["excepted"] += 1
            else:
                rows[name]["differ"] += 1
                wrong[key] = f"{name} {labels}: theirs {value}, ours {ours}"
        return wrong, rows, {key[0] for key in after} - {key[0] for key in peer}

    def agrees(self, kind, value, ours):
        if not ours:
            return False
        slack = BETWEEN_OURS * abs(value) if kind == "gauge" else 1e-9 * abs(value)  # floats of 17 digits
        return min(ours) - slack <= value <= max(ours) + slack or all(same(value, each) for each in ours)

    def print_table(self, rows, alone):
        for name, row in sorted(rows.items()):
            print(f"  {name:60} {row['agree']:5} agree" + "".join(f", {row[k]} {k}" for k in ("excepted", "differ") if row[k]))
        print(f"  {len(rows)} families in both; here alone {len(alone)}: {', '.join(sorted(alone))}")
        print_differences(DIFFERENCES)

    def test_types_are_theirs(self):
        ours, theirs = types_in(self.after), types_in(self.peer)
        self.assertEqual({name: ours[name] for name in ours.keys() & theirs.keys()},
                         {name: theirs[name] for name in ours.keys() & theirs.keys()})


class ByPrometheus(unittest.TestCase):
    """What Prometheus makes of everything that is on, of files that others have left, and of a selection."""

    FILES = {
        "good.prom": "# HELP job_seconds How long jobs took.\n# TYPE job_seconds histogram\n"
                     'job_seconds_bucket{le="1"} 2\njob_seconds_bucket{le="+Inf"} 3\njob_seconds_sum 4.5\njob_seconds_count 3\n'
                     'backup_ok{name="a \\"quoted\\" name"} 1\n',
        "repeats.prom": "twice 1\ntwice 2\n",
        "stamped.prom": "stamped 1 1700000000000\n",
        "ours.prom": "node_load1 99\n",
        "half.prom": "half_written{a=",
    }

    @classmethod
    def setUpClass(cls):
        cls.place = support.Workspace()
        cls.addClassCleanup(cls.place.close)
        directory = cls.place.path / "textfiles"
        directory.mkdir()
        for name, text in cls.FILES.items():
            (directory / name).write_text(text)
        os.mkfifo(directory / "pipe.prom")
        off = [f"--collector.{name}" for name in SideBySide.OFF_BY_DEFAULT]
        cls.agent = cls.place.start_agent(f"--collector.textfile.directory={directory}", *off)
        cls.prometheus = cls.place.start_prometheus(cls.agent.address)

    def test_it_takes_the_whole_page(self):
        self.prometheus.wait_for("up", lambda up: up == 1)
        self.assertEqual(self.prometheus.value("job_seconds_count"), 3)
        self.assertEqual(self.prometheus.value('job_seconds_bucket{le="+Inf"}'), 3)
        self.assertEqual(self.prometheus.value('backup_ok{name="a \\"quoted\\" name"}'), 1)
        self.assertEqual(self.prometheus.value("node_textfile_scrape_error"), 1)
        for left_out in ("twice", "stamped", "half_written", "node_load1 == 99"):
            self.assertIsNone(self.prometheus.value(left_out), left_out)
        self.assertIsNotNone(self.prometheus.value("node_load1"))
        self.assertRegex(self.agent.output(), r"(half|ours|pipe|repeats|stamped)\.prom")

    def test_a_bad_file_is_logged_once(self):
        for _ in range(3):
            self.agent.metrics("/metrics/node")
        self.assertEqual(self.agent.output().count("collector textfile failed"), 1)

    def test_what_is_not_here_is_not_logged(self):
        success = {labels["collector"]: value for name, labels, value in self.agent.samples("/metrics/node")
                   if name == "node_scrape_collector_success"}
        self.assertIn(0, success.values(), "a machine with everything?")
        for name, value in success.items():
            if value == 0 and name != "textfile":
                self.assertNotIn(f"collector {name} failed", self.agent.output())

    def test_a_selection(self):
        def families(query, path="/metrics"):
            return {name for name, _, _ in self.agent.samples(path + query)}
        self.assertEqual({name for name in families("?collect[]=loadavg", "/metrics/node") if "scrape" not in name},
                         {"node_load1", "node_load5", "node_load15"})
        self.assertNotIn("container_last_seen", families("?collect[]=loadavg"))
        self.assertIn("container_memory_usage_bytes", families("?collect[]=container.memory"))
        self.assertNotIn("container_cpu_usage_seconds_total", families("?collect[]=container.memory"))
        without = families("?exclude[]=filesystem&exclude[]=container.cpu")
        self.assertIn("node_load1", without)
        self.assertNotIn("node_filesystem_size_bytes", without)
        self.assertNotIn("container_cpu_usage_seconds_total", without)
        for query, reason in (("?collect[]=nonsense", "no collector 'nonsense'"),
                              ("?collect[]=cpu&exclude[]=time", "cannot be combined")):
            status, body = support.http_get(f"http://{self.agent.address}/metrics{query}")
            self.assertEqual(status, 400)
            self.assertIn(reason, body)


if __name__ == "__main__":
    unittest.main(verbosity=2)
