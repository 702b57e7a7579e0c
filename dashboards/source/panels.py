# SPDX-License-Identifier: Apache-2.0
"""The vocabulary of the dashboards: queries, panels, variables, links. render.py makes Grafana's JSON of them.

A dashboard is a list of rows of panels. Expressions are PromQL with a few words in capitals, see SELECTORS and WINDOWS.
"""
import dataclasses
import re

SOURCE = {"type": "prometheus", "uid": "${datasource}"}
# A cluster label is optional: "All" is .*, which fits series without one.
_HOSTS = 'cluster=~"$cluster", job=~"$job", instance=~"$instance"'
_HOST = 'cluster=~"$cluster", job=~"$job", instance="$instance"'
SELECTORS = {
    "HOSTS": _HOSTS,                              # the chosen hosts
    "HOST": _HOST,                                # the one chosen host
    "SOME": _HOSTS + ', name!=""',                # containers of the chosen hosts, not other groups
    "HERE": _HOST + ', name!=""',                 # containers of the one chosen host
    "PICKED": _HOSTS + ', name=~"$name"',         # the chosen containers
    "ONE": _HOST + ', name="$name"',              # the one chosen container
    "POD": _HOSTS + ', namespace=~"$namespace", pod=~"$pod"',  # pods, with their sandboxes, which have the network
    "CONTAINER": _HOSTS + ', namespace=~"$namespace", pod=~"$pod", container=~"$container"',
}
WINDOWS = {"[RATE]": "[$__rate_interval]", "[RANGE]": "[$__range]"}
_WORD = re.compile(r"\b(%s)\b" % "|".join(SELECTORS))


def promql(text):
    """The expression without our words; line breaks and indents become single spaces."""
    text = _WORD.sub(lambda match: SELECTORS[match[1]], " ".join(text.split()))
    for word, window in WINDOWS.items():
        text = text.replace(word, window)
    return text


def who(expression):
    """Adds the label `who` that tells containers apart for a reader: the name, and in Kubernetes, where that is a
    number, namespace/pod/container. The expression keeps the labels namespace, pod, container and name."""
    return ('label_replace(label_join(%s, "who", "/", "namespace", "pod", "container", "name"), '
            '"who", "$1$2", "who", "///(.*)|([^/]+/[^/]+(?:/[^/]+)?)/+[^/]*")' % expression)


EACH = "instance, namespace, pod, container, name"  # what keeps containers apart


def each(expression, aggregate="sum"):
    """One value for each container, with `who`."""
    return who("%s by (%s) (%s)" % (aggregate, EACH, expression))


def alive(expression, selector):
    """Without the containers that have ended, whose counters stand still until they are forgotten."""
    return "%s unless on (instance, id) plimsoll_container_exit_code{%s}" % (expression, selector)


@dataclasses.dataclass
class Query:
    """`look`: "" as the others, "limit" a dashed line, "alone" a line that is not stacked, "below" under the
    axis. `instant`: only the latest value."""
    expr: str
    legend: str = "__auto"
    look: str = ""
    instant: bool = False


@dataclasses.dataclass
class Column:
    """A column of a table, filled by one query. `steps` colour it; `bar` draws the value as one."""
    header: str
    expr: str
    unit: str = "short"
    steps: tuple = ()
    bar: bool = False
    mappings: tuple = ()
    decimals: int | None = None


@dataclasses.dataclass
class Panel:
    kind: str
    title: str
    unit: str
    description: str
    queries: list
    width: int = 8
    height: int = 8
    options: dict = dataclasses.field(default_factory=dict)
    defaults: dict = dataclasses.field(default_factory=dict)
    overrides: list = dataclasses.field(default_factory=list)
    transformations: list = dataclasses.field(default_factory=list)


@dataclasses.dataclass
class Row:
    title: str
    panels: list
    collapsed: bool = False


@dataclasses.dataclass
class Dashboard:
    """`annotations`: (name, expression, title, colour); the value of the expression is the time in milliseconds."""
    uid: str
    title: str
    description: str
    variables: list
    rows: list
    annotations: tuple = ()
    links: tuple = ()
    since: str = "now-1h"


def ref(number):
    """Grafana's name for a panel's query by its place."""
    return "ABCDEFGHIJKLMNOPQRSTUVWXYZ"[number]


IDLE = "idle|iowait|steal"  # modes in which a CPU does nothing for this host; the rules say the same


# --- thresholds ------------------------------------------------------------------------------------

def steps(*pairs, base="green"):
    """Colours from a value on: steps((0.8, "orange"), (0.95, "red"))."""
    return [{"color": base, "value": None}, *({"color": color, "value": value} for value, color in pairs)]


FULL = steps((0.8, "orange"), (0.95, "red"))        # a share of something that ends
ANY_IS_BAD = steps((1, "red"))                      # a count that should be 0
PRESSED = steps((0.1, "orange"), (0.3, "red"))      # a share of time that was lost
THROTTLED = steps((0.25, "orange"), (0.5, "red"))   # a share of quota periods
STOLEN = steps((0.05, "orange"), (0.2, "red"))      # a share of the CPUs that the hypervisor took
PLAIN = steps(base="blue")                          # just a number


def _color(colors):
    """A scale has the thresholds' colours, everything else the palette's."""
    return {"color": {"mode": "thresholds"}, "thresholds": {"mode": "absolute", "steps": list(colors)}}


# --- panels ----------------------------------------------------------------------------------------

_REDUCE = {"calcs": ["lastNotNull"], "fields": "", "values": False}
_LINE = {"drawStyle": "line", "lineWidth": 1, "fillOpacity": 10, "gradientMode": "none", "showPoints": "never",
         "spanNulls": False, "lineInterpolation": "linear", "pointSize": 4, "axisPlacement": "auto"}
_LIMIT = [{"id": "custom.lineWidth", "value": 2}, {"id": "custom.lineStyle", "value": {"fill": "dash", "dash": [8, 6]}},
          {"id": "custom.fillOpacity", "value": 0}, {"id": "custom.stacking", "value": {"mode": "none", "group": "B"}},
          {"id": "color", "value": {"mode": "fixed", "fixedColor": "red"}}]
_ALONE = [{"id": "custom.lineWidth", "value": 2}, {"id": "custom.fillOpacity", "value": 0},
          {"id": "custom.stacking", "value": {"mode": "none", "group": "B"}}]
_BELOW = [{"id": "custom.transform", "value": "negative-Y"}]


def timeseries(title, unit, description, *queries, width=8, height=8, stack=False, steps=None, top=None, link=None,
               bars=False, log=False):
    """`steps`: thresholds, drawn as dashed lines; `top`: the end of the axis; `link`: where a series leads."""
    line = {**_LINE, **({"fillOpacity": 40, "lineWidth": 0, "stacking": {"mode": "normal", "group": "A"}} if stack else {})}
    if bars:
        line.update(drawStyle="bars", fillOpacity=60)
    if log:
        line["scaleDistribution"] = {"type": "log", "log": 10}
    defaults = {"color": {"mode": "palette-classic"}, "custom": line}
    if steps:
        line["thresholdsStyle"] = {"mode": "dashed"}
        defaults["thresholds"] = {"mode": "absolute", "steps": steps}
    if not any(query.look == "below" for query in queries) and not log:
        defaults["min"] = 0
    if top is not None:
        defaults["max"] = top
    if link:
        defaults["links"] = [link]
    options = {"legend": {"displayMode": "table", "placement": "bottom", "showLegend": True,
                          "calcs": ["mean", "max", "lastNotNull"]},
               "tooltip": {"mode": "multi", "sort": "desc"}}
    return Panel("timeseries", title, unit, description, list(queries), width, height, options, defaults, _looks(queries))


def _looks(queries):
    looks = {"limit": _LIMIT, "alone": _ALONE, "below": _BELOW}
    return [{"matcher": {"id": "byFrameRefID", "options": ref(number)}, "properties": looks[query.look]}
            for number, query in enumerate(queries) if query.look]


def stat(title, unit, description, expr, *, width=3, height=4, steps=PLAIN, graph=True, mappings=(), link=None, text="auto",
         legend="__auto"):
    """One number; with `graph`, its course behind it."""
    options = {"reduceOptions": _REDUCE, "colorMode": "value", "graphMode": "area" if graph else "none",
               "justifyMode": "auto", "orientation": "auto", "textMode": text, "wideLayout": True}
    defaults = {**_color(steps), "mappings": list(mappings), **({"links": [link]} if link else {})}
    return Panel("stat", title, unit, description, [Query(expr, legend, instant=not graph)], width, height, options, defaults)


def gauge(title, description, expr, *, unit="percentunit", width=3, height=4, steps=FULL, top=1):
    options = {"reduceOptions": _REDUCE, "showThresholdLabels": False, "showThresholdMarkers": True}
    return Panel("gauge", title, unit, description, [Query(expr, instant=True)], width, height, options,
                 {**_color(steps), "min": 0, "max": top})


def bar_gauge(title, unit, description, expr, legend, *, width=8, height=8, steps=PLAIN, top=None, link=None):
    """A bar for each series, the longest first when the expression sorts."""
    options = {"reduceOptions": _REDUCE, "orientation": "horizontal", "displayMode": "basic", "showUnfilled": True,
               "valueMode": "color", "namePlacement": "left", "sizing": "auto", "minVizHeight": 16, "minVizWidth": 8}
    defaults = {**_color(steps), "min": 0, **({"max": top} if top is not None else {}), **({"links": [link]} if link else {})}
    return Panel("bargauge", title, unit, description, [Query(expr, legend, instant=True)], width, height, options, defaults)


def table(title, description, keys, columns, *, width=24, height=9, sort=None, link=None, hidden=(), unit="short"):
    """A row for each set of labels. `keys`: {label: header}, in order; `hidden`: labels that only the link needs.
    Every column's query must have just those labels. `link` is on the first key."""
    many = len(columns) > 1
    value = {ref(number) if many else "": column for number, column in enumerate(columns)}
    renamed = {**keys, **{"Value #" + ref if ref else "Value": column.header for ref, column in value.items()}}
    order = {name: place for place, name in enumerate([*renamed, *hidden])}
    overrides = [_column(column) for column in columns]
    overrides += [_by_name(label, {"id": "custom.hidden", "value": True}) for label in hidden]
    if link:
        overrides.append(_by_name(next(iter(keys.values())), {"id": "links", "value": [link]}))
    by = sort or columns[0].header
    options = {"showHeader": True, "cellHeight": "sm", "sortBy": [{"displayName": by.lstrip("+"), "desc": by[0] != "+"}],
               "footer": {"show": False, "reducer": ["sum"], "countRows": False}}
    transformations = [{"id": "merge", "options": {}},
                       {"id": "organize", "options": {"excludeByName": {"Time": True}, "indexByName": order,
                                                      "renameByName": renamed}}]
    defaults = {"custom": {"align": "auto", "filterable": True, "cellOptions": {"type": "auto"}}}
    return Panel("table", title, unit, description, [Query(column.expr, instant=True) for column in columns], width, height,
                 options, defaults, overrides, transformations)


def _by_name(name, *properties):
    return {"matcher": {"id": "byName", "options": name}, "properties": list(properties)}


def _column(column):
    properties = [{"id": "unit", "value": column.unit}]
    if column.decimals is not None:
        properties.append({"id": "decimals", "value": column.decimals})
    if column.mappings:
        properties.append({"id": "mappings", "value": list(column.mappings)})
    if column.steps:
        cell = {"type": "gauge", "mode": "basic"} if column.bar else {"type": "color-text"}
        properties += [{"id": "custom.cellOptions", "value": cell}, {"id": "color", "value": {"mode": "thresholds"}},
                       {"id": "thresholds", "value": {"mode": "absolute", "steps": list(column.steps)}}]
    if column.bar:
        properties += [{"id": "min", "value": 0}, {"id": "max", "value": 1}]
    return _by_name(column.header, *properties)


def facts(title, description, expr, keys, *, width=8, height=4):
    """Labels of an info metric as a table."""
    panel = table(title, description, keys, [Column("Value", expr)], width=width, height=height,
                  sort="+" + next(iter(keys.values())))
    panel.transformations[1]["options"]["excludeByName"]["Value"] = True
    panel.overrides = []
    return panel


NO_GROUP_PSI = " Absent without pressure stall information, and on cgroup v1 unless a v2 tree is mounted beside it."


def off(kind):
    """For the description of what has to be asked for."""
    return " Off by default: needs the kind %s, see --enable_metrics." % kind


EXIT_CODES = {0: ("0", "green"), 1: ("1", "orange"), 137: ("137, SIGKILL", "red"), 139: ("139, SIGSEGV", "red"),
              143: ("143, SIGTERM", "blue"), -1: ("not known", "gray")}


def values(names, kind="value"):
    """Mappings of numbers to words: {0: ("ended well", "green")}."""
    return [{"type": kind, "options": {str(number): {"text": text, "color": color, "index": place}
                                       for place, (number, (text, color)) in enumerate(names.items())}}]


# --- variables -------------------------------------------------------------------------------------

def datasource():
    return {"name": "datasource", "label": "Data source", "description": "The Prometheus that scrapes the agents.",
            "type": "datasource", "query": "prometheus", "refresh": 1, "regex": ""}


def variable(name, label, description, query, *, many=True, every=None, regex="", hide=0):
    """Filled by a query. `many`: several values and All; `every`: what All is, else the list of all values."""
    result = {"name": name, "label": label, "description": description, "type": "query", "datasource": SOURCE,
              "definition": promql(query),
              "query": {"query": promql(query), "refId": "PrometheusVariableQueryEditor-VariableQuery"},
              "refresh": 2, "regex": regex, "sort": 5, "multi": many, "includeAll": many, "hide": hide}
    if many:
        result["current"] = {"selected": True, "text": ["All"], "value": ["$__all"]}
    if every:
        result["allValue"] = every
    return result


# What tells an agent from others: its own families, and on a page with the host's half alone, that it is not another
# node_exporter: an agent says what it is by the version.
_AGENTS = ('last_over_time({__name__=~"plimsoll_build_info|plimsoll_cgroup_events_info|node_boot_time_seconds"%s}[RANGE]) '
           'unless on (job, instance) last_over_time(node_exporter_build_info{version!~"plimsoll-.*"}[RANGE])')


def _agents(label, selector):
    return "query_result(group by (%s) (%s))" % (label, _AGENTS % selector)


def hosts(many):
    """The variables that choose hosts. The job is many, since a target's halves may be scraped as jobs of their own."""
    return [datasource(),
            variable("cluster", "Cluster", "The label cluster, where there is one.", _agents("cluster", ""),
                     regex='/cluster="([^"]+)"/', every=".*"),
            variable("job", "Job", "The scrape jobs of the agents.", _agents("job", ', cluster=~"$cluster"'),
                     regex='/job="([^"]+)"/'),
            variable("instance", "Host", "An agent is a host.", _agents("instance", ', cluster=~"$cluster", job=~"$job"'),
                     regex='/instance="([^"]+)"/', many=many)]


def containers(many, selector):
    """The variable that chooses containers: their names, shown as who() has them. Also those that have ended."""
    query = who("max by (namespace, pod, container, name) (max_over_time(container_info{%s}[RANGE]))" % selector)
    return variable("name", "Container", "Containers by name, in Kubernetes by namespace, pod and container.",
                    "query_result(%s)" % query, many=many, regex='/name="(?<value>[^"]+)|who="(?<text>[^"]+)/g',
                    every=".+" if many else None)


# --- links -----------------------------------------------------------------------------------------

KEPT = "${datasource:queryparam}&${cluster:queryparam}&${job:queryparam}"


def link(title, uid, more):
    """From a series or a cell to a dashboard, with time and hosts kept; `more` of the query string."""
    return {"title": title, "url": "/d/%s?${__url_time_range}&%s&%s" % (uid, KEPT, more), "targetBlank": False}


def page_link(title, uid, more):
    """At the top of a dashboard. The variable for the time is not for here."""
    return {"title": title, "url": "/d/%s?%s&%s" % (uid, KEPT, more), "targetBlank": False, "type": "link", "asDropdown": False,
            "icon": "external link", "includeVars": False, "keepTime": True, "tags": [], "tooltip": ""}


TO_HOST = link("Host ${__field.labels.instance}", "plimsoll-host", "var-instance=${__field.labels.instance:percentencode}")
TO_CONTAINER = link("Container ${__field.labels.who}", "plimsoll-container",
                    "var-instance=${__field.labels.instance:percentencode}&var-name=${__field.labels.name:percentencode}")
ROW_TO_HOST = link("Host", "plimsoll-host", "var-instance=${__data.fields.Host:percentencode}")
ROW_TO_CONTAINER = link("Container", "plimsoll-container",
                        "var-instance=${__data.fields.Host:percentencode}&var-name=${__data.fields.name:percentencode}")
