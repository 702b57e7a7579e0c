# SPDX-License-Identifier: Apache-2.0
"""The runner of other projects' suites (tests/suites): how it reads what they print, and what it leaves on the host."""
import os
import pathlib
import subprocess
import sys
import tempfile
import time
import unittest
import xml.etree.ElementTree as xml
import unittest.mock

import sources

sys.path[:0] = [str(sources.REPOSITORY / "tests" / "suites"), str(sources.REPOSITORY / "tests" / "e2e")]
import sandbox  # noqa: E402
import support  # noqa: E402
import tap  # noqa: E402

CRUN = """1..5\r
ok 1 - plain # 0.029s\r
# Command failed: ok then\r
not ok 2 - broken # 1.500s\r
ok 3 - left-out #SKIP requires cgroup v2 # 0.003s\r
okay is no result
ok 4 - silent #SKIP  # 0.003s\r
"""
RUNTIME_TOOLS = """TAP version 13
ok 1 - create MUST fail # see https://x/config.md#mounts
  ---
  { "reference": "not ok 2" }
  ...
not ok 2 - wrong
ok 3 # SKIP needs a label
not ok 4 - unfinished # TODO later
ok 2 - printed by the program under test
1..4
"""
BATS = """1..3
ok 1 runc run [tty] in 120ms
ok 2 runc checkpoint # skip test requires criu
not ok 3 update cgroup limits
# (in test file update.bats, line 9)
"""


def lines(text, ended=""):
    return [(result.outcome, result.name, result.reason) for result in tap.parse("f", text, ended)]


class Reading(unittest.TestCase):
    def test_crun(self):
        self.assertEqual(lines(CRUN), [
            ("ok", "plain", ""), ("not ok", "broken", ""), ("skip", "left-out", "requires cgroup v2"),
            ("skip", "silent", ""), ("not ok", "test 5 of 5", "never reported")])

    def test_runtime_tools(self):
        self.assertEqual(lines(RUNTIME_TOOLS), [
            ("ok", "create MUST fail # see https://x/config.md#mounts", ""), ("not ok", "wrong", ""),
            ("skip", "test 3", "needs a label"), ("skip", "unfinished", "to do: later")])

    def test_bats(self):
        self.assertEqual(lines(BATS), [
            ("ok", "runc run [tty]", ""), ("skip", "runc checkpoint", "test requires criu"),
            ("not ok", "update cgroup limits", "")])

    def test_a_skipped_failure_is_a_failure(self):
        self.assertEqual(lines("1..1\nnot ok 1 - a # skip b\n"), [("not ok", "a", "b")])

    def test_a_file_without_tests(self):
        self.assertEqual(lines("1..0 # SKIP no module\n"), [("skip", "(the file)", "SKIP no module")])
        self.assertEqual(lines("panic: nil\n"), [("not ok", "(the file)", "reported no test")])
        self.assertEqual(lines(""), [("not ok", "(the file)", "reported no test")])

    def test_a_file_that_hung(self):
        found = lines("1..2\nok 1 - a\n", "hung: killed after 9 s")
        self.assertEqual(found, [("ok", "a", ""), ("not ok", "test 2 of 2", "never reported"),
                                 ("not ok", "(the file)", "hung: killed after 9 s")])
        self.assertEqual([r.name for r in tap.reported(tap.parse("f", "1..2\nok 1 - a\n", "hung"))], ["a"])

    def test_summary(self):
        self.assertEqual(tap.summary(tap.parse("f", CRUN)), "1 passed, 2 failed, 2 skipped")
        self.assertEqual(tap.summary([]), "0 passed, 0 failed, 0 skipped")


class Tables(unittest.TestCase):
    def test_there_and_back(self):
        results = tap.parse("a", CRUN) + tap.parse("b", "ok 1 tab\tin the name\n1..1\n")
        with tempfile.TemporaryDirectory() as directory:
            path = pathlib.Path(directory) / "t"
            tap.write(path, results, "a comment")
            self.assertEqual(tap.read(path), results)
            self.assertEqual(path.read_text().splitlines()[:2], ["# a comment", "ok\ta\tplain\t"])

    def test_comparison(self):
        mine = tap.parse("f", "ok 1 a\nok 2 b\nnot ok 3 c\nok 4 a\nok 5 mine\n1..5\n")
        other = tap.parse("f", "ok 1 a\nok 2 b # skip\nok 3 c\nnot ok 4 a\n1..4\n")
        self.assertEqual(tap.compare(mine, other), (
            [("f", "a", "not ok"), ("f", "b", "skip"), ("f", "mine", "not there")], [("f", "c", "not ok")]))
        self.assertEqual(tap.compare(mine, mine), ([], []))

    def test_as_junit_what_only_the_other_passes_is_failed(self):
        mine = tap.parse("f", "ok 1 a\nnot ok 2 b\nnot ok 3 c\nok 4 d # skip\nnot ok 5 mine\n1..5\n")
        other = tap.parse("f", "not ok 1 a\nok 2 b\nnot ok 3 c\nok 4 d\n1..4\n")
        found = [(case.get("name"), [child.tag for child in case]) for case in xml.fromstring(tap.junit(mine, other))]
        self.assertEqual(found, [("a", []), ("b", ["failure"]), ("c", ["skipped"]), ("d", ["skipped"]),
                                 ("mine", ["skipped"])])


@unittest.skipUnless(os.getuid() == 0 and os.path.isdir("/sys/fs/cgroup/freezer"), "needs root and cgroup v1")
class Place(unittest.TestCase):
    def run_in(self, script, limit=20, terminal=False, kind="v1"):
        with tempfile.TemporaryDirectory() as directory, sandbox.Sandbox(kind) as place:
            answer = place.run(["sh", "-c", script], directory, dict(os.environ), limit, terminal)
        self.assertEqual(self.left_on_the_host(), [])
        return answer, place

    def left_on_the_host(self):
        return [str(path) for where in sandbox.hierarchies()
                for path in pathlib.Path(where).glob(f"plimsoll-suite-{os.getpid()}")]

    def test_output_and_status(self):
        self.assertEqual(self.run_in("echo a; exit 3")[0], ("a\n", 3, ""))

    def test_it_is_a_terminal(self):
        (output, status, _), _ = self.run_in("test -t 0 && test -t 1 && : >/dev/tty && echo yes", terminal=True)
        self.assertEqual((output, status), ("yes\r\n", 0))

    def test_the_host_is_out_of_reach(self):
        def ours():  # other mounts of this machine come and go by themselves
            lines = subprocess.run(["findmnt", "-rno", "TARGET"], capture_output=True, text=True, check=True).stdout
            return [line for line in lines.splitlines() if line.startswith(("/sys/fs/cgroup", "/mnt"))]
        before, name = ours(), os.uname().nodename
        self.run_in("hostname changed; umount -R /sys/fs/cgroup; mount -t tmpfs x /mnt; ip link add d0 type dummy")
        self.assertEqual((ours(), os.uname().nodename), (before, name))

    def test_what_is_left_behind_is_told_and_removed(self):
        script = "for d in /sys/fs/cgroup/*/; do mkdir -p $d/left/below; done; " \
                 "sleep 60 & echo $! >$d/left/below/cgroup.procs"
        (_, status, ended), place = self.run_in(script)
        self.assertEqual((status, ended), (0, ""))
        self.assertTrue(place.leftovers)
        self.assertTrue(all(path.endswith(("/left", "/left/below")) for path in place.leftovers), place.leftovers)

    def test_what_hangs_is_killed_even_frozen(self):
        freeze = "mkdir /sys/fs/cgroup/freezer/f && echo 0 >/sys/fs/cgroup/freezer/f/tasks; sleep 60 & " \
                 "echo $! >/sys/fs/cgroup/freezer/f/tasks; echo FROZEN >/sys/fs/cgroup/freezer/f/freezer.state"
        (output, _, ended), _ = self.run_in(f"echo begun; {freeze}; sleep 60", limit=2)
        self.assertEqual((output.split("\n")[0], ended), ("begun", "hung: killed, the limit is 2 s"))

    def test_what_talks_is_no_hang_until_ten_times_the_limit(self):
        counting = "for i in 1 2 3 4; do sleep 1; echo $i; done"
        self.assertEqual(self.run_in(counting, limit=2)[0], ("1\n2\n3\n4\n", 0, ""))
        with unittest.mock.patch.object(sandbox, "WHOLE", 2):
            (output, _, ended), _ = self.run_in("while sleep 0.1; do echo; done", limit=2)
        self.assertGreater(len(output), 10)
        self.assertIn("hung", ended)

    def test_kinds_of_hierarchies(self):
        for kind, expected in (("v1", "no no"), ("hybrid", "no yes"), ("v2", "yes no")):
            script = 'for f in . unified; do test -e /sys/fs/cgroup/$f/cgroup.procs && echo yes || echo no; done'
            output = self.run_in(script, kind=kind)[0][0]
            if os.path.isdir("/sys/fs/cgroup/unified"):
                self.assertEqual(" ".join(output.split()), expected, kind)

    @unittest.skipUnless(os.path.isdir("/sys/fs/cgroup/unified"), "needs a unified tree")
    def test_version_2_hands_controllers_down(self):
        script = "cd /sys/fs/cgroup && cat cgroup.controllers cgroup.subtree_control && cat /proc/self/cgroup"
        lines = self.run_in(script, kind="v2")[0][0].split("\n")
        self.assertEqual(lines[0], lines[1])
        self.assertIn("0::/suite", lines)

    def test_it_refuses_to_work_on_the_host(self):
        host = os.readlink("/proc/self/ns/mnt")
        done = subprocess.run([sys.executable, sandbox.__file__, host, "v1", "notty", "true"], capture_output=True,
                              text=True, check=False)
        self.assertIn("refused", done.stderr)


class Skipping(unittest.TestCase):
    def test_without_a_checkout(self):
        bare = {name: value for name, value in os.environ.items() if not name.startswith("PLIMSOLL_")}
        for suite in ("crun", "runtime-tools", "runc-bats"):
            done = subprocess.run([sources.REPOSITORY / "tests/suites" / suite, "true"], env=bare, capture_output=True,
                                  text=True, check=False)
            self.assertEqual((done.returncode, done.stdout.split(":")[0]), (0, "skipped"), suite)


# Three tests, of which the second hangs: as crun's files have them.
HANGING = """import os, time
all_tests = {
    "first": 0,
    "second": 60,
    "third": 0,
}
wanted = os.getenv("RUN_TESTS", " ".join(all_tests)).split()
print(f"1..{len(wanted)}")
for number, name in enumerate(wanted, 1):
    time.sleep(all_tests[name])
    print(f"ok {number} - {name} # 0.1s")
"""


@unittest.skipUnless(os.getuid() == 0 and sandbox.hierarchies(), "needs root and cgroups")
class Running(unittest.TestCase):
    def setUp(self):
        holder = tempfile.TemporaryDirectory()
        self.addCleanup(holder.cleanup)
        self.directory = pathlib.Path(holder.name)
        for name, text in (("tests_utils.py", ""), ("init", ""), ("test_a.py", HANGING), ("test_b.py", "exit(4)")):
            (self.directory / name).write_text(text)

    def start_crun(self, *arguments):
        return subprocess.Popen([sources.REPOSITORY / "tests/suites/crun", "true", *arguments], text=True,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                env={**os.environ, "PLIMSOLL_CRUN_TESTS": str(self.directory)})

    def run_crun(self, *arguments):
        process = self.start_crun(*arguments)
        return subprocess.CompletedProcess(process.args, stdout=(texts := process.communicate())[0], stderr=texts[1],
                                           returncode=process.returncode)

    def test_a_hanging_test_costs_itself_only(self):
        done = self.run_crun("--limit", "2", "a")
        table = [line for line in done.stdout.splitlines() if "\t" in line]
        self.assertEqual(table, ["ok\ttest_a.py\tfirst\t", "not ok\ttest_a.py\tsecond\thung: killed, the limit is 2 s",
                                 "ok\ttest_a.py\tthird\t"])
        self.assertEqual((done.stdout.splitlines()[-1], done.returncode), ("2 passed, 1 failed, 0 skipped", 1))

    def test_an_end_from_outside_leaves_nothing(self):
        process = self.start_crun("a")
        groups = [pathlib.Path(f"{where}/plimsoll-suite-{process.pid}") for where in sandbox.hierarchies()]
        support.wait_until("its processes", lambda: groups[0].is_dir() and (groups[0] / "cgroup.procs").read_text())
        time.sleep(1)
        process.terminate()
        process.communicate(timeout=30)
        self.assertEqual((process.returncode, [group for group in groups if group.exists()]), (143, []))

    def test_what_only_the_other_passes(self):
        other = self.directory / "other"
        other.write_text("ok\ttest_b.py\tx\t\nok\ttest_a.py\tx\t\n")
        done = self.run_crun("test_b.py", "--compare", str(other), "--output", str(self.directory / "mine"))
        self.assertIn(f"1 passed in {other}, not here:\n  test_b.py  x  (not there)\n", done.stdout)
        self.assertIn("\t(the file)\treported no test", (self.directory / "mine").read_text())

    def test_an_unknown_file(self):
        done = self.run_crun("nothing")
        self.assertIn("no test file 'nothing'", done.stderr)
        self.assertNotEqual(done.returncode, 0)


class Mounts(unittest.TestCase):
    def test_the_stand_in_for_libmount(self):
        sys.path.insert(0, str(sources.REPOSITORY / "tests/suites/stand-in"))
        self.addCleanup(sys.path.pop, 0)
        import libmount
        with tempfile.NamedTemporaryFile("w") as file:
            file.write("30 1 0:5 / /var/dir rw,nosuid shared:4 - tmpfs tmpfs rw,size=1k\n"
                       "31 1 0:5 / /var/dir ro - tmpfs tmpfs rw\n32 1 0:5 / /a\\040b rw - proc proc rw,hidepid=2\n")
            file.flush()
            table = libmount.Table(file.name)
        self.assertEqual(table.find_target("/var/dir").vfs_options, "ro")
        self.assertEqual(table.find_target("/a b").fs_options, "rw,hidepid=2")
        self.assertIsNone(table.find_target("/var"))


if __name__ == "__main__":
    unittest.main(verbosity=2)
