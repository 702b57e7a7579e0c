# SPDX-License-Identifier: Apache-2.0
"""The OCI runtime's own command line, as users of runc know it, on bundles of busybox. What goes wrong is in
oci_failures_test.py, what config.json can say in oci_bundles_test.py, which runtime is tested in oci.py. The
specification is runtime-spec's runtime.md; what it leaves open (options, tables, texts) is what runc has and clients
depend on."""
import json
import os
import pathlib
import re
import socket
import subprocess
import time
import unittest

import oci
import support

LOOP = "while :; do sleep 0.05; done"


class Lifecycle(oci.Case):
    def test_create_start_kill_delete(self):
        witness = self.directory()
        one = self.prepare("/bin/sh", "-c", f"trap 'exit 5' TERM; echo up >/data/up; {LOOP}")
        one.bind(witness, "/data")
        pid_file = witness / "pid"
        self.runtime.call("create", "--bundle", one.bundle, "--pid-file", pid_file, one.name)
        state = self.runtime.state(one.name)
        pid = int(pid_file.read_text())
        self.assertEqual([state[key] for key in ("id", "status", "pid", "bundle")],
                         [one.name, "created", pid, one.bundle])
        self.assertEqual(state["annotations"], {"org.example/team": "blue"})
        self.assertRegex(state["ociVersion"], r"^1\.\d+\.\d+")
        self.assertFalse((witness / "up").exists(), "the program runs before start")
        self.assertIn(pid, one.processes())
        self.runtime.call("start", one.name)
        support.wait_until("it is up", (witness / "up").exists)
        self.assertEqual(self.runtime.status(one.name), "running")
        self.runtime.call("kill", one.name, "TERM")
        self.assertEqual(self.wait_code(pid), 5)
        state = self.runtime.state(one.name)
        self.assertEqual((state["status"], state.get("pid", 0)), ("stopped", 0))
        self.runtime.call("delete", one.name)
        self.assert_gone(one)

    def test_create_in_the_working_directory(self):
        one = self.prepare()
        self.runtime.call("create", one.name, cwd=one.bundle)
        self.assertEqual(self.runtime.state(one.name)["bundle"], one.bundle)
        self.runtime.call("delete", "--force", one.name)
        self.assert_gone(one)

    def test_run(self):
        one = self.prepare("/bin/sh", "-c", "cat; echo error >&2; pwd; hostname; echo $$; exit 7")
        done = self.runtime.call("run", "--bundle", one.bundle, one.name, text="given\n", check=False)
        self.assertEqual((done.returncode, done.stdout.split()), (7, ["given", "/", "inside", "1"]))
        self.assertIn("error", done.stderr)
        self.assert_gone(one)

    def test_run_detached(self):
        one = self.prepare("/bin/sh", "-c", "exit 9")
        pid_file = self.directory() / "pid"
        self.runtime.call("run", "--detach", "--bundle", one.bundle, "--pid-file", pid_file, one.name)
        self.assertEqual(self.wait_code(int(pid_file.read_text())), 9)
        self.assertEqual(self.runtime.status(one.name), "stopped")
        self.runtime.call("delete", one.name)
        self.assert_gone(one)

    def test_run_and_keep(self):
        self.not_for_crun("1.8 has no --keep")
        one = self.prepare("/bin/true")
        self.runtime.call("run", "--keep", "--bundle", one.bundle, one.name)
        self.assertEqual(self.runtime.status(one.name), "stopped")
        self.runtime.call("delete", one.name)
        self.assert_gone(one)

    def test_run_passes_signals_on(self):
        for send, code in ((lambda one, process: process.terminate(), 42),
                           (lambda one, process: self.runtime.call("kill", one.name, "KILL"), 137)):
            one = self.prepare("/bin/sh", "-c", f"trap 'exit 42' TERM; echo; {LOOP}")
            process = subprocess.Popen(self.runtime.arguments("run", "--bundle", one.bundle, one.name),
                                       stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
            process.stdout.readline()
            send(one, process)
            self.assertEqual(process.wait(15 * support.TIME_FACTOR), code)
            process.stdout.close()
            self.assert_gone(one)

    def test_kill_by_name_and_number(self):
        for number, word in enumerate(("USR1", "SIGUSR1", "10") + (("usr1",) if self.runtime.kind != "crun" else ())):
            with self.subTest(word):
                one = self.prepare("/bin/sh", "-c", f"trap 'exit {50 + number}' USR1; echo >/data/up; {LOOP}")
                witness = self.directory()
                one.bind(witness, "/data")
                pid = self.start(one)
                support.wait_until("it listens", (witness / "up").exists)
                self.runtime.call("kill", one.name, word)
                self.assertEqual(self.wait_code(pid), 50 + number)

    def test_kill_sends_term_by_itself(self):
        one = self.prepare("/bin/sh", "-c", f"trap 'exit 3' TERM; echo >/data/up; {LOOP}")
        witness = self.directory()
        one.bind(witness, "/data")
        pid = self.start(one)
        support.wait_until("it listens", (witness / "up").exists)
        self.runtime.call("kill", one.name)
        self.assertEqual(self.wait_code(pid), 3)

    def test_kill_all_and_delete_without_a_pid_namespace(self):
        for words in (("kill", "--all", "KILL"), ("delete", "--force")):
            with self.subTest(words):
                one = self.prepare("/bin/sh", "-c", "sleep 1000 & sleep 1000 & exec sleep 1000")
                one.config["linux"]["namespaces"] = [kind for kind in one.config["linux"]["namespaces"]
                                                     if kind["type"] != "pid"]
                one.write()
                self.start(one)
                support.wait_until("three processes", lambda one=one: len(one.processes()) == 3)
                command, option, *arguments = words
                self.runtime.call(command, option, one.name, *arguments)
                support.wait_until("none is left", lambda one=one: oci.children() is not None and not one.processes())
                self.runtime.call("delete", "--force", one.name)
                self.assert_gone(one)

    def test_delete_of_a_paused_one(self):
        one = self.prepare()
        self.start(one)
        self.runtime.call("pause", one.name)
        self.runtime.call("delete", "--force", one.name)
        self.assert_gone(one)

    def test_delete_of_one_that_was_only_created(self):
        one = self.prepare()
        self.runtime.call("create", "--bundle", one.bundle, one.name)
        self.runtime.call("kill", one.name, "KILL")
        self.runtime.wait_status(one.name, "stopped")
        self.runtime.call("delete", one.name)
        self.assert_gone(one)


class Exec(oci.Case):
    def setUp(self):
        super().setUp()
        self.one = self.prepare()
        self.pid = self.start(self.one)
        self.name = self.one.name

    def test_input_output_and_codes(self):
        done = self.exec(self.name, "/bin/sh", "-c", "cat; echo error >&2; exit 6", text="given", check=False)
        self.assertEqual((done.returncode, done.stdout), (6, "given"))
        self.assertIn("error", done.stderr)
        self.assertEqual(self.exec(self.name, "/bin/sh", "-c", "kill -9 $$", check=False).returncode, 137)

    def test_is_in_the_container(self):
        kinds = ("pid", "mnt", "net", "ipc", "uts", "cgroup")
        inside = self.exec(self.name, "/bin/sh", "-c",
                           f"for kind in {' '.join(kinds)}; do readlink /proc/self/ns/$kind; done")
        self.assertEqual(inside.stdout.split(), [os.readlink(f"/proc/{self.pid}/ns/{kind}") for kind in kinds])
        groups = self.exec(self.name, "/bin/cat", "/proc/self/cgroup", "/proc/1/cgroup").stdout.splitlines()
        self.assertEqual(groups[:len(groups) // 2], groups[len(groups) // 2:])
        status = self.exec(self.name, "/bin/cat", "/proc/self/status").stdout
        if self.runtime.kind != "crun":  # which forgets it
            self.assertIn("NoNewPrivs:\t1", status)
        self.assertEqual(re.search("CapBnd.*", status)[0], re.search("CapBnd.*", self.status_of(self.pid))[0])

    def status_of(self, pid):
        return pathlib.Path(f"/proc/{pid}/status").read_text()

    def test_options(self):
        done = self.exec(self.name, "/bin/sh", "-c", "id -u; id -g; echo $COLOUR $SIZE; pwd",
                         options=["-u", "1000:1001", "-e", "COLOUR=blue", "-e", "SIZE=big", "--cwd", "/tmp"])
        self.assertEqual(done.stdout.split(), ["1000", "1001", "blue", "big", "/tmp"])
        if self.runtime.kind == "crun":  # which has no such option
            return
        done = self.exec(self.name, "/bin/id", "-G", options=["--additional-gids", "2000", "--user", "7:8"])
        self.assertEqual(done.stdout.split(), ["8", "2000"])

    def test_capability(self):
        def has_admin(*options):
            text = self.exec(self.name, "/bin/grep", "CapEff", "/proc/self/status", options=options).stdout
            return int(text.split()[1], 16) >> 12 & 1
        self.assertEqual(has_admin(), 0)
        self.assertEqual(has_admin("--cap", "CAP_NET_ADMIN"), 1)

    def process_file(self, *command, **more):
        path = self.directory() / "process.json"
        path.write_text(json.dumps({"terminal": False, "user": {"uid": 1000, "gid": 1000, "additionalGids": [2000]},
                                    "args": command, "env": ["PATH=/bin", "COLOUR=red"], "cwd": "/tmp", **more}))
        return path

    def test_process_file(self):
        file = self.process_file("/bin/sh", "-c", "id -u; id -G; echo $COLOUR; pwd; exit 4")
        done = self.runtime.call("exec", "--process", file, self.name, check=False)
        self.assertEqual((done.returncode, done.stdout.split()), (4, ["1000", "1000", "2000", "red", "/tmp"]))

    def test_detached_as_clients_do(self):
        pid_file = self.directory() / "pid"
        go = pathlib.Path(self.place.rootfs(), "tmp", self.name)
        self.addCleanup(go.unlink)
        file = self.process_file("/bin/sh", "-c", f"while test ! -e /tmp/{go.name}; do sleep 0.05; done; exit 8")
        self.runtime.call("exec", "--pid-file", pid_file, "--process", file, "--detach", self.name)
        pid = int(pid_file.read_text())
        self.assertEqual(os.readlink(f"/proc/{pid}/ns/mnt"), os.readlink(f"/proc/{self.pid}/ns/mnt"))
        self.assertIn(pid, self.one.processes())
        go.touch()
        self.assertEqual(self.wait_code(pid), 8, "it is a child of who called")

    def test_terminal_in_the_foreground(self):
        code, output = oci.on_terminal(
            self.runtime.arguments("exec", "-t", self.name, "/bin/sh", "-c", oci.ASK_SIZE), 33, 101)
        self.assertEqual((code, output.split()), (0, ["33", "101"]))

    def test_terminal_by_socket(self):
        with ConsoleSocket(self.directory()) as console:
            file = self.process_file("/bin/sh", "-c", "test -t 0 && echo a terminal; read line; echo got $line",
                                     terminal=True, consoleSize={"height": 30, "width": 99})
            pid_file = self.directory() / "pid"
            self.runtime.call("exec", "--tty", "--console-socket", console.path, "--pid-file", pid_file,
                              "--process", file, "--detach", self.name)
            master = console.receive()
            os.write(master, b"words\n")
            self.assertIn("a terminal\n", output := oci.read_terminal(master, lambda seen: "got words" in seen))
            self.assertIn("got words", output)
            self.assertEqual(self.wait_code(int(pid_file.read_text())), 0)

    def test_a_missing_program(self):
        self.assertRegex(self.runtime.fails("exec", self.name, "/bin/missing"), "no such file|not found")
        self.assertRegex(self.runtime.fails("exec", self.name, "/etc/plain"), "permission denied")
        self.assertEqual(self.runtime.status(self.name), "running")

    def test_not_while_paused(self):
        self.runtime.call("pause", self.name)
        self.assertIn("paused", self.runtime.fails("exec", self.name, "/bin/true"))
        self.runtime.call("resume", self.name)
        self.exec(self.name, "/bin/true")

    def test_not_when_stopped(self):
        self.runtime.call("kill", self.name, "KILL")
        self.runtime.wait_status(self.name, "stopped")
        self.assertRegex(self.runtime.fails("exec", self.name, "/bin/true"), "stopped|not running")


class Terminals(oci.Case):
    def test_in_the_foreground(self):
        self.not_for_crun("1.8 does not pass the size on in time")
        one = self.prepare("/bin/sh", "-c", f"read line; echo got $line; {oci.ASK_SIZE}; exit 6", terminal=True)
        code, output = oci.on_terminal(
            self.runtime.arguments("run", "--bundle", one.bundle, one.name), 33, 101, "words\n")
        self.assertEqual(code, 6)
        self.assertEqual(output.split()[-4:], ["got", "words", "33", "101"], output)
        self.assert_gone(one)

    def test_by_socket(self):
        one = self.prepare("/bin/sh", "-c", "stty size; tty; ls -l /dev/console; read line; echo got $line",
                           terminal=True, consoleSize={"height": 30, "width": 99})
        with ConsoleSocket(self.directory()) as console:
            self.runtime.call("create", "--console-socket", console.path, "--bundle", one.bundle, one.name)
            master = console.receive()
            pid = self.runtime.state(one.name)["pid"]
            self.runtime.call("start", one.name)
            os.write(master, b"words\n")
            output = oci.read_terminal(master, lambda seen: "got words" in seen)
            for part in (r"(?m)^30 99$", r"(?m)^/dev/(pts/\d+|console)$", r"(?m)^crw.* /dev/console$", "got words"):
                self.assertRegex(output, part)
            self.assertEqual(self.wait_code(pid), 0)

    def test_is_refused_without_a_socket(self):
        one = self.prepare("/bin/true", terminal=True)
        self.assertRegex(self.runtime.fails("create", "--bundle", one.bundle, one.name), "console|terminal|tty")
        self.assert_gone(one)


class ConsoleSocket:
    """Where a runtime sends the descriptor of a terminal's master end."""

    def __init__(self, directory):
        self.path = directory / "console"
        self.masters = []

    def __enter__(self):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(15 * support.TIME_FACTOR)
        self.socket.bind(str(self.path))
        self.socket.listen(1)
        return self

    def receive(self):
        connection, _ = self.socket.accept()
        with connection:
            connection.settimeout(15 * support.TIME_FACTOR)
            message, descriptors, _, _ = socket.recv_fds(connection, 4096, 4)
        self.masters += descriptors
        if len(descriptors) != 1 or not message:
            raise AssertionError(f"not one descriptor with a name: {message} {descriptors}")
        return descriptors[0]

    def __exit__(self, *_):
        self.socket.close()
        for master in self.masters:
            os.close(master)


class Look(oci.Case):
    """ps, list, events, features, spec, --version, logs."""

    def test_ps(self):
        one = self.prepare("/bin/sh", "-c", "sleep 777 & exec sleep 1000")
        pid = self.start(one)
        support.wait_until("both are there", lambda: len(one.processes()) == 2)
        pids = json.loads(self.runtime.call("ps", "--format", "json", one.name).stdout)
        self.assertEqual(sorted(pids), sorted(one.processes()))
        self.assertIn(pid, pids)
        header, *lines = self.runtime.call("ps", one.name).stdout.splitlines()
        self.assertIn("PID", header.split())
        if self.runtime.kind != "crun":  # which prints the numbers alone
            self.assertEqual(len(lines), 2)
            self.assertTrue(any(line.endswith("sleep 777") for line in lines), lines)
            text = self.runtime.call("ps", one.name, "-o", "pid,args").stdout
            self.assertEqual(len(text.splitlines()), 3, text)

    def test_list(self):
        self.assertEqual(self.runtime.call("list", "-q").stdout, "")
        self.assertIn(json.loads(self.runtime.call("list", "--format", "json").stdout), ([], None))
        ones = [self.prepare(), self.prepare()]
        self.runtime.call("create", "--bundle", ones[0].bundle, ones[0].name)
        pid = self.start(ones[1])
        names = [one.name for one in ones]
        self.assertEqual(sorted(self.runtime.call("list", "-q").stdout.split()), sorted(names))
        rows = {row["id"]: row for row in json.loads(self.runtime.call("list", "--format", "json").stdout)}
        self.assertEqual(sorted(rows), sorted(names))
        self.assertEqual([rows[name]["status"] for name in names], ["created", "running"])
        self.assertEqual((rows[names[1]]["pid"], rows[names[1]]["bundle"]), (pid, ones[1].bundle))
        self.assertRegex(rows[names[1]]["created"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$")
        header, *lines = self.runtime.call("list").stdout.splitlines()
        if self.runtime.kind != "crun":
            self.assertEqual(header.split(), ["ID", "PID", "STATUS", "BUNDLE", "CREATED", "OWNER"])
        self.assertEqual(sorted(line.split()[0] for line in lines), sorted(names))

    def test_list_shows_who_has_ended(self):
        one = self.prepare("/bin/true")
        self.start(one)
        self.runtime.wait_status(one.name, "stopped")
        rows = json.loads(self.runtime.call("list", "--format", "json").stdout)
        self.assertEqual([(row["id"], row["status"]) for row in rows], [(one.name, "stopped")])

    def test_statistics(self):
        self.not_for_crun("has no events")
        one = self.prepare("/bin/sh", "-c", "while :; do :; done")
        one.config["linux"]["resources"].update({"memory": {"limit": 64 << 20}, "pids": {"limit": 40}})
        one.write()
        self.start(one)

        def busy():
            event = json.loads(self.runtime.call("events", "--stats", one.name).stdout)
            return event if event["data"]["cpu"]["usage"]["total"] > 10_000_000 else None
        event = support.wait_until("it has used 10 ms", busy)
        self.assertEqual((event["type"], event["id"]), ("stats", one.name))
        data = event["data"]
        for key in ("cpu", "memory", "pids", "blkio", "hugetlb"):
            self.assertIn(key, data)
        usage = data["cpu"]["usage"]
        self.assertLess(usage["total"], 10_000_000_000 * support.TIME_FACTOR)
        self.assertIsInstance(usage["kernel"] + usage["user"], int)
        self.assertEqual(data["pids"], {"current": 1, "limit": 40})
        self.assertEqual(data["memory"]["usage"]["limit"], 64 << 20)
        self.assertGreater(data["memory"]["usage"]["usage"], 4096)
        self.assertIsInstance(data["memory"]["raw"], dict)
        self.assertGreater(len(data["memory"]["raw"]), 10)

    def test_events_every_while(self):
        self.not_for_crun("has no events")
        one = self.prepare()
        self.start(one)
        process = subprocess.Popen(self.runtime.arguments("events", "--interval", "100ms", one.name),
                                   stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True)
        with process:
            try:
                events = [json.loads(process.stdout.readline()) for _ in range(3)]
                self.assertEqual([event["type"] for event in events], ["stats"] * 3)
                self.runtime.call("delete", "--force", one.name)
                support.wait_until("events ends with the container", lambda: process.poll() is not None)
            finally:
                process.kill()

    def test_features(self):
        self.not_for_crun("1.8 has no features")
        features = json.loads(self.runtime.call("features").stdout)
        self.assertEqual(sorted(features["hooks"]), sorted(oci.HOOKS))
        self.assertRegex(features["ociVersionMin"], r"^1\.0\.0")
        self.assertRegex(features["ociVersionMax"], r"^1\.\d+\.\d+")
        linux = features["linux"]
        self.assertLessEqual({"mount", "pid", "network", "ipc", "uts", "user"}, set(linux["namespaces"]))
        self.assertLessEqual({"bind", "rbind", "ro", "nosuid", "noexec"}, set(features["mountOptions"]))
        self.assertIn("CAP_SYS_ADMIN", linux["capabilities"])
        self.assertTrue(linux["cgroup"]["v1"] and linux["cgroup"]["v2"])
        self.assertTrue(linux["seccomp"]["enabled"])
        self.assertIn("SCMP_ACT_ERRNO", linux["seccomp"]["actions"])

    def test_spec(self):
        directory = self.directory()
        self.runtime.call("spec", cwd=directory)
        content = json.loads((directory / "config.json").read_text())
        self.assertEqual((content["root"]["path"], content["process"]["args"]), ("rootfs", ["sh"]))
        self.assertRegex(self.runtime.fails("spec", cwd=directory), "exist")
        content["root"]["path"] = self.place.rootfs()
        content["process"].update(terminal=False, args=["sh", "-c", "echo it works; hostname"])
        one = self.prepare()
        one.config = content
        content["linux"]["cgroupsPath"] = one.group
        one.write()
        done = self.runtime.call("run", "--bundle", one.bundle, one.name)
        self.assertEqual(done.stdout.split()[:2], ["it", "works"])
        self.assertEqual(done.stdout.split()[2:], [content["hostname"]])

    def test_version(self):
        lines = self.runtime.call("--version").stdout.splitlines()
        self.assertRegex(lines[0], rf"^{self.runtime.kind} version \S+$")
        self.assertTrue(any(re.match(r"spec: 1\.\d+\.\d+", line) for line in lines), lines)

    def test_log_in_json(self):
        log = self.directory() / "log"
        error = self.runtime.fails("--log", log, "--log-format", "json", "state", "nobody")
        last = json.loads(log.read_text().splitlines()[-1])
        self.assertEqual(last["level"], "error")
        self.assertRegex(last["msg"].lower(), self.runtime.nobody)
        self.assertRegex(last["time"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d")
        self.assertRegex(error, self.runtime.nobody, "who calls by hand sees it too")

    def test_log_in_json_is_one_line_for_every_message(self):
        log = self.directory() / "log"
        one = self.prepare('/bin/with "quotes"\nand lines')
        self.runtime.fails("--log", log, "--log-format", "json", "create", "--bundle", one.bundle, one.name)
        self.assertIn("quotes", json.loads(log.read_text().splitlines()[-1])["msg"])

    def test_log_in_text_is_appended(self):
        log = self.directory() / "log"
        log.write_text("before\n")
        self.runtime.fails("--log", log, "--log-format", "text", "state", "nobody")
        self.assertEqual(log.read_text().splitlines()[0], "before")
        self.assertRegex(log.read_text().lower(), self.runtime.nobody)


class Change(oci.Case):
    """pause, resume, update."""

    def test_pause(self):
        data = self.directory()
        one = self.prepare("/bin/sh", "-c", "while :; do echo >>/data/n; sleep 0.02; done")
        one.bind(data, "/data")
        self.start(one)
        counted = data / "n"
        support.wait_until("it counts", counted.exists)
        self.runtime.call("pause", one.name)
        self.assertEqual(self.runtime.status(one.name), "paused")
        size = counted.stat().st_size
        time.sleep(0.2)
        self.assertEqual(counted.stat().st_size, size, "it goes on while paused")
        self.runtime.call("resume", one.name)
        support.wait_until("it goes on", lambda: counted.stat().st_size > size)
        self.assertEqual(self.runtime.status(one.name), "running")

    def limits(self, one):
        return [oci.group_value(one.group, what) for what in ("memory", "pids", "cpu")]

    def limited(self):
        one = self.prepare()
        one.config["linux"]["resources"].update({
            "memory": {"limit": 64 << 20}, "pids": {"limit": 40}, "cpu": {"quota": 50000, "period": 100000}})
        one.write()
        self.start(one)
        self.assertEqual(self.limits(one), [str(64 << 20), "40", "50000"])
        return one

    def test_update_from_a_file_and_from_input(self):
        one = self.limited()
        text = json.dumps({"memory": {"limit": 32 << 20}, "pids": {"limit": 30},
                           "cpu": {"quota": 25000, "period": 100000}})
        file = self.directory() / "resources.json"
        file.write_text(text)
        self.runtime.call("update", f"--resources={file}", one.name)
        self.assertEqual(self.limits(one), [str(32 << 20), "30", "25000"])
        self.runtime.call("update", "--resources", "-", one.name, text=json.dumps({"pids": {"limit": 20}}))
        self.assertEqual(self.limits(one), [str(32 << 20), "20", "25000"], "what is not named stays")
        self.exec(one.name, "/bin/true")

    def test_update_by_flags(self):
        one = self.limited()
        self.runtime.call("update", "--memory", 48 << 20, one.name)
        self.assertEqual(self.limits(one), [str(48 << 20), "40", "50000"])
        self.runtime.call("update", "--pids-limit", 10, "--cpu-quota", 20000, "--cpu-period", 100000, one.name)
        self.assertEqual(self.limits(one), [str(48 << 20), "10", "20000"])

    def test_update_keeps_the_devices(self):
        one = self.limited()
        self.runtime.call("update", "--memory", 48 << 20, one.name)
        self.exec(one.name, "/bin/sh", "-c", "echo >/dev/null && head -c 1 /dev/zero >/dev/null")

    def test_what_is_refused(self):
        one = self.limited()
        self.runtime.fails("update", "--resources", "-", one.name, text="{")
        self.runtime.fails("update", "--cpu-quota", 10, one.name)
        self.assertEqual(self.limits(one), [str(64 << 20), "40", "50000"])


if __name__ == "__main__":
    unittest.main(verbosity=2)
