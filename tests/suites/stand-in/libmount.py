# SPDX-License-Identifier: Apache-2.0
"""The few lines of util-linux' libmount binding that crun's test_mounts.py uses: Debian builds none. Reads a table in
the format of /proc/PID/mountinfo (proc(5))."""
import re


class _FileSystem:
    def __init__(self, line):
        mounted, _, behind = line.partition(" - ")
        fields = mounted.split()
        self.target = re.sub(r"\\([0-7]{3})", lambda octal: chr(int(octal[1], 8)), fields[4])
        self.vfs_options = fields[5]
        self.fs_options = behind.split()[2]


class Table:
    def __init__(self, path):
        with open(path) as file:
            self._all = [_FileSystem(line) for line in file if " - " in line]

    def find_target(self, path):
        """The topmost of the file systems that are mounted there, or None."""
        return next((found for found in reversed(self._all) if found.target == path), None)
