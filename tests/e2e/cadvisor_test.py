# SPDX-License-Identifier: Apache-2.0
"""Side by side with cAdvisor: the same loaded containers, the same flags, the same moment. Every family that both
have must agree; what only one has is printed, and each known difference is a named exception with its reason.

PLIMSOLL_CADVISOR = path of a cAdvisor program (0.38.7 of Debian was compared); without it the tests are skipped.
Each sample of cAdvisor's carries the time at which it was taken. Plimsoll is scraped four times a second, so that
a counter of cAdvisor's lies between the values of the scrapes before and after that time.
"""
import os
import pathlib
import re
import threading
import time
import unittest
import urllib.request

import engines
import support
from compare import Difference, excused, named, print_differences

CADVISOR = os.environ.get("PLIMSOLL_CADVISOR")
KINDS = "--disable_metrics=referenced_memory,resctrl,accelerator"  # so all the others are on
SECONDS = 12
SKEW = 0.4 * support.TIME_FACTOR  # between when cAdvisor read the files and its sample's time
LOOKS = 1.5 * support.TIME_FACTOR  # seconds on each side from which a gauge may be: processes come and go
PAGES = 128 * 4096  # the kernel batches its memory counters by CPU
TICK = 0.021  # v1's cpuacct.stat counts in hundredths of a second; here the exact times of the v2 tree are read

LOADS = {
    "cpu": "while :; do /bin/plimsoll-load spin 100; /bin/sleep 0.1; done",
    "memory": "exec /bin/plimsoll-load memory 33554432 1000",
    "disk": "while :; do /bin/plimsoll-load write /data/f 1048576; /bin/sleep 0.3; done",
    "forks": "while :; do /bin/plimsoll-load fork 5; /bin/sleep 0.2; done",
    "idle": "exec /bin/sleep 1000",
}



def theirs_is_a_constant_zero(family, labels, theirs, ours):
    return theirs == 0 and ours is None


DIFFERENCES = [
    Difference("container_last_seen is the time of the sample there and of the scrape here", named("container_last_seen")),
    Difference("what the kernel does not offer is 0 there and absent here", theirs_is_a_constant_zero),
    Difference("there of each process's first thread, here of all threads, the ended ones too", named(
        "container_cpu_schedstat_run_seconds_total", "container_cpu_schedstat_runqueue_seconds_total",
        "container_cpu_schedstat_run_periods_total")),
    Difference("there the container's end alone, here also what the machine's end could not hand over",
               lambda family, labels, theirs, ours: family.endswith("_packets_dropped_total") and (ours or 0) > theirs),
    Difference("there 0 free and the number of files in the layer (#3534), here the file system's", named(
        "container_fs_inodes_free", "container_fs_inodes_total")),
]


class Cadvisor(support.Server):
    def __init__(self, place, docker):
        port = support.free_port()
        super().__init__([CADVISOR, "-listen_ip", "127.0.0.1", "-port", str(port), "-docker", f"unix://{docker.socket}",
                          "-containerd", "/nowhere", "-housekeeping_interval=1s", "-allow_dynamic_housekeeping=false",
                          "-storage_duration=10s", KINDS], place.path / "cadvisor.log")
        self.address = f"127.0.0.1:{port}"
        self.wait_ready("/healthz")

    def samples(self):
        """[(name, labels, value, unix time or None)]"""
        with urllib.request.urlopen(f"http://{self.address}/metrics", timeout=30 * support.TIME_FACTOR) as answer:
            lines = answer.read().decode().split("\n")
        found = []
        for line in lines:
            if line.startswith("#") or not line:
                continue
            head, separator, tail = line.rpartition("}")
            words = tail.split()
            if not separator:
                head, *words = line.split()
            stamp = int(words[1]) / 1000 if len(words) > 1 else None
            found.extend((*sample, stamp) for sample in support.parse_samples(f"{head}{separator} {words[0]}"))
        return found


class Watch:
    """Scrapes an agent four times a second; every value of every series with the time of its scrape."""

    def __init__(self, agent):
        self.agent, self.scrapes, self.types, self.over = agent, [], {}, threading.Event()
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self):
        while not self.over.wait(0.25):
            begin = time.time()
            text = self.agent.metrics("/metrics/cadvisor")
            series = {key(name, labels): value for name, labels, value in support.parse_samples(text)}
            self.scrapes.append((begin, time.time(), series))
            self.types.update(line.split()[2:4] for line in text.split("\n") if line.startswith("# TYPE "))

    def stop(self):
        self.over.set()
        self.thread.join(30)

    def around(self, series, moment):
        """The values of a series in the last scrape that ended well before `moment`, the first that began well
        after it and all between; [] when it was not there."""
        skew = LOOKS if self.types.get(series[0]) == "gauge" else SKEW
        before = [n for n, (_, end, _) in enumerate(self.scrapes) if end < moment - skew]
        after = [n for n, (begin, _, _) in enumerate(self.scrapes) if begin > moment + skew]
        first, last = before[-1] if before else 0, after[0] if after else len(self.scrapes) - 1
        return [values[series] for _, _, values in self.scrapes[first:last + 1] if series in values]


def key(name, labels):
    """A series without the labels that say whose container it is: the cgroup does that."""
    return name, *sorted((label, value.removeprefix("/dev/")) for label, value in labels.items()
                         if label not in ("name", "image") and not label.startswith("container_label_") and value)


def device_of(path):
    """The node of the block device that holds a directory."""
    number = os.stat(path).st_dev
    uevent = pathlib.Path(f"/sys/dev/block/{os.major(number)}:{os.minor(number)}/uevent").read_text()
    return "/dev/" + re.search(r"^DEVNAME=(.*)$", uevent, re.M)[1]


@unittest.skipUnless(CADVISOR, "PLIMSOLL_CADVISOR is not set to a cAdvisor program")
class SideBySide(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.place = support.Workspace()
        cls.addClassCleanup(cls.place.close)
        docker = cls.place.start(engines.Docker)
        disk = cls.place.disk_directory()
        cls.groups = {}
        for name, script in LOADS.items():
            options = ["-v", f"{disk}:/data", "--cpus", "0.5"]
            if name == "disk" and not support.is_v2():  # blkio counts nothing before the first rule
                options += ["--device-write-bps", f"{device_of(disk)}:10gb"]
            identifier = docker.run(name, "/bin/sh", "-c", script, labels={"role": name}, memory=128 << 20, options=options)
            cls.groups[docker.group(identifier)] = name
            cls.address = engines.connect(cls.place, docker.pid(name))
            engines.ping(cls.address)
        agent = cls.place.start_agent(*docker.agent_flags(), KINDS)
        cadvisor = cls.place.start(Cadvisor, docker)
        cls.watch = Watch(agent)
        time.sleep(SECONDS * support.TIME_FACTOR)
        cls.theirs = cls.all_of(cadvisor)
        time.sleep(3 * support.TIME_FACTOR)
        cls.watch.stop()

    @classmethod
    def all_of(cls, cadvisor):
        """A scrape of cAdvisor's with all of our containers: a group without a sample yet, anywhere, costs it all."""
        for _ in range(20):
            samples = cadvisor.samples()
            if cls.groups.keys() <= {labels.get("id") for _, labels, *_ in samples}:
                return samples
            time.sleep(0.5)
        raise AssertionError(f"cAdvisor shows no containers: {cadvisor.output()[-2000:]}")

    def of_containers(self):
        """cAdvisor's samples of our containers."""
        return [sample for sample in self.theirs if sample[1].get("id") in self.groups]

    def test_every_shared_family_agrees(self):
        wrong, right = [], 0
        families = set(self.watch.types)
        for name, labels, value, stamp in self.of_containers():
            if name not in families:
                continue
            series = key(name, labels)
            ours = self.watch.around(series, stamp or time.time())
            if self.agrees(name, value, ours):
                right += 1
            elif not excused(DIFFERENCES, name, labels, value, ours[-1] if ours else None):
                wrong.append(f"{self.groups[labels['id']]}: {name} {series[1:]}: theirs {value}, ours {ours}")
        print(f"  {right} samples of {len({s[0] for s in self.of_containers()} & families)} shared families agree")
        print_differences(DIFFERENCES)
        self.assertEqual(wrong, [], "\n".join(wrong[:50]))
        self.assertGreater(right, 200)

    def agrees(self, name, value, ours):
        if not ours:
            return False
        slack = 1e-6 * max(abs(value), 1)
        if name in ("container_cpu_user_seconds_total", "container_cpu_system_seconds_total"):
            slack = TICK
        if self.watch.types[name] == "gauge":
            slack = max(slack, PAGES if "memory" in name or name.endswith("_bytes") else 0)
        return min(ours) - slack <= value <= max(ours) + slack

    def test_what_each_has_alone(self):
        shown = {(name, labels["id"]) for _, _, values in self.watch.scrapes for (name, *rest) in values
                 for labels in [dict(rest)] if labels.get("id") in self.groups}
        ours, theirs = {name for name, _ in shown}, {sample[0] for sample in self.of_containers()}
        print(f"  {len(ours & theirs)} in both; here alone {len(ours - theirs)}: {', '.join(sorted(ours - theirs))}")
        print(f"  there alone {len(theirs - ours)}: {', '.join(sorted(theirs - ours))}")
        self.assertLessEqual({name for name in theirs - ours if name not in self.watch.types}, set(THERE_ALONE))

    def test_every_container_of_theirs_is_here(self):
        ids = {labels["id"] for name, labels, *_ in self.theirs if name == "container_last_seen"}
        here = {dict(rest)["id"] for _, _, values in self.watch.scrapes for (name, *rest) in values
                if name == "container_last_seen"}
        self.assertLessEqual({i for i in ids if i in self.groups or i == "/"}, here)
        self.assertEqual({i for i in here if i in self.groups}, set(self.groups))

    def test_names_and_images_are_theirs(self):
        text = {}
        for name, labels, *_ in self.of_containers():
            if name == "container_memory_rss":
                text[labels["id"]] = (labels["name"], labels["image"], labels["container_label_role"])
        self.assertEqual(text, {group: (name, engines.IMAGE, name) for group, name in self.groups.items()})


# Families of containers that cAdvisor has and we have not, with the reason.
THERE_ALONE = {
    "container_cpu_load_average_10s": "0 there without --enable_load_reader (with it 0.38.7 answers without any container)",
    "container_tasks_state": "the same",
}


if __name__ == "__main__":
    unittest.main(verbosity=2)
