# SPDX-License-Identifier: Apache-2.0
"""The test tools themselves: a result that is miscounted would make every other test worthless."""
import pathlib
import subprocess
import sys
import tempfile
import unittest

import sources

sys.path[:0] = [str(sources.REPOSITORY / "tests" / "tools"), str(sources.REPOSITORY / "tests" / "e2e")]
import results  # noqa: E402
import support  # noqa: E402

CTEST = """<?xml version="1.0"?><testsuite name="x" tests="4" failures="1" disabled="0" skipped="1">
<testcase name="unit.a" classname="unit.a" status="run"/>
<testcase name="unit.b" classname="unit.b" status="fail"><failure message="Failed"/>
  <system-out>x_test.cpp:7: Failure
Expected equality</system-out></testcase>
<testcase name="unit.c" classname="unit.c" status="notrun"><skipped message="SKIP_REGULAR_EXPRESSION_MATCHED"/>
  <system-out>[ RUN      ] c
/x/c_test.cpp:3: Skipped
needs CAP_SYS_RESOURCE

[  SKIPPED ] c (0 ms)</system-out></testcase>
<testcase name="unit.d" classname="unit.d" status="notrun"><skipped message="Unable to find executable"/></testcase>
<testcase name="unit.e" classname="unit.e" status="fail"><failure message=""/><system-out>[ RUN      ] e
</system-out></testcase>
<testcase name="unit.f" classname="unit.f" status="disabled"><system-out>Disabled</system-out></testcase></testsuite>"""
GTEST = """<testsuites tests="3" failures="1"><testsuite name="S" tests="3">
<testcase name="A" status="run" result="completed" classname="S"/>
<testcase name="B" status="run" result="completed" classname="S"><failure message="m"/></testcase>
<testcase name="C" status="run" result="skipped" classname="S"><skipped message="f.cpp:1&#x0A;needs v2"/></testcase>
</testsuite></testsuites>"""


class Counting(unittest.TestCase):
    def setUp(self):
        holder = tempfile.TemporaryDirectory()
        self.addCleanup(holder.cleanup)
        self.directory = pathlib.Path(holder.name)

    def outcomes(self, text):
        (self.directory / "x.xml").write_text(text)
        return [(name, word, why) for _, name, word, why in results.cases(self.directory)]

    def test_ctest(self):
        self.assertEqual(self.outcomes(CTEST), [
            ("unit.a", "passed", ""), ("unit.b", "failed", "x_test.cpp:7: Failure"),
            ("unit.c", "skipped", "needs CAP_SYS_RESOURCE"), ("unit.d", "failed", "its executable is missing"),
            ("unit.e", "failed", "[ RUN      ] e (its last line)"), ("unit.f", "skipped", "disabled")])

    def test_googletest(self):
        self.assertEqual(self.outcomes(GTEST), [
            ("S.A", "passed", ""), ("S.B", "failed", "m"), ("S.C", "skipped", "needs v2")])
        self.assertEqual(results.count(self.directory), [1, 1, 1])

    def test_a_truncated_file_is_a_failure(self):
        self.assertEqual([word for _, word, _ in self.outcomes(GTEST[:100])], ["failed"])
        self.assertEqual([word for _, word, _ in self.outcomes("")], ["failed"])

    def test_nothing_is_nothing(self):
        self.assertEqual(results.count(self.directory), [0, 0, 0])

    def test_note(self):
        results.note(self.directory / "n.xml", "guest", "skipped", "no qemu & <no> kvm")
        self.assertEqual(list(results.cases(self.directory)), [("n", "guest", "skipped", "no qemu & <no> kvm")])

    def run_python(self, body):
        """Outcomes of a unittest file with this body, through run_suite.py; and its exit code."""
        test = self.directory / "sample_test.py"
        test.write_text(body)
        done = subprocess.run([sys.executable, sources.REPOSITORY / "tests/tools/run_suite.py", "--junit",
                               self.directory / "r.xml", test], capture_output=True, check=False)
        return [word for _, _, word, _ in results.cases(self.directory)], done.returncode

    def test_python_tests(self):
        words, code = self.run_python("""import unittest
class T(unittest.TestCase):
    def test_a(self): pass
    def test_b(self): self.fail("b")
    def test_c(self): raise unittest.SkipTest("c")
    def test_d(self): raise OSError("d")
    def test_e(self):
        for n in range(3):
            with self.subTest(n): self.assertNotEqual(n, 1)
""")
        self.assertEqual((sorted(words), code), (["failed"] * 3 + ["passed", "skipped"], 1))

    def test_a_file_that_does_not_load_is_a_failure(self):
        self.assertEqual(self.run_python("import no_such_module\n"), (["failed"], 1))
        self.assertEqual(self.run_python("def x(:\n"), (["failed"], 1))

    def test_a_class_that_is_skipped_as_a_whole(self):
        words, code = self.run_python("""import unittest
class T(unittest.TestCase):
    @classmethod
    def setUpClass(cls): raise unittest.SkipTest("needs root")
    def test_a(self): pass
""")
        self.assertEqual((words, code), (["skipped"], 0))


class Support(unittest.TestCase):
    def test_samples(self):
        text = '# HELP a {x="1"} 2\na{x="q\\"\\\\,}",y="line\\nend"} 1\nb 2.5e3\nc{} NaN\n'
        first, second, third = support.parse_samples(text)
        self.assertEqual(first, ("a", {"x": 'q"\\,}', "y": "line\nend"}, 1.0))
        self.assertEqual(second, ("b", {}, 2500.0))
        self.assertNotEqual(third[2], third[2])
        with self.assertRaises(AssertionError):
            support.parse_samples("a b c\n")

    def test_waiting_ends(self):
        self.assertEqual(support.wait_until("x", iter([0, None, 7]).__next__, timeout=5, interval=0), 7)
        with self.assertRaisesRegex(AssertionError, "the thing"):
            support.wait_until("the thing", lambda: False, timeout=0.01, interval=0)

    def test_nobody_answers(self):
        self.assertEqual(support.http_get(f"http://127.0.0.1:{support.free_port()}/", timeout=2)[0], 0)

    def test_removal_refuses_mounts(self):
        self.assertIn("/proc", support.mounts_below("/proc"))
        with self.assertRaisesRegex(AssertionError, "still mounted"):
            support.remove_tree("/proc")


if __name__ == "__main__":
    unittest.main(verbosity=2)
