# SPDX-License-Identifier: Apache-2.0
"""tests/vm/systemd-guest itself, and the scope driver against the systemd in it."""
import os
import pathlib
import shutil
import subprocess
import unittest

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
DRIVER_TEST = ROOT / "build/dev/bin/systemd_scope_root_test"


def guest(*arguments, limit=600):
    return subprocess.run([HERE / "systemd-guest", *map(str, arguments)], text=True, capture_output=True,
                          timeout=limit, check=False, cwd=ROOT)


class Usage(unittest.TestCase):
    def test_a_disk_of_ones_own_is_refused(self):
        done = guest("--disk", "64", "true")
        self.assertEqual((done.returncode, done.stdout), (125, ""))
        self.assertIn("--disk", done.stderr)

    def test_help(self):
        done = guest("--help")
        self.assertEqual(done.returncode, 0)
        self.assertIn("systemd as process 1", done.stdout)


@unittest.skipUnless(os.geteuid() == 0, "needs root")
@unittest.skipUnless(shutil.which("qemu-system-x86_64"), "needs qemu-system-x86")
class Guest(unittest.TestCase):
    def test_systemd_is_process_1_on_pure_v2(self):
        script = ("cat /proc/1/comm; systemctl is-system-running --wait; stat -f -c %T /sys/fs/cgroup; pwd; "
                  "test -S /run/dbus/system_bus_socket || exit 3; ! touch /host/x 2>/dev/null || exit 4; "
                  "echo said >&2; exit 7")
        done = guest("--", "/bin/sh", "-c", script)
        self.assertEqual(done.returncode, 7, done.stderr)
        self.assertEqual(done.stdout.split(), ["systemd", "running", "cgroup2fs", str(ROOT)])
        self.assertIn("said", done.stderr)

    @unittest.skipUnless(DRIVER_TEST.exists(), f"{DRIVER_TEST} is not built")
    def test_the_scope_driver(self):
        done = guest("-t", "600", "--", DRIVER_TEST.relative_to(ROOT), "--gtest_brief=1", limit=700)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertIn("PASSED", done.stdout)
        self.assertNotIn("SKIPPED", done.stdout)


if __name__ == "__main__":
    unittest.main()
