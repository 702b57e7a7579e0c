# SPDX-License-Identifier: Apache-2.0
"""Runs unittest files and writes their results as JUnit XML: run_suite.py --junit OUT.xml FILE_test.py..."""
import argparse
import importlib.util
import pathlib
import sys
import time
import unittest
import xml.etree.ElementTree as xml


class Result(unittest.TextTestResult):
    """Remembers (name, kind, message, seconds) of each test; kind None = passed."""

    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        self.cases = {}
        self.began = {}

    def startTest(self, test):
        super().startTest(test)
        self.began[test.id()] = time.monotonic()

    def _note(self, test, kind, message):
        name = test.id()
        if kind is None and name in self.cases:
            return  # a failed subtest has decided already
        self.cases[name] = (kind, message, time.monotonic() - self.began.get(name, time.monotonic()))

    def addSuccess(self, test):
        super().addSuccess(test)
        self._note(test, None, "")

    def addFailure(self, test, err):
        super().addFailure(test, err)
        self._note(test, "failure", self._exc_info_to_string(err, test))

    def addError(self, test, err):
        super().addError(test, err)
        self._note(test, "failure", self._exc_info_to_string(err, test))

    def addSkip(self, test, reason):
        super().addSkip(test, reason)
        self._note(test, "skipped", reason)

    def addSubTest(self, test, subtest, err):
        super().addSubTest(test, subtest, err)
        if err is not None:
            self._note(test, "failure", f"{subtest}: {self._exc_info_to_string(err, test)}")

    def addExpectedFailure(self, test, err):
        super().addExpectedFailure(test, err)
        self._note(test, None, "")

    def addUnexpectedSuccess(self, test):
        super().addUnexpectedSuccess(test)
        self._note(test, "failure", "expected to fail, but passed")


def load(path):
    """All tests of a file; its own directory comes first in the module search path."""
    path = pathlib.Path(path).resolve()
    sys.path.insert(0, str(path.parent))
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    try:
        spec.loader.exec_module(module)
    except unittest.SkipTest as skip:
        return unittest.TestSuite([_single(path.stem, skip)])
    except Exception as error:  # a test file that does not load is a failed test, not the end of the suite
        return unittest.TestSuite([_single(path.stem, error)])
    return unittest.defaultTestLoader.loadTestsFromModule(module)


def _single(name, problem):
    def body():
        raise problem
    return unittest.FunctionTestCase(body, description=f"load {name}")


def write_junit(path, cases):
    root = xml.Element("testsuite", tests=str(len(cases)))
    for name, (kind, message, seconds) in cases.items():
        case = xml.SubElement(root, "testcase", name=name, time=f"{seconds:.3f}")
        if kind:
            xml.SubElement(case, kind, message="".join(c if c >= " " or c in "\n\t" else "?" for c in message))
    xml.ElementTree(root).write(path, encoding="unicode", xml_declaration=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--junit", required=True)
    parser.add_argument("files", nargs="+")
    options = parser.parse_args()
    suite = unittest.TestSuite(load(path) for path in options.files)
    runner = unittest.TextTestRunner(resultclass=Result, verbosity=2, stream=sys.stderr)
    result = runner.run(suite)
    write_junit(options.junit, result.cases)
    return 0 if result.wasSuccessful() else 1


if __name__ == "__main__":
    sys.exit(main())
