# SPDX-License-Identifier: Apache-2.0
"""Rules that each dashboard in dashboards/ keeps, and access to its expressions.

The shape checked is Grafana's dashboard JSON as file provisioning loads it (schema of version 10).
"""
import functools
import json
import pathlib
import re

import grafana

DOCS = pathlib.Path(__file__).resolve().parents[2] / "docs"
QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"')
SELECTOR = re.compile(r"\b((?:node|container|machine|plimsoll|process|scrape|cadvisor|go|promhttp)_\w+|up)\b(\s*\{[^}]*\})?")
# What may stand before a counter: count() does not look at the value.
RANGED = re.compile(r"\b(?:rate|increase|changes|min_over_time|count(?: by \([\w, ]*\) )?)\(\s*$")
LEGEND = re.compile(r"\{\{\s*([A-Za-z_]\w*)\s*\}\}")
LABEL_IN_LINK = re.compile(r"\$\{__field\.labels\.(\w+)")
FIELD_IN_LINK = re.compile(r"\$\{__data\.fields\.(\w+)")
LINK = re.compile(r"/d/([\w-]+)\?")
NAMED_VARIABLE = re.compile(r"[?&]var-(\w+)=")
WINDOWS = ("$__rate_interval", "$__range")
SLOW_WINDOW = re.compile(r"\b(?:deriv|predict_linear)\([^\[]*\[\d+h\]")  # trends need hours, whatever is looked at
UNITS = {"short", "none", "percentunit", "s", "bytes", "Bps", "bps", "pps", "ops", "iops", "reqps", "hertz", "celsius", "watt",
         "bits",
         "dateTimeFromNow"}
# Counters that are shown as they are, because the number itself is the message.
PLAIN_COUNTERS = {"plimsoll_exited_containers_total", "plimsoll_exited_containers_failed_total",
                  "plimsoll_container_restarts_total",
                  "plimsoll_container_finals_missed_total", "plimsoll_container_births_missed_total",
                  "node_kernel_hung_tasks_total"}
# Prometheus makes these itself, of every target.
MADE_BY_PROMETHEUS = {"up", "scrape_duration_seconds", "scrape_samples_scraped"}
MAX_BYTES = 900 * 1024  # of a file: what fits into a ConfigMap, with room for its head


def load(path):
    with open(path, encoding="utf-8") as file:
        return json.load(file)


@functools.cache
def documented():
    """{family: type} of the tables in the documentation."""
    row = re.compile(r"^\| `([a-z_A-Z0-9]+)` \| (counter|gauge|untyped|histogram|summary) \|", re.M)
    return {name: kind for file in ("METRICS.md", "HOST.md") for name, kind in row.findall((DOCS / file).read_text())}


def panels(dashboard):
    """All panels that show data, those inside collapsed rows too."""
    for panel in dashboard.get("panels", []):
        if panel.get("type") == "row":
            yield from panel.get("panels", [])
        else:
            yield panel


def expressions(dashboard):
    """(panel, refId, expression) of every query."""
    for panel in panels(dashboard):
        for target in panel.get("targets", []):
            yield panel, target.get("refId", "?"), target.get("expr", "")


def families(expression):
    """Names of the metrics that an expression asks for."""
    return {match[1] for match in SELECTOR.finditer(QUOTED.sub('""', expression))}


def variable_names(dashboard):
    return {variable.get("name") for variable in dashboard.get("templating", {}).get("list", [])} | set(grafana.BUILT_IN)


def all_links(panel):
    """Data links of a panel, those of single columns too."""
    config = panel.get("fieldConfig", {})
    yield from config.get("defaults", {}).get("links", [])
    for override in config.get("overrides", []):
        for entry in override["properties"]:
            if entry["id"] == "links":
                yield from entry["value"]


# --- rules -----------------------------------------------------------------------------------------

def lint(dashboard):
    """Complaints, one string each; empty when the dashboard keeps every rule."""
    found = [*lint_header(dashboard), *lint_layout(dashboard), *lint_annotations(dashboard)]
    names = variable_names(dashboard)
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
    if "plimsoll" not in dashboard.get("tags", []):
        yield "without the tag plimsoll the others do not link to it"
    yield from lint_variables(dashboard)


def lint_variables(dashboard):
    known, variables = set(grafana.BUILT_IN), dashboard.get("templating", {}).get("list", [])
    for name in ("datasource", "cluster", "job", "instance"):
        if name not in {variable.get("name") for variable in variables}:
            yield "variable %s is missing" % name
    for variable in variables:
        name = variable.get("name")
        if variable.get("type") == "query":
            if variable.get("refresh") != 2:
                yield "variable %s must reload when the time range changes" % name
            yield from lint_datasource("variable " + name, variable)
            yield from ("variable %s: unknown or later variable $%s" % (name, other)
                        for other in grafana.VARIABLE.findall(variable["definition"]) if other not in known)
        known.add(name)


def lint_annotations(dashboard):
    for annotation in dashboard.get("annotations", {}).get("list", []):
        if "expr" in annotation:
            yield from lint_datasource("annotation " + annotation["name"], annotation)
            yield from ("annotation %s: %s" % (annotation["name"], what)
                        for what in lint_expression(annotation["expr"], variable_names(dashboard)))


def lint_layout(dashboard):
    seen = set()
    rows = [dashboard.get("panels", []), *(panel["panels"] for panel in dashboard.get("panels", []) if panel.get("panels"))]
    for number, row in enumerate(rows):
        cells = {}
        for panel in row:
            if panel.get("id") in seen:
                yield "panel id %s is used twice" % panel.get("id")
            seen.add(panel.get("id"))
            where = panel.get("gridPos", {})
            if where.get("x", 0) + where.get("w", 99) > 24:
                yield "%s: wider than the 24 columns" % panel.get("title")
            if number and where.get("y", 0) <= 0:
                yield "%s: must lie below its row" % panel.get("title")
            yield from overlaps(panel, where, cells)


def overlaps(panel, where, cells):
    for x in range(where.get("x", 0), where.get("x", 0) + where.get("w", 0)):
        for y in range(where.get("y", 0), where.get("y", 0) + where.get("h", 0)):
            other = cells.setdefault((x, y), panel.get("id"))
            if other != panel.get("id"):
                yield "%s: lies over panel %s" % (panel.get("title"), other)
                return


def lint_panel(panel, names):
    if not panel.get("title"):
        yield "no title"
    if len(panel.get("description") or "") < 20:
        yield "no description that says anything"
    unit = panel.get("fieldConfig", {}).get("defaults", {}).get("unit")
    if not unit:
        yield "no unit"
    if not panel.get("targets"):
        yield "no query"
    yield from ("unknown unit %s" % one for one in [unit, *column_units(panel)] if one and one not in UNITS)
    yield from lint_datasource("panel", panel)
    refs = [target.get("refId") for target in panel.get("targets", [])]
    if len(set(refs)) != len(refs):
        yield "a refId is used twice"
    for target in panel.get("targets", []):
        yield from lint_datasource("query " + str(target.get("refId")), target)
        yield from lint_expression(target.get("expr", ""), names)
    for link in all_links(panel):
        yield from lint_link(panel, link, names)


def column_units(panel):
    return [entry["value"] for override in panel.get("fieldConfig", {}).get("overrides", [])
            for entry in override["properties"] if entry["id"] == "unit"]


def lint_link(panel, link, names):
    for name in grafana.VARIABLE.findall(link["url"] + link["title"]):
        if name not in names and name not in ("__field", "__data"):
            yield "link: unknown variable $%s" % name
    fields = headers(panel)
    for field in FIELD_IN_LINK.findall(link["url"]):
        if field not in fields:
            yield "link: no column %s" % field


def headers(panel):
    """What the columns of a table are called in the end."""
    for transformation in panel.get("transformations", []):
        if transformation["id"] == "organize":
            options = transformation["options"]
            return {options["renameByName"].get(name, name) for name in options["indexByName"]}
    return set()


def lint_datasource(what, holder):
    source = holder.get("datasource") or {}
    if source.get("uid") != "${datasource}":
        yield "%s: datasource must be ${datasource}, not %r" % (what, source.get("uid"))


def lint_expression(expression, names):
    if not expression.strip():
        yield "empty expression"
    for name in grafana.VARIABLE.findall(expression):
        if name not in names:
            yield "unknown variable $%s" % name
    bare = SLOW_WINDOW.sub("", QUOTED.sub('""', expression))
    for window in re.findall(r"\[([^\]]*)\]", bare):
        if window not in WINDOWS:
            yield "fixed window [%s]: use $__rate_interval" % window
    yield from lint_selectors(expression)


def lint_selectors(expression):
    known = documented()
    blind = QUOTED.sub(lambda match: '"' + "x" * (len(match[0]) - 2) + '"', expression)  # the same places, no words in strings
    for match in SELECTOR.finditer(blind):
        name, selector = match[1], expression[match.start(2):match.end(2)] if match[2] else ""
        if 'job=~"$job"' not in selector or 'cluster=~"$cluster"' not in selector or "$instance" not in selector:
            yield "%s is not limited to the chosen cluster, job and instance" % name
        if known.get(name) == "counter" and name not in PLAIN_COUNTERS and not RANGED.search(expression[:match.start()]):
            if not of_ended_containers(expression[match.start():]):
                yield "%s is a counter: only under rate or increase" % name


def of_ended_containers(rest):
    """Whether the selector that comes first is that of ended containers, whose counters stand still."""
    return re.match(r"\w+\{[^}]*\} and on \(instance, id\) plimsoll_container_exit_code\b", rest)


def lint_together(dashboards):
    """Rules about the dashboards as a whole: {uid: dashboard}."""
    for uid, dashboard in dashboards.items():
        links = [link for panel in panels(dashboard) for link in all_links(panel)]
        links += [link for link in dashboard.get("links", []) if link["type"] == "link"]
        for link in links:
            if link.get("type") == "link" and "${__url_time_range}" in link["url"]:
                yield "%s: a link of the page keeps the time by keepTime: %s" % (uid, link["url"])
            target = LINK.match(link["url"])
            if not target or target[1] not in dashboards:
                yield "%s: link to nowhere: %s" % (uid, link["url"])
                continue
            have = variable_names(dashboards[target[1]])
            yield from ("%s: %s has no variable %s" % (uid, target[1], name)
                        for name in NAMED_VARIABLE.findall(link["url"]) if name not in have)
