# SPDX-License-Identifier: Apache-2.0
"""Commands that meet a container in the middle of another command, or after one that was killed. Which runtime:
oci.py."""
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


if __name__ == "__main__":
    unittest.main()
