# SPDX-License-Identifier: Apache-2.0
"""The OCI runtime where there is nothing but cgroup v2: limits, device programs, delegation, what a container sees of
its group, and how it gets into it. Compact, since it runs in an emulated machine:

    tests/vm/run -k 6.1 -- python3 tests/e2e/oci_guest_test.py

On a kernel that is too old for containers it tests what the user is told. Environment as in oci.py.
"""

import json
import os
import pathlib
import re
import subprocess
import unittest

import oci
import support

NEEDED = (5, 12)
OWNER = 100000
TRACING = pathlib.Path("/sys/kernel/tracing")


def kernel():
    return tuple(map(int, re.match(r"(\d+)\.(\d+)", os.uname().release).groups()))


def setUpModule():
    support.require_root()
    if not support.is_v2():
        raise unittest.SkipTest("needs pure cgroup v2: tests/vm/run")


class Group:
    """Files of a container's cgroup, from outside."""

    def __init__(self, path):
        self.path = support.CGROUPS / path.strip("/")

    def __getitem__(self, name):
        return (self.path / name).read_text().strip()

    def number_of(self, name, key):
        return int(re.search(rf"^{key} (\d+)$", self[name], re.M).group(1))


def resources(one, **more):
    one.config["linux"]["resources"].update(more)


def without_namespace(one, kind):
    namespaces = one.config["linux"]["namespaces"]
    one.config["linux"]["namespaces"] = [space for space in namespaces if space["type"] != kind]


def writable_cgroup(one):
    for mount in one.config["mounts"]:
        if mount["type"] == "cgroup":
            mount["options"].remove("ro")


class Moves:
    """Processes that the kernel moves from one cgroup to another meanwhile: lines of its tracer."""

    def __enter__(self):
        if not (TRACING / "trace").exists():
            subprocess.run(["mount", "-t", "tracefs", "tracefs", TRACING], check=True)
        self.switch = TRACING / "events/cgroup/cgroup_attach_task/enable"
        self.switch.write_text("1")
        (TRACING / "trace").write_text("")
        return self

    def into(self, path):
        lines = (TRACING / "trace").read_text().splitlines()
        return [line for line in lines if "cgroup_attach_task" in line and path in line]

    def __exit__(self, *problem):
        self.switch.write_text("0")


@unittest.skipIf(kernel() < NEEDED, "needs Linux 5.12")
class Life(oci.Case):
    def setUp(self):
        super().setUp()
        self.addCleanup(lambda: self.assertEqual(oci.groups_below(self.place.cgroup), []))

    def test_from_create_to_delete(self):
        one = self.prepare()
        resources(one, memory={"limit": 64 << 20, "swap": 96 << 20, "reservation": 32 << 20}, pids={"limit": 40},
                  cpu={"quota": 50000, "period": 100000, "shares": 1024}, unified={"memory.high": str(48 << 20)})
        one.write()
        group = Group(one.group)
        with Moves() as moves:
            self.runtime.call("create", "--bundle", one.bundle, one.name)
            state = self.runtime.state(one.name)
            self.assertEqual(state["status"], "created")
            self.assertEqual(group["cgroup.procs"], str(state["pid"]))
            self.assertEqual(moves.into(one.group), [], "the process was moved, not cloned into its group")
            self.exec_without_move(one, moves)
        self.assertEqual([group[name] for name in ("memory.max", "memory.low", "memory.high", "pids.max", "cpu.max")],
                         [str(64 << 20), str(32 << 20), str(48 << 20), "40", "50000 100000"])
        self.assertEqual(group["cpu.weight"], "100")
        if (group.path / "memory.swap.max").exists():
            self.assertEqual(group["memory.swap.max"], str(32 << 20))
        self.runtime.call("start", one.name)
        self.runtime.wait_status(one.name, "running")
        self.pause_and_resume(one, group)
        self.update(one, group)
        self.statistics(one)
        self.runtime.call("kill", one.name, "KILL")
        self.runtime.wait_status(one.name, "stopped")
        self.runtime.call("delete", one.name)
        self.assert_gone(one)

    def exec_without_move(self, one, moves):
        self.assertEqual(self.exec(one.name, "/bin/cat", "/proc/self/cgroup").stdout, "0::/\n")
        self.assertEqual(moves.into(one.group), [], "exec moves its process")
        with subprocess.Popen(["sleep", "60"]) as other:  # the tracer does see a move
            (Group(one.group).path / "cgroup.procs").write_text(str(other.pid))
            self.assertEqual(len(moves.into(one.group)), 1)
            other.kill()

    def pause_and_resume(self, one, group):
        self.runtime.call("pause", one.name)
        self.assertEqual((group["cgroup.freeze"], group.number_of("cgroup.events", "frozen")), ("1", 1))
        self.assertEqual(self.runtime.status(one.name), "paused")
        self.runtime.call("resume", one.name)
        self.assertEqual((group["cgroup.freeze"], self.runtime.status(one.name)), ("0", "running"))

    def update(self, one, group):
        wanted = {"memory": {"limit": 56 << 20}, "pids": {"limit": 30}, "cpu": {"quota": 20000},
                  "unified": {"memory.low": str(1 << 20), "cpu.weight": "50"}}
        self.runtime.call("update", "--resources", "-", one.name, text=json.dumps(wanted))
        self.assertEqual([group[name] for name in ("memory.max", "memory.low", "pids.max", "cpu.max", "cpu.weight")],
                         [str(56 << 20), str(1 << 20), "30", "20000 100000", "50"])
        self.assertEqual(group["memory.high"], str(48 << 20), "what is not named stays")

    def statistics(self, one):
        data = json.loads(self.runtime.call("events", "--stats", one.name).stdout)["data"]
        self.assertEqual(data["pids"], {"current": 1, "limit": 30})
        self.assertEqual(data["memory"]["usage"]["limit"], 56 << 20)
        self.assertGreater(data["memory"]["usage"]["usage"], 4096)
        self.assertGreater(data["cpu"]["usage"]["total"], 1_000_000)
        self.assertIn("anon", data["memory"]["raw"])

    def test_devices(self):
        script = ("mknod /tmp/k$$ c 1 11; echo >/dev/null && head -c 1 /dev/zero >/dev/null || echo default; "
                  "echo >/tmp/k$$ && echo written; head -c 1 </tmp/k$$ && echo read")
        rule = {"allow": True, "type": "c", "major": 1, "minor": 11, "access": "w"}
        for allowed, expected in ([], ""), ([rule], "written\n"):
            with self.subTest(allowed):
                one = self.prepare()
                resources(one, devices=[{"allow": False, "access": "rwm"}, *allowed])
                one.write()
                self.start(one)
                for _ in range(2):
                    done = self.exec(one.name, "/bin/sh", "-c", script, check=False)
                    self.assertEqual((done.stdout, done.stderr.lower().count("operation not permitted")),
                                     (expected, 1 if allowed else 2), done.stderr)
                    self.runtime.call("update", "--memory", 64 << 20, one.name)
                self.runtime.call("delete", "--force", one.name)

    def test_sees_its_group_and_cannot_change_it(self):
        one = self.prepare("/bin/sh", "-c", "cat /proc/self/cgroup /sys/fs/cgroup/pids.max; mkdir /sys/fs/cgroup/x || "
                           "echo 9 >/sys/fs/cgroup/pids.max; grep ' /sys/fs/cgroup ' /proc/self/mountinfo")
        resources(one, pids={"limit": 40})
        one.write()
        done = self.runtime.call("run", "--bundle", one.bundle, one.name)
        group, limit, mount = done.stdout.splitlines()
        self.assertEqual((group, limit), ("0::/", "40"))
        self.assertEqual(done.stderr.count("Read-only file system"), 2, done.stderr)
        fields = mount.split()
        self.assertEqual((fields[3], fields[fields.index("-") + 1]), ("/", "cgroup2"))
        self.assertLessEqual({"ro", "nosuid", "nodev", "noexec"}, set(fields[5].split(",")))

    def test_without_a_namespace_it_sees_all_of_the_tree(self):
        script = "cat /proc/self/cgroup; cat /sys/fs/cgroup$(cut -d: -f3 /proc/self/cgroup)/cgroup.procs | wc -l"
        one = self.prepare("/bin/sh", "-c", script)
        without_namespace(one, "cgroup")
        one.write()
        group, processes = self.runtime.call("run", "--bundle", one.bundle, one.name).stdout.splitlines()
        self.assertEqual(group, "0::" + one.group)
        self.assertGreaterEqual(int(processes), 1)
        self.without_a_manager(one)

    def without_a_manager(self, one):
        """In the group that the caller is in."""
        own = pathlib.Path("/proc/self/cgroup").read_text().splitlines()[0]
        done = subprocess.run([self.runtime.path, "--cgroup-manager", "disabled", "--root", self.runtime.root, "run",
                               "--bundle", one.bundle, one.name], capture_output=True, text=True, check=True,
                              stdin=subprocess.DEVNULL, timeout=30 * support.TIME_FACTOR)
        self.assertEqual(done.stdout.splitlines()[0], own)
        self.assertGreaterEqual(int(done.stdout.splitlines()[1]), 1)

    def test_delegated_to_the_root_of_a_user_namespace(self):
        one = self.prepare("/bin/sh", "-c", "cd /sys/fs/cgroup && mkdir init other && echo 0 >init/cgroup.procs && "
                           "echo +pids >cgroup.subtree_control && echo 9 >other/pids.max; sleep 1000")
        one.config["linux"]["namespaces"].append({"type": "user"})
        one.config["linux"].update({f"{kind}Mappings": [{"containerID": 0, "hostID": OWNER, "size": 65536}]
                                    for kind in ("uid", "gid")})
        writable_cgroup(one)
        resources(one, pids={"limit": 40})
        one.write()
        self.start(one)
        group = Group(one.group)
        limit = group.path / "other/pids.max"
        support.wait_until("it limits a group of its own", lambda: limit.exists() and limit.read_text() == "9\n")
        self.assertEqual(group["pids.max"], "40")
        self.assertEqual([(group.path / name).stat().st_uid for name in (".", "cgroup.procs", "pids.max", "memory.max")],
                         [OWNER, OWNER, 0, 0])
        self.assertEqual(self.exec(one.name, "/bin/cat", "/proc/self/cgroup").stdout, "0::/init\n")
        done = self.exec(one.name, "/bin/sh", "-c", "echo 50 >/sys/fs/cgroup/pids.max", check=False)
        self.assertNotEqual(done.returncode, 0, "its own limit is not its own to change")
        self.runtime.call("pause", one.name)
        self.assertEqual(group.number_of("init/cgroup.events", "frozen"), 1)
        self.runtime.call("resume", one.name)
        self.runtime.call("delete", "--force", one.name)
        self.assert_gone(one)

    def test_a_refused_limit_leaves_nothing(self):
        one = self.prepare()
        resources(one, unified={"memory.nothing": "1"})
        one.write()
        self.assertIn("memory.nothing", self.runtime.fails("run", "--bundle", one.bundle, one.name))
        self.assert_gone(one)


@unittest.skipIf(kernel() >= NEEDED, "this kernel is new enough")
class TooOld(oci.Case):
    def test_says_what_it_needs_and_leaves_nothing(self):
        one = self.prepare("/bin/true")
        for command in ("create", "run"):
            self.assertIn("linux 5.12", self.runtime.fails(command, "--bundle", one.bundle, one.name))
            self.assert_gone(one)
        self.assertEqual(oci.groups_below(self.place.cgroup), [])


if __name__ == "__main__":
    unittest.main(verbosity=2)
