# SPDX-License-Identifier: Apache-2.0
"""The same build is packed into the same bytes, whatever the hour, the locale and the mask. With PLIMSOLL_REPRODUCE=1 also
two builds in two places (scripts/reproduce): half an hour of a processor."""
import hashlib
import os
import pathlib
import subprocess
import tempfile
import time
import unittest

import artifacts
import support
from pack import archive

ENVIRONMENTS = ({"TZ": "UTC", "LC_ALL": "C", "PYTHONHASHSEED": "1"},
                {"TZ": "Asia/Kathmandu", "LC_ALL": "C.UTF-8", "PYTHONHASHSEED": "2", "HOME": "/nonexistent"})


def environment(which, more):
    return {**os.environ, **ENVIRONMENTS[which], **more}


def digest(path):
    return hashlib.sha256(pathlib.Path(path).read_bytes()).hexdigest()


class Packing(unittest.TestCase):
    def twice(self, make):
        """What make(environment, directory, mask) returns, in two environments and at two times."""
        made = []
        for which, mask in enumerate((0o022, 0o077)):
            directory = artifacts.scratch()
            made.append(make(environment(which, {"SOURCE_DATE_EPOCH": "1700000000"}), directory, mask))
            time.sleep(1.1)
        return made

    def test_archive(self):
        def make(env, directory, mask):
            path = artifacts.script("build-tarball", "--level", 0, "--output", directory, env=env, umask=mask)
            return digest(path)
        first, second = self.twice(make)
        self.assertEqual(first, second)

    def test_image(self):
        def make(env, directory, mask):
            artifacts.script("build-image", "--stage", directory, env=env, umask=mask)
            return {name: digest(directory / name) for name in ("system.tar", "program.tar", "arguments")}
        first, second = self.twice(make)
        self.assertEqual(first, second)

    def test_another_time_is_another_archive(self):
        """So that the comparison is one."""
        with tempfile.TemporaryDirectory() as directory:
            (pathlib.Path(directory) / "a").write_text("a")
            one, same, other = (hashlib.sha256(archive.tar(directory, "x", when)).hexdigest() for when in (1, 1, 2))
        self.assertEqual(one, same)
        self.assertNotEqual(one, other)

    def test_release_does_not_say_where_it_was_built(self):
        if artifacts.build().cache["CMAKE_BUILD_TYPE"] != "Release":
            self.skipTest("needs a build of the preset release: others keep paths for the debugger")
        for name in ("plimsoll", "plimsoll-oci", "plimsoll-launcher"):
            data = pathlib.Path(support.binary(name)).read_bytes()
            for place in (artifacts.build().source, artifacts.build().directory, artifacts.build().civetweb):
                self.assertNotIn(f"{place}/".encode(), data, name)


class Building(unittest.TestCase):
    def test_two_builds_in_two_places(self):
        if "PLIMSOLL_REPRODUCE" not in os.environ:
            self.skipTest("PLIMSOLL_REPRODUCE is not set: it builds everything twice")
        done = subprocess.run([artifacts.REPOSITORY / "scripts" / "reproduce"], capture_output=True, text=True, check=False)
        print(done.stdout)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertEqual(len([line for line in done.stdout.splitlines() if line.startswith("same ")]), 7)


if __name__ == "__main__":
    unittest.main(verbosity=2)
