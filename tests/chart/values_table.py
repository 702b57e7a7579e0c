#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The table of values in the chart's README, made of values.yaml: a key's text is the comment above it.

    tests/chart/values_table.py --write     # puts it into the README
"""

import json
import pathlib
import re
import sys

import yaml

CHART = pathlib.Path(__file__).resolve().parents[2] / "helm" / "plimsoll"
MARKED = re.compile(r"(<!-- values: [^\n]*-->\n).*?(<!-- /values -->)", re.S)


def keys(text):
    """[(path, comment, is a leaf)] of values.yaml in its order: two blanks a level, `key:` or `key: value`."""
    found, path, comment = [], [], []
    for line in text.splitlines():
        match = re.match(r"( *)([A-Za-z]+):(.*)$", line)
        if re.match(r" *# ---", line) or not line.strip():
            comment = []
        elif line.lstrip().startswith("# "):
            comment.append(line.strip()[2:])
        elif match:
            path = path[:len(match[1]) // 2] + [match[2]]
            found.append((tuple(path), " ".join(comment)))
            comment = []
    return found


def value_at(values, path):
    for key in path:
        values = values[key]
    return values


def rows():
    """[(dotted path, default, text)]: what has a comment; below it, nothing."""
    text = (CHART / "values.yaml").read_text()
    values, found, covered = yaml.safe_load(text), [], ()
    for path, comment in keys(text):
        if covered and path[:len(covered)] == covered:
            continue
        covered = ()
        value = value_at(values, path)
        if comment:
            covered = path
            found.append((".".join(path), value, comment))
        elif not isinstance(value, dict) or not value:
            raise LookupError(f"{'.'.join(path)} has no comment above it")
    return found


def table():
    lines = ["| value | default | |", "|---|---|---|"]
    for name, value, text in rows():
        shown = json.dumps(value) if not isinstance(value, str) or not value else value
        cells = [f"`{name}`", f"`{shown}`" if shown != '""' else "", text]
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(lines) + "\n"


def readme():
    """The README as it should be."""
    return MARKED.sub(lambda found: found[1] + table() + found[2], (CHART / "README.md").read_text())


if __name__ == "__main__":
    if sys.argv[1:] != ["--write"]:
        sys.exit(__doc__)
    (CHART / "README.md").write_text(readme())
