# SPDX-License-Identifier: Apache-2.0
"""tests/vm/run itself: exit codes, streams, isolation from the host, and that nothing is left of it."""
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
import time
import unittest

HERE = pathlib.Path(__file__).resolve().parent


def vm(*arguments, **options):
    return subprocess.run([HERE / "run", *map(str, arguments)], text=True, capture_output=True, timeout=300,
                          check=False, **options)


def processes_of(session):
    """Processes of a session, by the sixth field of /proc/PID/stat."""
    found = []
    for stat in pathlib.Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if fields[3] == str(session) and fields[0] != "Z":
            found.append(stat.parent.name)
    return found


class Usage(unittest.TestCase):
    def refused(self, *arguments):
        done = vm(*arguments)
        self.assertEqual((done.returncode, done.stdout), (125, ""))
        self.assertEqual(len(done.stderr.splitlines()), 1, done.stderr)
        return done.stderr

    def test_bad_usage_is_one_line(self):
        self.assertIn("no command", self.refused())
        self.assertIn("--bogus", self.refused("--bogus", "1", "true"))
        self.assertIn("'many'", self.refused("-m", "many", "true"))
        self.assertIn("/no/such", self.refused("--out", "/no/such", "true"))

    def test_unknown_kernel_names_the_choices(self):
        done = vm("-k", "2.4", "true")
        self.assertEqual(done.returncode, 125)
        self.assertIn("5.10, 6.1 or 6.12", done.stderr)

    def test_help(self):
        done = vm("--help")
        self.assertEqual(done.returncode, 0)
        self.assertIn("--disk MB", done.stdout)


@unittest.skipUnless(os.geteuid() == 0, "needs root")
@unittest.skipUnless(shutil.which("qemu-system-x86_64"), "needs qemu-system-x86")
class Guest(unittest.TestCase):
    def setUp(self):
        holder = tempfile.TemporaryDirectory(prefix="plimsoll-vm-")
        self.addCleanup(holder.cleanup)
        self.directory = pathlib.Path(holder.name)

    def test_command_sees_v2_alone_and_a_read_only_host(self):
        """Its exit code, its streams and what it leaves in --out are ours."""
        kept = self.directory / "kept"
        kept.write_text("host")
        (self.directory / "out").mkdir()
        script = ("cat /sys/fs/cgroup/cgroup.subtree_control; cat /proc/self/cgroup; echo oops >&2; "
                  f'echo guest >{kept}; cat {kept}; df -P /mnt/disk | tail -1; cp {kept} /mnt/out/result; echo "$1|$PLIMSOLL_X"; exit 37')
        done = vm("--disk", 64, "--out", self.directory / "out", "--", "sh", "-c", script, "sh", "a 'b' $c",
                  env={**os.environ, "PLIMSOLL_X": "x='1' y"})
        self.assertEqual((done.returncode, done.stderr), (37, "oops\n"))
        controllers, group, guest, disk, words = done.stdout.splitlines()
        self.assertLessEqual({"cpu", "io", "memory", "pids"}, set(controllers.split()))
        self.assertEqual((group, guest, words), ("0::/init", "guest", "a 'b' $c|x='1' y"))
        self.assertTrue(disk.startswith("/dev/vda "), disk)
        self.assertEqual((kept.read_text(), (self.directory / "out" / "result").read_text()), ("host", "guest\n"))

    def test_out_of_time(self):
        done = vm("-t", 8, "--", "sleep", "100")
        self.assertEqual(done.returncode, 124)
        self.assertIn("out of time after 8 s", done.stderr)

    def test_ended_by_a_signal_it_leaves_nothing(self):
        self.end_by(signal.SIGTERM, 143)
        self.end_by(signal.SIGKILL, -signal.SIGKILL)

    def end_by(self, number, code):
        with subprocess.Popen([HERE / "run", "--", "sleep", "100"], start_new_session=True, stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL) as process:
            try:
                time.sleep(3)
                self.assertGreater(len(processes_of(process.pid)), 2)
                process.send_signal(number)
                self.assertEqual(process.wait(20), code)
                time.sleep(0.5)
                self.assertEqual(processes_of(process.pid), [])
            finally:
                process.kill()
        self.assertNotIn("plimsoll-vm", pathlib.Path("/proc/mounts").read_text())


if __name__ == "__main__":
    unittest.main(verbosity=2)
