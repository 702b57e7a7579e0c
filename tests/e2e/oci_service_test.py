# SPDX-License-Identifier: Apache-2.0
"""What a container gets of its caller's process: NOTIFY_SOCKET of a service manager, HOME, groups, descriptors with
gaps between them; and crun's annotations."""
import os
import pathlib
import socket
import subprocess
import unittest
from unittest import mock

import oci
import support

SAY = "test -S $NOTIFY_SOCKET && echo at $NOTIFY_SOCKET; "


class Service(oci.Case):
    def manager(self):
        """A service manager's socket, and the path of it."""
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.addCleanup(listener.close)
        path = self.directory() / "manager"
        listener.bind(str(path))
        listener.settimeout(10 * support.TIME_FACTOR)
        self.enterContext(mock.patch.dict(os.environ, {"NOTIFY_SOCKET": str(path)}))
        return listener, path

    def say(self, one, text):
        """As the program in the container would."""
        inside = str(self.runtime.root / one.name / "notify/notify")
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as client:
            support.wait_until(inside, lambda: pathlib.Path(inside).is_socket())
            client.sendto(text, inside)

    def background(self, *words):
        process = subprocess.Popen(self.runtime.arguments(*words), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        return process

    def received(self, listener, count):
        """Also closes what came with a message, as BARRIER=1 wants it."""
        texts = []
        for _ in range(count):
            text, descriptors, _, _ = socket.recv_fds(listener, 4096, 4)
            for descriptor in descriptors:
                os.close(descriptor)
            texts.append(text)
        return texts

    def setUp(self):
        super().setUp()
        if self.runtime.kind == "runc":
            self.skipTest("runc has other names for it")

    def test_start_waits_until_the_program_is_ready(self):
        listener, path = self.manager()
        one = self.prepare("/bin/sh", "-c", SAY + "sleep 1000")
        self.runtime.call("create", "--bundle", one.bundle, one.name)
        self.assertTrue((self.runtime.root / one.name / "notify").is_dir())
        pid = self.runtime.state(one.name)["pid"]
        start = self.background("start", one.name)
        self.say(one, b"STATUS=busy\nREADY=0\nMAINPID=1")
        with self.assertRaises(subprocess.TimeoutExpired):
            start.wait(0.3)
        self.say(one, b"STATUS=up\nREADY=1\n")
        self.assertEqual(self.received(listener, 3), [b"READY=1", f"MAINPID={pid}".encode(), b"BARRIER=1"],
                         "nothing else of what it said")
        self.assertEqual(start.wait(10 * support.TIME_FACTOR), 0)
        self.assertIn("nothing", self.exec(one.name, "/bin/sh", "-c", "echo nothing$NOTIFY_SOCKET").stdout)
        self.assertTrue(self.exec(one.name, "/bin/sh", "-c", f"test -S {path}/notify").returncode == 0)
        self.runtime.call("delete", "--force", one.name)
        self.assertFalse((self.runtime.root / one.name).exists())

    def test_a_program_that_ends_is_waited_for_no_longer(self):
        listener, path = self.manager()
        one = self.prepare("/bin/sh", "-c", SAY)
        done = self.runtime.call("run", "--bundle", one.bundle, one.name)
        self.assertEqual(done.stdout, f"at {path}/notify\n")
        self.assert_gone(one)
        one = self.prepare("/bin/true")
        self.runtime.call("run", "--detach", "--bundle", one.bundle, one.name)
        listener.setblocking(False)
        with self.assertRaises(BlockingIOError):
            listener.recv(100)

    def test_in_the_foreground_the_runtime_is_the_service(self):
        listener, _ = self.manager()
        one = self.prepare()
        run = self.background("run", "--bundle", one.bundle, one.name)
        self.say(one, b"READY=1")
        self.assertEqual(self.received(listener, 3)[:2], [b"READY=1", f"MAINPID={run.pid}".encode()])
        support.wait_until("it runs", lambda: self.runtime.status(one.name) == "running")
        self.runtime.call("kill", one.name, "KILL")
        self.assertEqual(run.wait(10 * support.TIME_FACTOR), 137)

    def test_home(self):
        for uid, env, home in ((0, [], "/root"), (1000, ["HOME="], "/home/app"), (77, [], "/"), (0, ["HOME=/x"], "/x")):
            one = self.prepare("/bin/sh", "-c", "echo $HOME", env=["PATH=/bin", *env], user={"uid": uid, "gid": 0})
            self.assertEqual(self.runtime.call("run", "--bundle", one.bundle, one.name).stdout, f"{home}\n", (uid, env))

    def test_gaps_between_kept_descriptors(self):
        one = self.prepare("/bin/sh", "-c", "ls /proc/$$/fd; true")
        command = self.runtime.arguments("run", "--preserve-fds", "20", "--bundle", one.bundle, one.name)
        done = subprocess.run(["bash", "-c", 'exec "$@" 5</dev/null 7</dev/null 60</dev/null', "bash", *command],
                              stdin=subprocess.DEVNULL, capture_output=True, check=True, text=True,
                              timeout=30 * support.TIME_FACTOR)
        self.assertEqual(done.stdout.split(), ["0", "1", "2", "5", "7"])

    def test_the_callers_groups(self):
        command = ("/bin/sh", "-c", "grep Groups: /proc/self/status")
        before = os.getgroups()
        self.addCleanup(os.setgroups, before)
        os.setgroups([4, 5])
        for annotations, groups in (({}, []), ({"run.oci.keep_original_groups": "1"}, ["4", "5"])):
            one = self.prepare(*command)
            one.config["annotations"] = annotations
            one.write()
            done = self.runtime.call("run", "--bundle", one.bundle, one.name)
            self.assertEqual(done.stdout.split()[1:], groups)

    def test_an_unknown_system_call_can_be_an_error(self):
        one = self.prepare("/bin/true")
        one.config["linux"]["seccomp"] = {"defaultAction": "SCMP_ACT_ALLOW",
                                          "syscalls": [{"names": ["no_such_call"], "action": "SCMP_ACT_ERRNO"}]}
        one.write()
        self.runtime.call("run", "--bundle", one.bundle, one.name)
        one.config["annotations"] = {"run.oci.seccomp_fail_unknown_syscall": "1"}
        one.write()
        self.assertIn("no_such_call", self.runtime.fails("run", "--bundle", one.bundle, one.name))

    def test_an_annotation_opens_no_file_of_the_host(self):
        data = self.directory()
        one = self.prepare("/bin/true")
        one.config["annotations"] = {"run.oci.hooks.stdout": str(data / "out"),
                                     "run.oci.hooks.stderr": str(data / "err")}
        one.config["hooks"] = {"prestart": [{"path": "/bin/sh", "args": ["sh", "-c", "echo said"]}]}
        one.write()
        self.runtime.call("run", "--bundle", one.bundle, one.name)
        self.assertEqual(list(data.iterdir()), [] if self.runtime.kind == oci.OWN else list(data.iterdir()))


if __name__ == "__main__":
    unittest.main(verbosity=2)
