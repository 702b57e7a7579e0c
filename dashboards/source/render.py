# SPDX-License-Identifier: Apache-2.0
"""How a dashboard of panels.py becomes the JSON that Grafana 10 and later load. Panels flow from left to right in the 24
columns and wrap; ids and positions are given here."""
from panels import SOURCE, promql, ref


def _target(number, query, is_table):
    target = {"refId": ref(number), "datasource": SOURCE, "expr": promql(query.expr), "legendFormat": query.legend,
              "instant": query.instant, "range": not query.instant, "editorMode": "code"}
    return {**target, "format": "table"} if is_table else {**target, "format": "time_series"}


def _panel(panel, number, x, y):
    result = {"id": number, "type": panel.kind, "title": panel.title, "description": " ".join(panel.description.split()),
              "datasource": SOURCE, "gridPos": {"x": x, "y": y, "w": panel.width, "h": panel.height},
              "targets": [_target(n, query, panel.kind == "table") for n, query in enumerate(panel.queries)],
              "fieldConfig": {"defaults": {"unit": panel.unit, **panel.defaults}, "overrides": panel.overrides},
              "options": panel.options}
    return {**result, "transformations": panel.transformations} if panel.transformations else result


def _flow(panels, y):
    """[(panel, x, y)] and the first free line below them."""
    placed, x, height = [], 0, 0
    for panel in panels:
        if x + panel.width > 24:
            x, y, height = 0, y + height, 0
        placed.append((panel, x, y))
        x, height = x + panel.width, max(height, panel.height)
    return placed, y + height


def _rows(rows):
    result, number, y = [], 0, 0
    for row in rows:
        number += 1
        head = {"id": number, "type": "row", "title": row.title, "collapsed": row.collapsed,
                "gridPos": {"x": 0, "y": y, "w": 24, "h": 1}, "panels": []}
        result.append(head)
        placed, below = _flow(row.panels, y + 1)
        into = head["panels"] if row.collapsed else result
        for panel, x, at in placed:
            number += 1
            into.append(_panel(panel, number, x, at))
        y = y + 1 if row.collapsed else below
    return result


def _annotation(name, expression, title, color):
    return {"name": name, "enable": True, "hide": False, "iconColor": color, "datasource": SOURCE, "expr": promql(expression),
            "step": "60s", "titleFormat": title, "textFormat": "", "useValueForTime": True}


def render(dashboard):
    """The dashboard as Grafana 10 and later load it."""
    built_in = {"builtIn": 1, "datasource": {"type": "grafana", "uid": "-- Grafana --"}, "enable": True, "hide": True,
                "iconColor": "rgba(0, 211, 255, 1)", "name": "Annotations & Alerts", "type": "dashboard"}
    others = {"title": "Plimsoll", "type": "dashboards", "tags": ["plimsoll"], "asDropdown": True, "icon": "external link",
              "includeVars": True, "keepTime": True, "targetBlank": False, "tooltip": "The other dashboards", "url": ""}
    return {"id": None, "uid": dashboard.uid, "title": dashboard.title, "description": dashboard.description,
            "tags": ["plimsoll"], "editable": False, "graphTooltip": 1, "schemaVersion": 38, "version": 1,
            "timezone": "browser", "refresh": "30s", "time": {"from": dashboard.since, "to": "now"},
            "links": [others, *dashboard.links],
            "annotations": {"list": [built_in, *(_annotation(*words) for words in dashboard.annotations)]},
            "templating": {"list": dashboard.variables}, "panels": _rows(dashboard.rows)}
