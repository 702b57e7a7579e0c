# SPDX-License-Identifier: Apache-2.0
"""What Grafana does with a dashboard before it asks Prometheus: it fills variables and puts them into expressions.

    values = resolve(dashboard, prometheus, {"name": "busy"})
    prometheus.query(expand(expression, values))
"""
import os
import re

VARIABLE = re.compile(r"\$\{?([A-Za-z_]\w*)(?:\.[^:}]*)?(?::\w+)?\}?")
LABEL_VALUES = re.compile(r"label_values\((?:(.*), *)?(\w+)\)", re.S)
QUERY_RESULT = re.compile(r"query_result\((.*)\)", re.S)
# What Grafana computes from the time range and the width of the panel.
SCRAPES = 2 * (5 if "PLIMSOLL_IN_VM" in os.environ else 1)  # seconds between them; the guest is slow
BUILT_IN = {"__rate_interval": f"{8 * SCRAPES}s", "__range": f"{30 * SCRAPES}s", "__interval": f"{SCRAPES}s",
            "__range_s": f"{30 * SCRAPES}", "__interval_ms": f"{30000 * SCRAPES}", "__url_time_range": ""}


def expand(text, values):
    """The text with its variables replaced; KeyError names one that has no value. $1 stays as it is."""
    return VARIABLE.sub(lambda match: values[match[1]], text)


def options(variable, prometheus, values):
    """[(text, value)] that the variable offers."""
    query = expand(variable["definition"], values)
    if match := LABEL_VALUES.fullmatch(query):
        return label_options(prometheus, match[1], match[2])
    match = QUERY_RESULT.fullmatch(query)
    if not match:
        raise AssertionError(f"variable {variable['name']}: neither label_values nor query_result: {query}")
    found = [picked(variable, as_text(labels)) for labels, _ in prometheus.query(match[1])]
    return sorted({pair for pair in found if pair})


def label_options(prometheus, selector, label):
    rows = prometheus.query(f"count by ({label}) ({selector})" if selector else f'count by ({label}) ({{{label}!=""}})')
    return sorted({(labels[label], labels[label]) for labels, _ in rows if labels.get(label)})


def as_text(labels):
    """A result as Grafana writes it for the regular expression to look at."""
    return "{%s} 1 1700000000000" % ",".join(f'{name}="{value}"' for name, value in labels.items() if name != "__name__")


def picked(variable, text):
    """(text, value) that the variable's expression with its named groups finds; None when it finds no value."""
    pattern = variable["regex"]
    if not pattern:
        return text, text
    body = pattern.lstrip("/").rpartition("/")[0].replace("(?<", "(?P<")
    found = {}
    for match in re.finditer(body, text):
        if not match.groupdict():
            return match[1], match[1]
        for name, value in match.groupdict().items():
            if value is not None:
                found.setdefault(name, value)
    value = found.get("value")
    return (found.get("text", value), value) if value is not None else None


def resolve(dashboard, prometheus, chosen):
    """{variable: what stands in expressions for it}. `chosen` names the value of some; of the others All is taken, or
    the first, as Grafana does."""
    values = dict(BUILT_IN)
    for variable in dashboard["templating"]["list"]:
        name = variable["name"]
        if variable["type"] == "datasource":
            values[name] = "prometheus"
            continue
        offered = options(variable, prometheus, values)
        if name in chosen:
            values[name] = chosen[name]
        elif variable["includeAll"]:
            values[name] = variable.get("allValue") or "(%s)" % "|".join(escaped(value) for _, value in offered)
        else:
            values[name] = offered[0][1] if offered else ""
    return values


def escaped(value):
    """For a regular expression within a string of PromQL."""
    return re.sub(r"([\\.+*?^$|(){}\[\]])", r"\\\\\1", value)
