# SPDX-License-Identifier: Apache-2.0
"""Results of test runs as JUnit XML, whoever wrote it: ctest, GoogleTest or run_suite.py.

results.py count DIRECTORY            "PASSED FAILED SKIPPED" of every *.xml in it
results.py list DIRECTORY             one line for each failed or skipped test, with the reason
results.py note FILE NAME failure|skipped REASON    writes a file with this one test in it
"""
import pathlib
import re
import sys
import xml.etree.ElementTree as xml


def cases(directory):
    """(file, name, outcome, reason) of every test; outcome is passed, failed or skipped."""
    for path in sorted(pathlib.Path(directory).glob("*.xml")):
        try:
            root = xml.parse(path).getroot()
        except xml.ParseError as error:  # the program that wrote it was killed
            yield path.stem, path.stem, "failed", f"broken result file: {error}"
            continue
        for case in root.iter("testcase"):
            name = case.get("name")
            if case.get("classname") not in (None, name):
                name = f"{case.get('classname')}.{name}"
            yield path.stem, name, *outcome(case)


def outcome(case):
    if case.get("status") == "disabled" or case.get("result") == "suppressed":
        return "skipped", "disabled"
    skipped = case.find("skipped")
    if skipped is not None and skipped.get("message") == "Unable to find executable":
        return "failed", "its executable is missing"
    if skipped is not None:
        return "skipped", reason(case, skipped)
    found = next((case.find(tag) for tag in ("failure", "error") if case.find(tag) is not None), None)
    if found is not None or case.get("status") in ("fail", "notrun"):
        return "failed", reason(case, case if found is None else found)
    return "passed", ""


def reason(case, found):
    """One line. ctest keeps what the test printed and adds nothing of its own; the others say it themselves."""
    output = case.findtext("system-out") or ""
    skipped = re.search(r": Skipped\n(.*)", output)
    told = [line for line in output.splitlines()
            if re.search(r": Failure$|runtime error:|ERROR: \w+Sanitizer|WARNING: ThreadSanitizer", line)]
    message = skipped[1] if skipped else found.get("message") or found.text or ""
    if output and not skipped:
        message = "\n".join(told[:3]) or (output.splitlines() or [""])[-1] + " (its last line)"
    lines = [line.strip() for line in message.splitlines() if line.strip()]
    if found.tag != "skipped" and lines and lines[0].startswith("Traceback"):
        lines = lines[-1:]  # of a Python exception
    if found.tag == "skipped" and len(lines) > 1 and re.search(r"\.(cpp|h):\d+$", lines[0]):
        lines = lines[1:]
    return " | ".join(lines)[:400] or "no reason given"


def note(path, name, kind, why):
    root = xml.Element("testsuite", tests="1")
    xml.SubElement(xml.SubElement(root, "testcase", name=name), kind, message=why)
    xml.ElementTree(root).write(path, encoding="unicode", xml_declaration=True)


def count(directory):
    words = [word for _, _, word, _ in cases(directory)]
    return [words.count(word) for word in ("passed", "failed", "skipped")]


def main(arguments):
    match arguments:
        case ["count", directory]:
            print(*count(directory))
        case ["list", directory]:
            for file, name, word, why in cases(directory):
                if word != "passed":
                    print(f"  {word}: {file}: {name}: {why}")
        case ["note", path, name, ("failure" | "skipped") as kind, why]:
            note(path, name, kind, why)
        case _:
            print(__doc__, file=sys.stderr)
            return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
