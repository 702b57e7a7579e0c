# SPDX-License-Identifier: Apache-2.0
"""Many short lives: of our containers and Podman's between scrapes that are far apart, and of plain groups under
scrapes without a pause.

PLIMSOLL_LIVES="1000 200 15"   containers of ours, of Podman's, seconds between scrapes
PLIMSOLL_GROUPS="500 20 120"   groups at any time, of which so many a second are replaced, seconds
"""
import collections
import contextlib
import hashlib
import itertools
import os
import pathlib
import re
import subprocess
import threading
import time
import unittest

import engines
import support

OWN, OF_PODMAN, INTERVAL = map(int, os.environ.get("PLIMSOLL_LIVES", "40 20 3").split())
GROUPS, A_SECOND, SECONDS = map(int, os.environ.get("PLIMSOLL_GROUPS", "80 10 10").split())
DESCRIPTORS_OF_A_GROUP = 30
AT_ONCE = 3  # clients of ours that run at the same time


def milliseconds(number):
    """CPU time of container `number`: 50 to 300 ms, the same in every run."""
    return 50 + int(hashlib.sha256(str(number).encode()).hexdigest(), 16) % 251


class ShortLives(unittest.TestCase):
    """Each container uses its milliseconds of CPU up to its last instant: what shows at least those is final."""

    @classmethod
    def setUpClass(cls):
        cls.place = support.Workspace()
        cls.addClassCleanup(cls.place.close)
        cls.podman = cls.place.start(engines.Podman)
        cls.agent = cls.place.start_agent(*cls.podman.agent_flags(), "--exited.retention", "1h")
        cls.prometheus = cls.place.start_prometheus(cls.agent.address, interval=INTERVAL)
        cls.prometheus.wait_for("up", lambda up: up == 1, timeout=60)
        begin = time.monotonic()
        cls.run_all()
        print(f"  {OWN} of ours and {OF_PODMAN} of Podman's in {time.monotonic() - begin:.0f} s, a scrape every {INTERVAL} s")
        time.sleep((INTERVAL + 1) * support.TIME_FACTOR)

    @classmethod
    def run_all(cls):
        numbers, failures = iter(range(OWN)), []

        def own():
            for number in numbers:
                cls.place.run("--name", f"own-{number}", command=[engines.LOAD, "spin", str(milliseconds(number))])

        def podman():
            for number in range(OF_PODMAN):
                removed = ["--rm"] if number % 2 else []
                cls.podman.client("run", *removed, "--name", f"pod-{number}", "--network", "none", "--cgroup-parent",
                                  cls.podman.parent, engines.IMAGE, engines.LOAD, "spin", milliseconds(number))

        def kept(work):
            try:
                work()
            except Exception as error:
                failures.append(error)
        threads = [threading.Thread(target=kept, args=(work,)) for work in [podman] + [own] * AT_ONCE]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if failures:
            raise failures[0]

    def cpu_by_name(self, prefix):
        rows = self.prometheus.query(f'sum by (name) (container_cpu_usage_seconds_total{{name=~"{prefix}-[0-9]+"}})')
        return {int(labels["name"].rpartition("-")[2]): value for labels, value in rows}

    def test_all_of_ours_are_seen_with_exact_ends(self):
        used = self.cpu_by_name("own")
        self.assertEqual(set(used), set(range(OWN)))
        short = {number: value for number, value in used.items() if value < milliseconds(number) / 1000}
        self.assertEqual(short, {})
        kernel = support.group_cpu_seconds(self.place.cgroup)
        print(f"  ours: {sum(used.values()):.6f} s shown, {kernel:.6f} s in the parent group")
        self.assertAlmostEqual(sum(used.values()), kernel, delta=1e-4 * kernel)
        codes = self.prometheus.value('count(plimsoll_container_exit_code{name=~"own-[0-9]+"} == 0)')
        self.assertEqual(codes, OWN)

    def test_podmans_are_seen_and_misses_are_counted(self):
        used = self.cpu_by_name("pod")
        self.assertLessEqual(set(used), set(range(OF_PODMAN)))
        final = [number for number, value in used.items() if value >= milliseconds(number) / 1000]
        missed = self.prometheus.value("plimsoll_container_finals_missed_total")
        unborn = self.prometheus.value("plimsoll_container_births_missed_total")
        print(f"  Podman's: {len(used)} of {OF_PODMAN} seen, {len(final)} with their final CPU time; "
              f"counted as missed: {missed:g}, of these {unborn:g} never opened")
        self.assertGreaterEqual(len(used), 0.99 * OF_PODMAN - (OF_PODMAN < 100))
        self.assertGreaterEqual(len(final), 0.95 * OF_PODMAN)
        self.assertEqual(OF_PODMAN - len(final), missed)
        self.assertLessEqual(unborn, missed)

    def test_podmans_time_is_the_kernels(self):
        """The parent group's time is the containers' and conmon's."""
        parent = support.group_cpu_seconds(self.podman.parent) - support.group_cpu_seconds(f"{self.podman.parent}/conmon")
        shown = sum(self.cpu_by_name("pod").values())
        print(f"  Podman's: {shown:.6f} s shown, {parent:.6f} s in the parent group without conmon")
        self.assertLessEqual(shown, parent * 1.0001)
        self.assertGreaterEqual(shown, 0.95 * parent)


class Group:
    """A cgroup with 64 hexadecimal digits in every hierarchy, and a process in it that sleeps."""

    def __init__(self, parent, name):
        self.path = f"{parent}/{hashlib.sha256(name.encode()).hexdigest()}"
        files = []
        for mount in support.hierarchies():
            directory = mount / self.path.strip("/")
            directory.mkdir()
            with contextlib.suppress(OSError):
                copy_cpuset(directory)
            files.append(str(directory / ("tasks" if (directory / "tasks").exists() else "cgroup.procs")))
        # It joins by itself: that is quicker than being moved.
        script = 'for file; do echo 0 >"$file"; done; exec sleep 100000'
        self.process = subprocess.Popen([support.tool("busybox"), "sh", "-c", script, "sh", *files],
                                        stdin=subprocess.DEVNULL)
        support.wait_until("the process is in its group", self.is_inhabited, interval=0.002)
        self.since = time.time()

    def is_inhabited(self):
        """The last hierarchy has been joined."""
        directory = support.hierarchies()[-1] / self.path.strip("/")
        return (directory / "cgroup.procs").read_text().strip() == str(self.process.pid)

    def end(self):
        self.process.kill()
        self.process.wait()
        for mount in support.hierarchies():
            (mount / self.path.strip("/")).rmdir()


def copy_cpuset(directory):
    """A new v1 cpuset is empty and takes no process."""
    for name in ("cpuset.cpus", "cpuset.mems"):
        if (directory / name).exists() and not (directory / name).read_text().strip():
            (directory / name).write_text((directory.parent / name).read_text())


class Scraper(threading.Thread):
    """Scrapes without a pause: [(begin, end, {cgroup: number of its series})]."""

    def __init__(self, agent, parent):
        super().__init__(daemon=True)
        self.agent, self.scrapes, self.over, self.errors = agent, [], threading.Event(), []
        self.id = re.compile(rf'[{{,]id="({re.escape(parent)}/[^"]+)"')
        self.start()

    def run(self):
        try:
            while not self.over.is_set():
                begin = time.time()
                text = self.agent.metrics("/metrics/cadvisor")
                self.scrapes.append((begin, time.time(), collections.Counter(self.id.findall(text))))
                if "\ncontainer_scrape_error 0" not in text:
                    self.errors.append(text[-200:])
        except Exception as error:
            self.errors.append(error)

    def stop(self):
        self.over.set()
        self.join(60)


def used_by(agent):
    """Groups that the agent sees; its descriptors, watches and resident bytes."""
    groups = len(set(re.findall(r'^container_last_seen\{(.*)\} ', agent.metrics("/metrics/cadvisor"), re.M)))
    watches = 0
    for entry in pathlib.Path(f"/proc/{agent.process.pid}/fdinfo").iterdir():
        with contextlib.suppress(OSError):
            watches += len(re.findall(r"^(?:inotify wd|fanotify (?:ino|mnt_id|sdev))", entry.read_text(), re.M))
    status = pathlib.Path(f"/proc/{agent.process.pid}/status").read_text()
    return {"groups": groups, "descriptors": len(os.listdir(f"/proc/{agent.process.pid}/fd")), "watches": watches,
            "bytes": 1024 * int(re.search(r"VmRSS:\s+(\d+)", status)[1])}


class ManyGroups(unittest.TestCase):
    def setUp(self):
        self.place = support.Workspace()
        self.addCleanup(self.place.close)
        self.parent = f"{self.place.cgroup}-groups"
        self.addCleanup(support.remove_groups, self.parent)
        for mount in support.hierarchies():
            directory = mount / self.parent.strip("/")
            directory.mkdir()
            with contextlib.suppress(OSError):
                copy_cpuset(directory)
            if support.is_v2():
                (directory / "cgroup.subtree_control").write_text(
                    " ".join(f"+{name}" for name in (directory / "cgroup.controllers").read_text().split()))
        self.names = map(str, itertools.count())
        self.groups, self.ended = [], []
        self.addCleanup(self.end_all)

    def end_all(self):
        for group in self.groups:
            with contextlib.suppress(OSError):
                group.end()

    def add(self, count):
        for _ in range(count):
            self.groups.append(Group(self.parent, next(self.names)))

    def replace_oldest(self, first):
        """Makes a new group and ends the oldest one but the first ones."""
        self.add(1)
        group = self.groups.pop(first)
        self.ended.append((group, time.time()))
        group.end()

    def churn(self, first, seconds):
        begin, own = time.monotonic(), 0
        for number in range(A_SECOND * seconds):
            time.sleep(max(0, begin + number / A_SECOND - time.monotonic()))
            if number % 10 == 9:  # and now and then one of our runtime
                self.place.run("-d", "--rm", command=["/bin/true"])
                own += 1
            self.replace_oldest(first)
        return own

    def test_no_scrape_loses_a_group_and_nothing_stays_behind(self):
        stable = GROUPS * 4 // 5
        self.add(GROUPS)
        agent, started = self.place.start_agent("--exited.retention", "3s"), time.monotonic()
        agent.metrics()
        self.churn(stable, max(3, SECONDS // 20))  # warms up: buffers find their sizes
        agent.metrics()
        # After two minutes limits are read a second time, and from then on their files stay open.
        time.sleep(max(4, started + 130 - time.monotonic() if SECONDS >= 60 else 0))
        agent.metrics()
        before = used_by(agent)
        scraper = Scraper(agent, self.parent)
        begin, taken = time.monotonic(), time.process_time()
        own = self.churn(stable, SECONDS)
        elapsed = time.monotonic() - begin
        scraper.stop()
        time.sleep(4)  # what has ended is over its retention
        for _ in range(3):
            agent.metrics()
        after = used_by(agent)
        print(f"  {GROUPS} groups, {A_SECOND * SECONDS} replaced and {own} containers in {elapsed:.0f} s; {len(scraper.scrapes)} "
              f"scrapes; before {before}, after {after}")
        self.assertEqual(scraper.errors, [])
        self.assertGreater(len(scraper.scrapes), SECONDS / support.TIME_FACTOR)
        self.check_no_loss(scraper.scrapes, self.groups[:stable])
        others = max(0, after["groups"] - before["groups"])  # the machine's own have become more meanwhile
        # Which groups' directories stay open depends on how much of the budget was left when they came: a tenth. One
        # descriptor lost for each group replaced would be far more.
        self.assertLessEqual(after["descriptors"], 1.1 * before["descriptors"] + 8 + others * DESCRIPTORS_OF_A_GROUP)
        self.assertLessEqual(after["watches"], before["watches"] + 8)
        self.assertLess(after["bytes"], before["bytes"] * 1.1 + (2 << 20))

    def check_no_loss(self, scrapes, stable):
        usual = {group.path: scrapes[0][2][group.path] for group in stable}
        self.assertGreater(min(usual.values()), 10)
        lives = [(group.path, group.since, until) for group, until in self.ended]
        checked = 0
        for begin, end, shown in scrapes:
            lost = [path for path, count in usual.items() if shown[path] < count]
            self.assertEqual(lost, [], f"{len(lost)} of {len(usual)} in the scrape at {begin}")
            there = [path for path, since, until in lives if since < begin and end < until]
            self.assertEqual([path for path in there if not shown[path]], [])
            gone = [path for path, _, until in lives if until < begin - 1 * support.TIME_FACTOR and shown[path]]
            self.assertEqual(gone, [])
            checked += len(usual) + len(there)
        print(f"  {checked} times a group was there and was shown")


if __name__ == "__main__":
    unittest.main(verbosity=2)
