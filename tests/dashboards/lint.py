# SPDX-License-Identifier: Apache-2.0
"""Rules that each dashboard in dashboards/ keeps, and access to its expressions.

The shape checked is Grafana's dashboard JSON as file provisioning loads it (schema of version 10).
"""
import json
import re

VARIABLE = re.compile(r"\$\{?([A-Za-z_]\w*)\}?")
LABEL_VALUES = re.compile(r"label_values\((.*), *(\w+)\)")
QUOTED = re.compile(r'"[^"]*"')
COUNTER = re.compile(r"\b([a-z_][A-Za-z0-9_]*_total)\b")
RANGED = re.compile(r"\b(?:rate|irate|increase|delta|deriv)\(\s*$")
GRAFANA_VARIABLES = {"__rate_interval", "__range", "__interval"}
# Counters that are shown as they are, because the number itself is the message.
PLAIN_COUNTERS = {"plimsoll_exited_containers_total"}


def load(path):
    with open(path, encoding="utf-8") as file:
        return json.load(file)


def panels(dashboard):
    """All panels that show data, those inside collapsed rows too."""
    for panel in dashboard.get("panels", []):
        if panel.get("type") == "row":
            yield from panel.get("panels", [])
        else:
            yield panel


def expressions(dashboard):
    """(panel title, refId, expression) of every query."""
    for panel in panels(dashboard):
        for target in panel.get("targets", []):
            yield panel.get("title", "?"), target.get("refId", "?"), target.get("expr", "")


def label_queries(dashboard):
    """(variable, selector, label) of every variable that is filled from a label's values."""
    for variable in dashboard.get("templating", {}).get("list", []):
        match = LABEL_VALUES.fullmatch(variable.get("definition", ""))
        if match:
            yield variable["name"], match.group(1), match.group(2)


def expand(expression, values):
    """The expression with its variables replaced; KeyError names one that has no value."""
    return VARIABLE.sub(lambda match: values[match.group(1)], expression)


def lint(dashboard):
    """Complaints, one string each; empty when the dashboard keeps every rule."""
    found = [*lint_header(dashboard), *lint_layout(dashboard)]
    names = {variable.get("name") for variable in dashboard.get("templating", {}).get("list", [])} | GRAFANA_VARIABLES
    for panel in panels(dashboard):
        found += ["%s: %s" % (panel.get("title") or "panel %s" % panel.get("id"), what) for what in lint_panel(panel, names)]
    return found


def lint_header(dashboard):
    if not dashboard.get("title") or not dashboard.get("uid"):
        yield "title and uid must be set: provisioning and links need them"
    if dashboard.get("id", 0) is not None:
        yield "id must be null: Grafana gives its own"
    if dashboard.get("editable") is not False:
        yield "editable must be false: provisioned files win over edits anyway"
    if dashboard.get("schemaVersion", 0) < 38:
        yield "schemaVersion is older than Grafana 10"
    variables = {variable.get("name"): variable for variable in dashboard.get("templating", {}).get("list", [])}
    for name in ("datasource", "job", "instance"):
        if name not in variables:
            yield "variable %s is missing" % name
    for name, variable in variables.items():
        if variable.get("type") == "query":
            if variable.get("refresh") != 2:
                yield "variable %s must reload when the time range changes" % name
            yield from lint_datasource("variable " + name, variable)


def lint_layout(dashboard):
    seen_ids, cells = set(), {}
    for panel in dashboard.get("panels", []):
        where = panel.get("gridPos", {})
        if panel.get("id") in seen_ids:
            yield "panel id %s is used twice" % panel.get("id")
        seen_ids.add(panel.get("id"))
        if where.get("x", 0) + where.get("w", 99) > 24:
            yield "%s: wider than the 24 columns" % panel.get("title")
        for x in range(where.get("x", 0), where.get("x", 0) + where.get("w", 0)):
            for y in range(where.get("y", 0), where.get("y", 0) + where.get("h", 0)):
                other = cells.setdefault((x, y), panel.get("title"))
                if other != panel.get("title"):
                    yield "%s: lies over %s" % (panel.get("title"), other)
                    return


def lint_panel(panel, names):
    if not panel.get("title"):
        yield "no title"
    if len(panel.get("description") or "") < 20:
        yield "no description that says anything"
    if not panel.get("fieldConfig", {}).get("defaults", {}).get("unit"):
        yield "no unit"
    if not panel.get("targets"):
        yield "no query"
    yield from lint_datasource("panel", panel)
    refs = [target.get("refId") for target in panel.get("targets", [])]
    if len(set(refs)) != len(refs):
        yield "a refId is used twice"
    for target in panel.get("targets", []):
        yield from lint_datasource("query " + str(target.get("refId")), target)
        yield from lint_expression(target.get("expr", ""), names)


def lint_datasource(what, holder):
    source = holder.get("datasource") or {}
    if source.get("uid") != "${datasource}":
        yield "%s: datasource must be ${datasource}, not %r" % (what, source.get("uid"))


def lint_expression(expression, names):
    if not expression.strip():
        yield "empty expression"
    for name in VARIABLE.findall(expression):
        if name not in names:
            yield "unknown variable $%s" % name
    for window in re.findall(r"\[([^\]]*)\]", QUOTED.sub("", expression)):
        if window not in ("$__rate_interval", "$__range"):
            yield "fixed window [%s]: use $__rate_interval" % window
    for match in COUNTER.finditer(expression):
        if match.group(1) not in PLAIN_COUNTERS and not RANGED.search(expression[: match.start()]):
            if not in_set_operator(expression, match.start()):
                yield "%s is a counter: only under rate or increase" % match.group(1)
    if expression and 'job="$job"' not in expression:
        yield "expression is not limited to the chosen job"


def in_set_operator(expression, at):
    """Whether the selector at `at` is the total of an ended container, whose counters stand still."""
    return "and on (id) plimsoll_container_exit_code" in expression[at:]
