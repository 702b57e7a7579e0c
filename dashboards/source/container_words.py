# SPDX-License-Identifier: Apache-2.0
"""What several dashboards say about containers side by side: an expression for each figure, with a value for every
container of a selector, and the table that has them all."""
from panels import ANY_IS_BAD, FULL, ROW_TO_CONTAINER, THROTTLED, Column, alive, each, table

WIRE = 'interface!="lo"'
LEGEND = "{{who}} on {{instance}}"


class Containers:
    """Expressions for the containers of a selector, SOME for example. Counters of ended ones are left out."""

    def __init__(self, selector):
        self.selector = selector

    def gauge(self, family):
        return each("%s{%s}" % (family, self.selector))

    def bare_rate(self, family, more=""):
        return "rate(%s{%s%s}[RATE])" % (family, self.selector, ", " + more if more else "")

    def rate(self, family, more="", times="", aggregate="sum"):
        expression = self.bare_rate(family, more)
        return each(alive(times + expression, self.selector), aggregate)

    def cpu(self):
        return self.rate("container_cpu_usage_seconds_total")

    def cpu_share(self):
        """Of the quota, which is the group's, while the usage may be by processor."""
        quota = each("container_spec_cpu_quota{%s} / container_spec_cpu_period{%s}" % (self.selector, self.selector), "max")
        return "%s / %s" % (self.cpu(), quota)

    def throttled(self):
        stopped, periods = (self.bare_rate("container_cpu_cfs_%s_total" % name) for name in ("throttled_periods", "periods"))
        return each(alive("(%s / (%s > 0))" % (stopped, periods), self.selector), "max")

    def working_set(self):
        return self.gauge("container_memory_working_set_bytes")

    def memory_share(self):
        return each("container_memory_working_set_bytes{%s} / (container_spec_memory_limit_bytes{%s} > 0)"
                    % (self.selector, self.selector), "max")

    def bits(self, direction):
        return self.rate("container_network_%s_bytes_total" % direction, WIRE, "8 * ")

    def bytes(self, direction):
        return self.rate("container_fs_%s_bytes_total" % direction)

    def pressure(self, what):
        return self.rate("container_pressure_%s_waiting_seconds_total" % what, aggregate="max")

    def killed(self, window):
        """Of those alone that lost a process; ended ones too."""
        return each("increase(container_oom_events_total{%s}[%s]) > 0" % (self.selector, window))

    def age(self):
        return each("time() - container_start_time_seconds{%s}" % self.selector, "min")

    def table(self, title, description, **more):
        keys, hidden = {"who": "Container", "instance": "Host"}, ("name", "namespace", "pod", "container")
        return table(title, description, keys, [
            Column("CPU", self.cpu(), "short", decimals=2),
            Column("CPU of limit", self.cpu_share(), "percentunit", FULL, bar=True),
            Column("Throttled", self.throttled(), "percentunit", THROTTLED, decimals=0),
            Column("Working set", self.working_set(), "bytes"),
            Column("Memory of limit", self.memory_share(), "percentunit", FULL, bar=True),
            Column("Read", self.bytes("reads"), "Bps"), Column("Written", self.bytes("writes"), "Bps"),
            Column("Received", self.bits("receive"), "bps"), Column("Sent", self.bits("transmit"), "bps"),
            Column("Threads", self.gauge("container_threads"), "short"),
            Column("Killed for memory", self.killed("RANGE"), "short", ANY_IS_BAD, decimals=0),
            Column("Running for", self.age(), "s"),
        ], link=ROW_TO_CONTAINER, hidden=hidden, **more)


HERE = Containers("HERE")  # on the one chosen host
