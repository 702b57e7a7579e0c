# SPDX-License-Identifier: Apache-2.0
"""tests/vm/systemd-guest itself, and in it, all in one boot: the scope driver against a real systemd, and containers
in its scopes (guest-systemd-oci)."""
import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import unittest

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
BIN = pathlib.Path(os.environ.get("PLIMSOLL") or ROOT / "build/release/bin/plimsoll").parent
DRIVER_TEST, RUNTIME = BIN / "systemd_scope_root_test", BIN / "plimsoll-oci"
LIMIT = 1500  # seconds; two minutes on a machine with nothing else to do

# Every part leaves its output and its exit code in /mnt/out. The last one writes where the host can be seen, if it can.
SCRIPT = """
part() { name=$1; shift; "$@" >/mnt/out/$name 2>&1; echo $? >/mnt/out/$name.code; }
about() { cat /proc/1/comm; stat -f -c %T /sys/fs/cgroup; pwd; test -S /run/dbus/system_bus_socket; }
state() { systemctl is-system-running --wait; systemctl list-units --failed --plain --no-legend; true; }
part about about
part state state
part driver timeout 600 "$1" --gtest_brief=1
part containers timeout 600 tests/vm/guest-systemd-oci "$2" /host/usr/bin/busybox
part touch touch /host/x
echo said >&2
exit 7
"""


def guest(*arguments, limit=60):
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
@unittest.skipUnless(DRIVER_TEST.exists() and RUNTIME.exists(), f"{BIN} has no {DRIVER_TEST.name} and {RUNTIME.name}")
class Guest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        holder = tempfile.TemporaryDirectory(prefix="plimsoll-vm-")
        cls.addClassCleanup(holder.cleanup)
        cls.out = pathlib.Path(holder.name)
        cls.done = guest("-t", LIMIT, "--out", cls.out, "--", "/bin/sh", "-c", SCRIPT, "sh",
                         DRIVER_TEST.relative_to(ROOT), RUNTIME.relative_to(ROOT), limit=LIMIT + 200)

    def part(self, name):
        """(exit code, output) of a part."""
        try:
            return int((self.out / f"{name}.code").read_text()), (self.out / name).read_text()
        except FileNotFoundError:
            self.fail(f"the guest ended with {self.done.returncode} before this: {self.done.stderr}")

    def test_the_exit_code_and_streams_are_the_commands(self):
        self.assertEqual(self.done.returncode, 7, self.done.stderr)
        self.assertIn("said", self.done.stderr)

    def test_systemd_is_process_1_on_pure_v2(self):
        code, text = self.part("about")
        self.assertEqual((code, text.split()), (0, ["systemd", "cgroup2fs", str(ROOT)]))
        self.assertEqual(self.part("state"), (0, "running\n"))

    def test_the_host_is_read_only(self):
        self.assertEqual(self.part("touch")[0], 1)

    def test_the_scope_driver(self):
        code, text = self.part("driver")
        self.assertEqual(code, 0, text)
        self.assertIn("PASSED", text)
        self.assertNotIn("SKIPPED", text)

    def test_containers_in_scopes(self):
        code, text = self.part("containers")
        self.assertEqual(re.findall(r"^(?!ok ).+", text, re.M), [], text)
        self.assertGreater(len(text.splitlines()), 35, text)
        self.assertEqual(code, 0, text)


if __name__ == "__main__":
    unittest.main()
