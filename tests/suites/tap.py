# SPDX-License-Identifier: Apache-2.0
"""Results of other projects' test suites: reads what they print (TAP, https://testanything.org: version 12 as crun,
runtime-tools and bats write it) into one table, counts it, and compares two tables.

tap.py count TABLE           N passed, N failed, N skipped
tap.py compare TABLE OTHER   the tests that only one of them passes
tap.py junit TABLE OTHER     JUnit XML: failed is what only OTHER passes; what neither passes is skipped

A table has one line for each test: `ok`, `not ok` or `skip`, the file, the test's name, a reason; between them tabs.
"""
import collections
import contextlib
import re
import sys
import xml.etree.ElementTree as xml

OUTCOMES = {"ok": "passed", "not ok": "failed", "skip": "skipped"}
FILE, NEVER = "(the file)", "never reported"  # the name of what is no single test; the reason of what has no result
Result = collections.namedtuple("Result", "outcome file name reason")

_PLAN = re.compile(r"1\.\.(\d+)(.*)$")
_LINE = re.compile(r"(not ok|ok)\b(?:[ \t]+(\d+))?[ \t]*(?:- )?[ \t]*(.*)$")
_DIRECTIVE = re.compile(r"(?:^|\s)#\s*(skip|todo)\w*\b:?\s*(.*)$", re.I)
_TIME = re.compile(r"\s*(?:#\s*[\d.]+s|in \d+ms)\s*$")


def parse(file, text, ended=""):
    """Every test of one file. `ended` says what went wrong with the file as a whole (hung, killed), or nothing.

    What the plan promises and nobody reported is failed: a file that dies early must not look better than one that
    runs to its end.
    """
    results, seen, planned, plan_reason = [], set(), None, ""
    for line in text.replace("\r", "").split("\n"):
        if plan := _PLAN.match(line):
            planned, plan_reason = int(plan[1]), plan[2].strip(" #")
        elif found := _LINE.match(line):
            number = int(found[2]) if found[2] else len(results) + 1
            if number not in seen:  # a program under test can print `ok` too
                seen.add(number)
                results.append(_result(file, number, found[1], found[3]))
    missing = [n for n in range(1, (planned or 0) + 1) if n not in seen]
    results += [Result("not ok", file, f"test {n} of {planned}", NEVER) for n in missing]
    if ended or (planned is None and not results):
        results.append(Result("not ok", file, FILE, ended or "reported no test"))
    elif not results:
        results.append(Result("skip", file, FILE, plan_reason))
    return results


def _result(file, number, outcome, rest):
    name, reason = _TIME.sub("", rest), ""
    if directive := _DIRECTIVE.search(name):
        name, reason = name[:directive.start()], f"{directive[2]}".strip()
        if directive[1].lower() == "todo":
            reason = f"to do: {reason}"
        if outcome == "ok" or directive[1].lower() == "todo":
            outcome = "skip"
    return Result(outcome, file, " ".join(name.split()) or f"test {number}", " ".join(reason.split()))


def reported(results):
    """Those that the file itself reported."""
    return [result for result in results if result.name != FILE and result.reason != NEVER]


def count(results):
    return collections.Counter(OUTCOMES[result.outcome] for result in results)


def summary(results):
    n = count(results)
    return f"{n['passed']} passed, {n['failed']} failed, {n['skipped']} skipped"


def write(path, results, *comments):
    """To standard output, without a path."""
    with open(path, "w") if path else contextlib.nullcontext(sys.stdout) as file:
        file.writelines(f"# {comment}\n" for comment in comments)
        file.writelines("\t".join(field.replace("\t", " ") for field in result) + "\n" for result in results)


def read(path):
    with open(path) as file:
        lines = [line.rstrip("\n") for line in file if line.strip() and not line.startswith("#")]
    return [Result(*(line.split("\t") + [""] * 4)[:4]) for line in lines]


def _outcomes(results):
    """{(file, name, how many of that name came before): outcome}"""
    before = collections.Counter()
    found = {}
    for result in results:
        key = (result.file, result.name)
        found[*key, before[key]] = result.outcome
        before[key] += 1
    return found


def compare(mine, other):
    """Two lists of (file, name, the other's outcome): the tests that only `mine`, and that only `other` passes."""
    a, b = _outcomes(mine), _outcomes(other)

    def only(x, y):
        return [(file, name, y.get((file, name, n), "not there"))
                for (file, name, n), outcome in sorted(x.items()) if outcome == "ok" and y.get((file, name, n)) != "ok"]
    return only(a, b), only(b, a)


def print_comparison(mine, other, other_name):
    only_mine, only_other = compare(mine, other)
    titles = f"passed here, not in {other_name}", f"passed in {other_name}, not here"
    for title, found in zip(titles, (only_mine, only_other)):
        print(f"{len(found)} {title}" + (":" if found else ""))
        for file, name, outcome in found:
            print(f"  {file}  {name}  ({outcome})")


def junit(mine, other):
    """The results as JUnit XML. No runtime passes every test: what another one does not pass either is skipped."""
    theirs, root = _outcomes(other), xml.Element("testsuite")
    for key, outcome in _outcomes(mine).items():
        case = xml.SubElement(root, "testcase", classname=key[0], name=key[1])
        if outcome == "ok":
            continue
        failed = outcome == "not ok" and theirs.get(key) == "ok"
        xml.SubElement(case, "failure" if failed else "skipped",
                       message=f"{outcome}; the other runtime: {theirs.get(key, 'not there')}")
    return xml.tostring(root, encoding="unicode")


def main(arguments):
    match arguments:
        case ["count", table]:
            print(summary(read(table)))
        case ["compare", table, other]:
            print_comparison(read(table), read(other), other)
        case ["junit", table, other]:
            print(junit(read(table), read(other)))
        case _:
            sys.exit(__doc__)


if __name__ == "__main__":
    main(sys.argv[1:])
