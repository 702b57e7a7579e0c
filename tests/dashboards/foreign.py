# SPDX-License-Identifier: Apache-2.0
"""Dashboards of others, taken as they are: their queries, with variables filled as Grafana fills them.

    board = Dashboard.load("1860.json")
    values = Variables(board, prometheus)       # asks Prometheus for what label_values() gives
    for query in board.queries():
        rows = prometheus.query(values.expand(query))

Rows inside rows, the old schema with `rows`, templates wrapped as {"dashboard": ...}, datasource, interval, custom,
constant, text and query variables are understood; multi-values become (a|b) with their special characters escaped, and
a repeated panel has an expression for each value. Where Grafana offers a choice, All is taken, or what `preferred` names,
or the first.
"""
import dataclasses
import json
import os
import re

VARIABLE = re.compile(r"\$(\w+)|\$\{(\w+)(?:\.[^:}]*)?(?::(\w+))?\}|\[\[(\w+)(?::(\w+))?\]\]")
LABEL_VALUES = re.compile(r"label_values\(\s*(?:(.*)\s*,)?\s*(\w+)\s*\)", re.S)
QUERY_RESULT = re.compile(r"query_result\((.*)\)", re.S)
BUILT_IN = {"__rate_interval": "1m", "__interval": "15s", "__interval_ms": "15000", "__range": "1h", "__range_s": "3600",
            "__range_ms": "3600000", "__dashboard": "dashboard", "timeFilter": "", "__auto_interval_interval": "1m"}
SPECIAL = re.compile(r"[\\^$*+?.()|{}\[\]]")


@dataclasses.dataclass(frozen=True)
class Query:
    title: str
    ref: str
    expression: str
    repeated: tuple = ()  # variables of which a repetition shows one value each


class Dashboard:
    def __init__(self, model, name="?"):
        self.model = model.get("dashboard", model)
        self.name = name
        self.title = self.model.get("title", "?")

    @classmethod
    def load(cls, path):
        with open(path, encoding="utf-8") as file:
            return cls(json.load(file), os.path.basename(path).removesuffix(".json"))

    def queries(self):
        """Every Prometheus query of every panel, hidden ones too."""
        return list(self._walk(self.model, ()))

    def variables(self):
        return self.model.get("templating", {}).get("list", [])

    def _walk(self, holder, repeated):
        if holder.get("repeat"):
            repeated = (*repeated, holder["repeat"])
        for target in holder.get("targets") or []:
            if isinstance(target.get("expr"), str) and target["expr"].strip():
                yield Query(holder.get("title") or "?", target.get("refId", "?"), target["expr"], repeated)
        for child in [*(holder.get("panels") or []), *(holder.get("rows") or [])]:
            yield from self._walk(child, repeated)


class Variables:
    """The values of a dashboard's variables, as it opens."""

    def __init__(self, board, prometheus, preferred=None):
        self.prometheus, self.preferred = prometheus, preferred or {}
        self.values = {}  # name -> text, or list of texts where several may be chosen
        self.raw = set()  # names whose text is a regular expression already
        self.several = set()
        self.options = {}
        for variable in board.variables():
            self._fill(variable)

    # --- what a variable offers ---

    def _fill(self, variable):
        name, kind = variable["name"], variable.get("type")
        if variable.get("multi") or variable.get("includeAll"):
            self.several.add(name)
        options = self.options[name] = self._offered(variable, kind)
        if kind == "query" and variable.get("includeAll") and variable.get("allValue"):
            self.values[name] = variable["allValue"]
            self.raw.add(name)
        elif variable.get("includeAll") and kind != "interval":
            self.values[name] = options
        else:
            self.values[name] = self._chosen(variable, options)

    def _offered(self, variable, kind):
        query = variable.get("query", "")
        if kind == "query":
            return filtered(self._ask(query.get("query", "") if isinstance(query, dict) else query), variable.get("regex"))
        if kind == "datasource":
            return ["prometheus"]
        if kind in ("interval", "custom"):
            return [word.strip().rpartition(" : ")[2] for word in query.split(",") if word.strip() != "auto"]
        return [query if isinstance(query, str) else ""]

    def _chosen(self, variable, options):
        current = (variable.get("current") or {}).get("value")
        for value in (self.preferred.get(variable["name"]), *(current if isinstance(current, list) else [current])):
            if value in options:
                return value
        return options[0] if options else ""

    def _ask(self, query):
        query = self.expand(Query("variable", "", query))
        found = LABEL_VALUES.fullmatch(query.strip())
        if found:
            selector = {"match[]": found[1].strip()} if found[1] else {}
            return self.prometheus.api(f"label/{found[2]}/values", **selector)
        found = QUERY_RESULT.fullmatch(query.strip())
        if found:
            return ["%s %s" % (series(labels), value) for labels, value in self.prometheus.query(found[1])]
        return []

    # --- what becomes of a text ---

    def expand(self, query):
        """The query's expression with every variable replaced; KeyError names one that there is not."""
        return self._expand(query.expression, {})

    def expansions(self, query):
        """The expressions of all repetitions of the query's panel."""
        scopes = [{}]
        for name in query.repeated:
            scopes = [{**scope, name: value} for scope in scopes for value in self.options.get(name) or [""]]
        return list(dict.fromkeys(self._expand(query.expression, scope) for scope in scopes))

    def _expand(self, expression, scope):
        def value(match):
            name = match[1] or match[2] or match[4]
            return self._text(name, match[3] or match[5], scope)
        return VARIABLE.sub(value, expression)

    def _text(self, name, form, scope):
        if name in BUILT_IN:
            return BUILT_IN[name]
        value = scope.get(name, self.values[name])
        if name in self.raw and name not in scope:
            return value
        return formatted(value, form, name in self.several)


def filtered(options, pattern):
    """What a variable's regular expression, written as /.../, leaves of its options; sorted, each once."""
    if pattern:
        pattern = re.sub(r"\(\?<(\w+)>", r"(?P<\1>", re.sub(r"^/(.*)/\w*$", r"\1", pattern))
        matches = [match for match in (re.search(pattern, option) for option in options) if match]
        options = [match.groupdict().get("value") or (match[1] if match.re.groups else match[0]) for match in matches]
    return sorted({option for option in options if option})


def formatted(value, form, several):
    values = value if isinstance(value, list) else [value]
    if form == "csv":
        return ",".join(values)
    if form == "pipe":
        return "|".join(values)
    if form in ("raw", "text", "glob"):
        return values[0] if len(values) == 1 else "{%s}" % ",".join(values)
    if not several and form != "regex":
        return "".join(values).replace("\\", "\\\\")
    escaped = [SPECIAL.sub(lambda match: "\\\\" + match[0], each) for each in values]
    return escaped[0] if len(escaped) == 1 else "(%s)" % "|".join(escaped)


def series(labels):
    rest = ",".join(f'{name}="{value}"' for name, value in labels.items() if name != "__name__")
    return "%s{%s}" % (labels.get("__name__", ""), rest)


# --- which metrics an expression names -------------------------------------------------------------

_STRING = r'"(?:[^"\\]|\\.)*"' + r"|'(?:[^'\\]|\\.)*'"
_NOT_METRICS = re.compile(r"\b(?:by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)")
_WORD = re.compile(r"(?<![\w:.])([a-zA-Z_:][\w:]*)(?!\s*\()(?![\w:])")
_SELECTOR = re.compile(r"(?<![\w:.])([a-zA-Z_:][\w:]*)\s*(\{(?:%s|[^}\"'])*\})?" % _STRING)
_KEYWORDS = {"by", "without", "on", "ignoring", "group_left", "group_right", "and", "or", "unless", "bool", "offset",
             "inf", "nan", "atan2", "start", "end"}


def metric_names(expression):
    """Names of metrics that an (expanded) expression asks for, in order, each once."""
    text = re.sub(r"#[^\n]*", "", re.sub(_STRING, '""', expression))
    text = re.sub(r"\{[^}]*\}|\[[^]]*\]", " ", _NOT_METRICS.sub(" ", text))
    return list(dict.fromkeys(word for word in _WORD.findall(text) if word.lower() not in _KEYWORDS))


def selectors(expression):
    """[(name, selector)] of the metrics that an expanded expression asks for."""
    names = set(metric_names(expression))
    return [(name, name + (braces or "")) for name, braces in _SELECTOR.findall(expression) if name in names]
