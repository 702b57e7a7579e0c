# SPDX-License-Identifier: Apache-2.0
"""Docker, Podman and containerd of Debian, each with the OCI runtime under test (oci.py): what their users do with
containers every day, judged by the kernel's files where it can be; and that nothing is left of it."""
import contextlib
import json
import os
import pathlib
import re
import signal
import time
import unittest

import engines
import oci
import support

FOREVER = ("/bin/sleep", "1000")
COUNTING = ("/bin/sh", "-c", "while :; do echo >>/data/n; sleep 0.05; done")
NO_CAPABILITY, ALL_KNOWN = "0" * 16, int(pathlib.Path("/proc/sys/kernel/cap_last_cap").read_text())
MINE = int(re.search(r"CapBnd:\t(\w+)", pathlib.Path("/proc/self/status").read_text())[1], 16)


class Client:
    """The tests that every client can do; subclasses say how."""

    kind = None  # of engines.py
    read_only, user, no_capability, seccomp = ["--read-only"], ["--user", "1000:1000"], ["--cap-drop", "ALL"], []
    interactive, terminal, namespace = ["-i"], ["-i", "-t"], ""
    missing_code, refused_code = 127, 126
    reader = ["/bin/cat"]
    profile_refuses_unshare, asks_for_all = True, False

    @classmethod
    def setUpClass(cls):
        cls.place = oci.Place()
        cls.addClassCleanup(cls.place.close)
        cls.runtime = oci.runtime_path()
        cls.engine = cls.place.start(cls.kind, cls.runtime)
        cls.number = 0
        cls.engine.client(*cls.words("warm-up"), "/bin/true")  # so that what exists once is there already
        cls.before = cls.present()
        cls.addClassCleanup(cls.check_nothing_left)

    @classmethod
    def words(cls, name, *options):
        """The words that run a container in the foreground."""
        return ["run", "--rm", "--name", name, "--cgroup-parent", cls.engine.parent, "--network", "none", *options,
                engines.IMAGE]

    @classmethod
    def present(cls):
        """What is there of containers, and of the client's processes."""
        return {"groups": oci.groups_below(cls.engine.parent), "mounts": sorted(support.mounts_below(cls.engine.path)),
                "state": cls.states(),
                "processes": sorted(engines.processes_that_name(str(cls.engine.path)))}

    @classmethod
    def states(cls):
        """Files of the runtime's root."""
        return oci.files_below(cls.engine.runtime_root)

    @classmethod
    def check_nothing_left(cls):
        with contextlib.suppress(AssertionError):
            support.wait_until("nothing is left", lambda: cls.present() == cls.before, timeout=15, interval=0.2)
        for what, now in cls.present().items():
            more = set(now) - set(cls.before[what])
            if what == "processes":
                more = {pathlib.Path(f"/proc/{pid}/cmdline").read_bytes() for pid in more
                        if os.path.exists(f"/proc/{pid}")}
            if more:
                raise AssertionError(f"{cls.engine.name} has left {len(more)} {what}, such as {sorted(more)[:3]}")

    # --- helpers ---

    def new_name(self):
        type(self).number += 1
        return f"c{self.number}"

    def run_here(self, *command, options=(), **more):
        """Runs a container to its end; the completed process."""
        return self.engine.client(*self.words(self.new_name(), *options), *command, **more)

    def start(self, *command, **more):
        """(name, cgroup) of a container in the background, which is removed at the end of the test."""
        name = self.new_name()
        self.addCleanup(self.engine.remove, name)
        return name, self.engine.group(self.engine.run(name, *(command or FOREVER), **more))

    def execute(self, name, *command, options=(), **more):
        return self.engine.client("exec", *options, name, *command, **more)

    def wait_for_trap(self, name, number):
        """Until a container's first process attends a signal."""
        status = pathlib.Path(f"/proc/{self.engine.pid(name)}/status")
        support.wait_until("it listens", lambda: int(re.search(r"SigCgt:\t(\w+)", status.read_text())[1], 16)
                           >> number - 1 & 1)

    def kill(self, name, word):
        self.engine.client("kill", "-s", word, name)

    def wait_code(self, name):
        """The exit code of a container that ends by itself."""
        return int(self.engine.client("wait", name).stdout)

    def status(self, name):
        return self.engine.client("inspect", "-f", "{{.State.Status}}", name).stdout.strip()

    def volume(self, source, target, mode):
        return ["-v", f"{source}:{target}:{mode}"]

    def directory(self):
        path = self.place.path / f"volume-{self.new_name()}"
        path.mkdir()
        path.chmod(0o777)
        return path

    def on_terminal(self, words):
        return oci.on_terminal([*self.engine.command(), *map(str, words)], 33, 101, env=self.engine.environment(),
                               cwd=self.engine.path)

    def status_lines(self, *options, command=("/bin/cat", "/proc/self/status")):
        """/proc/self/status of a container's process."""
        text = self.run_here(*command, options=options).stdout
        return dict(line.split(":\t", 1) for line in text.splitlines() if ":\t" in line)

    def assert_limits(self, group, memory, pids, cpu):
        found = [oci.group_value(group, what) for what in ("memory", "pids", "cpu")]
        self.assertEqual(found, [str(memory), str(pids), str(cpu)])

    # --- run ---

    def test_output_and_input(self):
        done = self.run_here("/bin/sh", "-c", "echo out; echo error >&2; pwd; hostname")
        self.assertEqual(done.stdout.splitlines()[:2], ["out", "/"])
        self.assertIn("error", done.stderr)
        done = self.run_here(*self.reader, options=self.interactive, text="through\n")
        self.assertEqual(done.stdout, "through\n")

    def test_exit_codes(self):
        for code in (0, 7, 255):
            self.assertEqual(self.run_here("/bin/sh", "-c", f"exit {code}", check=False).returncode, code)

    def test_missing_program(self):
        done = self.run_here("/bin/missing", check=False)
        self.assertEqual(done.returncode, self.missing_code, done.stderr)
        self.assertRegex(done.stderr, "/bin/missing")

    def test_program_that_is_none(self):
        done = self.run_here("/etc/plain", check=False)
        self.assertEqual(done.returncode, self.refused_code, done.stderr)
        self.assertRegex(done.stderr.lower(), "permission denied")

    def test_terminal(self):
        words = self.words(self.new_name(), *self.terminal)
        code, output = self.on_terminal([*words, "/bin/sh", "-c", oci.ASK_SIZE])
        self.assertEqual((code, output.split()[-2:]), (0, ["33", "101"]), output)
        self.assertEqual(self.run_here("/bin/test", "-t", "1", check=False).returncode, 1, "without -t there is none")

    def test_read_only(self):
        done = self.run_here("/bin/touch", "/data/x", options=self.read_only, check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn("Read-only", done.stderr)
        self.run_here("/bin/touch", "/data/x")

    def test_user(self):
        done = self.run_here("/bin/sh", "-c", "id -u; id -g", options=self.user)
        self.assertEqual(done.stdout.split(), ["1000", "1000"])

    def test_capabilities(self):
        usual = int(self.status_lines()["CapEff"], 16)
        self.assertNotEqual(usual, 0)
        self.assertFalse(usual >> 21 & 1, "CAP_SYS_ADMIN")
        fewer = self.status_lines(*self.no_capability)
        self.assertEqual((fewer["CapEff"], fewer["CapPrm"], fewer["CapBnd"]), (NO_CAPABILITY,) * 3)

    def test_default_seccomp_profile(self):
        self.assertEqual(self.status_lines(*self.seccomp)["Seccomp"], "2")
        done = self.run_here("/bin/unshare", "-U", "/bin/true", options=self.seccomp, check=False)
        self.assertEqual(done.returncode != 0, self.profile_refuses_unshare, done.stderr)

    def test_no_network(self):
        self.assertEqual(self.run_here("/bin/ls", "/sys/class/net").stdout.split(), ["lo"])

    def test_volumes(self):
        first, second = self.directory(), self.directory()
        (first / "given").write_text("from outside\n")
        options = [*self.volume(first, "/readable", "ro"), *self.volume(second, "/writable", "rw")]
        done = self.run_here("/bin/sh", "-c", "cat /readable/given; touch /readable/x; echo inside >/writable/made",
                             options=options)
        self.assertEqual(done.stdout, "from outside\n")
        self.assertIn("Read-only", done.stderr)
        self.assertEqual((second / "made").read_text(), "inside\n")
        self.assertEqual(os.listdir(first), ["given"])

    def test_privileged(self):
        self.require_every_capability()
        status = self.status_lines("--privileged")
        first = (1 << 38) - 1  # Docker 20.10 does not know those above
        self.assertEqual(int(status["CapEff"], 16) & first, MINE & first)
        self.assertEqual(status["Seccomp"], "0")
        self.run_here("/bin/sh", "-c", "mount -t tmpfs none /data && test -e /dev/kmsg", options=["--privileged"])

    def require_every_capability(self):
        """For a client that asks for all that the kernel knows, also when the machine has fewer. The specification
        wants a warning then."""
        if self.asks_for_all and MINE != (2 << ALL_KNOWN) - 1 and oci.runtime_kind() != oci.OWN:
            self.skipTest(f"{oci.runtime_kind()} refuses capabilities that this machine has not")

    # --- what is done with a running one ---

    def test_start_inspect_remove(self):
        name, group = self.start()
        pid = self.engine.pid(name)
        self.assertIn(str(pid), (pathlib.Path(_procs(group))).read_text().split())
        self.assertEqual(pathlib.Path(f"/proc/{pid}/cmdline").read_bytes(), b"/bin/sleep\x001000\x00")
        self.assertEqual(self.status(name).lower(), "running")
        self.assertTrue(any(name_in(entry, self.engine, name) for entry in self.states()))
        self.engine.remove(name)
        self.assertFalse(os.path.exists(_procs(group)), "its group stays")
        self.assertFalse(os.path.exists(f"/proc/{pid}"))

    def test_exec(self):
        name, group = self.start()
        self.assertIn("/bin/sleep 1000", self.execute(name, "/bin/ps").stdout)
        self.assertEqual(self.execute(name, "/bin/sh", "-c", "exit 9", check=False).returncode, 9)
        self.assertNotEqual(self.execute(name, "/bin/missing", check=False).returncode, 0)
        inner = self.execute(name, "/bin/cat", "/proc/self/cgroup", "/proc/1/cgroup").stdout.splitlines()
        self.assertEqual(inner[:len(inner) // 2], inner[len(inner) // 2:], "exec joins the container's groups")
        self.assertEqual(self.execute(name, *self.reader, options=self.interactive, text="in\n").stdout, "in\n")
        self.assertTrue(os.path.exists(_procs(group)))

    def test_pause(self):
        data = self.directory()
        name, _ = self.start(*COUNTING, options=self.volume(data, "/data", "rw"))
        counted = data / "n"
        support.wait_until("it counts", counted.exists)
        self.engine.client(*self.pause_words("pause"), name)
        self.assertEqual(self.status(name).lower(), "paused")
        size = counted.stat().st_size
        time.sleep(0.3)
        self.assertEqual(counted.stat().st_size, size, "it goes on while paused")
        self.engine.client(*self.pause_words("unpause"), name)
        support.wait_until("it goes on", lambda: counted.stat().st_size > size)
        self.assertEqual(self.status(name).lower(), "running")

    def pause_words(self, word):
        return [word]

    def test_stop(self):
        name, group = self.start("/bin/sh", "-c", "trap 'exit 42' TERM; echo ready; while :; do sleep 0.1; done")
        self.wait_for_trap(name, signal.SIGTERM)
        self.engine.client("stop", "-t", 10, name)
        self.assertEqual(self.status(name), "exited")
        self.assertEqual(self.engine.exit_code(name), 42)
        self.assertFalse(os.path.exists(_procs(group)))

    def test_stop_of_who_does_not_listen(self):
        name, _ = self.start()  # sleep as the first process: SIGTERM is ignored
        self.engine.client("stop", "-t", 1, name)
        self.assertEqual(self.engine.exit_code(name), 137)

    def test_kill_with_a_signal(self):
        name, _ = self.start("/bin/sh", "-c", "trap 'exit 33' USR1; while :; do sleep 0.1; done")
        self.wait_for_trap(name, signal.SIGUSR1)
        self.kill(name, "SIGUSR1")
        self.assertEqual(self.wait_code(name), 33)

    def test_processes(self):
        name, _ = self.start("/bin/sh", "-c", "sleep 777 & exec sleep 1000")
        support.wait_until("both are there", lambda: self.processes(name) == 2)

    def processes(self, name):
        return len(self.engine.client("top", name, "-eo" if self.engine.name == "docker" else "pid,args",
                                      *(["pid,args"] if self.engine.name == "docker" else [])).stdout.splitlines()) - 1

    def test_memory_limit_kills(self):
        name, _ = self.start("/bin/tail", "/dev/zero", memory=16 << 20)
        self.assertEqual(self.wait_code(name), 137)


class Daily(Client):
    """What Docker and Podman have in common, and ctr has not."""

    def test_restart(self):
        name, group = self.start()
        first = self.engine.pid(name)
        self.engine.client("restart", "-t", 0, name)
        self.assertNotIn(self.engine.pid(name), (0, first))
        self.assertTrue(os.path.exists(_procs(group)))

    def test_restart_policy(self):
        name, _ = self.start("/bin/sh", "-c", "exit 3", options=["--restart", "on-failure:2"])
        support.wait_until("it was restarted twice", lambda: self.restarts(name) == 2, timeout=30)
        support.wait_until("it has ended", lambda: self.status(name) == "exited")
        self.assertEqual(self.engine.exit_code(name), 3)

    def restarts(self, name):
        return int(self.engine.client("inspect", "-f", "{{.RestartCount}}", name).stdout)

    def test_limits(self):
        _, group = self.start(memory=32 << 20, options=["--pids-limit", "20", "--cpus", "0.5"])
        self.assert_limits(group, 32 << 20, 20, 50000)

    def test_pids_limit_holds(self):
        done = self.run_here("/bin/sh", "-c", "for n in 1 2 3 4 5 6 7 8; do sleep 1 & done; wait", check=False,
                             options=["--pids-limit", "4"])
        self.assertIn("can't fork", done.stderr)

    def test_update(self):
        name, group = self.start(memory=32 << 20)
        self.update(name)
        self.assertEqual([oci.group_value(group, what) for what in ("memory", "cpu")], [str(48 << 20), "25000"])
        self.execute(name, "/bin/true")

    def update(self, name):
        self.engine.client("update", "--memory", 48 << 20, "--memory-swap", 48 << 20, "--cpu-period", 100000,
                           "--cpu-quota", 25000, name)

    def test_logs(self):
        name, _ = self.start("/bin/sh", "-c", "echo first; echo second >&2")
        self.wait_code(name)
        done = self.engine.client("logs", name)
        self.assertEqual((done.stdout + done.stderr).split(), ["first", "second"])

    def test_tmpfs(self):
        options = ["--tmpfs", "/scratch:rw,size=1m"]
        text = self.run_here("/bin/grep", " /scratch ", "/proc/mounts", options=options).stdout
        self.assertRegex(text, r"^tmpfs /scratch tmpfs rw.*size=1024k")

    def test_init(self):
        done = self.run_here("/bin/sh", "-c", "readlink /proc/1/exe; echo $$", options=self.init_options())
        self.assertNotIn("busybox", done.stdout)
        self.assertNotEqual(done.stdout.split()[-1], "1")

    def init_options(self):
        return ["--init"]

    def test_shared_network(self):
        first, _ = self.start()
        name = self.new_name()
        self.addCleanup(self.engine.remove, name)
        self.engine.client("run", "-d", "--name", name, "--cgroup-parent", self.engine.parent, "--network",
                           f"container:{first}", engines.IMAGE, *FOREVER)
        networks = {os.readlink(f"/proc/{self.engine.pid(one)}/ns/net") for one in (first, name)}
        self.assertEqual(len(networks), 1)

    def test_host_namespaces(self):
        name, _ = self.start(options=["--pid", "host", "--ipc", "host", "--uts", "host"])
        pid = self.engine.pid(name)
        for kind in ("pid", "ipc", "uts"):
            self.assertEqual(os.readlink(f"/proc/{pid}/ns/{kind}"), os.readlink(f"/proc/self/ns/{kind}"))

    def test_exec_of_another_user_on_a_terminal(self):
        name, _ = self.start()
        code, output = self.on_terminal(["exec", *self.terminal, "-u", "app", "-e", "COLOUR=blue", "-w", "/tmp", name,
                                         "/bin/sh", "-c", f"id -u; id -G; echo $COLOUR; pwd; {oci.ASK_SIZE}"])
        self.assertEqual((code, output.split()), (0, ["1000", "1000", "2000", "blue", "/tmp", "33", "101"]), output)

    def test_exec_is_privileged_when_asked(self):
        self.require_every_capability()
        name, _ = self.start()
        text = self.execute(name, "/bin/grep", "CapEff", "/proc/self/status", options=["--privileged"]).stdout
        self.assertTrue(int(text.split()[1], 16) >> 21 & 1, text)

    def test_statistics(self):
        name, _ = self.start("/bin/sh", "-c", "while :; do :; done", memory=32 << 20)
        used = 0

        def measured():
            nonlocal used
            row = json.loads(self.engine.client("stats", "--no-stream", "--format", self.stats_format, name).stdout)
            row = row[0] if isinstance(row, list) else row
            used = float(self.cpu_percent(row).rstrip("%"))
            return used > 10 and "33.55MB" in str(row) or "32MiB" in str(row)
        support.wait_until(f"its use of the CPU is seen: {used}", measured)

    stats_format = "json"

    def cpu_percent(self, row):
        return row["cpu_percent"]

    def test_sysctl_hostname_and_environment(self):
        done = self.run_here("/bin/sh", "-c", "hostname; cat /proc/sys/net/ipv4/ip_default_ttl; echo $A; pwd",
                             options=["--hostname", "named", "--sysctl", "net.ipv4.ip_default_ttl=7", "-e", "A=b",
                                      "-w", "/tmp"])
        self.assertEqual(done.stdout.split(), ["named", "7", "b", "/tmp"])

    def test_devices(self):
        text = self.run_here("/bin/sh", "-c", "ls -l /dev/fuse2; head -c 1 /dev/fuse2 >/dev/null && echo read",
                             options=["--device", "/dev/zero:/dev/fuse2"]).stdout
        self.assertRegex(text, r"^c.* 1, +5 .*\n?.*read")


class OfDocker(Daily, unittest.TestCase):
    kind = engines.Docker
    stats_format = "{{json .}}"
    asks_for_all = True

    def cpu_percent(self, row):
        return row["CPUPerc"]

    def test_pids_update(self):
        name, group = self.start()
        self.engine.client("update", "--pids-limit", 30, "--memory", 64 << 20, "--memory-swap", 64 << 20,
                           "--cpus", "0.75", name)
        self.assert_limits(group, 64 << 20, 30, 75000)

    def test_out_of_memory_is_known(self):
        name, _ = self.start("/bin/tail", "/dev/zero", memory=16 << 20)
        self.wait_code(name)
        # The word of it and that of the end come by different ways.
        support.wait_until("it is known", lambda: self.engine.client(
            "inspect", "-f", "{{.State.OOMKilled}}", name).stdout.strip() == "true")

    def test_health(self):
        name, _ = self.start(options=["--health-cmd", "test -e /tmp/well", "--health-interval", "1s",
                                      "--health-retries", "1"])

        def health_is(expected):
            support.wait_until(expected, lambda: self.engine.client(
                "inspect", "-f", "{{.State.Health.Status}}", name).stdout.strip() == expected, timeout=30)
        health_is("unhealthy")
        self.execute(name, "/bin/touch", "/tmp/well")
        health_is("healthy")

    def test_the_runtime_is_the_one_under_test(self):
        self.assertIn("chosen", self.engine.client("info", "-f", "{{.DefaultRuntime}}").stdout)


class OfPodman(Daily, unittest.TestCase):
    kind = engines.Podman
    profile_refuses_unshare = False  # Debian's file allows it

    @classmethod
    def states(cls):
        """Of a root that others may use at the same time."""
        def ours(name):
            return any(str(cls.engine.path).encode() in pathlib.Path(file).read_bytes()
                       for file in oci.files_below(cls.engine.runtime_root / name) if os.path.isfile(file))
        root = cls.engine.runtime_root
        return [name for name in (os.listdir(root) if root.exists() else []) if ours(name)]

    def init_options(self):
        return ["--init", "--init-path", support.tool("tini-static")]

    def test_the_runtime_is_the_one_under_test(self):
        info = json.loads(self.engine.client("info", "--format", "json").stdout)["host"]["ociRuntime"]
        self.assertEqual(info["path"], self.runtime)
        self.assertIn(oci.runtime_kind(), info["version"])

    def test_health(self):
        name, _ = self.start(options=["--health-cmd", "test -e /tmp/well", "--health-interval", "disable"])
        self.assertNotEqual(self.engine.client("healthcheck", "run", name, check=False).returncode, 0)
        self.execute(name, "/bin/touch", "/tmp/well")
        self.engine.client("healthcheck", "run", name)

    def test_pod(self):
        pod = f"pod-{self.new_name()}"
        self.engine.client("pod", "create", "--name", pod, "--network", "none", "--cgroup-parent", self.engine.parent)
        self.addCleanup(self.remove_pod, pod)
        names = [self.new_name(), self.new_name()]
        for name in names:
            self.engine.client("run", "-d", "--pod", pod, "--name", name, engines.IMAGE, *FOREVER)
        for kind, count in (("net", 1), ("ipc", 1), ("uts", 1), ("pid", 2), ("mnt", 2)):
            found = {os.readlink(f"/proc/{self.engine.pid(name)}/ns/{kind}") for name in names}
            self.assertEqual(len(found), count, kind)
        self.engine.client("pod", "pause", pod)
        self.assertEqual(self.status(names[0]), "paused")
        self.engine.client("pod", "unpause", pod)
        self.engine.client("pod", "stop", "-t", 0, pod)
        self.assertEqual(self.status(names[1]), "exited")

    def remove_pod(self, pod):
        """Podman leaves the pod's own group where it has no controller: that must be empty."""
        group = f"{self.engine.parent}/{self.engine.client('pod', 'inspect', '-f', '{{.ID}}', pod).stdout.strip()}"
        self.engine.client("pod", "rm", "-f", "-t", 0, pod)
        self.assertEqual(oci.groups_below(group), [])
        support.remove_groups(group)

    def test_user_namespace(self):
        options = ["--uidmap", "0:100000:2000", "--gidmap", "0:200000:2000"]
        text = self.run_here("/bin/sh", "-c", "cat /proc/self/uid_map /proc/self/gid_map; id -u; touch /data/x",
                             options=options).stdout
        self.assertEqual(text.split(), ["0", "100000", "2000", "0", "200000", "2000", "0"])
        name, _ = self.start(options=[*options, "--user", "1000:1000"])
        self.assertEqual(os.stat(f"/proc/{self.engine.pid(name)}").st_uid, 101000)
        self.assertEqual(self.execute(name, "/bin/id", "-u").stdout.strip(), "1000")

    def test_default_rlimits_above_the_hard_limit(self):
        """Podman asks for a million of files by itself, which is more than this machine may have; plimsoll-oci gives
        what there is, with a warning."""
        if oci.runtime_kind() != oci.OWN:
            self.skipTest(f"{oci.runtime_kind()} refuses limits that it may not set")
        text = (self.engine.path / "containers.conf").read_text()
        bare = self.engine.path / "bare.conf"
        bare.write_text("\n".join(line for line in text.split("\n") if not line.startswith("default_ulimits")))
        done = self.run_here("/bin/sh", "-c", "ulimit -n", environment={"CONTAINERS_CONF": str(bare)})
        self.assertGreaterEqual(int(done.stdout), 1024)


class OfContainerd(Client, unittest.TestCase):
    """containerd 1.6 by `ctr`, which has no update of limits, no logs, no init and no restarts. Its own exit code is 1
    when a container cannot start."""
    kind = engines.Containerd
    interactive, terminal, seccomp = [], ["-t"], ["--seccomp"]
    missing_code = refused_code = 1
    reader = ["/bin/head", "-n", "1"]  # ctr may overlook the end of its input
    no_capability = [word for name in oci.CAPABILITIES + ["CAP_SETFCAP"] for word in ("--cap-drop", name)]

    @classmethod
    def words(cls, name, *options):
        return ["run", "--rm", *cls.engine.runtime_options(), *options, engines.IMAGE, name]

    def execute(self, name, *command, options=(), **more):
        return self.engine.client("task", "exec", "--exec-id", self.new_name(), *options, name, *command, **more)

    def kill(self, name, word):
        self.engine.client("task", "kill", "-s", word, name)

    def status(self, name):
        rows = {line.split()[0]: line.split()[2] for line in self.engine.client("task", "ls").stdout.splitlines()}
        return rows[name]

    def wait_code(self, name):
        support.wait_until(f"{name} has ended", lambda: self.status(name) == "STOPPED")
        said = self.engine.client("task", "rm", name).stderr
        found = re.search(r"exit with non-zero exit code (\d+)", said)
        return int(found[1]) if found else 0

    def volume(self, source, target, mode):
        return ["--mount", f"type=bind,src={source},dst={target},options=rbind:{mode}"]

    def pause_words(self, word):
        return ["task", {"pause": "pause", "unpause": "resume"}[word]]

    def processes(self, name):
        return len(self.engine.client("task", "ps", name).stdout.splitlines()) - 1

    def test_stop(self):
        name, group = self.start("/bin/sh", "-c", "trap 'exit 42' TERM; while :; do sleep 0.1; done")
        self.wait_for_trap(name, signal.SIGTERM)
        self.kill(name, "SIGTERM")
        self.assertEqual(self.wait_code(name), 42)
        self.assertFalse(os.path.exists(_procs(group)))

    def test_user(self):
        name, _ = self.start()
        done = self.execute(name, "/bin/sh", "-c", "id -u; id -g", options=["--user", "1000:1000"])
        self.assertEqual(done.stdout.split(), ["1000", "1000"])

    def test_stop_of_who_does_not_listen(self):
        name, _ = self.start()
        self.kill(name, "SIGKILL")
        self.assertEqual(self.wait_code(name), 137)

    def test_limits(self):
        _, group = self.start(memory=32 << 20, options=["--cpus", "0.5"])
        self.assertEqual([oci.group_value(group, what) for what in ("memory", "cpu")], [str(32 << 20), "50000"])

    def test_metrics(self):
        name, _ = self.start()
        self.assertRegex(self.engine.client("task", "metrics", name).stdout, "memory")

    def test_exec_on_a_terminal(self):
        name, _ = self.start()
        code, output = self.on_terminal(["task", "exec", "--exec-id", self.new_name(), "-t", "--user", "1000", "--cwd",
                                         "/tmp", name, "/bin/sh", "-c", f"id -u; pwd; {oci.ASK_SIZE}"])
        self.assertEqual((code, output.split()), (0, ["1000", "/tmp", "33", "101"]), output)

    def test_joins_a_network_by_path(self):
        first, _ = self.start()
        path = f"/proc/{self.engine.pid(first)}/ns/net"
        second, _ = self.start(options=["--with-ns", f"network:{path}"])
        self.assertEqual(os.readlink(f"/proc/{self.engine.pid(second)}/ns/net"), os.readlink(path))

    def test_user_namespace(self):
        options = ["--uidmap", "0:100000:2000", "--gidmap", "0:200000:2000"]
        text = self.run_here("/bin/sh", "-c", "cat /proc/self/uid_map /proc/self/gid_map; id -u",
                             options=options).stdout
        self.assertEqual(text.split(), ["0", "100000", "2000", "0", "200000", "2000", "0"])


def _procs(group):
    """Of a container's group, in the hierarchy that counts processes."""
    return str(support.CGROUPS / ("" if support.is_v2() else "pids") / group.strip("/") / "cgroup.procs")


def name_in(entry, engine, name):
    """Whether a file of the runtime's state belongs to a container."""
    identifier = name if engine.name == "containerd" else engine.client("inspect", "-f", "{{.Id}}", name).stdout.strip()
    return identifier in entry


if __name__ == "__main__":
    unittest.main(verbosity=2)
