# SPDX-License-Identifier: Apache-2.0
"""What expressions of the dashboards make of machines that a test cannot build: the expressions as they are in the JSON,
with the variables replaced, computed by promtool over series on paper."""
import os
import sys
import unittest

import grafana
import lint
import promql

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "e2e"))
import support  # noqa: E402

CHOSEN = {**grafana.BUILT_IN, "cluster": ".*", "job": "j", "instance": "h", "__rate_interval": "5m", "__range": "1h",
          "__range_s": "3600"}
TARGET = 'job="j", instance="h"'


def dashboard(uid):
    return lint.load(support.REPOSITORY / "dashboards" / f"{uid}.json")


def expression(uid, title, ref="A", kind=None):
    return next(expr for panel, name, expr in lint.expressions(dashboard(uid))
                if (panel["title"], name) == (title, ref) and kind in (None, panel["type"]))


class OnPaper(unittest.TestCase):
    def check(self, series, expr, time, expected):
        """`series`: {name and labels without the target's: values}."""
        whole = {name.replace("{", f"{{{TARGET}, ", 1) if "{" in name else f"{name}{{{TARGET}}}": values
                 for name, values in series.items()}
        self.assertEqual("", promql.value(whole, grafana.expand(expr, CHOSEN), time, expected))


class Hosts(OnPaper):
    def test_an_agent_is_chosen_and_a_node_exporter_is_not(self):
        """Also an agent that calls itself node_exporter for those who look for that."""
        series = {}
        for name, version in (("agent", "plimsoll-0.1.0"), ("other", "1.9.0")):
            series[f'node_boot_time_seconds{{job="j", instance="{name}"}}'] = "1x20"
            series[f'node_exporter_build_info{{job="j", instance="{name}", version="{version}"}}'] = "1x20"
        series['plimsoll_build_info{job="j", instance="agent", version="0.1.0"}'] = "1x20"
        for uid in ("plimsoll-fleet", "plimsoll-host"):
            for variable in dashboard(uid)["templating"]["list"]:
                if variable["name"] == "instance":
                    query = grafana.QUERY_RESULT.fullmatch(grafana.expand(variable["definition"], CHOSEN))[1]
                    self.assertEqual("", promql.value(series, query, "10m", {'{instance="agent"}': 1}))

    def test_what_the_hypervisor_took_is_not_use(self):
        """As in the rule HostCpuBusy: three eighths are used, one is stolen."""
        series = {f'node_cpu_seconds_total{{cpu="0", mode="{mode}"}}': f"0+{7.5 * eighths}x20"
                  for mode, eighths in (("user", 3), ("idle", 3), ("iowait", 1), ("steal", 1))}
        self.check(series, expression("plimsoll-host", "CPU"), "10m", {"{}": 0.375})
        self.check(series, expression("plimsoll-host", "CPU by processor"), "10m", {'{cpu="0"}': 0.375})
        self.check(series, expression("plimsoll-fleet", "CPU"), "10m", {"{}": 0.375})
        self.check(series, expression("plimsoll-fleet", "Hosts", "A", "table"), "10m", {'{instance="h"}': 0.375})
        self.check(series, expression("plimsoll-fleet", "Hosts", "B", "table"), "10m", {'{instance="h"}': 0.125})
        self.check(series, expression("plimsoll-fleet", "CPU by host"), "10m", {'{instance="h"}': 0.375})

    def test_both_directions_of_a_link(self):
        series = {'node_network_speed_bytes{device="eth0"}': "100x20",
                  'node_network_receive_bytes_total{device="eth0"}': "0+60x20",
                  'node_network_transmit_bytes_total{device="eth0"}': "0+5400x20"}
        for ref, share in (("A", 0.01), ("B", 0.9)):
            labels = f'{{{TARGET}, device="eth0"}}'
            self.check(series, expression("plimsoll-host", "Share of the link's speed", ref), "10m", {labels: share})

    def test_a_failed_member_of_an_array_is_one(self):
        series = {'node_md_disks{device="md0", state="failed"}': "1x20", 'node_md_disks{device="md0", state="active"}': "1x20",
                  'node_md_disks_required{device="md0"}': "2x20"}
        expr = next(expr for panel, _, expr in lint.expressions(dashboard("plimsoll-host")) if "node_md_" in expr)
        self.check(series, expr, "10m", {'{device="md0"}': 1})


class Ends(OnPaper):
    """Docker's container is killed and gone; two of plimsoll run are, one of them seen running before; one is still shown."""
    SHOWN, GONE = "_x70 {}x50", "_x70 {}x5 stale"

    @staticmethod
    def container(id, engine, kills, start, values, code=137):
        labels = f'{{id="{id}", name="{id}"}}'
        yield "container_oom_events_total" + labels, kills
        yield "container_info" + labels[:-1] + f', engine="{engine}"}}', values.format(1)
        yield "container_start_time_seconds" + labels, values.format(start)
        yield "plimsoll_container_exit_code" + labels, values.format(code)
        yield "plimsoll_container_end_time_seconds" + labels, values.format(start + 1)

    def setUp(self):
        self.series = dict([
            *self.container("docker", "docker", "_x70 0x2 1x3 stale", 4200, self.GONE),
            *self.container("known", "plimsoll", "_x70 0x2 1x3 stale", 4200, self.GONE),
            *self.container("quick", "plimsoll", "_x70 1x5 stale", 4200, self.GONE),
            *self.container("fresh", "plimsoll", "_x70 2x50", 4200, self.SHOWN),
            *self.container("fine", "docker", "_x70 0x50", 4200, self.SHOWN, code=0),
            *self.container("asked", "docker", "_x70 0x50", 4200, self.SHOWN, code=-1),
            # Killed long ago, or a stopped container that Docker has kept.
            *self.container("old", "docker", "3x120", 0, "_x200 {}"),
            ('plimsoll_container_exit_code{name="kept"}', "1x120"),
            ('plimsoll_container_end_time_seconds{name="kept"}', "1x120"),
            ("plimsoll_exited_containers_oom_kills_total", "0x75 2x45"),
            ("plimsoll_exited_containers_total", "0x75 2x45")])

    def test_each_kill_is_counted_once(self):
        """docker, known and quick one each, fresh two. (A counter is taken to have gone on between two samples: 1.2 for 1.)"""
        expr = expression("plimsoll-lifecycle", "Killed for memory")
        self.check(self.series, "floor(%s)" % expr, "100m", {"{}": 5})

    def test_no_kill_is_zero(self):
        self.check({"node_load1": "1x120"}, expression("plimsoll-lifecycle", "Killed for memory"), "100m", {"{}": 0})
        for title in ("Ended", "Failed"):
            self.check({"node_load1": "1x120"}, expression("plimsoll-lifecycle", title), "100m", {"{}": 0})

    def test_ends_of_every_engine_within_the_range(self):
        self.check(self.series, expression("plimsoll-lifecycle", "Ended"), "100m", {"{}": 6})
        self.check(self.series, expression("plimsoll-lifecycle", "Failed"), "100m", {"{}": 4})


if __name__ == "__main__":
    unittest.main()
