# SPDX-License-Identifier: Apache-2.0
"""Commands that meet a container in the middle of another command, or after one that was killed. Which runtime:
oci.py."""
import signal
import subprocess
import time
import unittest

import oci
import support


def shell(text):
    return [{"path": "/bin/sh", "args": ["sh", "-c", text]}]


class Lifecycle(oci.Case):
    def begin(self, *words):
        """A command in the background; ended with the test."""
        process = subprocess.Popen(self.runtime.arguments(*words), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                   stderr=subprocess.DEVNULL, cwd=self.place.path)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        return process

    def hold(self, one, hook="createRuntime"):
        """A hook that says that it runs, and stays until the file it looks for is there; both files."""
        here, go = self.directory() / "here", self.directory() / "go"
        one.config["hooks"] = {hook: shell(f"cat >/dev/null; touch {here}; while ! test -e {go}; do sleep 0.05; done")}
        one.write()
        return here, go

    def test_a_container_that_run_still_makes_takes_no_exec(self):
        one = self.prepare()
        here, go = self.hold(one)
        run = self.begin("run", "--detach", "--bundle", one.bundle, one.name)
        support.wait_until("the hook runs", here.exists)
        self.assertEqual(self.runtime.status(one.name), "creating")
        found = self.directory() / "found"
        for words in (("exec", one.name, "/bin/sh", "-c", f"touch {found}"), ("pause", one.name), ("start", one.name)):
            self.assertIn("creat", self.runtime.fails(*words))
        self.assertFalse(found.exists())
        go.touch()
        self.assertEqual(run.wait(20), 0)
        self.assertEqual(self.runtime.status(one.name), "running")
        self.assertEqual(self.exec(one.name, "/bin/cat", "/etc/plain").stdout, "not a program\n")

    def test_a_create_that_is_killed_leaves_nobody_without_a_record(self):
        # Wherever it is killed: either its process goes, too, or `delete --force` finds it.
        for delay in range(0, 24, 2):
            one = self.prepare()
            create = self.begin("create", "--bundle", one.bundle, one.name)
            time.sleep(delay / 1000)
            create.kill()
            create.wait()
            self.runtime.call("delete", "--force", one.name)
            support.wait_until(f"nobody is left after {delay} ms", lambda: not oci.children())
            self.assert_gone(one)

    def test_a_paused_container_is_not_started_and_can_go_on(self):
        one = self.prepare()
        self.runtime.call("create", "--bundle", one.bundle, one.name)
        self.runtime.call("pause", one.name)
        self.assertIn("paused", self.runtime.fails("start", one.name, timeout=5))
        self.runtime.call("resume", one.name)
        self.runtime.call("start", one.name)
        self.assertEqual(self.runtime.status(one.name), "running")

    def test_start_that_waits_does_not_keep_delete_from_its_work(self):
        # The hook stands in the container, so only its end ends `start`.
        one = self.prepare()
        one.config["hooks"] = {"startContainer": [{"path": "/bin/sleep", "args": ["sleep", "1000"]}]}
        one.write()
        self.runtime.call("create", "--bundle", one.bundle, one.name)
        start = self.begin("start", one.name)
        support.wait_until("it starts", lambda: self.runtime.status(one.name) == "running")
        self.runtime.call("delete", "--force", one.name, timeout=8)
        start.wait(10)
        self.assert_gone(one)

    def test_a_start_that_is_killed_leaves_no_container_that_is_created(self):
        one = self.prepare()
        go = self.directory()
        one.bind(go, "/data")
        one.config["hooks"] = {"startContainer": shell("while ! test -e /data/go; do sleep 0.05; done")}
        one.write()
        self.runtime.call("create", "--bundle", one.bundle, one.name)
        start = self.begin("start", one.name)
        support.wait_until("it starts", lambda: self.runtime.status(one.name) == "running")
        start.kill()
        start.wait()
        (go / "go").touch()
        time.sleep(0.3)
        self.assertIn(self.runtime.status(one.name), ("running", "stopped"))
        self.assertIn("not created", self.runtime.fails("start", one.name))

    def test_a_failed_run_leaves_a_newer_container_of_its_name_alone(self):
        one = self.prepare()
        here, go = self.hold(one)
        run = self.begin("run", "--detach", "--bundle", one.bundle, one.name)
        support.wait_until("the hook runs", here.exists)
        run.send_signal(signal.SIGSTOP)
        self.runtime.call("delete", "--force", one.name)
        one.config["hooks"] = {}
        one.write()
        self.start(one)
        run.send_signal(signal.SIGCONT)
        go.touch()
        self.assertNotEqual(run.wait(20), 0)
        self.assertEqual(self.runtime.status(one.name), "running")

    def test_what_was_written_can_be_read(self):
        one = self.prepare()
        one.config["annotations"] = {f"org.example/{number}": "x" * 100_000 for number in range(30)}
        one.write()
        self.start(one)
        self.assertEqual(self.runtime.status(one.name), "running")
        self.runtime.call("delete", "--force", one.name)
        self.assert_gone(one)

    def test_a_record_that_cannot_be_read(self):
        one = self.prepare("/bin/true")
        self.runtime.call("run", "--keep", "--bundle", one.bundle, one.name)
        (self.runtime.root / one.name / "state.json").write_text("{")
        self.runtime.fails("delete", one.name)
        self.assertIn("directory was removed", self.runtime.call("delete", "--force", one.name).stderr)
        self.assertNotIn(one.name, self.runtime.names())

    def test_names(self):
        self.assertIn("longer than 255", self.runtime.fails("state", "x" * 256))
        self.assertIn("does not exist", self.runtime.fails("state", "x" * 255))
        self.assertNotIn("no such file", self.runtime.fails("state", "nobody"))

    def test_delete_spares_who_came_into_the_cgroup_later(self):
        one = self.prepare("/bin/true")
        self.runtime.call("run", "--keep", "--bundle", one.bundle, one.name)
        other = subprocess.Popen(["/bin/sleep", "1000"])
        self.addCleanup(other.wait)
        self.addCleanup(other.kill)
        for mount in support.hierarchies():
            (mount / one.group.strip("/") / "cgroup.procs").write_text(str(other.pid))
        for options in ((), ("--force",)):
            self.assertIn("not the container's", self.runtime.fails("delete", *options, one.name))
        self.assertIsNone(other.poll())
        other.kill()
        other.wait()
        self.runtime.call("delete", one.name)
        self.assert_gone(one)


if __name__ == "__main__":
    unittest.main()
