# SPDX-License-Identifier: Apache-2.0
"""What the suites have in common: arguments, one sandbox and one time limit for each file, the table at the end."""
import argparse
import os
import pathlib
import shutil
import signal
import sys
import tempfile
import time

import sandbox
import tap


def arguments(description, limit=60):
    options = argparse.ArgumentParser(description=description)
    options.add_argument("runtime", help="path or name of the OCI runtime")
    options.add_argument("files", nargs="*", help="test files, by name; default: all")
    options.add_argument("--output", metavar="TABLE", help="write the results there (default: standard output)")
    options.add_argument("--compare", metavar="TABLE", help="list what only this run or only that table passes")
    options.add_argument("--logs", metavar="DIRECTORY", help="keep what each file printed")
    options.add_argument("--limit", type=int, default=limit, metavar="SECONDS",
                         help="a test may be silent for; ten times that for a file (default: %(default)s)")
    options.add_argument("--hierarchy", choices=sandbox.KINDS, default=sandbox.usual_kind(),
                         help="cgroups the tests see (default: %(default)s)")
    return options.parse_intermixed_args()


def checkout(variable, needed, what):
    """The checkout that the variable names. Without it the suite is skipped, which is no failure."""
    value = os.environ.get(variable)
    if not value:
        print(f"skipped: {variable} is not set; it names {what} (see tests/suites/README.md)")
        sys.exit(0)
    path = pathlib.Path(value).resolve()
    if missing := [name for name in needed if not (path / name).exists()]:
        sys.exit(f"{variable}={value}: no {missing[0]} there; see tests/suites/README.md")
    return path


def runtime_path(name):
    found = shutil.which(name)
    if not found:
        sys.exit(f"no executable '{name}'; name the runtime by its path")
    return os.path.abspath(found)


def choose(available, chosen):
    """`available`: {name: path}; all of them, or those that were named with or without path and suffix."""
    if not chosen:
        return available
    def plain(name):
        return pathlib.Path(name).stem.removeprefix("test_")
    wanted = {plain(name) for name in chosen}
    if unknown := wanted - {plain(name) for name in available}:
        sys.exit(f"no test file '{sorted(unknown)[0]}'; there are: {' '.join(sorted(available))}")
    return {name: path for name, path in available.items() if plain(name) in wanted}


class Run:
    """One run of a suite: a file at a time, each in a sandbox of its own."""

    def __init__(self, options, environment, terminal):
        self._options, self._terminal = options, terminal
        self._environment = {**os.environ, "PYTHONUNBUFFERED": "1", "LANG": "C.UTF-8", **environment}
        self._results, self._leftovers = [], []
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the sandbox is cleared away

    def file(self, name, command, cwd=None, tests=(), only=None):
        """Runs one file, in `cwd` or a fresh directory. With the names of its `tests`, in their order, one that hangs
        costs itself only: the file goes on with `only(those behind it)`, which returns a command and variables."""
        results, output, begin, left, variables = [], "", time.monotonic(), list(tests), {}
        while True:
            text, status, ended = self._once(name, command, cwd, variables)
            output += text
            found = tap.parse(name, text, ended)
            if not ended.startswith("hung") or not left:
                results += found
                break
            reported = tap.reported(found)
            left = left[len(reported):]
            results += reported + [tap.Result("not ok", name, left[0] if left else tap.FILE, ended)]
            left = left[1:]
            if not left:
                break
            command, variables = only(left)
        if status != 0 and not ended and all(result.outcome != "not ok" for result in results):
            results.append(tap.Result("not ok", name, tap.FILE, f"ended with {status}"))
        self._note(name, results, output, time.monotonic() - begin)

    def _once(self, name, command, cwd, variables):
        options = self._options
        with tempfile.TemporaryDirectory(prefix="plimsoll-suite-", ignore_cleanup_errors=True) as scratch:
            os.chmod(scratch, 0o755)  # other users' containers come through here
            with sandbox.Sandbox(options.hierarchy) as place:
                answer = place.run(command, cwd or scratch, {**self._environment, **variables, "TMPDIR": scratch},
                                   options.limit, self._terminal)
        self._leftovers += [f"{name}: {path}" for path in place.leftovers]
        return answer

    def _note(self, name, results, output, seconds):
        if self._options.logs:
            os.makedirs(self._options.logs, exist_ok=True)
            (pathlib.Path(self._options.logs) / f"{name}.log").write_text(output)
        self._results += results
        print(f"{name:34} {tap.summary(results)}  ({seconds:.1f} s)", file=sys.stderr, flush=True)

    def finish(self, suite, begin):
        """Writes the table, prints the rest, and returns the exit status."""
        results, options = self._results, self._options
        comments = (f"{suite}: {options.runtime}, cgroups {options.hierarchy}, {time.monotonic() - begin:.0f} s",
                    tap.summary(results))
        tap.write(options.output, results, *comments)
        if options.compare:
            ran = {result.file for result in results}
            others = [other for other in tap.read(options.compare) if other.file in ran]
            tap.print_comparison(results, others, options.compare)
        if self._leftovers:
            print(f"{len(self._leftovers)} cgroups were left behind (and are removed), such as {self._leftovers[0]}")
        print(f"hung: {sum(result.reason.startswith('hung') for result in results)}")
        print(tap.summary(results))
        return 0 if tap.count(results)["failed"] == 0 else 1


def require_root():
    if os.getuid() != 0:
        print("skipped: needs root")
        sys.exit(0)
