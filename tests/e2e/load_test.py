# SPDX-License-Identifier: Apache-2.0
"""plimsoll-load tells the truth: its own counts against the kernel's and against the file and socket."""
import json
import os
import pathlib
import resource
import socket
import subprocess
import tempfile
import threading
import unittest

import support


class Load(unittest.TestCase):
    def setUp(self):
        self.program = support.binary("plimsoll-load")

    def load(self, *words):
        return subprocess.run([self.program, *map(str, words)], text=True, capture_output=True, check=False,
                              timeout=120 * support.TIME_FACTOR)

    def report(self, *words):
        done = self.load(*words)
        self.assertEqual(done.returncode, 0, done.stderr)
        return json.loads(done.stdout.splitlines()[-1])

    def test_cpu_is_what_the_kernel_charged(self):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        report = self.report("cpu", 0.4)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        charged = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        self.assertGreaterEqual(report["cpu_seconds"], 0.4)
        self.assertAlmostEqual(report["cpu_seconds"], charged, delta=0.012 * support.TIME_FACTOR)

    def test_memory_is_resident_while_it_is_held(self):
        with subprocess.Popen([self.program, "memory", "32m", "60"], stdout=subprocess.PIPE, text=True) as process:
            report = json.loads(process.stdout.readline())
            status = pathlib.Path(f"/proc/{process.pid}/status").read_text()
            process.kill()
        resident = int(status.split("RssAnon:")[1].split()[0]) * 1024
        self.assertEqual(report["resident_bytes"], 32 << 20)
        self.assertAlmostEqual(resident, 32 << 20, delta=1 << 20)

    def test_written_bytes_are_in_the_file(self):
        place = support.Workspace()
        self.addCleanup(place.close)
        file = pathlib.Path(place.disk_directory()) / "file"
        report = self.report("write", file, "1m")
        self.assertEqual((report["written_bytes"], file.stat().st_size), (1 << 20, 1 << 20))
        self.assertEqual(set(file.read_bytes()), {ord("p")})

    def test_sent_bytes_arrive(self):
        port = support.free_port()
        received = {}
        thread = threading.Thread(target=lambda: received.update(self.report("receive", "127.0.0.1", port)))
        thread.start()
        sent = self.report("send", "127.0.0.1", port, 300_001)
        thread.join()
        self.assertEqual((sent["sent_bytes"], received["received_bytes"]), (300_001, 300_001))

    def test_lines_and_codes(self):
        done = self.load("print", 3, 0)
        self.assertEqual(done.stdout, 'line 1\nline 2\nline 3\n{"lines":3}\n')
        self.assertEqual(self.load("exit", 9).returncode, 9)
        self.assertEqual(self.report("fork", 5), {"forked": 5})

    def test_bad_input_is_named(self):
        for words, part in ((["cpu", "much"], "'much'"), (["memory", "-1", "1"], "'-1'"), (["write", "/no/dir/f", "1m"], "/no/dir/f"),
                            (["write", "/tmp/x", "1000"], "65536"), (["send", "here", 1, 1], "'here'"),
                            (["send", "127.0.0.1", 65536, 1], "'65536'"), (["sleep", "-5"], "'-5'"), (["fork", "x"], "'x'")):
            with self.subTest(words):
                done = self.load(*words)
                self.assertEqual((done.returncode, done.stdout, len(done.stderr.splitlines())), (1, "", 1))
                self.assertIn(part, done.stderr)
        for words in ([], ["bogus"], ["cpu"], ["cpu", 1, 2]):
            self.assertEqual(self.load(*words).returncode, 2)


if __name__ == "__main__":
    unittest.main(verbosity=2)
