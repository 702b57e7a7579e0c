# SPDX-License-Identifier: Apache-2.0
"""What Prometheus would make of series on paper: promtool computes it, without a server.

    value({'up{job="a"}': "1x10"}, "sum(up)", "10m", {"{}": 1})    # "" or what promtool complains about
    alerts(series, "HostRebooted", "25m", rule_files, {"bad:1876"})
"""
import json
import os
import re
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "e2e"))
import support  # noqa: E402


def run(series, rule_files=(), **tests):
    """promtool's complaint; empty when it is satisfied. `series`: {series: values at one minute's distance}."""
    place = support.Workspace()
    try:
        path = place.path / "test.json"  # JSON is YAML
        path.write_text(json.dumps({
            "rule_files": list(map(str, rule_files)), "evaluation_interval": "1m",
            "tests": [{"interval": "1m", "input_series": [{"series": name, "values": values} for name, values in series.items()],
                       **tests}]}))
        done = subprocess.run([support.tool("promtool"), "test", "rules", str(path)], text=True, capture_output=True, check=False)
        return "" if done.returncode == 0 else done.stdout + done.stderr
    finally:
        place.close()


def value(series, expression, time, expected):
    """The complaint when `expression` is not `expected`, {labels: value}, at `time`."""
    samples = [{"labels": labels, "value": number} for labels, number in expected.items()]
    return run(series, promql_expr_test=[{"expr": expression, "eval_time": time, "exp_samples": samples}])


def alerts(series, name, time, rule_files, instances):
    """The complaint when the instances for which the alert is up at `time` are others than `instances`."""
    found = run(series, rule_files, alert_rule_test=[{"alertname": name, "eval_time": time, "exp_alerts": []}])
    firing = set(re.findall(r'\binstance="([^"]*)"', found))
    return "" if firing == set(instances) else f"{name}: {sorted(firing)}, not {sorted(instances)}: {found}"
