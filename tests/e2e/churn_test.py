# SPDX-License-Identifier: Apache-2.0
"""Containers of about 50 ms, between scrapes that are far apart: none is lost and none counted twice.

PLIMSOLL_CHURN="200 60 15" sets containers, the seconds over which they start and the scrape interval.
"""
import os
import time
import unittest

import support

CHURN = os.environ.get("PLIMSOLL_CHURN", "20 60 15" if support.IN_GUEST else "40 8 3")
CPU_OF_LIVES = 'sum(container_cpu_usage_seconds_total{{id=~"{group}/[^/]+"}})'
CPU_OF_TOTALS = "sum(plimsoll_exited_containers_cpu_usage_seconds_total)"
COUNT_OF_FROZEN = 'count(plimsoll_container_exit_code{{id=~"{group}/[^/]+"}})'
COUNT_OF_TOTALS = "sum(plimsoll_exited_containers_total)"


class Churn(unittest.TestCase):
    def setUp(self):
        self.place = support.Workspace()
        self.addCleanup(self.place.close)

    def sum_of(self, *expressions):
        """Sum in which an expression without a result is 0."""
        terms = [f"({e.format(group=self.place.cgroup)} or vector(0))" for e in expressions]
        return " + ".join(terms)

    def test_nothing_is_lost_and_nothing_counted_twice(self):
        count, seconds, interval = map(int, CHURN.split())
        agent = self.place.start_agent("--exited.retention", "20s")
        prometheus = self.place.start_prometheus(agent.address, interval=interval)
        prometheus.wait_for("up", lambda up: up == 1, timeout=60)
        begin = time.time()
        self.churn(count, seconds)
        with self.subTest("every container is counted once"):
            prometheus.wait_for(self.sum_of(COUNT_OF_TOTALS), lambda n: n >= count, timeout=90)
            self.assertEqual(prometheus.value(self.sum_of(COUNT_OF_TOTALS)), count)
        with self.subTest("the CPU time is the parent group's"):
            kernel = support.group_cpu_seconds(self.place.cgroup)
            shown = prometheus.wait_for(self.sum_of(CPU_OF_LIVES, CPU_OF_TOTALS), timeout=30)
            print(f"  {count} containers: {shown:.6f} s shown, {kernel:.6f} s in the parent group")
            self.assertAlmostEqual(shown, kernel, delta=kernel * 0.01)
        self.check_history(prometheus, begin, interval, count)

    def churn(self, count, seconds):
        """Starts the containers evenly over the time; each burns some CPU and ends."""
        begin = time.monotonic()
        for number in range(count):
            time.sleep(max(0, begin + number * seconds / count - time.monotonic()))
            removed = ["--rm"] if number % 2 else []
            self.place.run(*removed, "--name", f"short-{number}", command=["/bin/plimsoll-load", "spin", "40"])

    def check_history(self, prometheus, begin, interval, count):
        """At no scrape did a sum fall or exceed what it ends with (to the nanosecond: sums of doubles)."""
        for expressions, last in (((CPU_OF_LIVES, CPU_OF_TOTALS), None), ((COUNT_OF_FROZEN, COUNT_OF_TOTALS), count)):
            values = [round(v, 9) for _, v in prometheus.series(self.sum_of(*expressions), begin, interval)]
            self.assertEqual(values, sorted(values), f"{expressions} fell")
            self.assertGreater(values[-1], 0)
            if last is not None:
                self.assertEqual(values[-1], last)


if __name__ == "__main__":
    unittest.main(verbosity=2)
