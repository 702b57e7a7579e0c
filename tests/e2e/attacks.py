# SPDX-License-Identifier: Apache-2.0
"""What attacks on the OCI runtime share: a place outside that must stay as it is, images, and who swaps paths."""

import contextlib
import ctypes
import os
import pathlib
import stat
import subprocess

import oci
import support

IN_OPEN, IN_NONBLOCK = 0x20, 0o4000
LIBC = ctypes.CDLL(None, use_errno=True)

def opened(path):
    """An inotify descriptor that becomes readable when `path` is opened."""
    fd = LIBC.inotify_init1(IN_NONBLOCK)
    if fd < 0 or LIBC.inotify_add_watch(fd, os.fsencode(path), IN_OPEN) < 0:
        raise OSError(ctypes.get_errno(), f"inotify {path}")
    return fd


@contextlib.contextmanager
def swapping(place, code):
    """Python code that is run again and again in another process; `swap(a, b)` exchanges two paths."""
    program = ("import ctypes,os,time\nlibc = ctypes.CDLL(None)\n"
               "def swap(a, b): return libc.renameat2(-100, a.encode(), -100, b.encode(), 2)\n"
               f"print(flush=True)\nwhile True:\n    {code}\n")
    process = subprocess.Popen([support.tool("python3"), "-c", program], stdout=subprocess.PIPE, cwd=place)
    try:
        process.stdout.readline()
        yield
        if process.poll() is not None:
            raise AssertionError(f"nobody swaps any more: {code}")
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


class Attack(oci.Case):
    def setUp(self):
        super().setUp()
        self.rootfs = pathlib.Path(self.place.rootfs())
        self.outside = self.directory()  # of the host; nothing may happen here
        (self.outside / "canary").write_text("the host's\n")
        (self.outside / "canary").chmod(0o600)
        self.addCleanup(self.assert_untouched)

    def assert_untouched(self):
        self.assertEqual(oci.files_below(self.outside), [str(self.outside / "canary")])
        self.assertEqual((self.outside / "canary").read_text(), "the host's\n")
        self.assertEqual(stat.S_IMODE((self.outside / "canary").stat().st_mode), 0o600)
        self.assertNotIn(str(self.outside), pathlib.Path("/proc/self/mounts").read_text())

    def image(self):
        """A root file system of this test's own: directories, and busybox as a hard copy."""
        root = self.directory()
        root.chmod(0o755)
        for name in ("bin", "proc", "sys", "dev", "etc", "data", "tmp"):
            (root / name).mkdir()
        subprocess.run(["cp", "-a", f"{self.rootfs}/bin", str(root)], check=True)
        return root

    def container(self, image, *command, **process):
        one = self.prepare(*command, **process)
        one.config["root"]["path"] = str(image)
        one.write()
        return one

    def run_it(self, one, **more):
        done = self.runtime.call("run", "--bundle", one.bundle, one.name, check=False, **more)
        self.assertGreaterEqual(done.returncode, 0, "the runtime was killed by a signal")
        self.assertLess(done.returncode, 128 + 64)
        return done

    def refused(self, one):
        done = self.run_it(one)
        self.assertNotEqual(done.returncode, 0, done.stdout)
        self.assertTrue(done.stderr.strip())
        return done.stderr

    def seen(self):
        return (self.rootfs / "data/seen").read_text().splitlines()
