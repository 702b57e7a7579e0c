# SPDX-License-Identifier: Apache-2.0
"""Containers of Docker, Podman, containerd and our own runtime, side by side under one agent: the same families,
the right names, images and labels; and what becomes of them: restarts, renames, ends, out of memory."""
import collections
import os
import pathlib
import re
import subprocess
import time
import unittest

import engines
import support

LABELS = {"role": "front", "org.example/team": "blue"}
LOOKS_AGAIN = 20  # seconds within which a change on disk is to be seen
# Families that not every engine's containers have, and why.
ALLOWED = {
    "plimsoll_container_restarts_total": "only engines with a restart policy count restarts",
    "container_health_state": "only engines with health checks",
    "plimsoll_container_state": "containerd's files say nothing about a task's state",
}
# Of a writable layer: our test container runs from a directory, it has none.
LAYER = re.compile(r"container_fs_(usage_bytes|limit_bytes|inodes_\w+)|plimsoll_container_layer_\w+")

place = None
running = {}  # name -> engine


def setUpModule():
    global place
    place = support.Workspace()
    unittest.addModuleCleanup(place.close)
    missing = []
    for kind in engines.ALL:
        try:
            running[kind.name] = place.start(kind)
        except unittest.SkipTest as reason:
            missing.append(str(reason))
    if missing:
        print("  not here:", "; ".join(missing))


def engine(name):
    if name not in running:
        raise unittest.SkipTest(f"{name} is not installed: run scripts/install-dependencies")
    return running[name]


def all_flags():
    return [flag for one in running.values() for flag in one.agent_flags()]


class Engines(unittest.TestCase):
    """Runs containers, and removes them at the end of the test."""

    agent = None

    def start(self, where, name, *command, **options):
        """A container; its cgroup."""
        one = engine(where)
        self.addCleanup(one.remove, name)
        return one.group(one.run(name, *command, **options))

    def start_agent(self, *flags):
        self.agent = place.start_agent(*(flags or all_flags()))
        self.addCleanup(self.agent.stop)
        return self.agent

    def scrape(self):
        """The samples of a scrape, in which no series is there twice."""
        text = self.agent.metrics()
        series = collections.Counter(line.rpartition(" ")[0] for line in text.split("\n") if not line.startswith("#"))
        self.assertEqual([(one, count) for one, count in series.items() if count > 1 and one], [])
        return support.parse_samples(text)

    def one(self, family, samples=None, **labels):
        """(labels, value) of the only sample with these labels; None when there is none."""
        found = [(have, value) for name, have, value in samples or self.scrape()
                 if name == family and labels.items() <= have.items()]
        self.assertLessEqual(len(found), 1, found)
        return found[0] if found else None

    def wait_for(self, family, predicate=lambda value: True, timeout=LOOKS_AGAIN, **labels):
        """Waits for the only sample with these labels to satisfy the predicate; its value."""
        last = None

        def satisfied():
            nonlocal last
            last = self.one(family, **labels)
            return last is not None and predicate(last[1])
        try:
            support.wait_until(f"{family}{labels}", satisfied, timeout, interval=0.2)
        except AssertionError as error:
            raise AssertionError(f"{error}; last {last}") from None
        return last[1]

    def assert_answers(self):
        samples = self.scrape()
        self.assertEqual([value for name, _, value in samples if name == "container_scrape_error"], [0])
        return samples


class SideBySide(Engines):
    """The same container under each engine at the same time."""

    @classmethod
    def setUpClass(cls):
        cls.groups, cls.networks = {}, {}
        for name, one in running.items():
            container = f"web-{name}"
            load = f"{engines.LOAD} spin 300; {engines.LOAD} write /data/f 1048576; exec /bin/sleep 1000"
            identifier = one.run(container, "/bin/sh", "-c", load, labels=LABELS, memory=64 << 20)
            cls.addClassCleanup(one.remove, container)
            cls.groups[name] = one.group(identifier)
            address = engines.connect(place, one.pid(container))
            engines.ping(address)
        cls.agent = place.start_agent(*all_flags())
        cls.addClassCleanup(cls.agent.stop)

    def samples_of(self, name, samples):
        return [(family, labels, value) for family, labels, value in samples if labels.get("id") == self.groups[name]]

    def series_of(self, name, samples):
        """{(family, its own labels)}: what is the same for every container that does the same."""
        mine = ("id", "name", "image")
        return {(family, *sorted((n, v) for n, v in labels.items() if n not in mine))
                for family, labels, _ in self.samples_of(name, samples) if family != "container_info"}

    def test_each_has_the_same_families(self):
        layered = [name for name in running if name != "plimsoll"]
        support.wait_until("writable layers are measured", lambda: layered == [
            name for name in layered if self.one("container_fs_usage_bytes", id=self.groups[name])], timeout=60, interval=1)
        samples = self.assert_answers()
        families = {name: {family for family, *_ in self.series_of(name, samples)} for name in running}
        everywhere = set.union(*families.values())
        print(f"  {len(everywhere)} families; containers of: {', '.join(running)}")
        for name, have in families.items():
            missing = {family for family in everywhere - have if family not in ALLOWED
                       and not (name == "plimsoll" and LAYER.fullmatch(family))}
            self.assertEqual(missing, set(), name)
            for family in sorted(everywhere - have):
                print(f"  {name} has no {family}")
        for family in ("container_cpu_usage_seconds_total", "container_memory_rss", "container_network_receive_bytes_total",
                       "container_spec_memory_limit_bytes", "container_start_time_seconds", "container_oom_events_total"):
            self.assertIn(family, families["plimsoll"])

    def test_names_images_and_labels(self):
        samples = self.assert_answers()
        for name in running:
            with self.subTest(name):
                labels, value = self.one("container_info", samples, id=self.groups[name])
                self.assertEqual(value, 1)
                self.assertEqual({"engine": name, "name": f"web-{name}", "image": engines.IMAGE,
                                  "container_label_role": "front", "container_label_org_example_team": "blue"},
                                 {key: labels.get(key) for key in ("engine", "name", "image", "container_label_role",
                                                                  "container_label_org_example_team")})
                short, _ = self.one("container_memory_rss", samples, id=self.groups[name])
                self.assertEqual(short, {"id": self.groups[name], "name": f"web-{name}", "image": engines.IMAGE})

    def test_each_is_shown_once(self):
        samples = self.assert_answers()
        for name in running:
            found = [labels["id"] for family, labels, _ in samples
                     if family == "container_last_seen" and labels.get("name") == f"web-{name}"]
            self.assertEqual(found, [self.groups[name]])

    def test_network_is_the_containers_own(self):
        for name, one in running.items():
            before = interface_bytes(one.pid(f"web-{name}"))
            samples = self.agent.samples()
            after = interface_bytes(one.pid(f"web-{name}"))
            for direction, index in (("receive", 0), ("transmit", 1)):
                labels, value = self.one(f"container_network_{direction}_bytes_total", samples, id=self.groups[name])
                self.assertEqual(labels["interface"], "eth0")
                self.assertGreater(value, 5000)
                self.assertTrue(before[index] <= value <= after[index], (name, before, value, after))

    def test_values_are_the_kernels(self):
        samples = self.agent.samples()
        for name in running:
            group = self.groups[name]
            used = sum(value for family, labels, value in samples
                       if family == "container_cpu_usage_seconds_total" and labels.get("id") == group)
            self.assertGreater(used, 0.3)
            self.assertLessEqual(used, support.group_cpu_seconds(group) + 1e-6)  # a sum of doubles
            self.assertEqual(self.one("container_spec_memory_limit_bytes", samples, id=group)[1], 64 << 20)

    def test_only_containers_when_that_is_asked(self):
        agent = place.start_agent(*all_flags(), "--docker_only")
        self.addCleanup(agent.stop)
        shown = {labels["id"] for family, labels, _ in agent.samples() if family == "container_last_seen"}
        self.assertEqual(shown, {"/", *self.groups.values()})

    def test_labels_on_every_series_when_that_is_asked(self):
        agent = place.start_agent(*all_flags(), "--store_container_labels")
        self.addCleanup(agent.stop)
        samples = agent.samples()
        for name in running:
            labels, _ = self.one("container_memory_rss", samples, id=self.groups[name])
            self.assertEqual(labels["container_label_role"], "front")


def interface_bytes(pid):
    """(received, sent) of eth0 in the network namespace of a process."""
    text = pathlib.Path(f"/proc/{pid}/net/dev").read_text()
    fields = re.search(r"eth0:(.*)", text)[1].split()
    return int(fields[0]), int(fields[8])


class Ends(Engines):
    """Exit codes, restarts and kills, of every engine that tells."""

    def test_exit_codes(self):
        self.start_agent()
        for name in ("docker", "podman", "plimsoll"):
            with self.subTest(name):
                self.start(name, f"nine-{name}", engines.LOAD, "exit", 9)
                self.wait_for("plimsoll_container_exit_code", lambda code: code == 9, name=f"nine-{name}")

    def test_exit_codes_of_before_the_agent(self):
        for name in ("docker", "podman", "plimsoll"):
            with self.subTest(name):
                self.start(name, f"seven-{name}", engines.LOAD, "exit", 7)
        time.sleep(1 * support.TIME_FACTOR)
        self.start_agent()
        for name in ("docker", "podman", "plimsoll"):
            with self.subTest(name):
                self.wait_for("plimsoll_container_exit_code", lambda code: code == 7, name=f"seven-{name}")

    def test_out_of_memory_is_counted_and_survives(self):
        self.start_agent()
        for name in running:
            with self.subTest(name):
                container = f"full-{name}"
                # The wait lets a scrape find it; the kill ends the container.
                self.start(name, container, "/bin/sh", "-c", f"/bin/sleep 2; exec {engines.LOAD} memory 67108864 100",
                           memory=16 << 20)
                self.wait_for("container_oom_events_total", name=container)
                self.wait_for("container_oom_events_total", lambda count: count >= 1, name=container)
                if name == "containerd":  # whose group stays until somebody has asked how it ended
                    running[name].remove(container)
                support.wait_until("its end", lambda: self.one("container_memory_rss", name=container) is None, 20)
                self.assertGreaterEqual(self.wait_for("container_oom_events_total", name=container), 1)
                if name != "containerd":
                    self.wait_for("plimsoll_container_exit_code", lambda code: code == 137, name=container)

    def test_final_counters_of_short_lives(self):
        """Between two scrapes: 200 ms of CPU, then gone. For other engines' containers this is a race, which may
        be lost now and then, but not without being counted."""
        self.start_agent()
        self.scrape()
        for name in running:
            for number in range(5):
                self.start(name, f"short-{name}-{number}", engines.LOAD, "spin", 200)
        time.sleep(2 * support.TIME_FACTOR)
        used = collections.Counter()
        for family, labels, value in self.scrape():
            if family == "container_cpu_usage_seconds_total" and labels.get("name"):
                used[labels["name"]] += value
        early = 0
        for name in running:
            with self.subTest(name):
                shown = [used[f"short-{name}-{number}"] for number in range(5)]
                missed = sum(value < 0.2 for value in shown)
                early += missed
                self.assertLessEqual(missed, 0 if name == "plimsoll" else 2, shown)
                self.assertLess(max(shown), 0.2 + 0.2 * support.TIME_FACTOR)
        self.assertGreaterEqual(self.agent.value("plimsoll_container_finals_missed_total"), early)


class OfDocker(Engines):
    def setUp(self):
        self.docker = engine("docker")

    def test_restart_is_a_new_life(self):
        self.start_agent()
        group = self.start("docker", "again", "/bin/sh", "-c", f"{engines.LOAD} spin 300; exec /bin/sleep 1000")
        used = 'container_cpu_user_seconds_total'
        first = self.wait_for("container_start_time_seconds", id=group)
        self.wait_for(used, lambda value: value > 0.1, id=group)
        self.docker.client("restart", "-t", 0, "again")
        second = self.wait_for("container_start_time_seconds", lambda value: value > first, id=group)
        self.assertAlmostEqual(second, time.time(), delta=60 * support.TIME_FACTOR)
        self.wait_for("plimsoll_container_state", lambda value: value == 1, name="again", state="running")
        self.assertEqual(self.one("plimsoll_container_restarts_total", name="again")[1], 0, "by hand is not by policy")

    def test_restarts_by_policy_are_counted(self):
        self.start_agent()
        self.start("docker", "flaky", engines.LOAD, "exit", 3, options=["--restart", "on-failure:2"])
        self.wait_for("plimsoll_container_restarts_total", lambda count: count == 2, timeout=30, name="flaky")
        self.wait_for("plimsoll_container_exit_code", lambda code: code == 3, name="flaky")

    def test_rename(self):
        self.start_agent()
        group = self.start("docker", "before", "/bin/sleep", 1000)
        self.addCleanup(self.docker.remove, "after")
        self.wait_for("container_last_seen", id=group, name="before")
        self.docker.client("rename", "before", "after")
        self.wait_for("container_last_seen", id=group, name="after")
        self.assertIsNone(self.one("container_last_seen", name="before"))

    def test_states(self):
        self.start_agent()
        self.start("docker", "moody", "/bin/sleep", 1000)

        def state_is(expected):
            found = {labels["state"]: value for family, labels, value in self.scrape()
                     if family == "plimsoll_container_state" and labels.get("name") == "moody"}
            return found.get(expected) == 1 and sum(found.values()) == 1
        for command, state in ((None, "running"), ("pause", "paused"), ("unpause", "running"), ("kill", "exited")):
            if command:
                self.docker.client(command, "moody")
            support.wait_until(f"{command}: {state}", lambda state=state: state_is(state), LOOKS_AGAIN)

    def check_health(self, *flags):
        self.start_agent(*flags)
        self.start("docker", "sick", "/bin/sleep", 1000, options=[
            "--health-cmd", "test -e /tmp/well", "--health-interval", "1s", "--health-retries", "1"])
        self.wait_for("container_health_state", lambda value: value == 0, name="sick")
        self.docker.client("exec", "sick", "/bin/sh", "-c", ": >/tmp/well")
        self.wait_for("container_health_state", lambda value: value == 1, name="sick", timeout=40)

    def test_health_from_its_files(self):
        self.check_health(*self.docker.agent_flags())

    def test_health_from_its_socket(self):
        self.check_health(*self.docker.api_flags())

    def test_a_daemon_that_hangs_costs_nothing(self):
        self.start("docker", "calm", "/bin/sleep", 1000)
        self.start_agent(*self.docker.api_flags())
        self.wait_for("container_last_seen", name="calm")
        os.kill(self.docker.process.pid, 19)  # SIGSTOP
        try:
            begin = time.monotonic()
            for _ in range(5):
                self.assertIsNotNone(self.one("container_last_seen", name="calm"))
            self.assertLess(time.monotonic() - begin, 5 * support.TIME_FACTOR)
        finally:
            os.kill(self.docker.process.pid, 18)

    def test_hostile_labels(self):
        labels = {"quote": 'a"b', "back": "a\\b", "lines": "a\nb\rc", "empty": "", "utf8": "mädchen-☃", "control": "\x01\x7f",
                  "brace": '{x="y"} 1', "0digit": "d", "dash-ed": "first", "dash.ed": "second", "": "nameless",
                  "ünïcode": "name", "long": "x" * 5000}
        labels.update({f"many{number:03}": str(number) for number in range(200)})
        del labels[""]
        self.start("docker", "hostile", "/bin/sleep", 1000, labels=labels)
        self.start_agent()
        self.wait_for("container_last_seen", name="hostile")
        text = self.agent.metrics()
        promtool = subprocess.run([support.tool("promtool"), "check", "metrics"], input=text, text=True,
                                  capture_output=True, check=False)
        self.assertIn(promtool.returncode, (0, 3), promtool.stdout + promtool.stderr)
        found, _ = self.one("container_info", support.parse_samples(text), name="hostile")
        for name in ("quote", "back", "brace", "utf8"):
            self.assertEqual(found.get(f"container_label_{name}", labels[name]), labels[name], name)
        self.assertEqual(found.get("container_label_dash_ed", "first"), "first", "of two that collide the first")
        self.assertLess(len(found), 200, "there is a bound")
        self.assertLess(sum(map(len, found.values())), 64 << 10)

    def test_garbage_in_place_of_its_files(self):
        directory = self.docker.path / "root" / "containers"
        kept = self.start("docker", "kept", "/bin/sleep", 1000)
        groups = {}
        for kind in ("empty", "truncated", "huge", "types", "fifo", "directory", "loop", "binary"):
            groups[kind] = self.start("docker", f"bad-{kind}", "/bin/sleep", 1000)
        originals = {}
        try:
            for kind, group in groups.items():
                file = directory / group.rpartition("/")[2] / "config.v2.json"
                originals[file] = file.read_bytes()
                spoil(file, kind)
            begin = time.monotonic()
            self.start_agent()
            samples = self.assert_answers()
            self.assertLess(time.monotonic() - begin, 10 * support.TIME_FACTOR)
            self.assertEqual(self.one("container_last_seen", samples, id=kept)[0].get("name"), "kept")
            for kind, group in groups.items():
                self.assertIsNotNone(self.one("container_memory_rss", samples, id=group), kind)
            self.assertGreaterEqual(self.agent.value("plimsoll_containers_unresolved"), len(groups))
            self.assert_answers()
        finally:
            for file, original in originals.items():
                remove(file)
                file.write_bytes(original)
        self.wait_for("container_last_seen", timeout=60, id=groups["truncated"], name="bad-truncated")


def spoil(file, kind):
    """Puts something else in the place of a state file."""
    original = file.read_bytes()
    remove(file)
    if kind == "fifo":
        os.mkfifo(file)
    elif kind == "directory":
        file.mkdir()
    elif kind == "loop":
        file.symlink_to(file.name)
    elif kind == "huge":
        with open(file, "wb") as out:
            out.write(original[:-1])
            out.truncate(1 << 32)  # sparse
    else:
        file.write_bytes({"empty": b"", "truncated": original[:len(original) // 2], "binary": os.urandom(5000),
                          "types": b'{"ID": 7, "Name": ["x"], "Config": "no", "State": {"Running": {}}}'}[kind])


def remove(file):
    if file.is_dir() and not file.is_symlink():
        file.rmdir()
    else:
        file.unlink(missing_ok=True)


class OfPodman(Engines):
    def setUp(self):
        self.podman = engine("podman")

    def test_a_pods_network_is_shown_once(self):
        self.podman.client("pod", "create", "--name", "pod", "--network", "none", "--cgroup-parent", self.podman.parent)
        self.addCleanup(self.podman.client, "pod", "rm", "-f", "-t", 0, "pod", check=False)
        for name in ("one", "two"):
            self.podman.client("run", "-d", "--pod", "pod", "--name", f"pod-{name}", engines.IMAGE, "/bin/sleep", 1000)
            self.addCleanup(self.podman.remove, f"pod-{name}")
        address = engines.connect(place, self.podman.pid("pod-one"))
        engines.ping(address)
        networks = {os.readlink(f"/proc/{self.podman.pid(name)}/ns/net") for name in ("pod-one", "pod-two")}
        self.assertEqual(len(networks), 1, "they share one network")
        self.start_agent()
        for name in ("pod-one", "pod-two"):
            self.wait_for("container_last_seen", name=name)
        low = interface_bytes(self.podman.pid("pod-two"))[0]
        shown = [(labels, value) for family, labels, value in self.agent.samples()
                 if family == "container_network_receive_bytes_total" and value >= low and labels["id"] != "/"
                 and labels["id"].startswith(self.podman.parent)]
        self.assertEqual(len(shown), 1, shown)
        self.assertNotIn(shown[0][0].get("name"), ("pod-one", "pod-two"), "not on the pod's own container")

    def test_states_and_names(self):
        self.start_agent()
        self.start("podman", "moody", "/bin/sleep", 1000)
        self.wait_for("plimsoll_container_state", lambda value: value == 1, name="moody", state="running")
        self.podman.client("kill", "moody")
        self.wait_for("plimsoll_container_state", lambda value: value == 1, name="moody", state="exited")
        self.wait_for("plimsoll_container_exit_code", lambda code: code == 137, name="moody")


if __name__ == "__main__":
    unittest.main(verbosity=2)
